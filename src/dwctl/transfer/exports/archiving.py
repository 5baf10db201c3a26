"""Archiving closed runs on the server after their export (contract/server.md §5).

Each request is written into the history of its run, so none is made that is not needed: a run that is archived
already is seen by its export, and so is whether a request whose answer was lost was carried out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import msgspec

from dwctl.bundle import vocabulary
from dwctl.bundle.verify import VerifyOptions
from dwctl.errors import AnswerIsNo, DwctlError, ExitCode, LocalStateError, NotFound, RequestNotPossible, ServerFailed
from dwctl.server.failures import ServerFailure
from dwctl.server.results import RunRow
from dwctl.server.transport import Server
from dwctl.server.workflows import archive, export_history, list_runs
from dwctl.transfer.exports.judges import judge
from dwctl.transfer.exports.outcomes import Purpose, Standing, judged_standing
from dwctl.transfer.exports.selection import Target
from dwctl.transfer.storage.kept_bundle import content_of
from dwctl.transfer.storage.manifest import ManifestEntry
from dwctl.transfer.storage.store import Store

LONGEST_REASON = 1000
"""Characters of a reason that the server takes."""


class ArchiveState(StrEnum):
    """What became of a run.

    `archived`; `archive_not_needed`: it was already; `refused`: no request was made, for a reason that `error`
    says; `failed`: it is not archived; `unknown`: an answer was lost, and asking after it told nothing.
    """

    ARCHIVED = "archived"
    ARCHIVE_NOT_NEEDED = "archive_not_needed"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"


_GOOD = frozenset({ArchiveState.ARCHIVED, ArchiveState.ARCHIVE_NOT_NEEDED})
_ENDS = frozenset({ExitCode.AUTH, ExitCode.INCOMPATIBLE, ExitCode.NETWORK})


@dataclass(frozen=True, slots=True)
class ArchiveResult:
    """One run; `requested` says whether a request was made, `asked` that a lost answer was asked after."""

    target: Target
    state: ArchiveState
    status: str | None = None
    file: str | None = None
    requested: bool = False
    asked: bool = False
    error: DwctlError | None = None

    @property
    def good(self) -> bool:
        """Whether the run is archived."""
        return self.state in _GOOD

    @property
    def exit_code(self) -> ExitCode:
        """What this run alone would end with; a refusal is an answer, whoever gave it."""
        if self.good:
            return ExitCode.DONE
        return ExitCode.NO if self.error is None or self.state is ArchiveState.REFUSED else self.error.exit_code

    @property
    def stops(self) -> bool:
        """Whether every other run would meet the same."""
        return self.error is not None and (self.error.exit_code in _ENDS or self.error.reason == "namespace_not_found")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run that is to be archived; `problem` is why it may not be, found before the server was asked."""

    target: Target
    file: str | None = None
    problem: DwctlError | None = None


class Asked(Protocol):
    """Whether somebody asked to stop."""

    @property
    def asked(self) -> bool:
        """True from the first interruption on."""
        ...


def from_store(store: Store, entries: Iterable[ManifestEntry]) -> Iterator[Candidate]:
    """The runs of a manifest, each with its export read again: same sha256, and a checksum that holds.

    A run whose export is not verified on disk is a candidate with the problem.
    """
    for entry in entries:
        target = Target(entry.instance_id, entry.run_id)
        try:
            _verify(store, entry)
        except DwctlError as problem:
            yield Candidate(target, entry.file, problem)
        else:
            yield Candidate(target, entry.file)


def _verify(store: Store, entry: ManifestEntry) -> None:
    try:
        content = content_of(store, entry)
    except LocalStateError as changed:
        raise _unverified(entry, changed.message) from changed
    judged = judge(content, VerifyOptions())
    said = judged.verdict.bundle
    if (said.workflow_instance_id, said.workflow_run_id) != (entry.instance_id, entry.run_id):
        raise _unverified(entry, "its file holds another run")
    if judged_standing(Purpose.ARCHIVE, judged) is Standing.REFUSED:
        raise _unverified(entry, "its export fails its own checksum, and no restoration is proven")


