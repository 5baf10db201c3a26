"""`dwctl history-import`: bring export bundles to the server, or see what would become of them."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dwctl.cli.bundle_options import (
    MaxSizeOption,
    RequireSignatureOption,
    SigningKeyFileOption,
    SigningKeyOption,
    StrictOption,
    size_limit,
    verify_options,
)
from dwctl.cli.database_options import with_database_named
from dwctl.cli.import_options import (
    DEFAULT_JOBS,
    LEDGER,
    ArchiveOption,
    Compare,
    CompareOption,
    FailFastOption,
    FromPlanOption,
    LedgerOption,
    LimitOption,
    MaxFailuresOption,
    NoDriftCheckOption,
    OnlyOption,
    PlanOption,
    PlanOutOption,
    RateOption,
    RehashOption,
    ResolveLinksOption,
    RunJobsOption,
    RunWanted,
    Via,
    most_failures,
    refuse_unused,
)
from dwctl.cli.ledger_options import described, require_other_file
from dwctl.cli.output import Format, print_json_line, print_json_stream, say
from dwctl.cli.report_options import ReportOption, WantedReport, wanted_reports
from dwctl.cli.server_options import Connection, server_command
from dwctl.errors import ExitCode, RequestNotPossible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dwctl.bundle.verify import VerifyOptions
    from dwctl.transfer.files.verification import FileVerdict

FilesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[PATHS...]", help="Bundle files, folders, patterns, or - for standard input."),
]


@server_command
@with_database_named
def history_import(
    connection: Connection,
    database: Any,
    paths: FilesArgument = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing; ask the server about every bundle.")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="With --dry-run: ask no server.")] = False,
    import_id: Annotated[
        str | None,
        typer.Option(
            "--import-id",
            help="The id that marks the imported runs.",
            show_default="that of cutover.toml, else the ledger's, or new",
            metavar="ID",
        ),
    ] = None,
    via: Annotated[
        Via, typer.Option("--via", help="The way in; artisan has no size limit and needs server.php and server.path.")
    ] = Via.HTTP,
    no_repair: Annotated[
        bool, typer.Option("--no-repair", help="Do not restore what the checksum proves; refuse instead.")
    ] = False,
    signing_key_file: SigningKeyFileOption = None,
    signing_key: SigningKeyOption = None,
    require_signature: RequireSignatureOption = False,
    send_signing_key: Annotated[
        bool, typer.Option("--send-signing-key", help="Also send the key to the server, in the body of the request.")
    ] = False,
    strict: StrictOption = False,
    max_bundle_size: MaxSizeOption = None,
    plan: PlanOption = False,
    plan_out: PlanOutOption = None,
    from_plan: FromPlanOption = None,
    ledger: LedgerOption = LEDGER,
    rehash: RehashOption = False,
    resolve_links: ResolveLinksOption = None,
    only: OnlyOption = None,
    limit: LimitOption = None,
    jobs: RunJobsOption = DEFAULT_JOBS,
    rate: RateOption = None,
    max_failures: MaxFailuresOption = None,
    fail_fast: FailFastOption = False,
    archive_terminal: ArchiveOption = False,
    compare: CompareOption = Compare.HISTORY,
    no_drift_check: NoDriftCheckOption = False,
    report: ReportOption = None,
) -> int:
    """Import export bundles of embedded runs into the server (guide, Phase E).

    First a plan: each bundle is verified here and restored where its checksum
    proves how, the set and the target are looked at, and the server is asked
    with dry runs about one bundle in a hundred and every suspect. --plan stops
    there; --from-plan carries out exactly a plan that was written before. Then
    the run: every step is in the ledger before the next one, each imported run
    is compared with its bundle. Safe to interrupt and to repeat: it goes on
    where it stopped, and nothing is imported twice.

    Before each batch the embedded application is asked, through its database or
    its batch PHP process, where its runs stand now: one that moved since its
    export is marked and not sent. Where neither is configured drift is unknown,
    and that is said; --no-drift-check insists.

    With --dry-run nothing is changed and the server is asked about every
    bundle; where no server is configured, or with --offline, none is asked, and
    what the set foretells is said.

    Exit code 0: all imported and proven (or all would be). 1: refused. 9: some
    were imported and some not. 3, 6, 7: the server was not reached, failed, or
    did not answer in time. 4: the token may not import. 8: the server does not
    fit. 10: the ledger is another target's, or in use. 130: interrupted.

    \b
    Examples:
      $ dwctl history-import exports/ --dry-run --offline --namespace production
      $ dwctl history-import exports/ --server https://dw.example.com --namespace production --plan-out plan.jsonl
      $ dwctl history-import --from-plan plan.jsonl --server https://dw.example.com --namespace production
      $ dwctl history-import exports/ --namespace production --only orders.process --limit 10
      $ dwctl history-import exports/ --namespace production --report junit=import.xml --report html=import.html
      $ dwctl history-import large.json --via artisan --namespace production --json
    """
    from dwctl.transfer.files.sources import STDIN, find_bundles, refuse_resealed

    if offline and not dry_run:
        raise RequestNotPossible("--offline imports nothing", next_step="Add --dry-run, or leave --offline out.")
    most_failures(max_failures, 0)
    reports = wanted_reports(report, ledger=ledger)
    require_other_file(plan_out, ledger, "--plan-out")
    options = verify_options(signing_key, signing_key_file, require_signature, strict)
    if send_signing_key and (options.signing_key is None or via is Via.ARTISAN):
        raise RequestNotPossible(
            "--send-signing-key needs a key and goes over HTTP", where="--send-signing-key",
            next_step="Give --signing-key-file, and leave --via artisan out.",
        )  # fmt: skip
    import_id = _checked_import_id(import_id if import_id is not None else described("import_id"))
    choice = {"--only": only, "--limit": limit, "--resolve-links": resolve_links, "--rehash": rehash}
    if from_plan is not None:
        refuse_unused(
            "--from-plan", "a plan is carried out as it is",
            {"a path": paths, "--dry-run": dry_run, "--strict": strict, "--no-repair": no_repair, **choice},
        )  # fmt: skip
    if dry_run:
        refuse_unused(
            "--dry-run", "every bundle is asked about, and nothing is planned or imported",
            {"--plan": plan, "--plan-out": plan_out, **choice, "--rate": rate, "--max-failures": max_failures,
             "--fail-fast": fail_fast, "--archive-terminal": archive_terminal},
        )  # fmt: skip
    files = [] if from_plan is not None else find_bundles(paths or ())
    if plan_out is not None and STDIN in files:
        raise RequestNotPossible(
            "a bundle from standard input cannot be read again when the plan is carried out", where="--plan-out",
            next_step="Save the bundle as a file and name that; --plan alone shows what would become of this one.",
        )  # fmt: skip
    refuse_resealed(files)
    bytes_limit = size_limit(max_bundle_size)
    if dry_run and (offline or not connection.settings.server.given):
        if not offline:
            say("dwctl: note: no server is configured, so none is asked (--server, DURABLE_WORKFLOW_SERVER_URL).")
        return _offline(connection, files, options, import_id, bytes_limit, reports)
    if not dry_run:
        connection.require_target()

    from dwctl.transfer.imports.importing import ImportOptions
    from dwctl.transfer.ledger.start import first_import_id
    from dwctl.transfer.plans.plan import PlanOptions

    namespace = connection.settings.namespace.value.lower()
    wanted = RunWanted(
        files=tuple(files),
        options=ImportOptions(
            namespace=namespace,
            import_id=import_id or first_import_id(datetime.now(UTC)),
            verify=options,
            dry_run=dry_run,
            repair=not no_repair,
            limit=bytes_limit,
            # Read once and kept: a plan reads it, and the run reads it again.
            stdin=io.BytesIO(sys.stdin.buffer.read(bytes_limit + 1)) if STDIN in files else None,
        ),
        planning=PlanOptions(
            namespace, require_signature, strict, not no_repair, resolve_links, tuple(only or ()), limit
        ),
        import_id=import_id, ledger=ledger, via=via, jobs=jobs, rate=rate,
        most_failures="0" if fail_fast else max_failures, archive=archive_terminal, compare=compare, plan_only=plan,
        plan_out=plan_out, from_plan=from_plan, send_key=send_signing_key,
        database=None if no_drift_check else database, rehash=rehash, reports=reports,
    )  # fmt: skip
    if dry_run:
        return _dry_run(connection, wanted)

    from dwctl.cli.import_run import ImportRun

    return ImportRun(connection, wanted).go()


def _checked_import_id(given: str | None) -> str | None:
    """The id as it was given. Refuses what cannot arrive or be kept: the server's column takes 64 characters."""
    if given is None:
        return None
    utf_8 = not any("\ud800" <= character <= "\udfff" for character in given)
    if not utf_8 or not given.strip() or len(given) > _LONGEST_IMPORT_ID:
        raise RequestNotPossible(
            f"an import id is UTF-8 text of 1 to {_LONGEST_IMPORT_ID} characters", where="--import-id",
            next_step="Choose another one, or leave --import-id out to get a new one.",
        )  # fmt: skip
    return given


