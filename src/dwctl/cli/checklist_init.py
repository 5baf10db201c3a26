"""`dwctl checklist init`: a first `cutover.toml`, from what bundles, the database, the server and a person say."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dwctl.cli.database_options import with_database_named
from dwctl.cli.output import Format, say
from dwctl.cli.server_options import Connection, server_command
from dwctl.errors import ExitCode, RequestNotPossible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dwctl.checklist.description.initial import Draft
    from dwctl.checklist.description.initial_bundles import BundleSeen
    from dwctl.server.transport import Server
    from dwctl.settings import Settings

_FILE = "cutover.toml"
_NEXT = "dwctl checklist --phase prepare"


@server_command
@with_database_named
def init(
    connection: Connection,
    database: Any,
    bundles: Annotated[
        list[str] | None,
        typer.Option("--bundles", metavar="PATH", help="Bundle files, folders or patterns to read; repeatable."),
    ] = None,
    output_file: Annotated[
        str, typer.Option("--output-file", "-o", metavar="FILE", help="Another file; - is standard output.")
    ] = _FILE,
    force: Annotated[
        bool, typer.Option("--force", help="Write over a file that is there; what it sets is taken along.")
    ] = False,
    no_input: Annotated[bool, typer.Option("--no-input", "--yes", help="Ask nothing, also on a terminal.")] = False,
) -> int:  # fmt: skip
    """Write a cutover.toml with what can be found out, and say what a person has to fill in.

    Read are the bundles that --bundles names (types, activities, queues, builds),
    the embedded application's database where one is named (types and queues), and
    the server where one is named (its namespaces; what live workers take). On a
    terminal it asks for the name, the import id and the namespace. Every key is
    written with its meaning; those that are not known are commented out.

    A cutover.toml that is there is never written over without --force. What it
    sets is taken along, and families are added to, not changed; comments of
    people are lost. A server that does not answer is told, and left out.

    Exit code 0: the file is written. 2: it is there already, or a path or an
    option cannot be used. 3 to 7: the database was not reached, or failed.

    \b
    Examples:
      $ dwctl checklist init --bundles exports --laravel-env .env
      $ dwctl checklist init --server https://workflows.example.com --namespace production
      $ dwctl checklist init --bundles exports -o - | less
    """
    _check_target(connection, output_file, force)
    asks = not no_input and connection.format is Format.TABLE and sys.stdin.isatty() and sys.stdout.isatty()
    draft = _draft(connection, Path(output_file).absolute().parent, bundles or [], database, asks=asks)
    _write(output_file, draft, force)
    command = _next(output_file)
    if connection.format is Format.TABLE:
        _tell(output_file, draft, command)
    else:
        from dwctl.render.json_checklist_init import init_document

        connection.put(init_document(output_file, draft, command))
    return ExitCode.DONE


def _check_target(connection: Connection, output_file: str, force: bool) -> None:
    """Refuse at once what would be refused at the end."""
    if output_file == "-" and connection.format is not Format.TABLE:
        raise RequestNotPossible(
            "standard output takes the file or the JSON document, not both", where="--output-file",
            next_step="Leave --json out, or name a file.", reason="usage",
        )  # fmt: skip
    if output_file != "-" and not force and os.path.lexists(output_file):
        raise RequestNotPossible(
            "the file is there already", where=output_file,
            next_step="Choose another name with --output-file, or add --force.", reason="file_exists",
        )  # fmt: skip


def _draft(connection: Connection, folder: Path, bundles: list[str], database: Any, *, asks: bool) -> Draft:
    from dwctl.checklist.description.gathering import DraftSources, gather_draft
    from dwctl.cli.progress import with_progress
    from dwctl.server.retries import RetryPolicy

    # A server that is not there yet is no reason to wait for long.
    quick = RetryPolicy(attempts=2, seconds=5.0)

    def server(settings: Settings) -> Server:
        return Connection(settings, connection.format, connection.verbose).open(policy=quick, tell=False)

    def watched(items: Iterable[BundleSeen], total: int) -> Iterator[BundleSeen]:
        return with_progress(items, total, "reading")

    sources = DraftSources(connection.settings, folder, tuple(bundles), database, server, watched)
    return gather_draft(sources, _ask if asks else None)


def _ask(question: str, default: str | None, check: Callable[[str], Any]) -> Any:
    """Ask until the answer will do; an empty one is None."""
    from dwctl.render.text import one_line

    while True:
        answer: str = typer.prompt(one_line(question), default=default or "", show_default=bool(default), err=True)
        if not answer.strip():
            return None
        try:
            return check(answer)
        except RequestNotPossible as error:
            say(f"dwctl: {error.message}.")


def _write(output_file: str, draft: Draft, force: bool) -> None:
    from dwctl.checklist.description.initial_text import draft_text
    from dwctl.transfer.files.private import write_private

    text = draft_text(draft)
    if output_file == "-":
        sys.stdout.write(text)
    else:
        write_private(output_file, text.encode("utf-8"), replace=force)


def _next(output_file: str) -> str:
    """The gate reads the cutover.toml of the folder that it is started in."""
    from dwctl.typed_commands import command_line

    path = Path(output_file).absolute()
    if output_file == "-" or path == Path.cwd() / _FILE:
        return _NEXT
    steps = [] if path.parent == Path.cwd() else [["cd", str(path.parent)]]
    steps += [] if path.name == _FILE else [["mv", path.name, _FILE]]
    return " && ".join([*(command_line(*step) for step in steps), _NEXT])


def _tell(output_file: str, draft: Draft, command: str) -> None:
    from dwctl.counted import counted
    from dwctl.render.text import one_line

    where = "standard output" if output_file == "-" else output_file
    say(one_line(f"dwctl: wrote {where}, with {counted(len(draft.families), 'family', 'families')}"))
    for sentence in draft.read or ("nothing: no bundles, no database and no server were named",):
        say(one_line(f"  read: {sentence}"))
    for table, notes in draft.notes.items():
        for note in notes:
            say(one_line(f"  note on [{table}]: {note}"))
    for fill in draft.to_fill:
        say(one_line(f"  to fill in for the phase {fill.phase}: {fill.where}: {fill.meaning}"))
    say(f"  next: {command}")
