"""What a JSON value is, in words, without the value."""

from __future__ import annotations

from dwctl.bundle.canonical import JsonValue

KINDS = {
    "null": "null",
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "string": "text",
    "array": "a list",
    "object": "an object",
}
"""The words for the type names of JSON Schema."""

# bool before int: Python's true is an integer too
_TYPES = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
)


def kind_of(value: JsonValue) -> str:
    """The words for a decoded value, such as `text` or `an object`."""
    return KINDS[next((name for python_type, name in _TYPES if isinstance(value, python_type)), "null")]
