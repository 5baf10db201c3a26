"""Sending one bundle: the request that asks, the request that imports, and asking after one without an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dwctl.errors import DwctlError, RequestNotPossible, ServerFailed, ServerTimedOut
from dwctl.server.failures import ServerFailure
from dwctl.server.results import ImportAnswer
from dwctl.transfer.files.verification import FileVerdict
from dwctl.transfer.imports.outcomes import ImportState
from dwctl.transfer.imports.reports import meaning, shown

if TYPE_CHECKING:
    from dwctl.transfer.imports.carrier import Carrier
    from dwctl.transfer.imports.importing import ImportOptions


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of it: the state, why it is not good, the server's report as it may be shown.

    `asked_and_absent` says that after an import without an answer a dry run found that the run was not there. Where the
    state is `unknown` all the same, the server may still be at work on the import, and the run may come yet.
    """

    state: ImportState
    error: DwctlError | None = None
    report: Mapping[str, Any] | None = None
    asked_and_absent: bool = False


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends the bytes of one bundle; `judged` is the verdict on just these bytes."""

    carrier: Carrier
    options: ImportOptions
    judged: FileVerdict
    content: bytes

    def ask(self) -> Sent:
        """A dry run. Raises a domain error where there is no answer."""
        answer = self._send(dry_run=True)
        state, error = self._meaning(answer)
        if state is ImportState.IMPORTED:
            error = _DRY_RUN_IMPORTED
        return self._sent(state, error, answer)

    def deliver(self, *, was_sent_before: bool = False) -> Sent:
        """Import; a refusal or a failure is final only when no attempt of ours is unsettled.

        `was_sent_before` says that an earlier attempt may have been carried out: a run that is there is then taken for
        its doing, and a refusal may be its echo. Raises a domain error where certainly nothing was done; where nobody
        can say, the state is `unknown`.
        """
        try:
            answer = self._send(dry_run=False)
        except DwctlError as error:
            if _nothing_was_done(error):
                raise
            return self._ask_after(ImportState.FAILED, error, None, unfinished=_is_unfinished(error))
        state, trouble = self._meaning(answer)
        if state is ImportState.WOULD_IMPORT:
            state, trouble = ImportState.UNKNOWN, _IMPORT_DRY_RUN
        if state is ImportState.ALREADY_IMPORTED and (answer.unsettled or was_sent_before):
            state = ImportState.IMPORTED
        echo = answer.unsettled > 0 or (was_sent_before and state is ImportState.REFUSED)
        if state is ImportState.UNKNOWN or (echo and state not in _THERE):
            return self._ask_after(state, trouble, answer, unfinished=answer.unfinished > 0)
        return self._sent(state, trouble, answer)

    def _ask_after(
        self, state: ImportState, trouble: DwctlError | None, answer: ImportAnswer | None, *, unfinished: bool
    ) -> Sent:
        """After an import whose effect is not known: a dry run tells whether the run is there.

        That it is not there now says nothing of a server that may still be at work on it (`unfinished`).
        """
        try:
            asked = self._send(dry_run=True)
        except DwctlError as unanswered:
            return Sent(ImportState.UNKNOWN, trouble or unanswered)
        found, _ = self._meaning(asked)
        if found is ImportState.ALREADY_IMPORTED:
            return self._sent(ImportState.IMPORTED, None, asked)
        if found is ImportState.WOULD_IMPORT:
            if state in {ImportState.FAILED, ImportState.UNKNOWN}:
                state = ImportState.UNKNOWN if unfinished else ImportState.FAILED
            return self._sent(state, trouble, answer or asked, absent=True)
        if found is ImportState.REFUSED:
            return self._sent(ImportState.REFUSED, None, asked)
        return self._sent(ImportState.UNKNOWN, trouble or _WITHOUT_ANSWER, asked)

    def _send(self, *, dry_run: bool) -> ImportAnswer:
        return self.carrier.send(self.content, dry_run=dry_run, options=self.options)

    def _meaning(self, answer: ImportAnswer) -> tuple[ImportState, DwctlError | None]:
        return meaning(answer.report, self.judged)

    def _sent(
        self, state: ImportState, error: DwctlError | None, answer: ImportAnswer, *, absent: bool = False
    ) -> Sent:
        return Sent(state, error, shown(answer.report, self.carrier.redact), absent)


def _nothing_was_done(error: DwctlError) -> bool:
    """Whether a failed import certainly did not happen; of artisan's failures only one that never started."""
    return not error.exchange.unsettled if isinstance(error, ServerFailure) else isinstance(error, RequestNotPossible)


def _is_unfinished(error: DwctlError) -> bool:
    """Whether the server may still be at work on an import that was given up; artisan, too, may go on alone."""
    return error.exchange.unfinished if isinstance(error, ServerFailure) else isinstance(error, ServerTimedOut)


_THERE = frozenset({ImportState.IMPORTED, ImportState.ALREADY_IMPORTED})
_WITHOUT_ANSWER = ServerFailed(
    "an attempt to import had no answer, and the dry run after it told nothing",
    next_step="Running the same command again is safe: it asks before it imports.",
    reason="import_unsettled",
)
_DRY_RUN_IMPORTED = ServerFailed(
    "the dry run was carried out as an import",
    next_step="Something on the way drops the query of some requests; find it before you go on.",
    reason="dry_run_imported",
)
_IMPORT_DRY_RUN = ServerFailed(
    "the import was answered with a dry run",
    next_step="Something on the way answers in the server's place; try --via artisan.",
    reason="import_not_carried_out",
)