def _unverified(entry: ManifestEntry, problem: str) -> AnswerIsNo:
    return AnswerIsNo(
        f"not archived: {problem}", where=entry.file,
        next_step="Export the run again (history-export --refresh), then archive it.", reason="export_not_verified",
    )  # fmt: skip


def archive_runs(
    server: Server, candidates: Iterable[Candidate], *, reason: str, stop: Asked
) -> Iterator[ArchiveResult]:
    """Archive the candidates, one after the other; yields what became of each, and never raises for it.

    Ends early where every other run would meet the same, and when somebody asks to stop.
    """
    for candidate in candidates:
        if stop.asked:
            return
        result = _Passage(server, candidate, reason).go()
        yield result
        if result.stops:
            return


def archive_one(server: Server, instance_id: str, run_id: str, reason: str) -> ArchiveResult:
    """Archive one run, as `archive_runs` does; a state that is not good comes with its error."""
    return _Passage(server, Candidate(Target(instance_id, run_id)), reason).go()


class _Passage:
    """One run on its way to the archive."""

    def __init__(self, server: Server, candidate: Candidate, reason: str) -> None:
        self._server, self._candidate, self._reason = server, candidate, reason
        self._target = candidate.target
        self._status: str | None = None

    def go(self) -> ArchiveResult:
        if self._candidate.problem is not None:
            return self._result(ArchiveState.REFUSED, error=self._candidate.problem)
        try:
            run = self._closed_run()
        except (AnswerIsNo, RequestNotPossible) as refusal:
            return self._result(ArchiveState.REFUSED, error=refusal)
        except DwctlError as error:
            return self._result(ArchiveState.FAILED, error=error)
        self._target = Target(self._target.instance_id, run.run_id)
        try:
            if self._is_archived(run):
                return self._result(ArchiveState.ARCHIVE_NOT_NEEDED)
        except DwctlError as error:
            return self._result(ArchiveState.FAILED, error=error)
        return self._request(run)

    def _result(
        self, state: ArchiveState, *, requested: bool = False, asked: bool = False, error: DwctlError | None = None
    ) -> ArchiveResult:
        return ArchiveResult(self._target, state, self._status, self._candidate.file, requested, asked, error)

    def _closed_run(self) -> RunRow:
        """The run as the server lists it. Raises AnswerIsNo for an open one and for one that is not the newest."""
        instance_id = self._target.instance_id
        if instance_id is None:
            raise RequestNotPossible(
                "the server finds a run only by its instance", where=str(self._target),
                next_step="Write INSTANCE, or INSTANCE/RUN.", reason="instance_not_named",
            )  # fmt: skip
        rows = list_runs(self._server, instance_id)
        wanted = self._target.run_id
        if not rows or (wanted is not None and all(row.run_id != wanted for row in rows)):
            raise NotFound(
                "the workflow has no such run on this server", where=str(self._target),
                next_step="See `dwctl workflow show`.", reason="run_not_found",
            )  # fmt: skip
        newest = max(rows, key=lambda row: row.run_number or 0)
        run = newest if wanted is None else next(row for row in rows if row.run_id == wanted)
        self._status = run.status
        if run is not newest:
            raise AnswerIsNo(
                "a later run has followed it, and only the newest of a workflow can be archived",
                where=str(self._target), next_step="Its kept export is what remains of it; archive the newest run.",
                reason="historical_run_command_rejected",
            )  # fmt: skip
        is_closed = run.is_terminal if run.is_terminal is not None else run.status in vocabulary.TERMINAL_STATUSES
        if not is_closed:
            raise AnswerIsNo(
                f"the run is {run.status}: only a closed run can be archived", where=str(self._target),
                next_step="Wait until it has ended.", reason="run_not_closed",
            )  # fmt: skip
        return run

    def _is_archived(self, run: RunRow) -> bool:
        """Whether the server's own export of the run says when it was archived; nothing else shows that."""
        content = export_history(self._server, run.workflow_id, run.run_id)
        try:
            return msgspec.json.decode(content, type=_Bundle).workflow.archived_at is not None
        except msgspec.MsgspecError:
            raise ServerFailed(
                "the server's export of the run cannot be read, so it does not show whether the run is archived",
                where=str(self._target), next_step="Look at `dwctl history-export` of the run.",
                reason="not_an_export",
            ) from None  # fmt: skip

    def _request(self, run: RunRow) -> ArchiveResult:
        try:
            outcome = archive(self._server, run.workflow_id, reason=self._reason)
        except ServerFailure as failure:
            if failure.exchange.unsettled:
                return self._ask_after(run, failure)
            refused = failure.reason in {"run_not_closed", "historical_run_command_rejected"}
            state = ArchiveState.REFUSED if refused else ArchiveState.FAILED
            return self._result(state, requested=True, error=failure)
        known = {one.value: one for one in _GOOD}
        if outcome not in known:
            return self._result(ArchiveState.UNKNOWN, requested=True, error=ServerFailed(
                "the server answered with an outcome that dwctl does not know", where=str(self._target),
                next_step="Look at the run with `dwctl history-export`.", reason="unexpected_answer",
            ))  # fmt: skip
        return self._result(known[outcome], requested=True)

    def _ask_after(self, run: RunRow, lost: ServerFailure) -> ArchiveResult:
        """The answer was lost: the export of the run tells whether it is archived, and no second request does."""
        try:
            there = self._is_archived(run)
        except DwctlError:
            return self._result(ArchiveState.UNKNOWN, requested=True, error=lost)
        state = ArchiveState.ARCHIVED if there else ArchiveState.FAILED
        return self._result(state, requested=True, asked=True, error=None if there else lost)


