"""`dwctl workflow archive`: closed runs of the server, after their export."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from dwctl.cli.export_options import IdsArgument
from dwctl.cli.interruption import interruptions
from dwctl.cli.output import Format, print_json_line, print_json_stream, say
from dwctl.cli.server_options import Connection, server_command
from dwctl.errors import RequestNotPossible

if TYPE_CHECKING:
    from dwctl.transfer.exports.archiving import ArchiveResult, ArchiveTally, Candidate


@server_command
def archive(
    connection: Connection,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the history of each run.", show_default=False)
    ],
    ids: IdsArgument = None,
    from_manifest: Annotated[
        str | None,
        typer.Option(
            "--from-manifest", metavar="DIR", help="The runs whose export in this folder (or URL) is verified."
        ),
    ] = None,
) -> int:
    """Archive closed runs, so that retention does not prune them.

    With --from-manifest exactly those runs of the folder are archived whose
    export is verified on disk: every file is read again, and its sha256 and its
    checksum hold. An open run is refused before the request, and so is one that
    a later run has followed: the server archives the newest only.

    Each request is written into the history of its run, so a run that is
    archived already is not asked for again, and a request whose answer was lost
    is asked after, not repeated.

    Exit code 0: all are archived. 1: refused. 9: some are archived and some are
    not. 3, 4, 5, 6, 7: not reached, not allowed, not found, failed, no answer.

    \b
    Examples:
      $ dwctl workflow archive order-123 --reason "moved to the warehouse"
      $ dwctl workflow archive --from-manifest archive/ --reason cutover --json
    """
    from dwctl.transfer.exports.archiving import LONGEST_REASON, ArchiveTally, archive_runs
    from dwctl.transfer.lanes import Stop

    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise RequestNotPossible(
            f"a reason is text of 1 to {LONGEST_REASON} characters", where="--reason",
            next_step="Say why the runs are archived: it is kept in their history.",
        )  # fmt: skip
    connection.require_target()
    count, candidates = _candidates(ids or [], from_manifest)
    tally, stop = ArchiveTally(count), Stop()
    with ExitStack() as stack:
        server = stack.enter_context(connection.open())
        stack.enter_context(interruptions(stop))

        def results() -> Iterator[ArchiveResult]:
            yield from tally.counting(archive_runs(server, candidates, reason=reason, stop=stop))
            tally.interrupted = stop.asked

        _show(connection, results(), tally, from_manifest)
    if tally.not_tried:
        say("dwctl: next: Run the same command again: what is archived is not asked for a second time.")
    return tally.exit_code


def _candidates(ids: list[str], from_manifest: str | None) -> tuple[int, Iterator[Candidate]]:
    """How many runs are to be archived, and the runs."""
    from dwctl.transfer.exports.archiving import by_id, from_store
    from dwctl.transfer.exports.selection import selected, target_of
    from dwctl.transfer.storage.manifest import Manifest
    from dwctl.transfer.storage.store import open_store

    if from_manifest is None:
        targets = selected(target_of(text, "ID") for text in ids).targets
        return len(targets), iter(by_id(targets))
    if ids:
        raise RequestNotPossible(
            "--from-manifest takes the runs of a folder, and ids were named too", next_step="Leave one of the two out."
        )
    store = open_store(from_manifest)
    entries = list(Manifest(store).entries().values())
    if not entries:
        raise RequestNotPossible(
            "the manifest names no export, so there is nothing to archive", where=from_manifest,
            next_step="Name the folder of `dwctl history-export --output-dir`.", reason="nothing_selected",
        )  # fmt: skip
    return len(entries), from_store(store, entries)


def _show(
    connection: Connection, results: Iterator[ArchiveResult], tally: ArchiveTally, from_manifest: str | None
) -> None:
    from dwctl.cli.progress import with_progress

    results = with_progress(results, tally.selected, "archiving")
    if connection.format is Format.TABLE:
        from dwctl.render.console_archiving import show_archived

        show_archived(results, tally, sys.stdout)
        return
    from dwctl.render.json_archiving import SCHEMA, archive_item, archive_summary

    items = (archive_item(result) for result in results)
    if connection.format is Format.JSONL:
        for item in items:
            print_json_line(item)
        return
    settings = connection.settings
    print_json_stream(
        SCHEMA, "runs", items, lambda: {"summary": archive_summary(tally)}, server=settings.server.value,
        namespace=settings.namespace.value, from_manifest=from_manifest,
    )  # fmt: skip