_LONGEST_IMPORT_ID = 64


def _dry_run(connection: Connection, wanted: RunWanted) -> int:
    """Ask the server about every bundle, one after the other."""
    from dwctl.cli.import_reports import ImportReports
    from dwctl.cli.import_results import show_results
    from dwctl.cli.import_run import target_of_run
    from dwctl.transfer.imports.importing import import_files
    from dwctl.transfer.imports.outcomes import ImportTally
    from dwctl.transfer.imports.way import Way

    with connection.open() as server:
        carriers, _ = target_of_run(connection, wanted, server)
        carrier = carriers[Way.ARTISAN if wanted.via is Via.ARTISAN else Way.BYTE_EXACT]
        tally, reports = ImportTally(dry_run=True), ImportReports(wanted.reports, dry_run=True)
        results = reports.watching(tally.counting(import_files(wanted.files, carrier, wanted.options)))
        show_results(connection, results, tally, wanted.options.import_id)
    if tally.exit_code is ExitCode.INTERRUPTED:
        say("dwctl: interrupted; running the same command again is safe: it asks before it imports.")
    return reports.write(
        tally.exit_code, server=connection.settings.server.value, namespace=wanted.options.namespace,
        import_id=wanted.options.import_id,
    )  # fmt: skip


def _offline(
    connection: Connection, files: list[str], options: VerifyOptions, import_id: str | None, limit: int,
    reports: tuple[WantedReport, ...],
) -> int:  # fmt: skip
    from dwctl.cli.import_reports import ImportReports
    from dwctl.cli.progress import with_progress
    from dwctl.transfer.imports.dry_run import dry_run_offline

    setting = connection.settings.namespace
    namespace = setting.value.lower() if setting.given else None
    judged = with_progress(
        dry_run_offline(files, options, namespace=namespace, limit=limit, stdin=sys.stdin.buffer),
        len(files),
        "judging",
    )
    told = ImportReports(reports, dry_run=True)
    code = _show_offline(connection, told.watching_verdicts(judged), len(files), namespace, import_id)
    return told.write(code, server=None, namespace=namespace, import_id=import_id)


def _show_offline(
    connection: Connection, judged: Iterable[FileVerdict], total: int, namespace: str | None, import_id: str | None
) -> ExitCode:
    from dwctl.transfer.files.verification import Tally

    if connection.format is Format.TABLE:
        from dwctl.render.console_verdicts import VerdictTable

        table = VerdictTable(total, as_a_set=True)
        for one in judged:
            table.add(one)
        table.show(sys.stdout)
        return table.tally.exit_code

    from dwctl.render.json_dry_run import SCHEMA, dry_run_item
    from dwctl.render.json_verdicts import verdict_summary

    tally = Tally()
    items = (dry_run_item(one, namespace) for one in tally.counting(judged))
    if connection.format is Format.JSONL:
        for item in items:
            print_json_line(item)
    else:
        print_json_stream(
            SCHEMA, "bundles", items, lambda: {"summary": verdict_summary(tally)}, dry_run=True, offline=True,
            server=None, namespace=namespace, import_id=import_id,
        )  # fmt: skip
    return tally.exit_code
