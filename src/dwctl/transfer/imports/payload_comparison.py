"""Whether two payloads are the same, as far as a server's HTTP answers can show it (contract/server.md §1).

PHP writes an empty object as `[]`, an object with the keys 0, 1, 2 as a list, and a float without its zero fraction,
so those pairs count as the same. Differences are told by their place, never by their values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

PAYLOADS: Final = "payloads"
"""The name of the comparison."""

_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class Differing(NamedTuple):
    """The first place at which the payload of an event differs; `path` names keys, and no values."""

    sequence: int | None
    path: str


def differing_payloads(ours: Iterable[tuple[int | None, Any]], theirs: Mapping[int, Any]) -> list[Differing]:
    """The events (by sequence) whose payload the server shows otherwise, or not at all, in order."""
    found = []
    for sequence, payload in ours:
        if sequence is None or sequence not in theirs:
            found.append(Differing(sequence, "payload (there is no such event)"))
        elif (path := first_difference(payload, theirs[sequence])) is not None:
            found.append(Differing(sequence, path))
    return found


def first_difference(ours: Any, theirs: Any) -> str | None:
    """The first place, in the order of our payload, at which two payloads differ; None where they are the same."""
    waiting: list[tuple[str, Any, Any]] = [("payload", _emptied(ours), _emptied(theirs))]
    while waiting:
        path, mine, other = waiting.pop()
        mine, other = _as_php(mine), _as_php(other)
        if isinstance(mine, dict) and isinstance(other, dict):
            if mine.keys() != other.keys():
                odd = next(iter([*(mine.keys() - other.keys()), *(other.keys() - mine.keys())]))
                return _below(path, odd)
            waiting += reversed(list(_pairs(path, mine, other)))
        elif isinstance(mine, list) and isinstance(other, list):
            if len(mine) != len(other):
                return f"{path} ({len(mine)} items, not {len(other)})"
            waiting += reversed(
                [(f"{path}.{at}", one, two) for at, (one, two) in enumerate(zip(mine, other, strict=True))]
            )
        elif not _same(mine, other):
            return path
    return None


def _pairs(path: str, mine: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for key, value in mine.items():
        yield _below(path, key), value, other[key]


def _below(path: str, key: str) -> str:
    """A place below; a key that is no plain name may be business data, and is not told."""
    return f"{path}.{key}" if _PLAIN_KEY.fullmatch(key) else f"{path}.*"


def _emptied(value: Any) -> Any:
    """An event without a payload has an empty one."""
    return [] if value is None else value


def _as_php(value: Any) -> Any:
    """An object that PHP would write as a list, as a list."""
    if isinstance(value, dict) and all(key == str(at) for at, key in enumerate(value)):
        return list(value.values())
    return value


def _same(mine: Any, other: Any) -> bool:
    if isinstance(mine, bool) or isinstance(other, bool):
        return mine is other
    if isinstance(mine, (int, float)) and isinstance(other, (int, float)):
        return mine == other or (isinstance(mine, float) != isinstance(other, float) and float(mine) == float(other))
    return type(mine) is type(other) and bool(mine == other)
