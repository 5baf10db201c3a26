"""The import of an embedded v2 bundle: verify, write every row in one transaction, rebuild the projections.

Behaves as the reference importer does (migration guide, Phase E; contract/import.md §2 and §4,
contract/server.md §6). Where the profile asks for it, it keeps the promises of the guide instead.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime

from ulid import ULID

from dwctl.bundle.canonical import decode
from dwctl.bundle.findings import Severity
from dwctl.bundle.rules import RULES
from dwctl.bundle.verify import RunFacts, Verdict, VerifyOptions, verify_bundle
from dwctl.bundle.view import BundleView
from dwctl.errors import UndecodableDocument
from dwctl.rehearsal.columns import WriteFailedError
from dwctl.rehearsal.database import Connection, Database, insert
from dwctl.rehearsal.import_context import IMPORT_SOURCE, ImportContext, Row
from dwctl.rehearsal.projections import project_runs
from dwctl.rehearsal.quirks import Profile, Q
from dwctl.rehearsal.reports import NO_ROWS, TARGET_MESSAGES, Report, blank_report, reject, reject_for_lack_of_markers
from dwctl.rehearsal.rows import durable_rows, highest, instance_row
from dwctl.rehearsal.times import micros


def import_bundle(
    database: Database,
    document: bytes,
    *,
    namespace: str | None,
    profile: Profile,
    now: datetime,
    dry_run: bool = False,
    import_id: str | None = None,
    require_signature: bool = False,
    signing_key: bytes | None = None,
) -> Report:
    """Import one bundle and report, in the reference's words; `report["status"]` says how it ended.

    `document` is the bundle as it arrived; `signing_key` is the raw key. Without an `import_id`, a new one.

    Statuses: `imported`, `already_imported`, `dry_run`, `rejected`. Whatever fails, nothing of it is left.
    Raises `UndecodableDocument` for an infinite number, over which the reference crashes, and
    `sqlite3.OperationalError` for a locked database where the profile answers contention by itself.
    """
    options = VerifyOptions(signing_key, require_signature)
    verdict = verify_bundle(document, options)
    run = verdict.run
    if run is None:  # to the reference, what is no array is a bundle without anything
        return import_bundle(database, b"[]", namespace=namespace, profile=profile, now=now, dry_run=dry_run,
                             require_signature=require_signature)  # fmt: skip
    if verdict.reference.status is None:
        raise UndecodableDocument(
            "a number is too large for PHP, which reads it as infinity; the server would crash",
            reason="infinite_number",
        )
    report = blank_report(verdict, run, namespace=namespace, dry_run=dry_run)
    with database.read() as connection:
        if not _has_markers(connection):
            reject_for_lack_of_markers(report)
    reject_by_guide = list(_promises(verdict, profile))
    if reject_by_guide:
        reject(report, reject_by_guide)
    if not report["eligibility"]["eligible"] or run.instance_id is None or run.run_id is None:
        return report
    context = ImportContext(
        run.instance_id,
        run.run_id,
        namespace,
        import_id or str(ULID.from_datetime(now)),
        now,
    )
    return _import(database, BundleView(decode(document).value), verdict, run, context, report, profile)


_MARKERS = ("import_source", "import_id", "import_dedupe_key", "import_contract_version", "imported_at")


def _has_markers(connection: Connection) -> bool:
    """Whether the table of runs has the columns of an import; one that was made before imports existed lacks them."""
    marks = ", ".join("?" * len(_MARKERS))
    (found,) = connection.execute(
        f"SELECT COUNT(*) FROM pragma_table_info('workflow_runs') WHERE name IN ({marks})",  # noqa: S608 - marks only
        _MARKERS,
    ).fetchone()
    return bool(found == len(_MARKERS))


_DROPPED = (".type_unsupported", ".status_unsupported")


def _promises(verdict: Verdict, profile: Profile) -> Iterator[tuple[str, str]]:
    """What the guide refuses and the measured server lets pass (contract/import.md §3)."""
    for finding in verdict.own:
        if finding.severity is not Severity.ERROR:
            continue
        meaning = RULES[finding.rule].meaning
        if finding.rule == "redaction.payloads_redacted" and not profile.has(Q.REDACTED_BUNDLES_IMPORTED):
            yield "bundle.redacted_payloads", meaning
        elif finding.rule.endswith(_DROPPED) and not profile.has(Q.UNKNOWN_ROWS_DROPPED):
            yield finding.rule, f"{meaning} ({finding.path})"


class _OnlyADryRunError(Exception):
    """Ends the transaction of a dry run that looks for collisions."""


def _import(
    database: Database,
    bundle: BundleView,
    verdict: Verdict,
    run: RunFacts,
    context: ImportContext,
    report: Report,
    profile: Profile,
) -> Report:
    dry_run = bool(report["dry_run"])
    with database.read() as connection:
        if _is_known(connection, run, report):
            return report
    if dry_run and profile.has(Q.DRY_RUN_CHECKS_NO_CONSTRAINTS):
        return report | {"status": "dry_run", "rows": dict(verdict.rows)}
    try:
        with database.write() as connection:
            if _is_known(connection, run, report):
                return report
            written = _write(connection, bundle, run, context, undo=dry_run)
    except _OnlyADryRunError:
        return report | {"status": "dry_run", "rows": dict(verdict.rows)}
    except sqlite3.OperationalError as error:
        if not profile.has(Q.CONTENTION_IS_REJECTION):
            raise
        return reject(report, [("target.write_failed", _as_laravel_says(error))])
    except (sqlite3.Error, WriteFailedError) as error:
        return reject(report, [("target.write_failed", _as_laravel_says(error))])
    del report["rows"], report["status"]
    return report | {
        "status": "imported",
        "import_id": context.import_id,
        "imported_at": micros(context.now),
        "rows": dict(NO_ROWS) | written | {"workflow_run_summaries": 1},
    }


def _is_known(connection: Connection, run: RunFacts, report: Report) -> bool:
    """Whether the server has the run; the report then says whether from this bundle or from elsewhere."""
    row = connection.execute(
        "SELECT import_source, import_dedupe_key FROM workflow_runs WHERE id = ?", (run.run_id,)
    ).fetchone()
    if row is None:
        return False
    if row["import_source"] == IMPORT_SOURCE and row["import_dedupe_key"] == run.dedupe_key:
        report["status"] = "already_imported"
    else:
        reject(report, [("target.run_id_conflict", TARGET_MESSAGES["target.run_id_conflict"])])
    return True


def _write(
    connection: Connection, bundle: BundleView, run: RunFacts, context: ImportContext, *, undo: bool
) -> dict[str, int]:
    """Write every durable row and the projections; returns the rows by table. `undo` ends the transaction instead."""
    tables = durable_rows(bundle, run, context)
    written = {"workflow_instances": _write_instance(connection, bundle, run, context)}
    for table, rows in tables.items():
        insert(connection, table, rows)
        written[table] = len(rows)
    project_runs(connection, [context.run_id], context.now)
    if undo:
        raise _OnlyADryRunError
    return written


def _write_instance(connection: Connection, bundle: BundleView, run: RunFacts, context: ImportContext) -> int:
    """Write the instance, or tell the one that is there of its new run; returns the rows that were added."""
    known: Row | None = connection.execute(
        "SELECT id FROM workflow_instances WHERE id = ?", (context.instance_id,)
    ).fetchone()
    if known is None:
        insert(connection, "workflow_instances", [instance_row(bundle, run, context)])
        return 1
    connection.execute(
        "UPDATE workflow_instances SET run_count = max(run_count, ?), last_message_sequence ="
        " max(last_message_sequence, ?), current_run_id = CASE WHEN ? THEN ? ELSE current_run_id END, updated_at = ?"
        " WHERE id = ?",
        (
            run.run_number,
            highest(bundle, "message_sequence"),
            run.is_current_run,
            context.run_id,
            context.moment,
            context.instance_id,
        ),
    )
    return 0


def _as_laravel_says(error: Exception) -> str:
    """The database's words, led by the code with which the reference's framework quotes them."""
    if isinstance(error, WriteFailedError):
        return str(error)
    if isinstance(error, sqlite3.IntegrityError):
        return f"SQLSTATE[23000]: Integrity constraint violation: 19 {error}"
    code = getattr(error, "sqlite_errorcode", 1)
    return f"SQLSTATE[HY000]: General error: {code} {error}"
