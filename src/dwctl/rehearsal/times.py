"""Times as the reference writes them: one shape in the database, others on the wire (contract/server.md §1)."""

from __future__ import annotations

from datetime import UTC, datetime


def stored(moment: datetime) -> str:
    """A time as a database column holds it: UTC, microseconds, no zone."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def from_stored(text: str) -> datetime:
    """The time in a database column, with or without a fraction."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def micros(moment: datetime) -> str:
    """`2026-11-22T22:16:11.547001Z`, the shape of most times in responses and in bundles."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seconds(moment: datetime) -> str:
    """`2026-11-22T22:16:11+00:00`, the shape of namespaces, health and last_progress_at."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def stored_as_micros(text: str | None) -> str | None:
    """A column's time in the shape of bundles; None stays None."""
    return None if text is None else micros(from_stored(text))
