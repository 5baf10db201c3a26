"""Memos and search attributes as typed rows, with the reference's limits and its way to tell a type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from dwctl.bundle.additions import MEMO_VALUE_LIMIT
from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.loose import integer
from dwctl.rehearsal.columns import WriteFailedError, json_text
from dwctl.rehearsal.import_context import ImportContext

_KEYWORD = re.compile(r"[A-Za-z0-9_.:-]{1,255}\Z")

VALUE_COLUMNS = {
    "string": "value_string",
    "keyword": "value_keyword",
    "keyword_list": "value_keyword_list",
    "int": "value_int",
    "float": "value_float",
    "bool": "value_bool",
}
"""Type of a search attribute → the column that holds its value."""


def memo_rows(memo: JsonValue, context: ImportContext, sequence: int) -> list[dict[str, Any]]:
    """A row for every memo whose key is no integer to PHP: the others stay behind (contract/import.md §4.9).

    Raises `WriteFailedError` for a value of more than `MEMO_VALUE_LIMIT` bytes.
    """
    rows = []
    for key, value in _named(memo):
        text = json_text(value)
        if len(text) > MEMO_VALUE_LIMIT:
            raise WriteFailedError(
                f"The memo {key!r} has {len(text)} bytes, and a memo may have {MEMO_VALUE_LIMIT} bytes."
            )
        rows.append(_entry(key, context, sequence) | {"value": text})
    return rows


def search_attribute_rows(attributes: JsonValue, context: ImportContext, sequence: int) -> list[dict[str, Any]]:
    """A row for every search attribute that has a value, in the column of its type.

    Raises `WriteFailedError` for a list or an object that is no list of strings.
    """
    rows = []
    for key, value in _named(attributes):
        if value is not None:
            kind, stored_value = typed(key, value)
            values = dict.fromkeys(VALUE_COLUMNS.values())
            rows.append(_entry(key, context, sequence) | {"type": kind} | values | {VALUE_COLUMNS[kind]: stored_value})
    return rows


def typed(key: str, value: JsonValue) -> tuple[str, str | int | float]:
    """The type of a search attribute and its value as a column holds it; raises `WriteFailedError`."""
    if isinstance(value, bool):
        return "bool", int(value)
    if isinstance(value, int):
        return "int", value
    if isinstance(value, float):
        return "float", value
    if isinstance(value, str):
        return ("keyword" if _KEYWORD.match(value) else "string"), value
    items = value or []  # an empty object is an empty list to PHP
    if isinstance(items, dict) or not all(isinstance(item, str) for item in items):
        raise WriteFailedError(f"The search attribute {key!r} is neither a scalar nor a list of strings.")
    return "keyword_list", json_text(items)


def _named(values: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    """The entries that PHP keeps under a string; of a list, none."""
    if isinstance(values, dict):
        for key, value in values.items():
            if integer(key) is None:
                yield key, value


def _entry(key: str, context: ImportContext, sequence: int) -> dict[str, Any]:
    return {
        "workflow_run_id": context.run_id,
        "workflow_instance_id": context.instance_id,
        "key": key,
        "upserted_at_sequence": sequence,
        "inherited_from_parent": 0,
        "created_at": context.moment,
        "updated_at": context.moment,
    }
