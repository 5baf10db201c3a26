"""Values that become payload blobs: what is written is what the bundle reader reads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwctl.bundle.avro_value import decode_blob
from dwctl.rehearsal.avro_writer import encode_value

LONGS = st.integers(min_value=-(2**63), max_value=2**63 - 1)
DOUBLES = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | LONGS | DOUBLES | st.text() | st.binary()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(VALUES)
def test_a_value_reads_back_as_it_was(value: Any) -> None:
    frame = decode_blob(encode_value(value))
    assert frame.fault is None
    assert repr(frame.value) == repr(value)


def test_a_recorded_blob_is_written_to_the_byte() -> None:
    assert encode_value([{"order_id": "1001", "mode": "shadow"}]) == (
        "wwHioz3/VYAiNwwCDgQQb3JkZXJfaWQKCDEwMDEIbW9kZQoMc2hhZG93AAA="
    )


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_an_integer_beyond_64_bits_has_no_place(number: int) -> None:
    with pytest.raises(ValueError, match="64 bits"):
        encode_value([number])
