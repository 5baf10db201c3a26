"""PHP's loose typing, as the reference importer applies it to a decoded document.

A bundle of any shape reaches the rules: a section may be a list, an object, a scalar or missing. An array of
PHP is a dict or a list here, and ``{}`` is the same as ``[]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dwctl.bundle.canonical import JsonValue

_INTEGER = re.compile(r"(?:0|-?[1-9][0-9]{0,18})\Z")


def string(value: JsonValue) -> str | None:
    """A string that is not empty, else None."""
    return value if isinstance(value, str) and value else None


def integer(value: JsonValue) -> int | None:
    """An integer, or a string that is written exactly as PHP would write one: `"3"`, not `"03"`, `3.0` or true."""
    if isinstance(value, int):
        return None if isinstance(value, bool) else value
    if isinstance(value, str) and _INTEGER.match(value):
        number = int(value)
        return number if -(2**63) <= number < 2**63 else None
    return None


def truthy(value: JsonValue) -> bool:
    """What PHP casts to true: all but null, false, 0, 0.0, `""`, `"0"` and the empty array."""
    return bool(value) and value != "0"


def is_array(value: JsonValue) -> bool:
    """Whether PHP holds the value as an array."""
    return isinstance(value, (dict, list))


def entries(value: JsonValue) -> Iterator[tuple[str | int, JsonValue]]:
    """The keys and items of an array; nothing for a scalar."""
    if isinstance(value, dict):
        return iter(value.items())
    return iter(enumerate(value)) if isinstance(value, list) else iter(())


def field(value: JsonValue, *keys: str) -> JsonValue:
    """The item under a path of keys, or None where a container or a key is missing."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def count(value: JsonValue) -> int:
    """How many items an array has; 0 for a scalar."""
    return len(value) if isinstance(value, (dict, list)) else 0
