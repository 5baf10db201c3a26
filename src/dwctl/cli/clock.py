"""This machine's clock, for what a command writes down."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    """This moment as dwctl writes moments: UTC, microseconds, `Z`."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
