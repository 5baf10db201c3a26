"""Exports in a folder: files 0600, folders 0700, each file written whole, synced and renamed into place."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dwctl.errors import LocalStateError, RequestNotPossible, UnreadableInput
from dwctl.transfer.files.private import UNFINISHED, place_private, sync_folder
from dwctl.transfer.storage.group_commit import GroupCommit
from dwctl.transfer.storage.store import LOCK, Digest, Hold, Stored, checked_name, held, name_taken

_PIECE = 1 << 16


class FolderStore:
    """A folder as a Store: every guarantee of the protocol, as far as the file system keeps its word on fsync."""

    def __init__(self, folder: Path) -> None:
        self._root = folder
        self._commits: dict[str, GroupCommit] = {}

    def __reduce__(self) -> tuple[type[FolderStore], tuple[Path]]:
        """Travel to another process as the folder alone."""
        return FolderStore, (self._root,)

    @classmethod
    def open(cls, folder: str, *, create: bool = False) -> FolderStore:
        """The store in a folder; `create` makes it, 0700, with those above it.

        Raises RequestNotPossible where there is none, LocalStateError where none can be made.
        """
        root = Path(folder)
        try:
            if create:
                _make_folders(root)
            is_folder = stat.S_ISDIR(root.stat().st_mode)
        except FileNotFoundError:
            raise RequestNotPossible(
                "there is no such folder", where=folder, next_step="Check the name.", reason="no_folder"
            ) from None
        except (OSError, ValueError) as error:
            raise _failed(error, folder, root) from None
        if not folder or not is_folder:
            raise RequestNotPossible("this is no folder", where=folder, next_step="Name a folder.", reason="no_folder")
        return cls(root)

    @property
    def location(self) -> str:
        """The folder as it was named."""
        return str(self._root)

    def put(self, name: str, content: bytes, *, replace: bool) -> None:
        """Keep a file: temporary name, fsync, rename, fsync of the folder. Raises LocalStateError."""
        path = self._path(name)
        try:
            self._make_folder_of(name)
            place_private(path, content, replace=replace)
        except FileExistsError:
            raise name_taken(str(path)) from None
        except OSError as error:
            raise _failed(error, str(path), self._root) from None

    def _make_folder_of(self, name: str) -> None:
        folder = self._root
        for part in name.split("/")[:-1]:
            above, folder = folder, folder / part
            with suppress(FileExistsError):
                folder.mkdir(0o700)
                sync_folder(above)

    def read(self, name: str, limit: int | None = None) -> bytes:
        """The whole content. Raises UnreadableInput."""
        pieces: list[bytes] = []
        size = 0
        for piece in self.pieces(name):
            size += len(piece)
            if limit is not None and size > limit:
                raise UnreadableInput(
                    f"it is larger than the limit of {limit:,} bytes", where=str(self._path(name)),
                    next_step="Allow more with --max-bundle-size, if this is a bundle.", reason="too_large",
                )  # fmt: skip
            pieces.append(piece)
        return b"".join(pieces)

    def digest(self, name: str) -> Digest:
        """Size and sha256 of a file. Raises UnreadableInput."""
        hashed, size = hashlib.sha256(), 0
        for piece in self.pieces(name):
            hashed.update(piece)
            size += len(piece)
        return Digest(size, hashed.hexdigest())

    def pieces(self, name: str) -> Iterator[bytes]:
        """The content piece by piece. Raises UnreadableInput."""
        path = self._path(name)
        try:
            # Without O_NONBLOCK, opening a FIFO would wait for a writer that may never come.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
            try:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise _unreadable("this is no regular file", path, "not_a_file")
                while piece := os.read(descriptor, _PIECE):
                    yield piece
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            raise _unreadable("there is no such file", path, "no_file") from None
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise _unreadable("this is a link, not a file", path, "not_a_file") from None
            raise _unreadable(f"the file cannot be read: {error.strerror}", path, "unreadable") from None

    def size(self, name: str) -> int | None:
        """Bytes of a regular file, without following a link."""
        try:
            status = self._path(name).lstat()
        except OSError:
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def exists(self, name: str) -> bool:
        """Whether there is anything under the name, were it a link to nowhere."""
        return os.path.lexists(self._path(name))

    def files(self) -> Iterator[Stored]:
        """Everything below, sorted; links are listed and not followed. Raises UnreadableInput."""
        for stored in self._walk():
            if not _is_leftover(stored.name):
                yield stored

    def names(self) -> Iterator[str]:
        """The names of `files`."""
        return (stored.name for stored in self.files())

    def leftovers(self) -> Iterator[str]:
        """Temporary files of a writer that was killed, or that runs."""
        return (stored.name for stored in self._walk() if _is_leftover(stored.name))

    def _walk(self) -> list[Stored]:
        found: list[Stored] = []
        folders = [""]
        while folders:
            above = folders.pop()
            try:
                with os.scandir(self._root / above) as entries:
                    for entry in entries:
                        name = above + entry.name
                        if entry.is_dir(follow_symlinks=False):
                            folders.append(name + "/")
                        elif name != LOCK:
                            with suppress(FileNotFoundError):  # finished, or removed, while we look
                                found.append(_stored(name, entry))
            except OSError as error:
                raise UnreadableInput(
                    f"the folder cannot be read: {error.strerror}", where=str(self._root / above),
                    next_step="Check its permissions.", reason="unreadable",
                ) from None  # fmt: skip
        return sorted(found)

    def remove(self, name: str) -> None:
        """Remove a file and make that durable. Raises LocalStateError."""
        path = self._path(name)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise _failed(error, str(path), self._root) from None
        sync_folder(path.parent)

    def sweep(self) -> int:
        """Remove the leftovers of a writer that was killed; only for the holder of the lock."""
        left = list(self.leftovers())
        for name in left:
            self.remove(name)
        return len(left)

    def append(self, name: str, line: bytes) -> None:
        """Add a line and make it durable, together with those of other threads. Raises LocalStateError."""
        path = self._path(name)
        self._commits.setdefault(name, GroupCommit(lambda lines: self._append(path, lines))).append(line + b"\n")

    def _append(self, path: Path, lines: bytes) -> None:
        try:
            is_new = not path.exists()
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                _append_durably(descriptor, lines)
            finally:
                os.close(descriptor)
            if is_new:
                sync_folder(path.parent)
        except OSError as error:
            raise _failed(error, str(path), self._root) from None

    def writer(self) -> str | None:
        """Who is writing, or was killed while writing."""
        try:
            return self.read(LOCK, 200).decode("utf-8", "replace") or None
        except UnreadableInput:
            return None

    @contextmanager
    def lock(self) -> Iterator[Hold]:
        """Be the only writer; the system lets go of the lock when the process ends, however it ends.

        Raises LocalStateError where another one is, and where the folder cannot be locked.
        """
        import fcntl

        path = self._root / LOCK
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise _failed(error, str(path), self._root) from None
        try:
            _take(fcntl.flock, fcntl.LOCK_EX | fcntl.LOCK_NB, descriptor, path)
            hold = Hold(clean=not os.pread(descriptor, 1, 0))
            try:
                # Written over, then cut: on a full disk the word of a writer that was killed is not lost.
                me = f"process {os.getpid()} on {socket.gethostname()}".encode()
                os.pwrite(descriptor, me, 0)
                os.ftruncate(descriptor, len(me))
                os.fsync(descriptor)
            except OSError as error:
                raise _failed(error, str(path), self._root) from None
            yield hold
            if hold.in_order:
                with suppress(OSError):  # then the next holder looks twice, and that is all
                    os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)

    def _path(self, name: str) -> Path:
        return self._root / checked_name(name)


def _take(flock: Callable[[int, int], None], how: int, descriptor: int, path: Path) -> None:
    try:
        flock(descriptor, how)
    except BlockingIOError:
        holder = os.pread(descriptor, 200, 0).decode("utf-8", "replace") or "a process that has just begun"
        raise held(holder, str(path.parent), "Wait until it has ended, or name another folder.") from None
    except OSError as error:
        raise LocalStateError(
            f"the folder cannot be locked: {error.strerror}", where=str(path.parent),
            next_step="Export to a folder on a file system that knows locks.", reason="no_locks",
        ) from None  # fmt: skip


def _append_durably(descriptor: int, lines: bytes) -> None:
    """Write and sync, after the last whole line; what fails half-way is taken back."""
    end = _end_of_lines(descriptor)
    os.ftruncate(descriptor, end)
    try:
        rest = memoryview(lines)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    except OSError:
        with suppress(OSError):
            os.ftruncate(descriptor, end)
        raise


def _end_of_lines(descriptor: int) -> int:
    """Where the last whole line ends."""
    end = os.fstat(descriptor).st_size
    while end:
        start = max(0, end - 4096)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def _stored(name: str, entry: os.DirEntry[str]) -> Stored:
    status = entry.stat(follow_symlinks=False)
    return Stored(name, status.st_size, stat.S_ISREG(status.st_mode))


def _is_leftover(name: str) -> bool:
    return name.rpartition("/")[2].startswith(UNFINISHED)


def _make_folders(folder: Path) -> None:
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        one.mkdir(0o700, exist_ok=True)
        sync_folder(one.parent)


def _unreadable(message: str, path: Path, reason: str) -> UnreadableInput:
    return UnreadableInput(message, where=str(path), next_step="Check the folder.", reason=reason)


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NOT_ALLOWED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_AGAIN = "then run the same command again: what is there stays, and it goes on where it stopped."


def _failed(error: OSError | ValueError, where: str, root: Path) -> LocalStateError:
    """A write that failed, in the terms of the person who can change that."""
    number = error.errno if isinstance(error, OSError) else None
    if number in _FULL:
        return LocalStateError("the disk is full", where=where, next_step=f"Make room, {_AGAIN}", reason="disk_full")
    if number in _NOT_ALLOWED:
        return LocalStateError(
            "the folder may not be written", where=where, next_step=f"Check its permissions, {_AGAIN}",
            reason="not_writable",
        )  # fmt: skip
    if number == errno.ENOENT and not root.is_dir():
        return LocalStateError(
            "the folder has gone", where=str(root), next_step=f"Bring it back (a mount?), {_AGAIN}", reason="store_gone"
        )
    return LocalStateError(
        f"writing failed: {getattr(error, 'strerror', None) or error}", where=where,
        next_step=f"Look at the folder and its disk, {_AGAIN}", reason="write_failed",
    )  # fmt: skip
