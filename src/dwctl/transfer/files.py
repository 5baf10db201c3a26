"""Writing files that hold business data: private, and whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from dwctl.errors import RequestNotPossible


def write_private(name: str, content: bytes, *, replace: bool = False) -> None:
    """Write a file with mode 0600: to a temporary name, synced, then put in place.

    Raises `RequestNotPossible` if the file is there and `replace` is not set, or if it cannot be written;
    what was there before stays as it was.
    """
    target = Path(name)
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=".dwctl-unfinished-", dir=target.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if replace:
                Path(temporary).replace(target)
            else:
                # A link fails where the name is taken, in one step; a check before a rename would not.
                os.link(temporary, target)
        finally:
            Path(temporary).unlink(missing_ok=True)
        _sync_folder(target.parent)
    except FileExistsError:
        raise RequestNotPossible(
            "the file is there already", where=name, next_step="Choose another name, or add --force.",
            reason="file_exists",
        ) from None  # fmt: skip
    except OSError as error:
        raise RequestNotPossible(
            f"the file cannot be written: {error.strerror or error}", where=name,
            next_step="Check the folder, its permissions and the space left.", reason="unwritable",
        ) from None  # fmt: skip


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
