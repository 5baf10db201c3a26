"""`dwctl history-export`: every run out of the embedded application, or out of a server, and provably whole."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from dwctl.cli.export_options import (
    AllOption,
    AllowLeasedOption,
    Asked,
    BatchOption,
    CompressOption,
    FileOption,
    FolderOption,
    ForceOption,
    From,
    IdsArgument,
    IdsFileOption,
    JobsOption,
    QueryOption,
    QuiesceOption,
    RefreshOption,
    ResumeOption,
    RunIdOption,
    SourceOption,
    StatusOption,
    ToOption,
    TypeOption,
    WaitLeasesOption,
    check_together,
)
from dwctl.cli.output import Format, say
from dwctl.cli.server_options import Connection, server_command
from dwctl.errors import DwctlError

if TYPE_CHECKING:
    from dwctl.server.transport import Server
    from dwctl.transfer.exports.quiescing import Quiescing
    from dwctl.transfer.exports.selection import Selection
    from dwctl.transfer.exports.sources import Source

_SERVER_JOBS = 4


@server_command
def history_export(
    connection: Connection,
    source: SourceOption,
    ids: IdsArgument = None,
    output_file: FileOption = None,
    output_dir: FolderOption = None,
    to: ToOption = None,
    force: ForceOption = False,
    compress: CompressOption = None,
    refresh: RefreshOption = False,
    run_id: RunIdOption = None,
    ids_file: IdsFileOption = None,
    every: AllOption = False,
    status: StatusOption = None,
    workflow_type: TypeOption = None,
    query: QueryOption = None,
    quiesce: QuiesceOption = False,
    allow_leased: AllowLeasedOption = False,
    wait_leases: WaitLeasesOption = None,
    batch: BatchOption = None,
    resume_after_export: ResumeOption = False,
    jobs: JobsOption = None,
) -> int:
    """Export runs as history bundles, byte for byte, and verify each.

    This is Phase E of the guide. An ID is an instance (its newest run) or
    INSTANCE/RUN; an instance id that holds a slash ends with one more. One run
    goes to standard output or to -o; many go to --output-dir: a file a run, and
    manifest.jsonl beside them. Every file is written whole or not at all. Killed
    or interrupted, the same command goes on where it stopped; --refresh exports
    again what has moved since.

    --source embedded goes through the application's own PHP, configured in the
    table "embedded" of cutover.toml. Its bundles are to be imported: one that
    the importer would refuse is kept, and counted as not good. --source server
    makes archives (no importer takes a server's runs): there only a document
    that is not what was exported is not good. What was lost on the way is never
    restored silently: the verdict is then `restorable`, and `bundle repair`
    does it.

    With --quiesce embedded.pause is called first, and the pause outlives the
    export: runs must not move before their import. embedded.resume is called
    only when nothing was exported, or with --resume-after-export.

    Exit code 0: every run has a whole export that is good. 1: refused, or held
    by a worker. 9: some are good and some are not. 3, 6, 7, 5: not reached,
    failed, no answer in time, not found. 10: the folder is locked, or the disk
    is full. 130: interrupted.

    \b
    Examples:
      $ dwctl history-export order-123 --source server > order-123.json
      $ dwctl history-export --all --source server --output-dir archive/
      $ dwctl history-export order-123 --source embedded -o order-123.json
      $ dwctl history-export --ids-file ids.txt --source embedded --output-dir exports/ --quiesce --wait-leases 5m
      $ dwctl history-export --ids-file ids.txt --source embedded --output-dir exports/ --refresh --json
    """
    asked = Asked(
        source, tuple(ids or ()), run_id, ids_file, every, status, workflow_type, query, output_file, output_dir, to,
        force, compress, refresh, batch, jobs, quiesce or wait_leases is not None, allow_leased, wait_leases,
        resume_after_export,
    )  # fmt: skip
    check_together(asked, as_json=connection.format is not Format.TABLE)
    quiescing = _quiescing(asked)
    named = None if asked.every else _named(asked)
    with ExitStack() as stack:
        server = stack.enter_context(connection.open()) if asked.source is From.SERVER else None
        selection = named or _listed(server, asked)
        _check_places(asked, selection)
        found, declined = _source(connection, server, asked)
        from dwctl.cli.export_run import ExportRun

        jobs = asked.jobs or (_SERVER_JOBS if server is not None else 1)
        return ExportRun(connection, asked, selection, found, declined, quiescing, jobs).go()


def _quiescing(asked: Asked) -> Quiescing:
    from dwctl.setting_values import duration
    from dwctl.transfer.exports.quiescing import Quiescing

    wait = None if asked.wait_leases is None else duration(asked.wait_leases, "--wait-leases")
    return Quiescing(asked.quiesce, asked.allow_leased, wait)


def _named(asked: Asked) -> Selection:
    """The runs that were named on the command line and in the file of ids."""
    from dwctl.transfer.exports.selection import Target, ids_in, selected, target_of
    from dwctl.transfer.files.sources import read_bundle

    if asked.run_id is not None:
        return selected([Target(asked.ids[0] if asked.ids else None, asked.run_id)])
    targets = [target_of(text, "ID") for text in asked.ids]
    if asked.ids_file is not None:
        targets += ids_in(read_bundle(asked.ids_file, stdin=sys.stdin.buffer), asked.ids_file)
    return selected(targets)


def _listed(server: Server | None, asked: Asked) -> Selection:
    from dwctl.transfer.exports.selection import listed_on

    assert server is not None  # noqa: S101 - check_together has refused --all for another source
    return listed_on(server, workflow_type=asked.workflow_type, status=asked.status, query=asked.query)


def _check_places(asked: Asked, selection: Selection) -> None:
    """One file takes one run. Raises RequestNotPossible."""
    from dwctl.errors import RequestNotPossible

    if asked.archive is None and len(selection.targets) != 1:
        raise RequestNotPossible(
            f"{len(selection.targets):,} runs do not go into one file",
            next_step="Give --output-dir: it holds a file a run.", reason="options_exclude_each_other",
        )  # fmt: skip


def _source(connection: Connection, server: Server | None, asked: Asked) -> tuple[Source, DwctlError | None]:
    """Where runs come from; and for the embedded application, why not in one process where that was to be tried."""
    if server is not None:
        from dwctl.transfer.exports.from_server import ServerSource

        return ServerSource(server), None
    from dwctl.cli.embedded_side import embedded_application
    from dwctl.embedded.batch import batch_works
    from dwctl.transfer.exports.from_embedded import EmbeddedSource

    application = embedded_application(connection.settings)
    declined = None
    if asked.batch is not False:
        declined = batch_works(application)
        if declined is None:
            return EmbeddedSource(application, batch=True), None
        if asked.batch:
            raise declined
    application.artisan_words()
    if declined is not None:
        say(f"dwctl: note: one PHP process for many runs does not work here, so each run is a call of its own: "
            f"{declined.message} ({declined.where or declined.reason}).")  # fmt: skip
    return EmbeddedSource(application, batch=False), declined