@dataclass(slots=True)
class ArchiveTally:
    """Counts of what became of runs. `selected` is how many were to be archived."""

    selected: int
    interrupted: bool = False
    states: Counter[ArchiveState] = field(default_factory=Counter)
    codes: Counter[ExitCode] = field(default_factory=Counter)
    requests: int = 0

    def counting(self, results: Iterable[ArchiveResult]) -> Iterator[ArchiveResult]:
        """Yield the results and count them as they pass."""
        for result in results:
            self.states[result.state] += 1
            self.requests += result.requested
            self.codes[result.exit_code] += 1
            yield result

    @property
    def not_tried(self) -> int:
        """Runs that were not come to."""
        return self.selected - sum(self.states.values())

    @property
    def exit_code(self) -> ExitCode:
        """By the design's precedence."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        found = next((code for code in _BEFORE_PARTLY if self.codes[code]), None)
        if found is not None:
            return found
        bad = [code for code in _AFTER_PARTLY if self.codes[code]]
        if not bad and not self.not_tried:
            return ExitCode.DONE
        return ExitCode.PARTLY if self.codes[ExitCode.DONE] or not bad else bad[0]


def by_id(targets: Sequence[Target]) -> list[Candidate]:
    """Candidates that were named."""
    return [Candidate(target) for target in targets]


class _Workflow(msgspec.Struct):
    archived_at: str | None = None


class _Bundle(msgspec.Struct):
    workflow: _Workflow


_BEFORE_PARTLY = (ExitCode.LOCAL_STATE, ExitCode.INCOMPATIBLE, ExitCode.AUTH)
_AFTER_PARTLY = (
    ExitCode.NETWORK, ExitCode.SERVER, ExitCode.TIMEOUT, ExitCode.NOT_FOUND, ExitCode.NO, ExitCode.USAGE,
)  # fmt: skip
