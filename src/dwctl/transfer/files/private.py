"""Writing files that hold business data: private, and whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from dwctl.errors import RequestNotPossible


def write_private(name: str, content: bytes, *, replace: bool = False) -> None:
    """Write a file with mode 0600: to a temporary name, synced, then put in place.

    Raises `RequestNotPossible` if the file is there and `replace` is not set, or if it cannot be written;
    what was there before stays as it was.
    """
    with private_file(name, replace=replace) as file:
        file.write(content)


@contextmanager
def private_file(name: str, *, replace: bool = False) -> Iterator[BinaryIO]:
    """The same for content that comes in pieces: what the block writes has its name when the block ends without error.

    Raises `RequestNotPossible` as `write_private` does; an OSError that the block met elsewhere is told as one, too.
    """
    try:
        with _placed(Path(name), replace=replace) as file:
            yield file
    except FileExistsError:
        raise file_exists(name) from None
    except OSError as error:
        raise RequestNotPossible(
            f"the file cannot be written: {error.strerror or error}", where=name,
            next_step="Check the folder, its permissions and the space left.", reason="unwritable",
        ) from None  # fmt: skip


def file_exists(name: str) -> RequestNotPossible:
    """The refusal to replace a file that is there."""
    return RequestNotPossible(
        "the file is there already", where=name, next_step="Choose another name, or add --force where there is one.",
        reason="file_exists",
    )  # fmt: skip


UNFINISHED = ".dwctl-unfinished-"
"""How the temporary names begin that files have until they are whole."""


def place_private(target: Path, content: bytes, *, replace: bool) -> None:
    """Write a file with mode 0600, whole or not at all, and durably, its name included.

    Raises OSError: FileExistsError if the file is there and `replace` is not set.
    """
    with _placed(target, replace=replace) as file:
        file.write(content)


@contextmanager
def _placed(target: Path, *, replace: bool) -> Iterator[BinaryIO]:
    descriptor, temporary = tempfile.mkstemp(prefix=UNFINISHED, dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if replace:
            Path(temporary).replace(target)
        else:
            _place(temporary, target)
    finally:
        Path(temporary).unlink(missing_ok=True)
    sync_folder(target.parent)


_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def _place(temporary: str, target: Path) -> None:
    """Give the file its name, unless the name is taken. A link tells in one step; a check before a rename does not."""
    try:
        os.link(temporary, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # A file system without links: taking the name first is the next best.
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        Path(temporary).replace(target)


def sync_folder(folder: Path) -> None:
    """Make the name durable. The file itself is whole already, so a system that cannot do this is no failure."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
