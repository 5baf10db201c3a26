"""Where exports are kept: a folder, or an object store with the same guarantees as far as it gives them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from dwctl.errors import LocalStateError, RequestNotPossible

LOCK = ".dwctl-lock"
"""The name of the lock's file; not a name that is listed."""


class Stored(NamedTuple):
    """A file of a store: its name, with `/` between the parts, and its size in bytes.

    `regular` is false for a link, a pipe or whatever else a folder may hold: it is never read.
    """

    name: str
    size: int
    regular: bool = True


class Digest(NamedTuple):
    """What was read: how many bytes, and their sha256 in hex."""

    size: int
    sha256: str


@dataclass(slots=True)
class Hold:
    """A lock that is held.

    `clean` says that whoever held it before let go of it in order. The next holder is told the same of this one,
    unless an exception ends the hold or `in_order` was set to false.
    """

    clean: bool
    in_order: bool = True


class Store(Protocol):
    """Files under names, whole or not there. Names are relative and have `/` between their parts.

    Reading needs no lock and may go on while somebody else writes. Every method raises a domain error for what
    goes wrong: LocalStateError for a folder, the errors of a server for an object store.
    """

    @property
    def location(self) -> str:
        """Where it is, for people: never with a credential in it."""
        ...

    def put(self, name: str, content: bytes, *, replace: bool) -> None:
        """Keep a file: when this returns it is there whole, also after a power cut; before, the older one is.

        Raises LocalStateError with the reason `name_taken` where there is one and `replace` is not set.
        """
        ...

    def read(self, name: str, limit: int | None = None) -> bytes:
        """The whole content. Raises UnreadableInput for what is not there, not a file, or larger than `limit`."""
        ...

    def pieces(self, name: str) -> Iterator[bytes]:
        """The content in pieces: it is in memory whole only where the store knows no other way. Raises as `read`."""
        ...

    def digest(self, name: str) -> Digest:
        """Read the file piece by piece, for its size and sha256. Raises as `read` does."""
        ...

    def size(self, name: str) -> int | None:
        """Bytes of a file; None where there is no regular one."""
        ...

    def exists(self, name: str) -> bool:
        """Whether there is anything under the name."""
        ...

    def files(self) -> Iterator[Stored]:
        """Everything below, foreign files too, sorted by name; neither the lock nor what an end left unfinished."""
        ...

    def names(self) -> Iterator[str]:
        """The names of `files`."""
        ...

    def leftovers(self) -> Iterator[str]:
        """What a writer that was killed has left unfinished, or one that runs is about to finish."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file durably; nothing happens where there is none."""
        ...

    def sweep(self) -> int:
        """Remove the leftovers; returns how many. Only for the holder of the lock: another's work is unfinished too."""
        ...

    def append(self, name: str, line: bytes) -> None:
        """Add a line (its newline is added here). When this returns it is there, also after a power cut.

        Threads may append at once. A last line that was torn by an end is cut off first: nobody was told that it
        is there.
        """
        ...

    def writer(self) -> str | None:
        """Who is writing, or was killed while writing; None after an end in order."""
        ...

    def lock(self) -> AbstractContextManager[Hold]:
        """Be the only writer. Raises LocalStateError, which names the holder, where another process is."""
        ...


def open_store(where: str, *, create: bool = False) -> Store:
    """The store at a place: a folder, or a URL such as `s3://bucket/prefix` (extra `objects`).

    `create` makes a folder that is not there; a bucket has to be there. Raises RequestNotPossible for a place
    that cannot be opened, and LocalStateError for a folder that cannot be made.
    """
    from dwctl.transfer.storage.folder_store import FolderStore

    scheme, separator, rest = where.partition("://")
    if not separator:
        return FolderStore.open(where, create=create)
    if scheme.lower() in {"file", "local"}:
        # A folder by another name: our own way of writing gives more than fsspec's does.
        return FolderStore.open(rest, create=create)
    from dwctl.transfer.storage.object_store import ObjectStore

    return ObjectStore.open(where)


def checked_name(name: str) -> str:
    """The name, if it stays within its store. Raises RequestNotPossible."""
    try:
        named = "\0" not in os.fsencode(name).decode("latin-1")
    except UnicodeEncodeError:  # half a character, which no system can name
        named = False
    if not named or any(part in {"", ".", ".."} for part in name.split("/")):
        raise RequestNotPossible(
            "the name leads out of the folder, or nowhere", where=name, next_step="Name a file within it.",
            reason="foreign_name",
        )  # fmt: skip
    return name


def name_taken(where: str) -> LocalStateError:
    """A file is there, and is not to be replaced."""
    return LocalStateError(
        "a file is there already under this name", where=where,
        next_step="Move it away, then run the same command again.", reason="name_taken",
    )  # fmt: skip


def held(holder: str, where: str, next_step: str) -> LocalStateError:
    """Somebody else is writing."""
    return LocalStateError(
        f"another export is writing there: {holder}", where=where, next_step=next_step, reason="store_locked"
    )
