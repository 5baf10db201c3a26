"""Writing the canonical text exactly as PHP does: its sorting, its lists, its digits (contract/import.md §1)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from json.encoder import encode_basestring_ascii

from dwctl.bundle.php_decode import JsonValue
from dwctl.errors import UndecodableDocument

_PIECES = 4096  # pieces of text joined at a time


def write_exactly(value: JsonValue) -> Iterator[bytes]:
    """Yield the canonical text of a value; raises `UndecodableDocument` with a JSON path for an infinite number."""
    pieces: list[str] = []
    try:
        for piece in _pieces(value):
            pieces.append(piece)
            if len(pieces) == _PIECES:
                yield "".join(pieces).encode("ascii")
                pieces.clear()
    except OverflowError:
        raise UndecodableDocument(
            "a number is too large for PHP, which reads it as infinity and cannot write it",
            where=infinite_number(value),
            reason="infinite_number",
            next_step="Find out how the number came into the run; a bundle that holds it cannot be imported.",
        ) from None
    yield "".join(pieces).encode("ascii")


def php_text(value: JsonValue) -> str:
    """The canonical text of a part of a document; raises OverflowError for an infinite number."""
    return "".join(_pieces(value))


def _pieces(value: JsonValue) -> Iterator[str]:
    """The canonical text in pieces; a stack instead of recursion, since nesting may be 512 deep."""
    open_containers: list[tuple[Iterator[tuple[str, JsonValue]], str]] = [(iter([("", value)]), "")]
    while open_containers:
        entries, closing = open_containers[-1]
        for lead, item in entries:
            if not isinstance(item, (dict, list)):
                yield lead + _scalar(item)
            elif not item:
                yield lead + "[]"
            else:
                yield lead
                open_containers.append(_entries(item))
                break
        else:
            open_containers.pop()
            yield closing


def _entries(container: dict[str, JsonValue] | list[JsonValue]) -> tuple[Iterator[tuple[str, JsonValue]], str]:
    """What stands in a container, each item with the text that leads to it, and the closing bracket."""
    if isinstance(container, list):
        return _list_entries(container), "]"
    if is_php_list(container):
        return _list_entries(list(container.values())), "]"
    # Code points sort as UTF-8 bytes do, which is how PHP compares keys as strings.
    ordered = {key: container[key] for key in sorted(container)}
    if is_php_list(ordered):
        return _list_entries(list(ordered.values())), "]"
    return _object_entries(ordered), "}"


def _list_entries(items: list[JsonValue]) -> Iterator[tuple[str, JsonValue]]:
    lead = "["
    for item in items:
        yield lead, item
        lead = ","


def _object_entries(ordered: dict[str, JsonValue]) -> Iterator[tuple[str, JsonValue]]:
    lead = "{"
    for key, item in ordered.items():
        yield f"{lead}{_php_string(key)}:", item
        lead = ","


def is_php_list(container: dict[str, JsonValue]) -> bool:
    """Whether an object with these keys, in this order, is a list to PHP: 0, 1, 2… as integers."""
    return all(key == str(index) for index, key in enumerate(container))


def _scalar(value: JsonValue) -> str:
    if isinstance(value, str):
        return _php_string(value)
    if isinstance(value, float):
        return php_float(value)
    return json.dumps(value)


def _php_string(text: str) -> str:
    # The encoder escapes all but printable ASCII; PHP leaves DEL as it is.
    if "\x7f" in text:
        return '"' + "\x7f".join(encode_basestring_ascii(part)[1:-1] for part in text.split("\x7f")) + '"'
    return encode_basestring_ascii(text)


def php_float(number: float) -> str:
    """The text that PHP writes for a float: shortest digits that round-trip, always with a fraction.

    Plain notation for decimal exponents from -4 to 16, else `1.0e+17`. Raises OverflowError for infinity.
    """
    text = repr(number)
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        if math.isinf(number):
            raise OverflowError
        return text
    if exponent == "+16":
        sign, digits = ("-", mantissa[1:]) if mantissa[0] == "-" else ("", mantissa)
        return f"{sign}{digits.replace('.', ''):0<17}.0"
    if "." not in mantissa:
        mantissa += ".0"
    return f"{mantissa}e{int(exponent):+d}"


def infinite_number(value: JsonValue) -> str | None:
    """The JSON path of an infinite number in a value, or None."""
    pending: list[tuple[str, JsonValue]] = [("$", value)]
    while pending:
        path, item = pending.pop()
        if isinstance(item, float) and math.isinf(item):
            return path.removeprefix("$.")
        if isinstance(item, (dict, list)):
            entries = item.items() if isinstance(item, dict) else enumerate(item)
            pending.extend((f"{path}.{key}", inner) for key, inner in entries)
    return None
