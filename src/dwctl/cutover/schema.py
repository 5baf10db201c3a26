"""The JSON Schema of `cutover.toml`, made from the table of its keys; `schemas/cutover.schema.json` holds it.

For editors and for CI: moments are strings there, as the tools that hold TOML against a JSON Schema have them.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Any, Final

from dwctl.cutover.keys import TABLES, Key, Table

_TYPES: Final = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}


def cutover_schema() -> dict[str, Any]:
    """The schema as a document (draft 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "dwctl.cutover",
        "title": "cutover.toml",
        "description": "The description of one cutover, as dwctl reads it from cutover.toml.",
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _table(table) for name, table in TABLES.items()},
    }


def cutover_schema_text() -> str:
    """The schema as its file holds it."""
    return json.dumps(cutover_schema(), indent=2, ensure_ascii=False) + "\n"


def _table(table: Table) -> dict[str, Any]:
    one: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _key(key) for name, key in table.keys.items()},
    }
    required = [names[0] for names in table.needs if len(names) == 1]
    if required:
        one["required"] = required
        one["properties"] |= {name: one["properties"][name] | {"minLength": 1} for name in required}
    if choices := [[{"required": [name]} for name in names] for names in table.needs if len(names) > 1]:
        one["allOf"] = [{"anyOf": names} for names in choices]
    if not table.repeats:
        return {"description": table.meaning, **one}
    return {"description": table.meaning, "type": "array", "minItems": 1, "items": one}


def _key(key: Key) -> dict[str, Any]:
    kind = key.kind
    fragment: dict[str, Any] = {"description": _sentence(key)}
    if key.choices:
        return fragment | {"enum": [*key.choices, ""]}
    types = [_TYPES[one] for one in kind.types if not issubclass(one, date)]
    types = [one for one in types if one != "integer" or "number" not in types]
    fragment["type"] = types[0] if len(types) == 1 else types
    words: dict[str, Any] = {}
    if kind.pattern is not None:
        # Empty counts as not set; in a list of words it does not.
        words["pattern"] = f"^(?:{kind.pattern})$" if list in kind.types else f"^(?:{kind.pattern})?$"
    if list in kind.types and not kind.is_json:
        return (
            fragment
            | {"items": {"type": "string", "minLength": 1, **words}, "minItems": 1}
            | ({"uniqueItems": True} if kind.is_set else {})
        )
    bounds = {"minimum": kind.least, "maximum": kind.most}
    return fragment | words | {name: bound for name, bound in bounds.items() if bound is not None}


def _sentence(key: Key) -> str:
    left_out = f" Where it is left out: {key.default}." if key.default else ""
    return f"{key.meaning[:1].upper()}{key.meaning[1:]}.{left_out}"
