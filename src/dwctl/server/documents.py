"""Reading decoded answers: what the contract promises must be there; missing is never taken as empty."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NoReturn

from dwctl.server.calls import Answer


class Document:
    """An object of an answer, with its place.

    Every getter raises CallFailed (`unexpected_answer`) for another shape than it names; the `optional_` ones
    take a missing key or null as None.
    """

    __slots__ = ("_answer", "_path", "fields")

    def __init__(self, answer: Answer, value: Any = None, path: str = "$") -> None:
        self._answer, self._path = answer, path
        found = answer.document() if path == "$" else value
        if not isinstance(found, dict):
            self._fail("", "an object")
        self.fields: Mapping[str, Any] = found

    def text(self, key: str) -> str:
        """A string."""
        value = self.fields.get(key)
        return value if isinstance(value, str) else self._fail(key, "a string")

    def optional_text(self, key: str) -> str | None:
        """A string, or None."""
        return None if self.fields.get(key) is None else self.text(key)

    def number(self, key: str) -> int:
        """An integer."""
        value = self.fields.get(key)
        right = isinstance(value, int) and not isinstance(value, bool)
        return value if right and isinstance(value, int) else self._fail(key, "an integer")

    def optional_number(self, key: str) -> int | None:
        """An integer, or None."""
        return None if self.fields.get(key) is None else self.number(key)

    def optional_flag(self, key: str) -> bool | None:
        """A boolean, or None."""
        value = self.fields.get(key)
        return value if isinstance(value, bool | None) else self._fail(key, "true or false")

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings; a missing key is an empty one."""
        value = self.fields.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self._fail(key, "a list of strings")
        return tuple(value)

    def mapping(self, key: str) -> Mapping[str, Any]:
        """A map: PHP writes an empty one as `[]`, and one with the keys 0, 1, … as a list (server.md §1)."""
        value = self.fields.get(key)
        if isinstance(value, list):
            return {str(index): item for index, item in enumerate(value)}
        return value if isinstance(value, dict) else {} if value is None else self._fail(key, "an object")

    def part(self, key: str) -> Document:
        """A nested object."""
        return Document(self._answer, self.fields.get(key), f"{self._path}.{key}")

    def optional_part(self, key: str) -> Document | None:
        """A nested object, or None."""
        return None if self.fields.get(key) in (None, []) else self.part(key)

    def items(self, key: str) -> tuple[Document, ...]:
        """A list of objects; it must be there."""
        value = self.fields.get(key)
        if not isinstance(value, list):
            self._fail(key, "a list")
        return tuple(Document(self._answer, item, f"{self._path}.{key}[{index}]") for index, item in enumerate(value))

    def _fail(self, key: str, wanted: str) -> NoReturn:
        path = f"{self._path}.{key}" if key else self._path
        said = f"the answer is not {wanted}" if path == "$" else f"the answer has no {path} that is {wanted}"
        raise self._answer.says_nothing("unexpected_answer", said)


def moment(text: str | None) -> datetime | None:
    """A time of the server, in any of its three shapes (server.md §1); None where it is none of them."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
