"""Exporting many runs: fetched by some threads, verified by some processes, kept by some more threads.

Fetching never waits for the disk, and what is made durable is made so together. A run's own trouble never ends
the export; what every run would meet alike does, and so does an interruption, after what is in flight.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from dwctl.bundle.verify import Outcome
from dwctl.errors import AnswerIsNo, DwctlError, ExitCode, Interrupted, ServerFailed
from dwctl.transfer.exports.judges import Judged, Judges
from dwctl.transfer.exports.keeping import Keeper
from dwctl.transfer.exports.outcomes import (
    ExportResult,
    ExportState,
    Standing,
    judged_standing,
    rules_of,
    standing,
)
from dwctl.transfer.exports.quiescing import Attempt, Feed, Quiescing, held_by
from dwctl.transfer.exports.selection import Target
from dwctl.transfer.exports.sources import Fetched, Session, Source
from dwctl.transfer.lanes import Stop
from dwctl.transfer.storage.manifest import ManifestEntry

_AWAKE = 0.2
_STRIPES = 64
_UNREACHED_IN_A_ROW = 5
_ENDS_THE_EXPORT = frozenset({ExitCode.AUTH, ExitCode.INCOMPATIBLE, ExitCode.LOCAL_STATE})
_SAME_FOR_EVERY_RUN = frozenset(
    {"namespace_not_found", "application_not_set", "application_not_started", "batch_keeps_dying"}
)
_OF_ONE_FILE = frozenset({"kept_file_changed", "name_taken"})
"""Local trouble with the file of one run, which no other run meets."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What is wanted: `jobs` exports at once; with `refresh` also runs that are there, if they moved since."""

    jobs: int = 1
    refresh: bool = False
    quiescing: Quiescing = field(default_factory=Quiescing)


_Item = TypeVar("_Item")


class _SameForEveryRunError(Exception):
    """A failure of keeping: the disk, the lock. Every other run would meet it."""

    def __init__(self, error: DwctlError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True, slots=True)
class _Arrived:
    attempt: Attempt
    fetched: Fetched


