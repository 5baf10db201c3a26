"""A value that must not be seen: it prints as a mask wherever it turns up by accident."""

from __future__ import annotations

import hmac
from typing import NoReturn

MASK = "********"


class Secret:
    """A token or key. `reveal()` is the one way to the text; repr, str, format and pickle never show it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the header or signature that needs it."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(("Secret", self._text))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")
