"""Hypothesis strategies for JSON texts at the edges of PHP's decoder, valid and broken."""

from __future__ import annotations

from hypothesis import strategies as st

_NUMBERS = st.one_of(
    st.integers(-5, 20).map(str),
    st.sampled_from([2**53, 2**63, 2**64, -(2**63), 10**20]).flatmap(
        lambda edge: st.integers(-2, 2).map(lambda step: str(edge + step))
    ),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.builds("{}e{}".format, st.integers(1, 99), st.integers(-330, 330)),
    st.builds("{}.{}E+{}".format, st.integers(-99, 99), st.integers(0, 999), st.integers(0, 25)),
    st.sampled_from(
        ["-0", "-0.0", "0.0", "-0e1", "1e16", "1e17", "9999999999999998.0", "99999999999999999.0", "0.0001",
         "0.00001", "1.0", "12.50", "5e-324", "1.7976931348623157e308", "1" * 25]
    ),
)  # fmt: skip
_PIECES = st.sampled_from(
    ["a", "b", "/", "\\/", "\\\\", '\\"', "\\n", "\\b", "\\f", "\\u0000", "\\u001f", "\\u007f", "\x7f", "é", "\\u00e9",
     "\u2028", "\ufeff", "😀", "\\ud83d\\ude00", "0", "1", "10", "{}", "[]", "e16", ".0"]
)  # fmt: skip
_STRINGS = st.lists(_PIECES, max_size=5).map(lambda pieces: '"' + "".join(pieces) + '"')
_KEYS = st.one_of(
    st.sampled_from(
        ["0", "1", "2", "3", "9", "10", "-1", "01", "-0", "1.0", "", "a", "é", "9223372036854775807",
         "9223372036854775808", "-9223372036854775808"]
    ).map('"{}"'.format),
    _STRINGS,
)  # fmt: skip
_SPACE = st.sampled_from(["", "", "", " ", "\n", "\t", "\r\n"])


def _lists(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(lambda items, space: f"[{space}{','.join(items)}]", st.lists(inner, max_size=4), _SPACE)


def _objects(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    member = st.builds("{}{}:{}".format, _KEYS, _SPACE, inner)
    return st.lists(member, max_size=6).map(lambda members: "{" + ",".join(members) + "}")


def _numbered_objects(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Objects with the keys 0..n-1 in any order, which PHP may hold as lists."""
    keys = st.integers(1, 13).flatmap(lambda count: st.permutations(range(count)))
    return st.builds(lambda order, item: "{" + ",".join(f'"{key}":{item}' for key in order) + "}", keys, inner)


valid_texts: st.SearchStrategy[str] = st.recursive(
    st.one_of(_NUMBERS, _STRINGS, st.sampled_from(["true", "false", "null", "{}", "[]"])),
    lambda inner: st.one_of(_lists(inner), _objects(inner), _numbered_objects(inner)),
    max_leaves=25,
)
"""Texts that PHP accepts, but for an infinite number here and there."""


def _break(text: str, at: int, piece: str) -> str:
    at %= len(text) + 1
    return text[:at] + piece + text[at + 1 :]


documents: st.SearchStrategy[bytes] = st.one_of(
    valid_texts.map(str.encode),
    st.builds(
        _break,
        valid_texts,
        st.integers(0, 10_000),
        st.sampled_from(["", ",", "}", '"', "\\", "x", "\\ud800", "\\udc00", "\t", "\x0c", "NaN", "01", "+", "TRUE"]),
    ).map(str.encode),
    st.builds(lambda text, byte: text.encode() + bytes([byte]), valid_texts, st.integers(0, 255)),
    st.binary(max_size=12),
)
"""Documents that PHP accepts, and documents that it refuses."""
