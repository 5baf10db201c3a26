"""One writer a ledger: a lock that the operating system drops when its holder dies, and a note of who holds it."""

from __future__ import annotations

import errno
import json
import os
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from dwctl.errors import LocalStateError

_SUFFIX = ".lock"
_TRIES, _PAUSE = 10, 0.03
_LONGEST_NOTE = 4096


@dataclass(frozen=True, slots=True)
class Holder:
    """Who writes to a ledger. `since` is UTC; `command` names commands only, never their arguments."""

    pid: int
    host: str
    since: str
    command: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} ({self.command}, since {self.since})"


class WriteLock:
    """The right to write to one ledger, until `release` or the end of the process.

    The lock lies on a file of its own beside the ledger: closing a file of the database would drop SQLite's locks.
    A child that is forked lets go of it at once, so that an orphan never keeps a dead writer's lock.
    """

    def __init__(self, descriptor: int, path: Path, ledger: Path) -> None:
        self._descriptor = descriptor
        self._path = path
        self._ledger = ledger
        self._watched: tuple[int, int] | None = None
        _HELD.add(self)

    @classmethod
    def take(cls, ledger: Path, holder: Holder, *, sleep: Callable[[float], None] = time.sleep) -> WriteLock:
        """Take the lock and leave the note. Raises `LocalStateError` that names the holder if it is held.

        Someone who looks whether it is held has it for a moment: so it is tried for a third of a second.
        """
        import fcntl

        path = lock_file(ledger)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            for left in range(_TRIES - 1, -1, -1):
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if not left:
                        raise _held(ledger, _note(descriptor)) from None
                    sleep(_PAUSE)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(asdict(holder)).encode(), 0)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor, path, ledger)

    def watch(self) -> None:
        """From now on the ledger's file has to stay the one that it is: the writer has it open."""
        self._watched = _identity(self._ledger)

    def require_ours(self) -> None:
        """Raise `LocalStateError` if the lock's file or the ledger's own was removed, or another one put in its place.

        The first lets a second writer in; of the second nothing that is written is ever seen again.
        """
        if self._watched is not None and _identity(self._ledger) != self._watched:
            raise LocalStateError(
                "the ledger's file was removed or replaced while it was written to", where=str(self._ledger),
                next_step="Put it back, or run the same command again: a new ledger finds what is on the server.",
                reason="ledger_gone",
            )  # fmt: skip
        if self._descriptor >= 0 and _identity(self._path) != _identity(self._descriptor):
            raise LocalStateError(
                "the file of the ledger's lock was removed, so another process may write to the ledger",
                where=str(self._path), next_step="End the other one, if there is one, and run the same command again.",
                reason="ledger_locked",
            )  # fmt: skip

    def release(self) -> None:
        """Let another process write; a second call does nothing."""
        if self._descriptor < 0:
            return
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
        self._let_go()

    def _let_go(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            with suppress(OSError):
                os.close(descriptor)


def _identity(file: Path | int) -> tuple[int, int] | None:
    """Which file it is, whatever its name; None where there is none."""
    try:
        found = os.stat(file)  # noqa: PTH116 - a descriptor, too
    except OSError:
        return None
    return found.st_dev, found.st_ino


_HELD: weakref.WeakSet[WriteLock] = weakref.WeakSet()


def _let_go_in_child() -> None:
    for lock in list(_HELD):
        lock._let_go()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)


def lock_file(ledger: Path) -> Path:
    """Where the lock of a ledger lies. It stays when the writer ends: removing it would let two hold it."""
    return ledger.with_name(ledger.name + _SUFFIX)


def holder_of(ledger: Path) -> Holder | None:
    """Who writes to a ledger now; None where nobody does, whatever a dead writer's note says."""
    import fcntl

    try:
        descriptor = os.open(lock_file(ledger), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
            return _note(descriptor) or Holder(0, "?", "?", "?")
    finally:
        os.close(descriptor)
    return None


def _note(descriptor: int) -> Holder | None:
    try:
        note = json.loads(os.pread(descriptor, _LONGEST_NOTE, 0))
        return Holder(int(note["pid"]), str(note["host"]), str(note["since"]), str(note["command"]))
    except (ValueError, TypeError, KeyError, OSError):
        return None


def _held(ledger: Path, holder: Holder | None) -> LocalStateError:
    return LocalStateError(
        f"the ledger is being written to by {holder or 'another process'}", where=str(ledger),
        next_step="Wait until it ends (dwctl ledger status --watch), or name another ledger with --ledger.",
        reason="ledger_locked",
    )  # fmt: skip
