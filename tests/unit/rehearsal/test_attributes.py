"""Memos and search attributes become typed rows, or a failed write."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dwctl.bundle.canonical import JsonValue
from dwctl.rehearsal.attributes import memo_rows, search_attribute_rows, typed
from dwctl.rehearsal.columns import WriteFailedError
from dwctl.rehearsal.import_context import ImportContext

CONTEXT = ImportContext("order-1", "run-1", "production", "import-1", datetime(2026, 11, 23, tzinfo=UTC))


@pytest.mark.parametrize(
    ("value", "kind", "stored"),
    [
        (True, "bool", 1),
        (False, "bool", 0),
        (42, "int", 42),
        (0.1, "float", 0.1),
        ("c-50", "keyword", "c-50"),
        ("with a blank", "string", "with a blank"),
        ("", "string", ""),
        ("k" * 256, "string", "k" * 256),
        (["a", "ü/b"], "keyword_list", r'["a","\u00fc\/b"]'),
        ([], "keyword_list", "[]"),
        ({}, "keyword_list", "[]"),
    ],
)
def test_a_search_attribute_has_the_type_of_its_value(value: JsonValue, kind: str, stored: object) -> None:
    assert typed("key", value) == (kind, stored)


@pytest.mark.parametrize("value", [{"a": {"b": 1}}, ["a", 1], [["a"]], {"0": 1}])
def test_a_list_of_something_else_than_strings_cannot_be_written(value: JsonValue) -> None:
    with pytest.raises(WriteFailedError, match="'amount'"):
        typed("amount", value)


def test_an_attribute_stands_in_the_column_of_its_type_alone() -> None:
    (row,) = search_attribute_rows({"vip": True, "nothing": None, "7": "integer keys stay behind"}, CONTEXT, 9)
    filled = {name: value for name, value in row.items() if name.startswith("value_") and value is not None}
    assert (row["key"], row["type"], row["upserted_at_sequence"]) == ("vip", "bool", 9)
    assert filled == {"value_bool": 1}


def test_memos_under_integer_keys_stay_behind() -> None:
    rows = memo_rows({"7": "x", "-1": "y", "01": "kept", "a": 1.0}, CONTEXT, 3)
    assert {row["key"]: row["value"] for row in rows} == {"01": '"kept"', "a": "1"}


@pytest.mark.parametrize("memo", [None, [], ["a"], "text"])
def test_what_names_nothing_gives_no_rows(memo: JsonValue) -> None:
    assert memo_rows(memo, CONTEXT, 1) == []
    assert search_attribute_rows(memo, CONTEXT, 1) == []


def test_a_memo_at_the_limit_is_written_and_one_beyond_is_not() -> None:
    at_limit = "x" * (10240 - 2)
    assert len(memo_rows({"big": at_limit}, CONTEXT, 1)) == 1
    with pytest.raises(WriteFailedError, match=r"'big' has 10241 bytes"):
        memo_rows({"big": at_limit + "x"}, CONTEXT, 1)
