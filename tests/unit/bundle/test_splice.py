"""Single tokens of a text are changed; every other byte stays as it was."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwctl.bundle.splice import Step, remove_key, replace_values

PRETTY = b"""{
    "schema": "x",
    "workflow": {
        "search_attributes": {
            "amount": 12,
            "amount2": 12,
            "list": [12, [12]]
        }
    },
    "integrity": {"checksum": "12"}
}
"""
COMPACT = json.dumps(json.loads(PRETTY), separators=(",", ":")).encode()
AMOUNT = ("workflow", "search_attributes", "amount")


# --- restoring fractions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [PRETTY, COMPACT], ids=["pretty", "compact"])
def test_only_the_number_at_the_path_is_replaced(text: bytes) -> None:
    restored = replace_values(text, {AMOUNT: "12.0"})
    assert restored.replace(b'"amount": 12.0', b'"amount": 12').replace(b'"amount":12.0', b'"amount":12') == text
    assert len(restored) == len(text) + 2


@pytest.mark.parametrize("text", [PRETTY, COMPACT], ids=["pretty", "compact"])
def test_numbers_in_lists_are_found_by_their_indexes(text: bytes) -> None:
    listed = ("workflow", "search_attributes", "list")
    restored = replace_values(text, {(*listed, 0): "12.0", (*listed, 1, 0): "12.0"})
    expected = json.loads(text)
    expected["workflow"]["search_attributes"]["list"] = [12.0, [12.0]]
    assert repr(json.loads(restored)) == repr(expected)
    assert len(restored) == len(text) + 4


def test_nothing_to_restore_changes_nothing() -> None:
    assert replace_values(PRETTY, {}) is PRETTY
    assert replace_values(PRETTY, {("workflow", "nowhere"): "1.0"}) == PRETTY


def test_of_duplicate_keys_only_the_last_counts() -> None:
    text = b'{"a":{"n":1,"n":1},"b":0,"a":{"n":1,"n":1}}'
    assert replace_values(text, {("a", "n"): "1.0"}) == b'{"a":{"n":1,"n":1},"b":0,"a":{"n":1,"n":1.0}}'


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (b'{"a\\u0062":{"\\"":12}}', ("ab", '"')),
        (b'{"\\\\":{"\\u00e9":12}}', ("\\", "é")),
        ('{"é😀":{"n,]}":12}}'.encode(), ("é😀", "n,]}")),
        (b'{"":{"":12}}', ("", "")),
        (b'{"0":{"1":12}}', ("0", "1")),
    ],
)
def test_keys_are_compared_as_they_are_read_not_as_they_are_written(text: bytes, path: tuple[Step, ...]) -> None:
    assert replace_values(text, {path: "12.0"}) == text.replace(b"12}", b"12.0}")


def test_brackets_and_numbers_within_texts_are_no_tokens() -> None:
    text = b'{"x":"{[\\"12\\"","a":{"t":"12,]}\\\\","n":12}}'
    assert replace_values(text, {("a", "n"): "12.0"}) == text[:-2] + b".0}}"


def test_a_negative_zero_is_replaced_as_a_whole() -> None:
    assert replace_values(b'{"a":{"n":-0}}', {("a", "n"): "-0.0"}) == b'{"a":{"n":-0.0}}'


def test_an_object_key_that_looks_like_an_index_is_not_one() -> None:
    text = b'{"a":{"0":12},"b":[12]}'
    assert replace_values(text, {("a", 0): "12.0"}) == text
    assert replace_values(text, {("b", "0"): "12.0"}) == text


# --- removing a key ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"k":1}', b"{}"),
        (b'{"k":1,"a":2}', b'{"a":2}'),
        (b'{"a":2,"k":1}', b'{"a":2}'),
        (b'{"a":2,"k":1,"b":3}', b'{"a":2,"b":3}'),
        (b'{"a":2,"k":{"k":[1,{}]},"b":{"k":4}}', b'{"a":2,"b":{"k":4}}'),
        (b'{"k":1,"a":2,"k":"x","b":3,"k":[]}', b'{"a":2,"b":3}'),
        (b'{"k":1,"k":2}', b"{}"),
        (b'{"a":2,"\\u006b":1}', b'{"a":2}'),
        (b'{"a":"k","b":["k",{"k":1}]}', b'{"a":"k","b":["k",{"k":1}]}'),
        (b'{"a":2,"k":"}{,\\"\\\\"}', b'{"a":2}'),
        (b'{"a":2 , "k" : -1.5e3 , "b":null}', b'{"a":2 , "b":null}'),
        (b' {"k":true} ', b" {} "),
    ],
)
def test_a_top_level_key_is_removed_with_one_comma(text: bytes, expected: bytes) -> None:
    assert remove_key(text, "k") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{\n    "k": 1,\n    "a": 2\n}\n', b'{\n    "a": 2\n}\n'),
        (b'{\n    "a": 2,\n    "k": 1,\n    "b": 3\n}\n', b'{\n    "a": 2,\n    "b": 3\n}\n'),
        (b'{\n    "a": 2,\n    "k": [\n        1\n    ]\n}\n', b'{\n    "a": 2\n}\n'),
        (b'{\r\n  "a": 2,\r\n  "k": 1\r\n}', b'{\r\n  "a": 2\r\n}'),
    ],
)
def test_pretty_text_stays_pretty(text: bytes, expected: bytes) -> None:
    assert remove_key(text, "k") == expected


@pytest.mark.parametrize("key", ["é", "", '"', "a\\b", "😀"])
def test_any_key_can_be_removed(key: str) -> None:
    for ascii_only in (True, False):
        text = json.dumps({"a": 1, key: 2, "b": 3}, ensure_ascii=ascii_only).encode()
        assert json.loads(remove_key(text, key)) == {"a": 1, "b": 3}


@given(
    st.dictionaries(st.text(max_size=3), st.recursive(st.integers() | st.text(), st.lists, max_leaves=4), min_size=1),
    st.data(),
    st.sampled_from([None, 1, 4]),
    st.booleans(),
)
def test_what_remains_is_the_document_without_the_key_in_the_same_layout(
    document: dict[str, Any], data: st.DataObject, indent: int | None, ascii_only: bool
) -> None:
    key = data.draw(st.sampled_from(list(document)))
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    rest = {name: value for name, value in document.items() if name != key}
    if rest:
        assert remove_key(text.encode(), key).decode() == json.dumps(rest, indent=indent, ensure_ascii=ascii_only)
    else:
        assert json.loads(remove_key(text.encode(), key)) == {}


@pytest.mark.parametrize("filling", [b"A" * 2_000_000, b"\\n" * 1_000_000], ids=["plain", "escapes"])
def test_a_long_text_costs_no_memory_beyond_copies_of_it(filling: bytes) -> None:
    document = b'{"payload":"' + filling + b'","k":1,"a":{"n":12}}'
    tracemalloc.start()
    try:
        restored = replace_values(remove_key(document, "k"), {("a", "n"): "12.0"})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert restored.endswith(b'","a":{"n":12.0}}')
    assert peak < 6 * len(document)