class Exporting:
    """One export. `current` is the run that was begun last, for whoever watches.

    `added` counts runs that were not named and are refreshed all the same: they were the newest of their instance.
    """

    def __init__(
        self,
        source: Source,
        keeper: Keeper,
        judges: Judges,
        options: ExportOptions,
        *,
        stop: Stop,
        clock: Callable[[], float] = time.monotonic,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._source, self._keeper, self._judges, self._options = source, keeper, judges, options
        self._stop, self._clock, self._tick = stop, clock, tick
        self._feed = Feed(())
        self._arrived: queue.Queue[_Arrived | None] = queue.Queue(max(2, options.jobs))
        self._results: queue.Queue[ExportResult | None] = queue.Queue(64)
        self._sessions: list[Session] = []
        self._same_run = [threading.Lock() for _ in range(_STRIPES)]
        self._lock = threading.Lock()
        self._fetching = self._finishing = 0
        self._unreached = 0
        self._over = False
        self._bug: BaseException | None = None
        self.current = ""
        self.added = 0

    @property
    def waiting(self) -> int:
        """How many runs are waited for because a worker holds them."""
        return self._feed.waiting

    def run(self, targets: Sequence[Target]) -> Iterator[ExportResult]:
        """Export the targets; yields what became of each as it comes, and never raises for it."""
        self._feed = Feed(targets, self._clock)
        jobs = max(1, min(self._options.jobs, len(targets)))
        self._fetching = self._finishing = jobs
        for work in [self._fetch_all] * jobs + [self._finish_all] * jobs:
            threading.Thread(target=self._guarded, args=(work,), daemon=True).start()
        try:
            while not self._stop.at_once:
                if self._stop.asked:
                    self._feed.end()
                try:
                    result = self._results.get(timeout=_AWAKE)
                except queue.Empty:
                    self._tick()
                    continue
                if result is None:
                    break
                yield result
                self._tick()
        finally:
            self._over = True
            self._feed.end()
            for session in self._sessions:
                session.stop()
        if self._bug is not None:
            raise self._bug

    # --- threads -----------------------------------------------------------------------------------------------

    def _guarded(self, work: Callable[[], None]) -> None:
        """Run a thread's work; a bug in it ends the export with that, and not in silence."""
        try:
            work()
        except BaseException as bug:
            self._bug = bug
            self._over = True
            self._feed.end()
            self._drop_all()

    def _drop_all(self) -> None:
        while True:
            try:
                self._results.get_nowait()
            except queue.Empty:
                self._results.put_nowait(None)
                return

    def _fetch_all(self) -> None:
        session = self._source.session()
        with self._lock:
            self._sessions.append(session)
        try:
            while (attempt := self._feed.take()) is not None:
                self.current = str(attempt.target)
                try:
                    self._fetch(session, attempt)
                except DwctlError as error:
                    self._settle(attempt, _failed(attempt.target, error))
        finally:
            with self._lock:
                self._sessions.remove(session)
                self._fetching -= 1
                last = self._fetching == 0
            session.close()
            if last:
                for _ in range(self._finishing):
                    self._put(self._arrived, None)

    def _fetch(self, session: Session, attempt: Attempt) -> None:
        target = session.located(attempt.target)
        saved = self._saved(target)
        if saved is not None and (not self._options.refresh or (self._is_good(saved) and session.unmoved(saved))):
            self._settle(attempt, self._already(attempt.target, saved))
            return
        fetched = session.fetch(target)
        with self._lock:
            self._unreached = 0
        self._put(self._arrived, _Arrived(attempt, fetched))

    def _finish_all(self) -> None:
        try:
            while not self._over and (arrived := self._next_arrived()) is not None:
                try:
                    result = self._finish(arrived)
                except _SameForEveryRunError as failure:
                    self._feed.end()
                    result = _failed(arrived.attempt.target, failure.error)
                except DwctlError as error:
                    result = _failed(arrived.attempt.target, error)
                if result is not None:
                    self._settle(arrived.attempt, result)
        finally:
            with self._lock:
                self._finishing -= 1
                last = self._finishing == 0
            if last:
                self._put(self._results, None)

    def _next_arrived(self) -> _Arrived | None:
        while not self._over:
            try:
                return self._arrived.get(timeout=_AWAKE)
            except queue.Empty:
                continue
        return None

    def _settle(self, attempt: Attempt, result: ExportResult) -> None:
        """Hand a result over, and end the export where every other run would meet the same."""
        with self._lock:
            if result.error is not None:
                self._unreached = self._unreached + 1 if result.error.exit_code is ExitCode.NETWORK else 0
            if self._unreached >= _UNREACHED_IN_A_ROW or _is_the_same_for_every_run(result.error):
                self._feed.end()
        if not isinstance(result.error, Interrupted):
            self._put(self._results, result)
        self._feed.done()

    def _put(self, to: queue.Queue[_Item | None], item: _Item | None) -> None:
        """Put, and wait for room; give up where nobody takes any more."""
        while not self._over:
            try:
                to.put(item, timeout=_AWAKE)
            except queue.Full:
                continue
            return

    # --- one run -----------------------------------------------------------------------------------------------

    def _saved(self, target: Target) -> ManifestEntry | None:
        """The whole export of the run that is there already, if it is of use."""
        if target.run_id is not None:
            saved = self._keeper.entry(target.run_id)
        else:
            saved = self._keeper.newest_of(target.instance_id or "")
        return None if saved is None or self._is_to_be_released(saved) else saved

    def _is_to_be_released(self, saved: ManifestEntry) -> bool:
        return self._options.quiescing.refuse and bool(held_by(saved.rules))

    def _is_good(self, saved: ManifestEntry) -> bool:
        return standing(self._source.purpose, Outcome(saved.verdict), saved.rules) is Standing.GOOD

    def _already(self, target: Target, saved: ManifestEntry) -> ExportResult:
        """An export that is there already: judged again only where its entry does not say what it is good for."""
        if self._is_good(saved):
            return ExportResult(target, ExportState.ALREADY_EXPORTED, saved, Standing.GOOD)
        judged = self._judges.judge(self._keeper.content(saved))
        return self._result(target, ExportState.ALREADY_EXPORTED, saved, judged)

    def _result(
        self, target: Target, state: ExportState, entry: ManifestEntry, judged: Judged, fetched: Fetched | None = None
    ) -> ExportResult:
        restoration = judged.verdict.repair if judged.restored is not None else None
        return ExportResult(
            target,
            state,
            entry,
            judged_standing(self._source.purpose, judged),
            held_by(entry.rules),
            () if restoration is None else restoration.restored_paths,
            () if restoration is None else restoration.removed_keys,
            0 if fetched is None else fetched.noise_bytes,
            None if fetched is None else fetched.seconds,
        )

    def _finish(self, arrived: _Arrived) -> ExportResult | None:
        """Judge what came and keep it; None where the run is waited for."""
        attempt, fetched = arrived.attempt, arrived.fetched
        judged = self._judges.judge(fetched.content)
        run_id = _run_of(attempt.target, judged)
        held = held_by(rules_of(judged))
        quiescing = self._options.quiescing
        if held and quiescing.refuse:
            now = self._clock()
            pause = quiescing.pause(attempt, now)
            if pause is not None and not self._feed.ended:
                self._feed.put_back(attempt.found_held(now), pause)
                return None
            if not quiescing.allow_leased:
                return ExportResult(
                    attempt.target, ExportState.HELD, held_by=held, noise=fetched.noise_bytes, seconds=fetched.seconds
                )
        self._refresh_the_run_before(attempt.target, run_id)
        with self._same_run[hash(run_id) % _STRIPES]:
            return self._keep(attempt.target, fetched, judged, run_id)

    def _refresh_the_run_before(self, target: Target, newest: str) -> None:
        """An instance that has a newer run by now: what was its newest has moved too, at least to its end."""
        if target.run_id is not None or target.instance_id is None or not self._options.refresh:
            return
        before = self._keeper.newest_of(target.instance_id)
        if before is not None and before.run_id != newest:
            with self._lock:
                self.added += 1
            self._feed.add(Target(target.instance_id, before.run_id))

    def _keep(self, target: Target, fetched: Fetched, judged: Judged, run_id: str) -> ExportResult:
        saved = self._keeper.entry(run_id)
        if saved is not None and not self._replaces(saved, judged):
            return self._already(target, saved)
        try:
            entry = self._keeper.save(fetched.content, judged.verdict, self._source.exporter)
        except DwctlError as error:
            if error.reason in _OF_ONE_FILE:
                raise
            raise _SameForEveryRunError(error) from error
        state = ExportState.EXPORTED if saved is None else ExportState.REFRESHED
        return self._result(target, state, entry, judged, fetched)

    def _replaces(self, saved: ManifestEntry, judged: Judged) -> bool:
        """Whether a new export takes the place of one that is there: it moved, or the older one is no good."""
        if self._is_to_be_released(saved):
            return True
        if not self._options.refresh:
            return False
        moved = saved.dedupe_key is None or saved.dedupe_key != judged.verdict.bundle.dedupe_key
        return moved or not self._is_good(saved)


def _failed(target: Target, error: DwctlError) -> ExportResult:
    return ExportResult(target, ExportState.FAILED, error=error)


def _is_the_same_for_every_run(error: DwctlError | None) -> bool:
    if error is None or error.reason in _OF_ONE_FILE:
        return False
    return error.exit_code in _ENDS_THE_EXPORT or error.reason in _SAME_FOR_EVERY_RUN


def _run_of(target: Target, judged: Judged) -> str:
    """The run that the document is of. Raises where it is none, another one than was asked for, or without history."""
    verdict = judged.verdict
    said = verdict.bundle
    if verdict.outcome is Outcome.UNREADABLE or said.workflow_run_id is None or said.workflow_instance_id is None:
        rules = ", ".join(rules_of(judged)[:3])
        raise ServerFailed(
            f"what came is no history export of a run ({rules}); it was not kept", where=str(target),
            next_step="Export the run again; look at what the source prints.", reason="not_an_export",
        )  # fmt: skip
    other_run = target.run_id not in (None, said.workflow_run_id)
    if other_run or target.instance_id not in (None, said.workflow_instance_id):
        raise ServerFailed(
            "what came is the export of another run, "
            f"{said.workflow_instance_id}/{said.workflow_run_id}; it was not kept",
            where=str(target), next_step="Check the id; INSTANCE/RUN names one run of an instance.",
            reason="other_run_exported",
        )  # fmt: skip
    if not said.history_event_count:
        raise AnswerIsNo(
            "the export holds no history: nothing of the run would be kept", where=str(target),
            next_step="Retention has pruned the run, or it never began; use an export of before that.",
            reason="history_gone",
        )  # fmt: skip
    return said.workflow_run_id
