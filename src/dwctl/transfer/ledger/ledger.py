"""The ledger of a transfer: which run is where, durable before the next step, with a log that shows edits.

`Ledger.open` writes (one process at a time), `Ledger.view` reads, also while another process writes.
docs/ledger.md says what each state means, which are final, and why the log is chained.
"""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import islice
from operator import methodcaller
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from dwctl import __version__
from dwctl.errors import LocalStateError
from dwctl.transfer.ledger.lock import Holder, WriteLock
from dwctl.transfer.ledger.log import EventKind
from dwctl.transfer.ledger.pending import Pending
from dwctl.transfer.ledger.rows import RETRYABLE, SETTLE_FACTS, LedgerRow, LedgerState, LedgerTarget, Planned
from dwctl.transfer.ledger.schema import (
    connect_reader,
    connect_writer,
    make_private,
    no_ledger,
    real_file,
    translated,
)
from dwctl.transfer.ledger.start import begin, check_target, end_of_log, first_import_id, same_target, target_of
from dwctl.transfer.ledger.text import bounded
from dwctl.transfer.ledger.unread import UnreadFile
from dwctl.transfer.ledger.view import LedgerView
from dwctl.transfer.ledger.writer import Change, LedgerWriter, text_of

DEFAULT_LEDGER: Final = ".dwctl/ledger.db"
"""Where the ledger lies unless a person names another file."""

_PLANNED_TOGETHER: Final = 10_000


