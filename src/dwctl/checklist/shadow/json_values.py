"""Comparing JSON values as a server of PHP gives them back."""

from __future__ import annotations

from typing import Any


def first_difference(wanted: Any, found: Any, path: str = "$") -> str | None:
    """Where two JSON values differ first, and how, without either value; None where they are equal.

    The order of keys does not matter, nor whether a number is 1 or 1.0: the server drops zero fractions, and writes an
    empty object as [] (contract/server.md §1).
    """
    if wanted in ([], {}) and found in ([], {}):
        return None
    if isinstance(wanted, dict) and isinstance(found, dict):
        return _of_objects(wanted, found, path)
    if isinstance(wanted, list) and isinstance(found, list):
        return _of_lists(wanted, found, path)
    if _kind(wanted) != _kind(found):
        return f"{path} is {_kind(found)}, not {_kind(wanted)}"
    return None if wanted == found else f"{path} is another {_kind(wanted)}"


def _of_objects(wanted: dict[str, Any], found: dict[str, Any], path: str) -> str | None:
    for key, value in wanted.items():
        if key not in found:
            return f"{path}.{key} is missing"
        if (difference := first_difference(value, found[key], f"{path}.{key}")) is not None:
            return difference
    more = next((key for key in found if key not in wanted), None)
    return None if more is None else f"{path}.{more} is there and was not expected"


def _of_lists(wanted: list[Any], found: list[Any], path: str) -> str | None:
    if len(wanted) != len(found):
        return f"{path} has {len(found)} items, not {len(wanted)}"
    differences = (
        first_difference(one, other, f"{path}[{place}]")
        for place, (one, other) in enumerate(zip(wanted, found, strict=True))
    )
    return next((difference for difference in differences if difference is not None), None)


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "number"
        case str():
            return "text"
        case list():
            return "list"
        case _:
            return "object"
