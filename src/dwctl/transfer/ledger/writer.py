"""Writing to the ledger from many threads: whoever waits at the same time shares a commit."""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from dwctl.errors import DwctlError, LocalStateError
from dwctl.transfer.ledger.changes import Pen
from dwctl.transfer.ledger.log import Head
from dwctl.transfer.ledger.pending import Pending
from dwctl.transfer.ledger.rows import IllegalTransition
from dwctl.transfer.ledger.schema import transaction, translated

Change = Callable[[Pen], Any]
"""What is to be written, through a pen inside an open transaction."""

_MOST_TOGETHER: Final = 256
"""Changes that share a commit at most."""

_LONGEST_RIDE: Final = 0.2
"""Seconds after which a change is committed that was to go along with another one, when no other comes."""

_MOST_WAITING: Final = 1_024
"""Changes beyond which those wait, too, that need not: memory stays flat, whatever is handed in."""


def text_of(moment: datetime) -> str:
    """A time as the ledger keeps it: UTC, microseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class _Wanted:
    """A change that waits. `turn` wakes the thread that is to commit it if nobody else does; None: the writer's own.

    One that `rides` along asks for no commit of its own.
    """

    __slots__ = ("change", "done", "rides", "turn", "waited")

    def __init__(self, change: Change, *, own_turn: bool, waited: bool, rides: bool = False) -> None:
        self.change = change
        self.done: Pending[Any] = Pending()
        self.waited = waited
        self.rides = rides
        self.turn = threading.Lock() if own_turn else None
        if self.turn is not None:
            self.turn.acquire()


_TURN: Final = object()
_END: Final = object()


class LedgerWriter:
    """Carries out changes in the order in which a thread hands them in; each is on the disk before it is done.

    The thread that finds nobody writing commits what waits, its own change and those of others, and then wakes the
    next: a lone change costs no change of threads, and eight at a time cost one or two commits. Those that do not
    wait leave the commit to a thread of the writer. So does the main thread: a signal may interrupt it anywhere,
    and must not find it in the middle of this; it hands changes over in one step that cannot be divided.

    A change that raises leaves nothing behind, and those that shared its commit are carried out. If the disk
    fails, nothing of the whole commit is there, and every change of it fails with a `LocalStateError`.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path, head: Head, import_id: str, clock: Callable[[], datetime],
        before_commit: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        """`before_commit` raises `LocalStateError` where nothing may be committed any more."""
        self._connection = connection
        self._path = path
        self._clock = clock
        self._before_commit = before_commit
        self._pen = Pen(connection, head, None, "", import_id)
        self._problem: BaseException | None = None
        self.untold: BaseException | None = None
        """What a change that nobody waited for has raised, until a later call has raised it."""
        self._entry = threading.Lock()
        self._waiting: deque[_Wanted] = deque()
        self._busy = False
        self._closed = self._ending = False
        self._handed: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="dwctl-ledger", daemon=True)
        self._thread.start()

    def submit(self, change: Change, *, wait: bool, along: bool = False) -> Pending[Any]:
        """Hand in a change, and wait until it is on the disk if that is wanted (then what it raised is raised).

        One that nobody waits for may go `along` with the next that comes: a commit is saved, and a fifth of a second
        is the longest that it takes.

        Raises `LocalStateError` after `close`, and what an earlier change raised that nobody waited for: to go on
        would be to act on a ledger that does not know what has happened.
        """
        if self._problem is not None:
            self.untold = None
            raise _copy(self._problem)
        if self._closed:
            raise LocalStateError("the ledger is closed already", where=str(self._path), reason="ledger_failed")
        if threading.current_thread() is threading.main_thread():
            wanted = _Wanted(change, own_turn=False, waited=wait, rides=along and not wait)
            self._handed.put(wanted)
        else:
            wanted = _Wanted(change, own_turn=wait, waited=wait, rides=along and not wait)
            self._enter(wanted)
        if wait:
            wanted.done.result()
        elif self._handed.qsize() + len(self._waiting) > _MOST_WAITING:
            wanted.done.exception()
        return wanted.done

    def _enter(self, wanted: _Wanted) -> None:
        """Let a change wait with the others; whoever is first, or is woken before it is done, commits."""
        with self._entry:
            self._waiting.append(wanted)
            if wanted.rides and len(self._waiting) < _MOST_TOGETHER:
                return
            first, self._busy = not self._busy, True
        if not first and wanted.turn is not None:
            wanted.turn.acquire()
            first = not wanted.done.done()
        if not first:
            return
        if wanted.turn is None and threading.current_thread() is not self._thread:
            self._handed.put(_TURN)
        else:
            self._commit_what_waits()

    def close(self, last: Change) -> None:
        """Carry out what was handed in and a last change, and close the file. A second call does nothing.

        Nobody is told if the last change fails.
        """
        if self._closed:
            return
        self._closed = True
        self._handed.put(_Wanted(last, own_turn=False, waited=True))
        self._handed.put(_END)
        self._thread.join()
        # With the log in the file, a copy of the one file is a copy of the ledger.
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()

    def _run(self) -> None:
        """Take over what the main thread hands in, and the turns of those that do not wait."""
        while not (self._ending and not self._busy):
            try:
                handed = self._handed.get(timeout=_LONGEST_RIDE)
            except queue.Empty:
                self._commit_riders()
                continue
            if isinstance(handed, _Wanted):
                self._enter(handed)
            elif handed is _TURN:
                self._commit_what_waits()
            else:
                with self._entry:
                    self._ending = True
        self._commit_riders()

    def _commit_riders(self) -> None:
        """Commit what waits for somebody to go along with, when nobody has come."""
        with self._entry:
            if self._busy or not self._waiting:
                return
            self._busy = True
        self._commit_what_waits()

    def _commit_what_waits(self) -> None:
        """Commit, tell everybody, and wake whoever is to commit what has come meanwhile."""
        with self._entry:
            together = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST_TOGETHER))]
        try:
            self._commit(together)
        finally:
            with self._entry:
                following = next((one for one in self._waiting if not one.rides), None)
                self._busy = following is not None
                ended = self._ending and not self._busy
            for wanted in together:
                if wanted.turn is not None:
                    wanted.turn.release()
            if following is not None and following.turn is not None:
                following.turn.release()
            elif following is not None or ended:
                self._handed.put(_TURN if following is not None else _END)

    def _commit(self, together: list[_Wanted]) -> None:
        """Carry out changes in one transaction. One that fails half-way is left out, and the rest begins again."""
        rest = list(together)
        while rest:
            before = self._pen.head, self._pen.session
            self._pen.at = text_of(self._clock())
            try:
                with translated(self._path), transaction(self._connection):
                    self._before_commit()
                    results = [self._carried_out(wanted) for wanted in rest]
                    if self._pen.head != before[0]:
                        self._pen.note_head()
            except _HalfDone as half:
                self._take_back(before)
                self._tell(half.wanted, None, half.problem)
                rest.remove(half.wanted)
            except BaseException as error:
                self._take_back(before)
                for wanted in rest:
                    self._tell(wanted, None, _copy(error))
                return
            else:
                for wanted, (result, problem) in zip(rest, results, strict=True):
                    self._tell(wanted, result, problem)
                return

    def _tell(self, wanted: _Wanted, result: Any, problem: BaseException | None) -> None:
        if problem is not None and not wanted.waited and self._problem is None:
            self._problem = self.untold = problem
        wanted.done.settle(result, problem)

    def _carried_out(self, wanted: _Wanted) -> tuple[Any, Exception | None]:
        """The result of one change, or what it raised before it wrote anything."""
        head = self._pen.head
        try:
            return wanted.change(self._pen), None
        except Exception as problem:
            if isinstance(problem, sqlite3.Error) and not _of_the_caller(problem):
                raise
            if self._pen.head != head:
                raise _HalfDone(wanted, problem) from problem
            return None, problem

    def _take_back(self, before: tuple[Head, int | None]) -> None:
        self._pen.head, self._pen.session = before
        self._pen.forget()


class _HalfDone(Exception):
    def __init__(self, wanted: _Wanted, problem: Exception) -> None:
        super().__init__()
        self.wanted = wanted
        self.problem = problem


def _of_the_caller(error: sqlite3.Error) -> bool:
    """A value that SQLite or a column does not take: no fault of the file. A number that is taken is one."""
    if isinstance(error, sqlite3.IntegrityError):
        return error.sqlite_errorcode != sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
    return isinstance(error, sqlite3.ProgrammingError | sqlite3.InterfaceError)


def _copy(error: BaseException) -> BaseException:
    """An exception of its own for each that waits: raising one in two threads would mix their tracebacks."""
    if isinstance(error, DwctlError):
        return type(error)(error.message, where=error.where, next_step=error.next_step, reason=error.reason)
    return IllegalTransition(str(error)) if isinstance(error, IllegalTransition) else error
