"""Where bundles come from: files, folders, globs and standard input."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from dwctl.bundle.canonical import Document, decode
from dwctl.errors import RequestNotPossible, UndecodableDocument, UnreadableInput
from dwctl.transfer.files.compression import compression_by_content, expand
from dwctl.transfer.files.names import SUFFIXES

STDIN = "-"
"""The name under which one bundle is read from standard input."""

_PIECE = 8 << 20

MAX_BUNDLE_SIZE = 64 << 20
"""Bytes beyond which a file is refused before it is decoded, unless the person allows more."""


RESEALED: Final = ".resealed"
"""The folder of bundles that dwctl resealed; its name keeps it out of the folders that are searched for bundles."""


def refuse_resealed(files: Iterable[str]) -> None:
    """Raise `RequestNotPossible` for a file that dwctl kept when it resealed a bundle: it is no export of anybody's.

    Imported as one, nothing would say that its links were left out on a person's word.
    """
    for file in files:
        if RESEALED in file and RESEALED in Path(file).parts:
            raise RequestNotPossible(
                "this is a bundle that dwctl resealed, kept as it was sent", where=file,
                next_step="Import the export itself; --resolve-links REASON leaves its links out again.",
                reason="resealed_by_dwctl",
            )  # fmt: skip


def find_bundles(names: Sequence[str]) -> list[str]:
    """The bundle files that these names stand for, in order, each once.

    A folder stands for every `*.json`, `*.json.gz` and `*.json.zst` below it (links to folders are not followed), a
    pattern for what it matches. A name that is not there is kept, so that reading it says so. Raises
    `RequestNotPossible` for a folder or a pattern without a bundle: nothing to check is not a pass.
    """
    files: dict[str, None] = {}
    for name in names:
        for file in _expand(name):
            files.setdefault(file)
    if not files:
        raise RequestNotPossible(
            "no bundle was named", next_step="Name files, folders or patterns, or - for standard input."
        )
    return list(files)


def _expand(name: str) -> Iterator[str]:
    if name == STDIN or not name:
        yield name
    elif os.path.isdir(name):  # noqa: PTH112 - bears any name
        yield from _below(name)
    elif glob.has_magic(name) and not os.path.exists(name):  # noqa: PTH110 - bears any name
        matches = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 - a pattern may be absolute
        if not matches:
            raise RequestNotPossible(
                "the pattern matches no file", where=name, next_step="Check the pattern, or name the folder.",
                reason="no_bundles",
            )  # fmt: skip
        for match in matches:
            yield from _below(match) if Path(match).is_dir() else [match]
    else:
        yield name


def _below(folder: str) -> list[str]:
    try:
        found = sorted(
            str(Path(parent, file))
            for parent, folders, files in os.walk(folder, onerror=_refuse_folder)
            if not _hidden(parent, folder)
            for file in files
            if file.lower().endswith(SUFFIXES) and not file.startswith(".")
        )
    except OSError as error:
        raise UnreadableInput(
            "the folder cannot be read", where=str(error.filename), next_step="Check its permissions."
        ) from None
    if not found:
        raise RequestNotPossible(
            "the folder holds no bundle (no *.json file, nor *.json.gz or *.json.zst)", where=folder,
            next_step="Name the folder that the export wrote, or the files themselves.", reason="no_bundles",
        )  # fmt: skip
    return found


def _refuse_folder(error: OSError) -> None:
    raise error


def _hidden(parent: str, folder: str) -> bool:
    return any(part.startswith(".") for part in Path(parent).relative_to(folder).parts)


def read_bundle(name: str, limit: int = MAX_BUNDLE_SIZE, stdin: BinaryIO | None = None) -> bytes:
    """Read one bundle, expanded where it is compressed, at most `limit` bytes; `-` is the stream `stdin`.

    Raises `UnreadableInput` for what is missing, not a regular file, not for us to read, too large, or compressed and
    damaged.
    """
    if name == STDIN:
        shown = "standard input"
        content = b"" if stdin is None else _read(stdin, limit, shown)
        return expand(content, shown, limit, compression_by_content(content))
    return expand(read_file(name, limit), name, limit)


def read_file(name: str, limit: int) -> bytes:
    """Read a file as it lies, whatever its name says, at most `limit` bytes. Raises UnreadableInput."""
    try:
        # Without O_NONBLOCK, opening a FIFO would wait for a writer that may never come.
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableInput(
                f"not a regular file but {_kind(status.st_mode)}", where=name,
                next_step="Name a file; pipe a bundle in with -.", reason="not_a_file",
            )  # fmt: skip
        if status.st_size > limit:
            raise _too_large(status.st_size, limit, name)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return _read(file, limit, name)
    except OSError as error:
        raise _unreadable(name, error) from None
    finally:
        os.close(descriptor)


def _read(stream: BinaryIO, limit: int, name: str) -> bytes:
    """Read to the end, piece by piece: a limit may be larger than any buffer, and a stream than any limit."""
    pieces: list[bytes] = []
    size = 0
    while piece := stream.read(_PIECE):
        size += len(piece)
        if size > limit:
            raise _too_large(size, limit, name)
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _too_large(size: int, limit: int, name: str) -> UnreadableInput:
    return UnreadableInput(
        f"{size:,} bytes are more than the limit of {limit:,} bytes", where=name,
        next_step="Allow more with --max-bundle-size, if this is a bundle.", reason="too_large",
    )  # fmt: skip


def _unreadable(name: str, error: OSError | ValueError) -> UnreadableInput:
    if isinstance(error, FileNotFoundError):
        message, step = "there is no such file", "Check the name."
    elif isinstance(error, PermissionError):
        message, step = "the file may not be read", "Check its permissions."
    else:
        message, step = f"the file cannot be read: {getattr(error, 'strerror', None) or error}", "Check the file."
    return UnreadableInput(message, where=name, next_step=step, reason="unreadable")


def _kind(mode: int) -> str:
    for test, name in (
        (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
    ):  # fmt: skip
        if test(mode):
            return name
    return "something else"


def load_document(name: str, limit: int = MAX_BUNDLE_SIZE, stdin: BinaryIO | None = None) -> Document:
    """Read and decode one bundle; an `UndecodableDocument` says in which file the fault is."""
    try:
        return decode(read_bundle(name, limit, stdin))
    except UndecodableDocument as error:
        error.where = name if error.where is None else f"{name}, {error.where}"
        raise
