"""Asking everybody for a first `cutover.toml`: what is there, the bundles, the database, the server, and a person."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dwctl.checklist.description.initial import Draft, Seen, seen_in_rows, with_families, without_known
from dwctl.checklist.description.initial_bundles import BundleSeen, seen_in_bundles
from dwctl.checklist.description.initial_sources import other_queues, seen_by_workers, seen_in_summary
from dwctl.counted import counted
from dwctl.cutover.cutover import FILE_NAME, Cutover, read_cutover
from dwctl.cutover.keys import KEYS
from dwctl.cutover.kinds import complaint
from dwctl.embedded.filters import RunFilter
from dwctl.embedded.inventory_summary import summarised
from dwctl.errors import DwctlError, RequestNotPossible
from dwctl.server.endpoints import list_namespaces, list_workers
from dwctl.setting_values import namespace_name
from dwctl.transfer.files.sources import find_bundles

if TYPE_CHECKING:
    from dwctl.embedded.database import EmbeddedDatabase
    from dwctl.embedded.inventory_runs import OldGroup
    from dwctl.server.results import Worker
    from dwctl.server.transport import Server
    from dwctl.settings import Settings

Ask = Callable[[str, str | None, Callable[[str], Any]], Any]
"""Put a question to a person, with an answer to suggest and what checks an answer (it raises RequestNotPossible for
one that will not do); what the check made of it, or None where nothing was answered."""

_CARRIED: Final = ("cutover", "server", "embedded", "bundles", "retention", "limits", "evidence")
_NAMED: Final = 5
_NAMED_IN_FULL: Final = 50
_WHICH_NAMESPACE: Final = "Which namespace do its runs move into?"


@dataclass(frozen=True, slots=True)
class DraftSources:
    """Whoever can be asked. `folder` is where the file will stand, `settings.cutover` the file that is there, if any.

    `bundles` are names and patterns. `database` opens the embedded database, and returns None where nobody named one.
    `server` opens the server of some settings; `watched` passes a number of items through, and may show how far it is.
    """

    settings: Settings
    folder: Path
    bundles: tuple[str, ...]
    database: Callable[[], EmbeddedDatabase | None]
    server: Callable[[Settings], Server]
    watched: Callable[[Iterable[BundleSeen], int], Iterator[BundleSeen]]


def gather_draft(sources: DraftSources, ask: Ask | None = None) -> Draft:
    """Everything that can be found out, and what the person answers, where there is one.

    Raises a DwctlError for bundles and a database that were named and cannot be read. A server that does not answer
    may not be there yet: that is a note, and no error.
    """
    one = _Gathering(sources, ask)
    there = one.take_present()
    one.read_bundles()
    one.read_database()
    one.take_settings()
    one.settle_name()
    one.read_server()
    return one.draft(there)


class _Gathering:
    """What was found so far."""

    def __init__(self, sources: DraftSources, ask: Ask | None) -> None:
        self._sources, self._settings, self._ask = sources, sources.settings, ask
        self._values: dict[tuple[str, str], Any] = {}
        self._families: tuple[Mapping[str, Any], ...] = ()
        self._seen: list[Seen] = []
        self._read: list[str] = []
        self._notes: dict[str, tuple[str, ...]] = {}

    def take_present(self) -> Cutover | None:
        """The description that is there: whatever it sets stays."""
        if self._settings.cutover is None or (there := read_cutover(self._settings.cutover)) is None:
            return None
        known = {(table, key): there.get(table, key) for table in _CARRIED for key in KEYS[table]}
        self._values |= {place: value for place, value in known.items() if value is not None}
        self._families = there.rows("family")
        self._read.append(f"{FILE_NAME}, which was there")
        return there

    def read_bundles(self) -> None:
        """The types, queues and builds of the bundles that were named."""
        names = self._sources.bundles
        if not names:
            return
        if unusable := [name for name in names if name == "-" or not _is_text(name) or "\0" in name]:
            raise RequestNotPossible(
                "the description names where bundles lie, and this cannot stand in it",
                where=f"--bundles {unusable[0]!r}",
                next_step="Name files or folders in UTF-8.", reason="usage",
            )  # fmt: skip
        files = find_bundles(names)
        found = list(self._sources.watched(seen_in_bundles(files), len(files)))
        unread = [one.file for one in found if one.error is not None]
        if len(unread) == len(found) and found[0].error is not None:
            raise found[0].error
        self._seen += [seen for one in found for seen in one.seen]
        paths = [*self._values.get(("bundles", "paths"), ()), *(self._relative(name) for name in names)]
        self._values["bundles", "paths"] = list(dict.fromkeys(paths))
        self._read.append(f"{counted(len(found) - len(unread), 'bundle')} in {_some(names)}")
        if unread:
            self._note("bundles", f"{counted(len(unread), 'file')} could not be read as a bundle: {_some(unread)}.")

    def _relative(self, name: str) -> str:
        """The path as the file has it: below its folder, else from the root."""
        path, folder = Path(name).absolute(), self._sources.folder
        return str(path.relative_to(folder) if path.is_relative_to(folder) else path)

    def read_database(self) -> None:
        """The types and queues of its runs, and open v1 workflows; where a database is named."""
        if (database := self._database()) is None:
            return
        with database.snapshot() as snapshot:
            summary = summarised(snapshot, RunFilter())
        self._seen += list(without_known(seen_in_summary(summary), self._known()))
        runs = sum(group.runs for group in summary.groups)
        self._read.append(f"the embedded database {database.location}, with {counted(runs, 'run')} of v2")
        if summary.v1:
            self._note_v1(summary.v1)
        named = any(("embedded", key) in self._values for key in ("database_url", "database_url_env"))
        if not named and database.location.startswith("sqlite:") and _is_text(database.location):
            self._values["embedded", "database_url"] = database.location

    def _database(self) -> EmbeddedDatabase | None:
        """The database, if any; a variable that the description names may be set elsewhere, so that is told."""
        try:
            return self._sources.database()
        except RequestNotPossible as error:
            if error.reason != "database_not_set":
                raise
            self._note("embedded", f"the database was not read: {error.message}.")
            return None

    def _note_v1(self, groups: tuple[OldGroup, ...]) -> None:
        classes = [group.workflow_class or "(no class)" for group in groups]
        count = counted(sum(group.workflows for group in groups), "open v1 workflow")
        self._note("cutover", f"the database has {count}, of {_some(dict.fromkeys(classes))}: decide `v1`.")

    def take_settings(self) -> None:
        """Settings of the server that somebody has set; tokens stay where they are."""
        settings = self._settings
        for key, setting in (("url", settings.server), ("namespace", settings.namespace), ("ca_file", settings.ca_file),
                             ("tls_verify", settings.tls_verify)):  # fmt: skip
            if setting.given and setting.value is not None and _is_text(str(setting.value)):
                self._values["server", key] = setting.value

    def settle_name(self) -> None:
        """What the cutover is called, and the import id of its runs."""
        folder = self._sources.folder.name
        self._ask_for("cutover", "name", "What is this cutover called?", folder or "cutover")
        name = self._values.setdefault(("cutover", "name"), _fitting(folder))
        self._ask_for("cutover", "import_id", "Which import id is to mark its runs?", f"{name}-cutover"[:64])

    def read_server(self) -> None:
        """Its namespaces and workers, where a server is named and answers; else only a person knows the namespace."""
        if not self._settings.server.given:
            self._ask_for("server", "namespace", _WHICH_NAMESPACE)
            return
        try:
            with self._sources.server(self._settings) as server:
                names = sorted(one.name for one in list_namespaces(server))
        except DwctlError as error:
            self._note("server", f"{self._settings.server.value} could not be asked: {error.message}.")
            self._ask_for("server", "namespace", _WHICH_NAMESPACE)
            return
        self._note("server", f"the server has the namespaces {_some(names, 20)}.")
        self._ask_for("server", "namespace", f"{_WHICH_NAMESPACE[:-1]} ({_some(names)})?")
        if ("server", "namespace") in self._values:
            self._read_workers(self._values["server", "namespace"])

    def _read_workers(self, namespace: str) -> None:
        there = replace(self._settings, namespace=replace(self._settings.namespace, value=namespace))
        try:
            with self._sources.server(there) as server:
                workers = list_workers(server)
        except DwctlError as error:
            self._note("server", f"the workers of {namespace} could not be asked for: {error.message}.")
            return
        self._take_workers(namespace, workers)

    def _take_workers(self, namespace: str, workers: tuple[Worker, ...]) -> None:
        known = self._known()
        queues = {one.queue for one in known if one.queue is not None}
        more = tuple(without_known(seen_by_workers(workers, queues), known))
        where = f"the namespace {namespace} on {self._settings.server.value}"
        self._read.append(f"{counted(len(workers), 'worker')} of {where}")
        if more:
            types = _some(sorted({str(one.type_key) for one in more}))
            self._note("family", f"only live workers show {types}: take out what is no part of this cutover.")
        if others := other_queues(workers, queues):
            self._note("cutover", f"workers are alive on other queues too: {_some(others)}.")
        self._seen += more

    def draft(self, there: Cutover | None) -> Draft:
        """The families of all that was seen, and everything else that was found."""
        families, left_out, closed = with_families(self._seen, self._families)
        if closed:
            types = _some(closed, _NAMED_IN_FULL)
            self._note("family", f"only closed runs show {types}: take out what is no longer started.")
        for why in dict.fromkeys(one.why for one in left_out):
            types = _some(
                dict.fromkeys(one.type_key or "(no type)" for one in left_out if one.why == why), _NAMED_IN_FULL
            )
            self._note("family", f"left out, {why}: {types}.")
        shadows = there.rows("shadow") if there else ()
        return Draft(self._values, families, shadows, left_out, tuple(self._read), self._notes)

    def _known(self) -> list[Seen]:
        """What the description has already, and what was seen so far."""
        return [*seen_in_rows(self._families), *self._seen]

    def _ask_for(self, table: str, key: str, question: str, default: str | None = None) -> None:
        """Ask for a value that is not known; without an answer it stays open."""
        if self._ask is None or (table, key) in self._values:
            return
        answer = self._ask(question, default, lambda given: _checked(table, key, given))
        if answer is not None:
            self._values[table, key] = answer

    def _note(self, table: str, sentence: str) -> None:
        self._notes[table] = (*self._notes.get(table, ()), sentence)


def _checked(table: str, key: str, answer: str) -> str:
    """An answer as the file takes it. Raises RequestNotPossible."""
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
