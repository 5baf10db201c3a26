"""Compressed bundles: the same bytes each time, whole or refused, and never more than is allowed."""

from __future__ import annotations

import gzip
import sys
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
import zstandard

from dwctl.errors import ExitCode, RequestNotPossible, UnreadableInput
from dwctl.transfer.files.compression import Compression, compress, compression_by_content, compression_by_name, expand
from sample_bundles import ORDER, WAITING

LIMIT = 1 << 20
PACKED = [Compression.GZIP, Compression.ZSTD]


def refused(content: bytes, name: str, limit: int = LIMIT) -> UnreadableInput:
    """How expanding is refused."""
    with pytest.raises(UnreadableInput) as caught:
        expand(content, name, limit)
    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.where == name
    assert caught.value.next_step
    return caught.value


@pytest.mark.parametrize("how", list(Compression))
@pytest.mark.parametrize("content", [b"", b"{}", ORDER.read_bytes(), bytes(range(256)) * 999])
def test_what_was_compressed_comes_back(how: Compression, content: bytes) -> None:
    packed = compress(content, how)
    assert expand(packed, f"a{how.suffix}", LIMIT) == content
    assert compress(content, how) == packed


def test_the_standard_tools_read_it() -> None:
    content = ORDER.read_bytes()
    assert gzip.decompress(compress(content, Compression.GZIP)) == content
    assert zstandard.ZstdDecompressor().decompress(compress(content, Compression.ZSTD)) == content


def test_gzip_carries_no_name_no_time_and_no_system() -> None:
    assert compress(b"{}", Compression.GZIP)[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


@pytest.mark.parametrize("how", PACKED)
def test_compressing_pays(how: Compression) -> None:
    assert len(compress(ORDER.read_bytes(), how)) < ORDER.stat().st_size / 4


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.json", Compression.NONE), ("a.json.gz", Compression.GZIP), ("A.JSON.GZ", Compression.GZIP),
        ("a.json.zst", Compression.ZSTD), ("gz", Compression.NONE), ("-", Compression.NONE),
    ],
)  # fmt: skip
def test_the_name_says_how_a_file_is_compressed(name: str, how: Compression) -> None:
    assert compression_by_name(name) is how


def test_a_stream_is_compressed_as_it_begins() -> None:
    for how in Compression:
        assert compression_by_content(compress(b'{"a":1}', how)) is how
    assert compression_by_content(b"") is Compression.NONE


@pytest.mark.parametrize("how", PACKED)
def test_a_file_cut_short_anywhere_is_damaged(how: Compression) -> None:
    packed = compress(b'{"a":1}' * 50, how)
    for length in range(len(packed)):
        assert refused(packed[:length], f"a{how.suffix}").reason == "damaged_compression"


@pytest.mark.parametrize("how", PACKED)
def test_a_flipped_byte_of_the_data_is_noticed(how: Compression) -> None:
    content = WAITING.read_bytes()
    packed = compress(content, how)
    for place in range(20, len(packed), 97):
        flipped = packed[:place] + bytes([packed[place] ^ 0x10]) + packed[place + 1 :]
        error = refused(flipped, f"a{how.suffix}")
        assert error.reason in {"damaged_compression", "too_large"}


@pytest.mark.parametrize("how", PACKED)
@pytest.mark.parametrize("content", [b"", b"{}", b"\x1f\x8b", b"\x28\xb5\x2f\xfd"])
def test_what_is_not_compressed_as_its_name_says_is_damaged(how: Compression, content: bytes) -> None:
    assert refused(content, f"a{how.suffix}").reason == "damaged_compression"


@pytest.mark.parametrize("how", PACKED)
def test_what_follows_the_data_is_damage_unless_it_is_more_of_the_same(how: Compression) -> None:
    packed = compress(b"ab", how)
    assert expand(packed * 3, f"a{how.suffix}", 6) == b"ababab"
    assert refused(packed + b"x", f"a{how.suffix}").reason == "damaged_compression"


def test_zeros_after_gzip_data_are_padding() -> None:
    assert expand(compress(b"ab", Compression.GZIP) + bytes(512), "a.json.gz", 2) == b"ab"


@pytest.mark.parametrize("how", PACKED)
def test_the_limit_counts_what_comes_out(how: Compression) -> None:
    packed = compress(b"x" * 5_000, how)
    assert len(expand(packed, f"a{how.suffix}", 5_000)) == 5_000
    error = refused(packed, f"a{how.suffix}", 4_999)
    assert error.reason == "too_large"
    assert "4,999 bytes" in error.message
    assert refused(packed * 2, f"a{how.suffix}", 9_999).reason == "too_large"


@pytest.mark.parametrize("how", PACKED)
def test_a_bomb_is_refused_before_it_is_in_memory(how: Compression) -> None:
    if how is Compression.GZIP:
        packer = zlib.compressobj(9, wbits=31)
        bomb = b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(300)), packer.flush()])
    else:
        packer_zstd = zstandard.ZstdCompressor().compressobj()
        bomb = b"".join([*(packer_zstd.compress(bytes(1 << 20)) for _ in range(300)), packer_zstd.flush()])
    assert len(bomb) < 400_000
    tracemalloc.start()
    try:
        assert refused(bomb, f"a{how.suffix}", LIMIT).reason == "too_large"
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()


def test_zstd_without_its_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = compress(b"{}", Compression.ZSTD)
    monkeypatch.setitem(sys.modules, "zstandard", None)
    attempts: list[Callable[[], bytes]] = [
        lambda: compress(b"{}", Compression.ZSTD),
        lambda: expand(packed, "a.json.zst", LIMIT),
    ]
    for attempt in attempts:
        with pytest.raises(RequestNotPossible) as caught:
            attempt()
        assert caught.value.reason == "extra_missing"
        assert "pip install 'dwctl[zstd]'" in str(caught.value.next_step)
    assert expand(compress(b"{}", Compression.GZIP), "a.json.gz", LIMIT) == b"{}"
