"""Compressed bundles: `.json.gz` with the standard library, `.json.zst` with the extra `zstd`.

What is compressed may expand to a thousand times its size, so expanding is bounded: a file of a few kilobytes
that holds gigabytes is refused before they are in memory.
"""

from __future__ import annotations

import zlib
from enum import StrEnum
from types import ModuleType

from dwctl.errors import RequestNotPossible, UnreadableInput

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"

_LEVEL = 6
_ZSTD_LEVEL = 6
_LARGEST_WINDOW = 128 << 20  # what the zstd program itself agrees to expand
_PIECE = 1 << 20
_ZSTD_PIECE = 256


class Compression(StrEnum):
    """How a bundle's file is compressed."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"

    @property
    def suffix(self) -> str:
        """What the file's name ends in."""
        return {"none": ".json", "gzip": ".json.gz", "zstd": ".json.zst"}[self.value]


def compress(content: bytes, how: Compression) -> bytes:
    """The content as it is stored. The same content gives the same bytes: gzip carries no name and no time.

    Raises RequestNotPossible where zstd is wanted and its extra is not installed.
    """
    if how is Compression.GZIP:
        # The header is written here: which byte stands for the system differs between versions of Python.
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        body = packer.compress(content) + packer.flush()
        tail = zlib.crc32(content).to_bytes(4, "little") + (len(content) & 0xFFFFFFFF).to_bytes(4, "little")
        return GZIP_MAGIC + b"\x08\x00\x00\x00\x00\x00\x00\xff" + body + tail
    if how is Compression.ZSTD:
        packed: bytes = _zstd().ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True).compress(content)
        return packed
    return content


def compression_by_name(name: str) -> Compression:
    """How a file is compressed, as its name says."""
    lower = name.lower()
    return (
        Compression.GZIP if lower.endswith(".gz")
        else Compression.ZSTD if lower.endswith(".zst")
        else Compression.NONE
    )  # fmt: skip


def compression_by_content(content: bytes) -> Compression:
    """How a stream without a name is compressed, as it begins; no JSON text begins so."""
    return (
        Compression.GZIP if content.startswith(GZIP_MAGIC)
        else Compression.ZSTD if content.startswith(ZSTD_MAGIC)
        else Compression.NONE
    )  # fmt: skip


def expand(content: bytes, name: str, limit: int, how: Compression | None = None) -> bytes:
    """The bundle within a file's content, at most `limit` bytes of it. Compressed as its name says, if not by `how`.

    Raises UnreadableInput for what is damaged, cut short or expands beyond the limit, and RequestNotPossible
    where the extra for zstd is not installed.
    """
    how = compression_by_name(name) if how is None else how
    if how is Compression.NONE:
        return content
    try:
        return _gunzip(content, name, limit) if how is Compression.GZIP else _unzstd(content, name, limit)
    except zlib.error as error:
        raise damaged(name, how, str(error).rpartition(": ")[2]) from None


def _gunzip(content: bytes, name: str, limit: int) -> bytes:
    """Expand every member of a gzip file; zeros after the last one are padding."""
    pieces: list[bytes] = []
    size, rest = 0, content
    while rest or not pieces:
        unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        while not unpacker.eof:
            if not rest:
                raise damaged(name, Compression.GZIP, "it ends early")
            piece = unpacker.decompress(rest, min(_PIECE, limit - size + 1))
            rest = unpacker.unconsumed_tail
            size += len(piece)
            if size > limit:
                raise expands_too_far(name, limit)
            pieces.append(piece)
        rest = unpacker.unused_data.lstrip(b"\0")
    return b"".join(pieces)


def _unzstd(content: bytes, name: str, limit: int) -> bytes:
    """Expand every frame. The input goes in by a few bytes: one block expands to 128 KiB, and four bytes may be one."""
    library = _zstd()
    pieces: list[bytes] = []
    size, at = 0, 0
    opener = library.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
    try:
        while at < len(content) or not pieces:
            unpacker = opener.decompressobj()
            while not unpacker.eof:
                if at >= len(content):
                    raise damaged(name, Compression.ZSTD, "it ends early")
                piece = unpacker.decompress(content[at : at + _ZSTD_PIECE])
                at += _ZSTD_PIECE
                size += len(piece)
                if size > limit:
                    raise expands_too_far(name, limit)
                pieces.append(piece)
            at = min(at, len(content)) - len(unpacker.unused_data)
    except library.ZstdError as error:
        raise damaged(name, Compression.ZSTD, str(error).rpartition(": ")[2]) from None
    return b"".join(pieces)


def _zstd() -> ModuleType:
    """The library of the extra, loaded when it is needed."""
    try:
        import zstandard
    except ImportError:
        raise RequestNotPossible(
            "zstd needs a library that is not installed",
            next_step="Install it with: pip install 'dwctl[zstd]'; or use gzip.", reason="extra_missing",
        ) from None  # fmt: skip
    return zstandard


def expands_too_far(name: str, limit: int) -> UnreadableInput:
    """The refusal of a compressed file that holds more than is allowed."""
    return UnreadableInput(
        f"it expands to more than the limit of {limit:,} bytes", where=name,
        next_step="Allow more with --max-bundle-size, if this is a bundle.", reason="too_large",
    )  # fmt: skip


def damaged(name: str, how: Compression, problem: str) -> UnreadableInput:
    """The refusal of a file that cannot be expanded."""
    return UnreadableInput(
        f"the {how.value} data cannot be expanded: {problem}", where=name,
        next_step="Take it from a copy, or export the run again.", reason="damaged_compression",
    )  # fmt: skip
