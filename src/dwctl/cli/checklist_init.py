"""`dwctl checklist init`: a first `cutover.toml`, from what bundles, the database, the server and a person say."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dwctl.cli.database_options import with_database_named
from dwctl.cli.output import Format, say
from dwctl.cli.server_options import Connection, server_command
from dwctl.errors import DwctlError, ExitCode, RequestNotPossible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dwctl.checklist.description.initial import Draft, Seen
    from dwctl.cutover.cutover import Cutover
    from dwctl.embedded.database import EmbeddedDatabase
    from dwctl.server.results import Worker

_NAMED = 5
_FILE = "cutover.toml"
_CARRIED = ("cutover", "server", "embedded", "bundles", "retention", "limits", "evidence")
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
    draft = _Gathering(connection, Path(output_file).absolute().parent, asks=asks).draft(bundles or [], database)
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


@dataclass
class _Gathering:
    """What was found so far; `folder` is where the file will stand."""

    connection: Connection
    folder: Path
    asks: bool
    values: dict[tuple[str, str], Any] = field(default_factory=dict)
    families: tuple[Mapping[str, Any], ...] = ()
    seen: list[Seen] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def draft(self, bundles: list[str], find: Callable[[], EmbeddedDatabase | None]) -> Draft:
        """Everything that can be found out, and what the person answers."""
        from dwctl.checklist.description.initial import Draft, with_families

        there = self._present()
        if bundles:
            self._read_bundles(bundles)
        if (database := self._database(find)) is not None:
            self._read_database(database)
        self._take_settings()
        self._ask_for("name", "What is this cutover called?", self.folder.name or "cutover")
        self.values.setdefault(("cutover", "name"), _fitting(self.folder.name))
        self._ask_for("import_id", "Which import id is to mark its runs?", f"{self._name()}-cutover"[:64])
        self._read_server()
        families, left_out, closed = with_families(self.seen, self.families)
        if closed:
            self._note("family", f"only closed runs show {_some(closed, 50)}: take out what is no longer started.")
        for why in dict.fromkeys(one.why for one in left_out):
            types = [one.type_key or "(no type)" for one in left_out if one.why == why]
            self._note("family", f"left out, {why}: {_some(dict.fromkeys(types), 50)}.")
        shadows = there.rows("shadow") if there else ()
        return Draft(self.values, families, shadows, left_out, tuple(self.read), self.notes)

    def _present(self) -> Cutover | None:
        """The description that is there: whatever it sets stays."""
        from dwctl.cutover.cutover import read_cutover
        from dwctl.cutover.keys import KEYS

        path = self.connection.settings.cutover
        there = read_cutover(path) if path is not None else None
        if there is not None:
            known = {(table, key): there.get(table, key) for table in _CARRIED for key in KEYS[table]}
            self.values |= {place: value for place, value in known.items() if value is not None}
            self.families = there.rows("family")
            self.read.append(f"{_FILE}, which was there")
        return there

    def _read_bundles(self, names: list[str]) -> None:
        from dwctl.checklist.description.initial_bundles import seen_in_bundles
        from dwctl.cli.progress import with_progress
        from dwctl.counted import counted
        from dwctl.transfer.files.sources import find_bundles

        if unusable := [name for name in names if name == "-" or not _is_text(name) or "\0" in name]:
            raise RequestNotPossible(
                "the description names where bundles lie, and this cannot stand in it",
                where=f"--bundles {unusable[0]!r}",
                next_step="Name files or folders in UTF-8.", reason="usage",
            )  # fmt: skip
        files = find_bundles(names)
        found = list(with_progress(seen_in_bundles(files), len(files), "reading"))
        unread = [one.file for one in found if one.error is not None]
        if len(unread) == len(found) and found[0].error is not None:
            raise found[0].error
        self.seen += [seen for one in found for seen in one.seen]
        paths = [*self.values.get(("bundles", "paths"), ()), *(self._relative(name) for name in names)]
        self.values["bundles", "paths"] = list(dict.fromkeys(paths))
        self.read.append(f"{counted(len(found) - len(unread), 'bundle')} in {_some(names)}")
        if unread:
            self._note("bundles", f"{counted(len(unread), 'file')} could not be read as a bundle: {_some(unread)}.")

    def _relative(self, name: str) -> str:
        """The path as the file has it: below its folder, else from the root."""
        path = Path(name).absolute()
        return str(path.relative_to(self.folder) if path.is_relative_to(self.folder) else path)

    def _database(self, find: Callable[[], EmbeddedDatabase | None]) -> EmbeddedDatabase | None:
        """The database, if any; a variable that the description names may be set elsewhere, so that is told."""
        try:
            return find()
        except RequestNotPossible as error:
            if error.reason != "database_not_set":
                raise
            self._note("embedded", f"the database was not read: {error.message}.")
            return None

    def _read_database(self, database: EmbeddedDatabase) -> None:
        from dwctl.checklist.description.initial import without_known
        from dwctl.checklist.description.initial_sources import seen_in_summary
        from dwctl.counted import counted
        from dwctl.embedded.filters import RunFilter
        from dwctl.embedded.inventory_summary import summarised

        with database.snapshot() as snapshot:
            summary = summarised(snapshot, RunFilter())
        self.seen += list(without_known(seen_in_summary(summary), self._known()))
        runs = sum(group.runs for group in summary.groups)
        self.read.append(f"the embedded database {database.location}, with {counted(runs, 'run')} of v2")
        if summary.v1:
            classes = [group.workflow_class or "(no class)" for group in summary.v1]
            count = counted(sum(group.workflows for group in summary.v1), "open v1 workflow")
            self._note("cutover", f"the database has {count}, of {_some(dict.fromkeys(classes))}: decide `v1`.")
        named = any(("embedded", key) in self.values for key in ("database_url", "database_url_env"))
        if not named and database.location.startswith("sqlite:") and _is_text(database.location):
            self.values["embedded", "database_url"] = database.location

    def _known(self) -> list[Seen]:
        """What the description has already, and what was seen so far."""
        from dwctl.checklist.description.initial import seen_in_rows

        return [*seen_in_rows(self.families), *self.seen]

    def _take_settings(self) -> None:
        """Settings of the server that somebody has set; tokens stay where they are."""
        settings = self.connection.settings
        for key, setting in (("url", settings.server), ("namespace", settings.namespace), ("ca_file", settings.ca_file),
                             ("tls_verify", settings.tls_verify)):  # fmt: skip
            if setting.given and setting.value is not None and _is_text(str(setting.value)):
                self.values["server", key] = setting.value

    def _read_server(self) -> None:
        """Its namespaces and workers. One that does not answer may not be there yet: that is told, and no error."""
        from dwctl.server.retries import RetryPolicy

        if not self.connection.settings.server.given:
            self._ask_for("namespace", "Which namespace do its runs move into?", None, "server")
            return
        quick = RetryPolicy(attempts=2, seconds=5.0)
        try:
            with self.connection.open(policy=quick, tell=False) as server:
                from dwctl.server.endpoints import list_namespaces

                names = sorted(one.name for one in list_namespaces(server))
            self._note("server", f"the server has the namespaces {_some(names, 20)}.")
        except DwctlError as error:
            self._note("server", f"{self.values['server', 'url']} could not be asked: {error.message}.")
            self._ask_for("namespace", "Which namespace do its runs move into?", None, "server")
            return
        self._ask_for("namespace", f"Which namespace do its runs move into ({_some(names)})?", None, "server")
        if ("server", "namespace") in self.values:
            self._read_workers(self.values["server", "namespace"], quick)

    def _read_workers(self, namespace: str, quick: Any) -> None:
        from dwctl.server.endpoints import list_workers

        settings = self.connection.settings
        there = replace(settings, namespace=replace(settings.namespace, value=namespace))
        try:
            with Connection(there, self.connection.format).open(policy=quick, tell=False) as server:
                workers = list_workers(server)
        except DwctlError as error:
            self._note("server", f"the workers of {namespace} could not be asked for: {error.message}.")
            return
        self._take_workers(namespace, workers)

    def _take_workers(self, namespace: str, workers: tuple[Worker, ...]) -> None:
        from dwctl.checklist.description.initial import without_known
        from dwctl.checklist.description.initial_sources import other_queues, seen_by_workers
        from dwctl.counted import counted

        known = self._known()
        queues = {one.queue for one in known if one.queue is not None}
        more = tuple(without_known(seen_by_workers(workers, queues), known))
        self.read.append(f"{counted(len(workers), 'worker')} of the namespace {namespace} on {self._url()}")
        if more:
            types = _some(sorted({str(one.type_key) for one in more}))
            self._note("family", f"only live workers show {types}: take out what is no part of this cutover.")
        if others := other_queues(workers, queues):
            self._note("cutover", f"workers are alive on other queues too: {_some(others)}.")
        self.seen += more

    def _ask_for(self, key: str, question: str, default: str | None, table: str = "cutover") -> None:
        """Ask for a value that is not known; an empty answer leaves it open."""
        from dwctl.render.text import one_line

        if not self.asks or (table, key) in self.values:
            return
        while True:
            answer: str = typer.prompt(one_line(question), default=default or "", show_default=bool(default), err=True)
            if not answer.strip():
                return
            try:
                self.values[table, key] = _checked(table, key, answer)
            except RequestNotPossible as error:
                say(f"dwctl: {error.message}.")
            else:
                return

    def _name(self) -> str:
        return str(self.values["cutover", "name"])

    def _url(self) -> str:
        return str(self.connection.settings.server.value)

    def _note(self, table: str, sentence: str) -> None:
        self.notes[table] = (*self.notes.get(table, ()), sentence)


def _checked(table: str, key: str, answer: str) -> str:
    """An answer as the file takes it. Raises RequestNotPossible."""
    from dwctl.cutover.keys import KEYS
    from dwctl.cutover.kinds import complaint
    from dwctl.setting_values import namespace_name

    if key == "namespace":
        return namespace_name(answer, "`namespace`")
    wrong = complaint(key, KEYS[table][key].kind, (), answer) if _is_text(answer) else f"`{key}` must be UTF-8 text"
    if wrong is not None:
        raise RequestNotPossible(wrong)
    return answer


def _is_text(text: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


def _fitting(name: str) -> str:
    """The folder's name as the name of a cutover, where it can be one."""
    return name[:255] if name.strip() and _is_text(name) else "cutover"


def _some(names: Iterable[str], most: int = _NAMED) -> str:
    known = list(names)
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return f"{', '.join(known[:most]) or 'none'}{more}"


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
