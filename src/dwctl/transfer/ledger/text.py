"""Text from outside as the ledger keeps it: one line, without what could steer a terminal, and not long."""

from __future__ import annotations

from typing import Any, Final

LONGEST_TEXT: Final = 500
"""Characters of an error's sentence that are kept; payloads and pages of HTML have no place in a ledger."""

LONGEST_WORD: Final = 120
"""Characters of an error's reason that are kept."""


_BOUNDS: Final = {
    "error_text": LONGEST_TEXT, "reason": LONGEST_TEXT, "difference": LONGEST_TEXT, "error_reason": LONGEST_WORD,
    "drift": LONGEST_WORD, "server_version": LONGEST_WORD, "way": LONGEST_WORD,
}  # fmt: skip


def bounded(name: str, value: Any) -> Any:
    """The value of a fact; a text that comes from outside is put on one line and cut where it is too long."""
    longest = _BOUNDS.get(name)
    if longest is None or value is None:
        return value
    shown = "".join([character if character.isprintable() else " " for character in str(value)[: longest * 4]])
    line = " ".join(shown.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
