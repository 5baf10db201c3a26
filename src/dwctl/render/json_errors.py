"""A failure inside a document that is about something else, as JSON."""

from __future__ import annotations

from typing import Any

from dwctl.errors import DwctlError


def error_told(error: DwctlError | None) -> dict[str, Any] | None:
    """The failure with its place, its word and the next step; None where there is none."""
    if error is None:
        return None
    return {
        "message": error.message,
        "where": error.where,
        "reason": error.reason,
        "next_step": error.next_step,
        "exit_code": int(error.exit_code),
    }
