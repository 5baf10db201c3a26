"""The reports of one `history-import`: results are collected as they go by, and told at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from dwctl.cli.clock import now
from dwctl.cli.output import say
from dwctl.cli.report_options import WantedReport, explained, write_reports
from dwctl.errors import DwctlError, ExitCode

if TYPE_CHECKING:
    from dwctl.transfer.files.verification import FileVerdict
    from dwctl.transfer.imports.outcomes import ImportResult
    from dwctl.transfer.plans.plan import Plan
    from dwctl.transfer.report.results import Collected
    from dwctl.transfer.report.transfer_report import TransferReport


class ImportReports:
    """Collects only where a report is wanted."""

    def __init__(self, wanted: tuple[WantedReport, ...], *, dry_run: bool = False) -> None:
        self._wanted, self._dry_run = wanted, dry_run
        self._collected: list[Collected] = []

    def watching(self, results: Iterable[ImportResult]) -> Iterable[ImportResult]:
        """The results, which are noted as they pass."""
        return self._watching(results) if self._wanted else results

    def watching_verdicts(self, judged: Iterable[FileVerdict]) -> Iterator[FileVerdict]:
        """The same for a dry run that asks no server."""
        for position, one in enumerate(judged):
            if self._wanted:
                self._note(_as_result(one, position))
            yield one

    def _watching(self, results: Iterable[ImportResult]) -> Iterator[ImportResult]:
        for result in results:
            self._note(result)
            yield result

    def _note(self, result: ImportResult) -> None:
        from dwctl.transfer.report.results import collected

        self._collected.append(collected(result))

    def write(
        self, code: ExitCode, *, server: str | None, namespace: str | None, import_id: str | None,
        ledger: str | None = None,
    ) -> ExitCode:  # fmt: skip
        """Write the reports, and return the exit code of the command: `code`, unless only a report went wrong."""

        def report() -> TransferReport:
            from dwctl.transfer.ledger.ledger import Ledger
            from dwctl.transfer.report.gathering import see
            from dwctl.transfer.report.results import import_report

            seen = None
            if ledger is not None:
                with Ledger.view(ledger) as view:
                    seen = see(view, ledger)
            return import_report(
                self._collected, seen, server=server, namespace=namespace, import_id=import_id,
                dry_run=self._dry_run, now=now(), explain=explained,
            )  # fmt: skip

        return self._write(code, report)

    def write_plan(self, plan: Plan, code: ExitCode) -> ExitCode:
        """The same for a plan that is not carried out."""

        def report() -> TransferReport:
            from dwctl.transfer.report.results import plan_report

            return plan_report(plan, now=now(), explain=explained)

        return self._write(code, report)

    def _write(self, code: ExitCode, gather: Callable[[], TransferReport]) -> ExitCode:
        if not self._wanted:
            return code
        from dwctl.render.reports import FORMATS

        try:
            report = gather()
            write_reports(self._wanted, lambda name: FORMATS[name].transfer(report))
        except DwctlError as error:
            # What was done stays done, and its own exit code says more than a report that is missing.
            say(f"dwctl: {error.message}\n  where: {error.where}\n  next: {error.next_step}")
            return error.exit_code if code is ExitCode.DONE else code
        return code


def _as_result(judged: FileVerdict, position: int) -> ImportResult:
    from dwctl.bundle.verify import Outcome
    from dwctl.transfer.imports.outcomes import ImportResult, ImportState

    state = ImportState.WOULD_IMPORT if judged.outcome in {Outcome.OK, Outcome.WARNING} else ImportState.REFUSED
    if judged.problem is not None:
        state = ImportState.FAILED
    return ImportResult(judged, state, error=judged.problem, position=position)