class Ledger(LedgerView):
    """The one writer of a ledger, which can also read it. Safe for several threads; close it.

    Every method that changes something returns when the change is on the disk. With `wait=False` a `Pending` comes
    back at once; changes are carried out in order, so a later one that is durable makes the earlier ones durable.
    A change that the table of states does not allow raises `IllegalTransition` (a bug of the caller); a disk that
    fails raises `LocalStateError`, and then nothing of that change is in the ledger.

    A job marks its run and waits, sends, and settles what it found there without waiting: that goes along with the next
    run's mark. What went wrong with a change that nobody waited for is raised by the next call.

    Start worker processes before it: a forked child may not use it.
    """

    def __init__(
        self, reader: sqlite3.Connection, writer: LedgerWriter, lock: WriteLock, path: Path, import_id: str
    ) -> None:
        super().__init__(reader, path)
        self._writer = writer
        self._write_lock = lock
        self._facts: dict[str, Any] = {}
        self.import_id = import_id

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        server: str | None,
        namespace: str | None,
        import_id: str | None = None,
        who: str,
        clock: Callable[[], datetime],
        command: str = "dwctl",
        server_version: str | None = None,
    ) -> Ledger:
        """Open a ledger to write to it, or begin one.

        `server` and `namespace` None stand for those of a ledger that is there. Without `import_id` the ledger's
        own is taken; a new ledger gets a new one. `who` is the person, `command` names the command without its
        arguments. Raises `LocalStateError` if the ledger is of another server or namespace, is written to by
        another process, was made by a newer dwctl, or cannot be written to; `UnreadableInput` if there is none and no
        target to begin one with.
        """
        path = real_file(path)
        wanted = same_target(server, namespace)
        if (found := target_of(path)) is not None:
            check_target(found, wanted, path)
        elif wanted is None:
            raise no_ledger(path)
        moment = text_of(clock())
        with translated(path):
            make_private(path)
            lock = WriteLock.take(path, Holder(os.getpid(), platform.node(), moment, command))
        try:
            return cls._opened(path, lock, wanted, import_id, clock, moment)._begun(
                {"who": who, "host": platform.node(), "pid": os.getpid(), "command": command,
                 "dwctl_version": __version__, "server_version": server_version}
            )  # fmt: skip
        except BaseException:
            lock.release()
            raise

    @classmethod
    def _opened(
        cls, path: Path, lock: WriteLock, wanted: tuple[str, str] | None, import_id: str | None,
        clock: Callable[[], datetime], moment: str,
    ) -> Self:  # fmt: skip
        new = None
        if wanted is not None:
            new = LedgerTarget(*wanted, import_id or first_import_id(clock()), os.urandom(16).hex(), moment)
        connection = connect_writer(path, partial(begin, new, path))
        try:
            head = end_of_log(connection, path)
            reader = connect_reader(path)
            view = LedgerView(reader, path)
            check_target(view.target, wanted, path)
            lock.watch()
        except BaseException:
            connection.close()
            raise
        import_id = import_id or view.target.import_id
        writer = LedgerWriter(connection, path, head, import_id, clock, lock.require_ours)
        return cls(reader, writer, lock, path, import_id)

    def _begun(self, facts: dict[str, Any]) -> Self:
        self._facts = {**facts, "import_id": self.import_id}
        try:
            self._session_event(EventKind.OPENED)
        except BaseException:
            self.close()
            raise
        return self

    @staticmethod
    def view(path: str | Path) -> LedgerView:
        """Open a ledger to read it, beside a writer too. Raises `UnreadableInput` where there is none."""
        path = real_file(path)
        return LedgerView(connect_reader(path), path)

    def close(self) -> None:
        """Carry out what is under way, note the orderly end, and let another process write. Never raises.

        The end of a `with` block closes, and raises what went wrong with a change that nobody waited for, or that the
        file is no longer there.
        """
        # The reader first: the last connection takes the files beside the ledger away, and a reader may not.
        super().close()
        self._writer.close(lambda pen: pen.log(EventKind.CLOSED, None, {}) if self._facts else None)
        self._write_lock.release()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        problem: BaseException | None = None
        if error is None:
            try:
                self._write_lock.require_ours()
            except LocalStateError as gone:
                problem = gone
        self.close()
        if error is None and (problem := self._writer.untold or problem) is not None:
            raise problem

    def note_server_version(self, version: str | None) -> None:
        """Tell which version the server has; rows that change from now on show it."""
        self._facts["server_version"] = bounded("server_version", version)
        self._session_event(EventKind.SERVER)

    def flush(self) -> None:
        """Wait until everything handed in is on the disk; raises what a change that nobody waited for has raised."""
        self._change(lambda pen: None)
        # What fails while the first one is waited for, without anybody of its own who waits, the second one raises.
        self._change(lambda pen: None)

    # --- a bundle's way ---

    def plan(self, rows: Iterable[LedgerRow]) -> Planned:
        """Take up the rows of a plan, ten thousand a commit; their `state` is what the plan says of them.

        A known row gets the new facts, and the new state if it is neither on the server nor on its way there:
        such rows are left as they are. Raises `IllegalTransition` for a state that no plan can foresee.
        """
        total = Planned()
        pages = iter(rows)
        while page := [_clean_row(row) for row in islice(pages, _PLANNED_TOGETHER)]:
            done: Planned = self._change(methodcaller("plan", page))
            total = total + done
        return total

    def note_files(self, unread: Iterable[UnreadFile], read: Collection[str] = ()) -> None:
        """Note which files gave no run, and the places of those from which one was read since. One commit, or none."""
        files = [replace(one, text=bounded("error_text", one.text)) for one in unread]
        if files or read:
            self._change(lambda pen: pen.note_files(files, read))

    def let_go(self, places: Collection[str], reason: str) -> None:
        """Files that gave no run are no trouble any more: a person says so, and why."""
        if places:
            self._change(lambda pen: pen.let_go(places, bounded("reason", reason)))

    def sending(self, run_id: str, **facts: Any) -> None:
        """Mark that the run is about to be sent. Durable on return: only then may the first byte leave.

        `facts`: as in `settle`.
        """
        clean = _clean(facts)
        self._change(lambda pen: pen.sending(run_id, clean))

    def settle(
        self, run_id: str, state: LedgerState, *, wait: bool = True, along: bool = False, **facts: Any
    ) -> Pending[None]:
        """Write down what became of a run, before anything else is done with it.

        Not waited for, it may go `along` with the next change, or alone after a fifth of a second: what is lost in a
        crash is still `sending`, and asked of the server again.

        `facts` are of `SETTLE_FACTS`: sent_sha256, verdict, rules, repair, removed_links, reason, error_reason,
        error_text (cut to one line of 500 characters), way. Raises `TypeError` for another one.
        """
        clean = _clean(facts)
        return self._submit(lambda pen: pen.settle(run_id, LedgerState(state), clean), wait=wait, along=along)

    def note_compared(
        self, run_id: str, at: datetime | str, differences: Iterable[str] = (), *, wait: bool = True
    ) -> Pending[None]:
        """Note that a run on the server was compared with its bundle; without differences it is the same.

        Not waited for, it goes along with the next change, or alone after a fifth of a second: what is lost in a
        crash is compared again.
        """
        found = tuple(str(bounded("difference", one)) for one in differences)
        return self._submit(lambda pen: pen.compared(run_id, _time(at), found), wait=wait, along=True)

    def note_archived(self, run_id: str, at: datetime | str) -> None:
        """Note that a run was archived on the server."""
        self._change(lambda pen: pen.archived(run_id, _time(at)))

    def note_moved(self, run_id: str, at: datetime | str, **facts: Any) -> LedgerState:
        """Note that a run went on in the embedded application after its export; the result is its state.

        One that was not sent becomes `moved`: export it again. One that is on the server keeps its state, and its
        `drift` says `moved_since_import`: both runtimes have it.
        """
        clean = _clean(facts)
        state: LedgerState = self._change(lambda pen: pen.moved(run_id, _time(at), clean))
        return state

    def note_drift(
        self, run_id: str, at: datetime | str, drift: str, *, since: int | None = None, wait: bool = True
    ) -> Pending[bool]:
        """Note another answer of the embedded side, unmoved or gone, and when it was given; the result: was it noted?

        `since` is the last event of the ledger that the asker knew: what was written of the run after it is newer than
        the answer, and stays. A run that is `moved` stays so until it is exported again.
        """
        word = str(bounded("drift", drift))
        return self._submit(lambda pen: pen.drift(run_id, _time(at), word, since), wait=wait)

    def retry(
        self, run_ids: Iterable[str] | None = None, *, state: Collection[LedgerState] = (), rule: str | None = None,
        reason: str | None = None,
    ) -> tuple[str, ...]:  # fmt: skip
        """Put rows back to `planned`, all in one commit: the named ones, or those in these states (and of this rule).

        Returns their run ids. Raises `IllegalTransition` for a named row that cannot be retried.
        """
        chosen = list(run_ids) if run_ids is not None else self._matching(state, rule)
        why = bounded("reason", reason)
        if chosen:
            self._change(lambda pen: pen.retry(chosen, why))
        return tuple(chosen)

    def _matching(self, state: Collection[LedgerState], rule: str | None) -> list[str]:
        return [row.run_id for row in self.rows(state=RETRYABLE & frozenset(state), rule=rule)]

    # --- writing ---

    def _session_event(self, kind: EventKind) -> None:
        facts = dict(self._facts)
        self._change(lambda pen: pen.log(kind, None, facts, new_session=True))

    def _submit(self, change: Change, *, wait: bool, along: bool = False) -> Pending[Any]:
        return self._writer.submit(change, wait=wait, along=along)

    def _change(self, change: Change) -> Any:
        return self._submit(change, wait=True).result()


def _time(at: datetime | str) -> str:
    return at if isinstance(at, str) else text_of(at)


def _clean(facts: dict[str, Any]) -> dict[str, Any]:
    if unknown := facts.keys() - SETTLE_FACTS:
        raise TypeError(f"no fact of an outcome: {', '.join(sorted(unknown))}")
    return {name: bounded(name, value) for name, value in facts.items()}


def _clean_row(row: LedgerRow) -> LedgerRow:
    if row.error_text is None and row.reason is None and row.error_reason is None:
        return row
    texts = ("error_text", "error_reason", "reason")
    return replace(row, **{name: bounded(name, getattr(row, name)) for name in texts})
