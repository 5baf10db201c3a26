"""What an event of a history says of a failure."""

from __future__ import annotations

from typing import Any, Final

from dwctl.bundle.loose import field, string

_LONGEST: Final = 300


def failure_text(payload: Any) -> str | None:
    """`PaymentDeclined: card declined` of the payload of a failure, at most so long as a line is readable."""
    kind = string(field(payload, "exception_type")) or string(field(payload, "exception_class"))
    said = ": ".join(part for part in (kind, string(field(payload, "message"))) if part)
    return (said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…") or None
