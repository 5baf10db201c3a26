"""One run of `dwctl history-import`: the plan, the ledger, the run, and what became of it."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from dwctl.cli.clock import now
from dwctl.cli.import_drift import drift_check, drift_item, tell_drift
from dwctl.cli.import_options import Compare, RunWanted, Via, most_failures
from dwctl.cli.import_reports import ImportReports
from dwctl.cli.import_results import show_results
from dwctl.cli.interruption import interruptions
from dwctl.cli.output import Format, print_json_line, print_json_stream, say
from dwctl.cli.person import who
from dwctl.cli.server_options import Connection
from dwctl.errors import ExitCode, LocalStateError, RequestNotPossible, UnreadableInput

if TYPE_CHECKING:
    from pathlib import Path

    from dwctl.server.transport import Server
    from dwctl.transfer.imports.artisan import ArtisanServer
    from dwctl.transfer.imports.carrier import Carrier
    from dwctl.transfer.imports.execution import Execution
    from dwctl.transfer.imports.outcomes import ImportResult, ImportTally
    from dwctl.transfer.imports.pace import Pace, Turns
    from dwctl.transfer.imports.way import Way
    from dwctl.transfer.lanes import Stop
    from dwctl.transfer.ledger.ledger import Ledger
    from dwctl.transfer.ledger.memory import LedgerMemory
    from dwctl.transfer.plans.plan import Plan
    from dwctl.transfer.plans.survey import Survey
    from dwctl.transfer.plans.verdicts import JudgedFile, JudgeOptions


@dataclass
class ImportRun:
    """Everything that was asked for, resolved; `go` does it and returns the exit code."""

    connection: Connection
    wanted: RunWanted

    def go(self) -> int:
        """Plan, and unless only the plan is wanted, import and tell what became of it."""
        from dwctl.transfer.imports.pace import Pace, Turns
        from dwctl.transfer.lanes import Stop

        turns, stop = Turns(), Stop()
        pace = Pace(self.wanted.jobs, rate=self.wanted.rate, sleep=partial(_patiently, stop))
        many = self.wanted.from_plan is not None or len(self.wanted.files) > _TOLD_EACH
        with self.connection.open(also=turns.saw, tell=not many) as server:
            memory = self._memory()
            carriers, survey = target_of_run(self.connection, self.wanted, server)
            if self.wanted.from_plan is None:
                plan = self._plan(carriers, survey, memory)
            else:
                plan = self._planned_before(carriers, memory)
            _require_a_choice(plan)
            if self.wanted.plan_only or self.wanted.plan_out is not None:
                return self._show_plan(plan, memory)
            return self._carry_out(plan, carriers, memory, pace, turns, stop)

    # --- before ------------------------------------------------------------------------------------------------

    def _memory(self) -> LedgerMemory:
        """What the ledger knows; a cutover without one begins now. Also takes its import id, if none was given."""
        from dwctl.transfer.ledger.ledger import Ledger
        from dwctl.transfer.ledger.memory import LedgerMemory
        from dwctl.transfer.ledger.start import check_target, same_target

        try:
            view = Ledger.view(self.wanted.ledger)
        except UnreadableInput:
            return LedgerMemory()
        except LocalStateError as error:
            if error.reason != "ledger_older":
                raise
            self._ledger(None).close()
            view = Ledger.view(self.wanted.ledger)
        with view:
            settings = self.connection.settings
            check_target(view.target, same_target(settings.server.value, settings.namespace.value), view.path)
            if self.wanted.import_id is None:
                options = replace(self.wanted.options, import_id=view.target.import_id)
                self.wanted = replace(self.wanted, import_id=view.target.import_id, options=options)
            return LedgerMemory(view.rows(), view.head().seq)

    def _ledger(self, server_version: str | None) -> Ledger:
        """The ledger, to be written to; one of an older schema is brought up to date."""
        from dwctl.transfer.ledger.ledger import Ledger

        settings = self.connection.settings
        return Ledger.open(
            self.wanted.ledger, server=settings.server.value, namespace=settings.namespace.value,
            import_id=self.wanted.options.import_id, who=who(), clock=lambda: datetime.now(UTC),
            command="dwctl history-import", server_version=server_version,
        )  # fmt: skip

    def _plan(self, carriers: Mapping[Way, Carrier], survey: Survey, memory: LedgerMemory) -> Plan:
        from dwctl import __version__
        from dwctl.transfer.imports.way import Way
        from dwctl.transfer.plans.asking import Asker
        from dwctl.transfer.plans.plan import Plan
        from dwctl.transfer.plans.planning import Sources, plan_bundles
        from dwctl.transfer.plans.verdicts import JudgeOptions

        wanted, options = self.wanted, self.wanted.options
        judging = JudgeOptions(options.verify, options.repair, limit=options.limit, now_ns=time.time_ns())
        judged = self._judged(judging, memory)
        limit = survey.facts.max_payload_bytes
        if any(one.importable and one.size <= limit for one in judged):
            # Asked only now: where nothing can be imported over HTTP, nothing is sent.
            survey.way = carriers[Way.BYTE_EXACT].way() if Way.BYTE_EXACT in carriers else Way.ARTISAN
            if survey.way is Way.ENVELOPE:
                judged = self._judged(replace(judging, enveloped=True), memory)
        if any(one.settled is None for one in judged):
            survey.look()
        sources = Sources(survey, memory.known, Asker(carriers, options), options.verify.signing_key, options.stdin)
        bundles = plan_bundles(judged, wanted.planning, sources)
        return Plan(
            now(), __version__, self.connection.settings.server.value, survey.server_version, options.import_id,
            wanted.planning, bundles, survey.summary, tuple(survey.unknown),
        )  # fmt: skip

    def _judged(self, judging: JudgeOptions, memory: LedgerMemory) -> list[JudgedFile]:
        """Judge the files; those that the ledger knows as done are read only if the person wants that."""
        from dwctl.cli.progress import with_progress
        from dwctl.transfer.plans.verdicts import judge_unsettled

        files, stdin = self.wanted.files, self.wanted.options.stdin
        # What is to be archived or compared again has to be read again.
        reread = self.wanted.rehash or self.wanted.archive or self.wanted.compare is Compare.DEEP
        settled = (lambda file, mark: None) if reread else memory.settled
        return list(with_progress(judge_unsettled(files, judging, settled, stdin=stdin), len(files), "judging"))

    def _planned_before(self, carriers: Mapping[Way, Carrier], memory: LedgerMemory) -> Plan:
        """The plan of a file, which must be one for this very target and ledger, and for the ways that are open."""
        from dwctl.transfer.plans.file import read_plan
        from dwctl.transfer.plans.target import require_links_free, require_same_target, require_ways

        file = str(self.wanted.from_plan)
        plan = read_plan(file)
        settings = self.connection.settings
        require_same_target(plan, settings.server.value, settings.namespace.value, file)
        require_ways(plan, carriers, file)
        require_links_free(plan, memory.unresolved, file)
        if self.wanted.import_id is None and plan.import_id is not None:
            self.wanted = replace(
                self.wanted, import_id=plan.import_id, options=replace(self.wanted.options, import_id=plan.import_id)
            )
        if plan.options.require_signature:
            verify = replace(self.wanted.options.verify, require_signature=True)
            self.wanted = replace(self.wanted, options=replace(self.wanted.options, verify=verify))
        return plan

    # --- the plan ----------------------------------------------------------------------------------------------

    def _show_plan(self, plan: Plan, memory: LedgerMemory) -> int:
        if self.wanted.plan_out is not None:
            from dwctl.transfer.plans.file import write_plan

            write_plan(plan, self.wanted.plan_out)
        if self.connection.format is Format.TABLE:
            from dwctl.render.console_plan import show_plan

            show_plan(plan, sys.stdout)
        else:
            from dwctl.render.json_plan import SCHEMA, plan_summary
            from dwctl.transfer.plans.file import plan_head, planned_bundle

            items = (planned_bundle(bundle) for bundle in plan.bundles)
            if self.connection.format is Format.JSONL:
                for item in items:
                    print_json_line(item)
            else:
                head = {key: value for key, value in plan_head(plan).items() if not key.startswith("schema")}
                print_json_stream(SCHEMA, "bundles", items, lambda: {"summary": plan_summary(plan)}, **head)
        _tell_left_out(plan, memory)
        if self.wanted.plan_out is not None:
            say(f"dwctl: next: dwctl history-import --from-plan {self.wanted.plan_out}")
        return ImportReports(self.wanted.reports).write_plan(plan, plan.exit_code)

    # --- the run -----------------------------------------------------------------------------------------------

    def _carry_out(
        self, plan: Plan, carriers: Mapping[Way, Carrier], memory: LedgerMemory, pace: Pace, turns: Turns, stop: Stop
    ) -> int:
        from dwctl.cli.import_progress import ImportProgress
        from dwctl.transfer.imports.execution import Execution, RunOptions
        from dwctl.transfer.imports.outcomes import ImportTally, RunUsed
        from dwctl.transfer.imports.passage import Passage
        from dwctl.transfer.plans.plan import PlanAction

        wanted = self.wanted
        sends = plan.actions[PlanAction.IMPORT] + plan.actions[PlanAction.WAIT]
        with ExitStack() as stack:
            drift = drift_check(self.connection, stack, wanted.database)
            ledger = stack.enter_context(self._ledger(plan.server_version))
            say(f"dwctl: import id {wanted.options.import_id}, namespace {wanted.options.namespace}")
            passage = Passage(
                carriers, ledger, self._memory_again(memory, ledger), wanted.options, pace, turns,
                lambda: datetime.now(UTC), _ARCHIVED_BECAUSE if wanted.archive else None,
                deep=wanted.compare is Compare.DEEP, resealed=_resealed_beside(ledger.path), stop=stop,
            )  # fmt: skip
            execution = Execution(
                plan, passage, RunOptions(wanted.jobs, most_failures(wanted.most_failures, sends)), stop, drift
            )
            execution.begin()
            tally, begun = ImportTally(), time.monotonic()
            already = len(plan.bundles) - sends
            quiet = self.connection.format is not Format.TABLE
            stack.enter_context(interruptions(stop))
            # Whatever ends the run, what is in flight is settled while ledger and server are still open.
            going = stack.enter_context(closing(iter(execution)))
            progress = stack.enter_context(
                ImportProgress(execution, tally, len(plan.bundles), already=already, quiet=quiet)
            )

            def used() -> RunUsed:
                seconds = time.monotonic() - begun
                rate = tally.timed / seconds if tally.timed and seconds else None
                return RunUsed(seconds, rate, pace.report(), execution.stopped_because, str(ledger.path))

            reports = ImportReports(wanted.reports)
            results = reports.watching(progress.watching(_to_the_end(tally.counting(going), execution, tally)))
            asked = drift_item(drift, insisted=wanted.database is None)
            show_results(
                self.connection, results, tally, wanted.options.import_id, used, ended=progress.stop, drift=asked
            )
            tell_drift(drift)
        _tell_end(execution, tally)
        _tell_left_out(plan, passage.memory)
        return reports.write(
            tally.exit_code, server=self.connection.settings.server.value, namespace=wanted.options.namespace,
            import_id=wanted.options.import_id, ledger=wanted.ledger,
        )  # fmt: skip

    @staticmethod
    def _memory_again(memory: LedgerMemory, ledger: Ledger) -> LedgerMemory:
        """What the ledger knows, if another process wrote to it while the plan was made."""
        if ledger.head().seq == memory.seq + 1:
            return memory
        from dwctl.transfer.ledger.memory import LedgerMemory

        return LedgerMemory(ledger.rows())


def _to_the_end(results: Iterable[ImportResult], execution: Execution, tally: ImportTally) -> Iterator[ImportResult]:
    """The results; when the last has come, the tally knows whether the run gave up before it."""
    yield from results
    tally.gave_up = execution.too_many_failed


def _tell_end(execution: Execution, tally: ImportTally) -> None:
    if tally.exit_code is ExitCode.INTERRUPTED:
        say("dwctl: interrupted; run the same command again: it goes on where this one stopped.")
    elif execution.stopped_because is not None:
        say(f"dwctl: stopped: {execution.stopped_because}; run the same command again to go on.")
    if execution.in_doubt_elsewhere:
        _tell_doubt(execution.in_doubt_elsewhere)


def _tell_doubt(runs: Sequence[str]) -> None:
    """Name the runs of the ledger that nobody asked about in this run."""
    from dwctl.counted import counted

    named = ", ".join(runs[:_RUNS_NAMED]) + (", …" if len(runs) > _RUNS_NAMED else "")
    many = counted(len(runs), "run")
    say(f"dwctl: note: the ledger has {many} in doubt (perhaps on the server) outside this plan: {named}.")
    say("  next: import the bundles of these runs, too; the server is asked first, and nothing is sent twice.")


def _tell_left_out(plan: Plan, memory: LedgerMemory) -> None:
    """Say which of the bundles that --only and --limit leave out have still to be seen to: nothing else shows it."""
    left = (bundle.run.run_id or "" for bundle in plan.bundles if bundle.skip in _BY_CHOICE and bundle.run is not None)
    known = Counter(state.value for run_id in left if (state := memory.unresolved(run_id)) is not None)
    if known:
        states = ", ".join(f"{count:,} {state}" for state, count in sorted(known.items()))
        say(
            f"dwctl: note: of the bundles that are left out, {known.total():,} did not arrive before, as far as is "
            f"known ({states}): the ledger goes on saying so, and so does `dwctl transfer report`."
        )


def _require_a_choice(plan: Plan) -> None:
    """Refuse a run in which everything is left out by --only: nothing to do is no pass."""
    if all(bundle.skip in _BY_CHOICE for bundle in plan.bundles) and plan.bundles:
        types = sorted({bundle.run.workflow_type for bundle in plan.bundles if bundle.run is not None})
        raise RequestNotPossible(
            f"none of the {len(plan.bundles):,} bundles was chosen", where=f"--only {', '.join(plan.options.only)}",
            next_step=f"Their types are {', '.join(types[:_TYPES_NAMED])}{', …' if len(types) > _TYPES_NAMED else ''}.",
            reason="nothing_chosen",
        )  # fmt: skip


def _patiently(stop: Stop, seconds: float) -> None:
    """Wait, but not beyond the end of the run."""
    until = time.monotonic() + seconds
    while not stop.over() and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, _LOOK_UP))


def _resealed_beside(ledger: Path) -> str:
    """Where bundles are kept that go without a link."""
    from dwctl.transfer.files.sources import RESEALED

    return str(ledger.parent / RESEALED)


_LOOK_UP = 0.2
_TYPES_NAMED = 8
_RUNS_NAMED = 3
_BY_CHOICE = frozenset({"not_chosen", "limit"})
_TOLD_EACH = 20
"""Bundles up to which every repeated request is told on stderr."""

_ARCHIVED_BECAUSE = "imported from the embedded application and compared; history exported"


def target_of_run(connection: Connection, wanted: RunWanted, server: Server) -> tuple[Mapping[Way, Carrier], Survey]:
    """The ways into this target, and its survey; see `plans.target.ways_into`."""
    from dwctl.transfer.plans.target import ways_into

    return ways_into(
        server, wanted.options, artisan=artisan_of(connection, wanted), over_http=wanted.via is Via.HTTP,
        send_key=wanted.send_key, now=datetime.now(UTC),
    )  # fmt: skip


def artisan_of(connection: Connection, wanted: RunWanted) -> ArtisanServer | None:
    """How to reach the server's PHP, if that is configured; refused where it is asked for and is not."""
    from dwctl.cli.child_environment import without_secrets
    from dwctl.transfer.imports.artisan import ArtisanServer

    php, path = connection.settings.php.value, connection.settings.path.value
    if php and path:
        environment = without_secrets(connection.settings, _text(wanted.options.verify.signing_key))
        return ArtisanServer(php, path, environment=environment)
    if wanted.via is Via.ARTISAN:
        raise RequestNotPossible(
            "--via artisan needs to know how to run PHP on the server", where="cutover.toml, [server]",
            next_step='Set php = ["docker", "compose", "exec", "-T", "server", "php"] and path = "/app" there.',
        )  # fmt: skip
    return None


def _text(key: bytes | None) -> str | None:
    return None if key is None else os.fsdecode(key)
