"""`dwctl worker coverage`: whether somebody takes what is about to move."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from dwctl.cli.bundle_options import JobsOption, MaxSizeOption, size_limit
from dwctl.cli.output import Format, say
from dwctl.cli.server_options import Connection, server_command
from dwctl.errors import DwctlError, Interrupted, RequestNotPossible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dwctl.bundle.demand import Demand
    from dwctl.checklist.coverage.coverage import Coverage, Unread
    from dwctl.checklist.coverage.rows import Demanded
    from dwctl.server.transport import Server

_FAMILY = "A family of workflows"


@server_command
def coverage(
    connection: Connection,
    bundles: Annotated[
        list[str] | None,
        typer.Argument(metavar="[BUNDLES...]", help="Bundle files, folders or patterns, or - for standard input."),
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="KEY", help="A workflow type; repeatable.", rich_help_panel=_FAMILY),
    ] = None,
    activity_types: Annotated[
        list[str] | None,
        typer.Option("--activity-type", metavar="KEY", help="An activity type; repeatable.", rich_help_panel=_FAMILY),
    ] = None,
    queues: Annotated[
        list[str] | None,
        typer.Option(
            "--task-queue", metavar="QUEUE", rich_help_panel=_FAMILY,
            help="The queue of these types; repeatable. Else DURABLE_WORKFLOW_TASK_QUEUE.",
        ),
    ] = None,
    compatibilities: Annotated[
        list[str] | None,
        typer.Option("--compatibility", metavar="BUILD", help="The build that their runs ask for; repeatable.",
                     rich_help_panel=_FAMILY),
    ] = None,
    wait: Annotated[
        str | None, typer.Option("--wait", metavar="DURATION", help="Look until all is served, at most this long: 5m.")
    ] = None,
    jobs: JobsOption = None,
    max_bundle_size: MaxSizeOption = None,
) -> int:  # fmt: skip
    """Ask whether a live worker takes everything that is about to move.

    What the open runs of the bundles need, and the types of a family, is held
    against the workers of the namespace: queue, type, build, and whether the
    worker is alive. What nobody serves is named with the reason and the next
    step. Imported tasks keep the queue names of the embedded application, so a
    queue that nobody polls comes first.

    A worker that lists no type takes every type: it counts, and is marked, since
    nobody knows what its code can do.

    Exit code 0: all is served. 1: something is not. 2: nothing needs a worker, or
    a file cannot be read. 3 to 8: the server was not reached, or refuses.

    \b
    Examples:
      $ dwctl worker coverage exports/ --namespace production
      $ dwctl worker coverage exports/ --wait 5m && dwctl history-import exports/
      $ dwctl worker coverage --type orders.process --task-queue orders --json
    """
    from dwctl.setting_values import duration

    seconds = duration(wait, "--wait") if wait is not None else 0.0
    families = _families(queues or [], types or [], activity_types or [], compatibilities or [])
    needs, count, unread = _needs(bundles or [], families, jobs, size_limit(max_bundle_size))
    with connection.open() as server:
        found = _looked(server, needs, seconds, connection.format is not Format.TABLE)
    found = _with_files(found, count, unread)
    _show(connection, found)
    return found.exit_code


def _families(queues: list[str], types: list[str], activity_types: list[str], builds: list[str]) -> tuple[Demand, ...]:
    """What the options name; a queue or a build alone names nothing that a worker could take."""
    from dwctl.checklist.coverage.coverage import family_demands

    given = {"--type": types, "--activity-type": activity_types, "--task-queue": queues, "--compatibility": builds}
    for option, values in given.items():
        if any(not value.strip() for value in values):
            raise RequestNotPossible("the name is empty", where=option, next_step="Leave it out, or name one.")
    if not (types or activity_types):
        if queues or builds:
            raise RequestNotPossible(
                "a queue or a build says where types run, and no type was named",
                where="--task-queue" if queues else "--compatibility",
                next_step="Add --type KEY or --activity-type KEY.", reason="usage",
            )  # fmt: skip
        return ()
    queues = queues or list(filter(None, [os.environ.get("DURABLE_WORKFLOW_TASK_QUEUE")]))
    if not queues:
        raise RequestNotPossible(
            "nobody said on which queue these types are to run", where="--task-queue",
            next_step="Add --task-queue QUEUE: the name that the embedded application uses.", reason="usage",
        )  # fmt: skip
    return family_demands(queues, types, activity_types, builds)


def _needs(
    paths: list[str], families: tuple[Demand, ...], jobs: int | None, limit: int
) -> tuple[tuple[Demanded, ...], int, tuple[Unread, ...]]:
    """What is needed, of how many files, and the files of which that is not known."""
    from dwctl.checklist.coverage.coverage import Unread, needs_of
    from dwctl.cli.progress import with_progress
    from dwctl.counted import counted
    from dwctl.transfer.files.demands import read_demands
    from dwctl.transfer.files.sources import find_bundles

    if not paths and not families:
        raise RequestNotPossible(
            "nothing was named that could need a worker", reason="nothing_to_cover",
            next_step="Name bundles, or types with --type, --activity-type and --task-queue.",
        )  # fmt: skip
    files = find_bundles(paths) if paths else []
    reading = read_demands(files, jobs=jobs, limit=limit, stdin=sys.stdin.buffer)
    read = list(with_progress(reading, len(files), "reading"))
    unread = tuple(Unread(one.file, one.error) for one in read if one.error is not None)
    needs = needs_of(((one.file, one.demands) for one in read), families)
    if not needs:
        if unread:
            raise unread[0].error
        raise RequestNotPossible(
            f"nothing to cover: {counted(len(files), 'bundle')}, and no open run among them needs a worker",
            reason="nothing_to_cover",
            next_step="Closed runs need no worker; name types with --type and --task-queue to ask for a family.",
        )
    return needs, len(files), unread


def _looked(server: Server, needs: tuple[Demanded, ...], seconds: float, is_quiet: bool) -> Coverage:
    """What the server says of its workers, now or within this time."""
    from dwctl.checklist.coverage.coverage import Coverage, Wait, look

    last: list[Coverage] = []
    with _waiting(seconds, is_quiet) as tell:

        def seen(one: Coverage | DwctlError) -> None:
            last[:] = [one] if isinstance(one, Coverage) else last
            tell(one)

        try:
            return Wait(seconds, time.monotonic, time.sleep, seen).covered(lambda: look(server, needs))
        except KeyboardInterrupt:
            known = f"; when last seen, {last[0].served} of {len(needs)} needs were served" if last else ""
            raise Interrupted(
                f"interrupted{known}", next_step="Run the same command again: nothing was changed.",
            ) from None  # fmt: skip


@contextmanager
def _waiting(seconds: float, is_quiet: bool) -> Iterator[Callable[[Coverage | DwctlError], None]]:
    """Where a wait is told: on the terminal in one line that changes, elsewhere a line for each change."""
    if not seconds:
        yield lambda seen: None
        return
    if sys.stderr.isatty() and not is_quiet:
        from dwctl.render.console_coverage import waiting_line

        with waiting_line(sys.stderr) as tell:
            yield tell
        return
    from dwctl.render.console_coverage import summary_of

    told: list[str] = []

    def changed(seen: Coverage | DwctlError) -> None:
        line = summary_of(seen)
        if told[-1:] != [line]:
            told.append(line)
            say(f"dwctl: {line}")

    yield changed


def _with_files(found: Coverage, count: int, unread: tuple[Unread, ...]) -> Coverage:
    from dataclasses import replace

    return replace(found, bundles=count, unread=unread)


def _show(connection: Connection, found: Coverage) -> None:
    settings = connection.settings
    if connection.format is Format.TABLE:
        from dwctl.render.console_coverage import show_coverage

        show_coverage(str(settings.namespace.value), found, sys.stdout)
        return
    from dwctl.render.json_coverage import coverage_document

    document, items = coverage_document(str(settings.server.value), str(settings.namespace.value), found)
    connection.put(document, items)
