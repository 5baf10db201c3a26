"""The runs that drift is asked about: those of manifests, of bundles, and of a ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from dwctl.bundle.verify import RunFacts
from dwctl.bundle.vocabulary import BUNDLE_SCHEMA
from dwctl.errors import DwctlError, RequestNotPossible
from dwctl.transfer.files.sources import MAX_BUNDLE_SIZE, find_bundles, read_bundle
from dwctl.transfer.ledger.rows import LedgerRow
from dwctl.transfer.ledger.view import LedgerView
from dwctl.transfer.runtimes.drift import Carried, Expected, carried_by
from dwctl.transfer.storage.manifest import MANIFEST, SCHEMA, Manifest, ManifestEntry
from dwctl.transfer.storage.store import open_store


class _Workflow(msgspec.Struct):
    run_id: str
    instance_id: str
    status: str | None = None


class _Bundle(msgspec.Struct):
    schema: str
    workflow: _Workflow
    dedupe_key: str | None = None


class _Head(msgspec.Struct):
    schema: str
    schema_version: int
    run_id: str


class _Entry(_Head):
    """What drift needs of a manifest's line; reading all of it takes several times as long."""

    instance_id: str
    status: str
    file: str
    exported_at: str
    dedupe_key: str | None


_BUNDLE = msgspec.json.Decoder(_Bundle)
_HEAD = msgspec.json.Decoder(_Head)
_ENTRY = msgspec.json.Decoder(_Entry)


@dataclass(frozen=True, slots=True)
class ExportedRuns:
    """What to look at: folders or URLs with a manifest, bundle files, and a ledger (or none).

    Make one with `exported_runs`. Every call of `expected` reads them anew: an export or an import may be going on.
    """

    manifests: tuple[str, ...]
    bundles: tuple[str, ...]
    ledger: LedgerView | None = None
    limit: int = MAX_BUNDLE_SIZE

    def expected(self) -> Iterator[Expected]:
        """Every run once: as imported, where the ledger says so; else by its newest export here; else by the ledger.

        Raises a DwctlError where a manifest or the ledger cannot be read; a bundle that cannot be is a row.
        """
        told: set[str] = set()

        def new(found: Iterator[Expected]) -> Iterator[Expected]:
            for one in found:
                if one.problem is not None or one.run_id not in told:
                    told.add(one.run_id)
                    yield one

        yield from new(self.imported())
        yield from new(self._exported())
        # Read anew: what was imported meanwhile is found too, and nothing is held.
        yield from new(self._of_ledger())

    def imported(self) -> Iterator[Expected]:
        """The runs of the ledger that are on the server, or may be."""
        return (one for one in self._of_ledger() if one.carried is not Carried.EXPORTED)

    def _of_ledger(self) -> Iterator[Expected]:
        return map(of_ledger, self.ledger.rows()) if self.ledger is not None else iter(())

    def _exported(self) -> Iterator[Expected]:
        for place in self.manifests:
            yield from _newest(place)
        for file in self.bundles:
            yield of_bundle(file, self.limit)


def exported_runs(places: Sequence[str], ledger: LedgerView | None, *, limit: int = MAX_BUNDLE_SIZE) -> ExportedRuns:
    """What these folders, URLs, bundle files and patterns stand for; a folder with a manifest stands for that.

    Raises RequestNotPossible where there is nothing: neither a place nor a ledger, or a URL without a manifest.
    """
    if not places and ledger is None:
        raise RequestNotPossible(
            "nothing says which runs were exported or imported",
            next_step="Name the folder that history-export wrote, or bundles, or a ledger with --ledger.",
            reason="no_exported_runs",
        )
    with_manifest = [place for place in places if _has_manifest(place)]
    rest = [place for place in places if place not in with_manifest]
    return ExportedRuns(tuple(with_manifest), tuple(find_bundles(rest)) if rest else (), ledger, limit)


def _has_manifest(place: str) -> bool:
    if "://" not in place:
        return (Path(place) / MANIFEST).is_file()
    if not Manifest(open_store(place)).exists:
        raise RequestNotPossible(
            f"there is no {MANIFEST}, so nothing says what was exported there", where=place,
            next_step="Name the place that history-export --output-dir wrote.", reason="no_manifest",
        )  # fmt: skip
    return True


def _newest(place: str) -> Iterator[Expected]:
    """The newest entry of each run; a later one takes the place of an earlier one. A damaged line is a row.

    A last line that an end has torn stands for no export: nobody was told of one. Lines are read twice, since a
    hundred thousand small objects take more time and memory than that.
    """
    *whole, _ = open_store(place).read(MANIFEST).split(b"\n")
    try:
        newest = {_HEAD.decode(line).run_id: number for number, line in enumerate(whole)}
        for number in newest.values():
            entry = _ENTRY.decode(whole[number])
            if entry.schema != SCHEMA or entry.schema_version != 1:
                break
            yield of_entry(entry)
        else:
            return
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    # What has been told already is told only once: see `expected`.
    yield from dict(_line_by_line(place)).values()


def _line_by_line(place: str) -> Iterator[tuple[str, Expected]]:
    lines = list(Manifest(open_store(place)).lines())
    for line in lines:
        if line.entry is not None:
            yield line.entry.run_id, of_entry(line.entry)
        elif line.problem is not None and (line is not lines[-1] or "torn" not in line.problem):
            where = f"{place}/{MANIFEST}, line {line.number}"
            yield where, _unreadable(where, "manifest", line.problem)


def of_entry(entry: ManifestEntry | _Entry) -> Expected:
    """A run as a line of a manifest has it."""
    return Expected(
        entry.run_id, entry.instance_id, entry.dedupe_key, entry.status, Carried.EXPORTED, "manifest", entry.file,
        entry.exported_at,
    )  # fmt: skip


def of_ledger(row: LedgerRow) -> Expected:
    """A run as a ledger knows it; `noted` is the drift that was noted last."""
    return Expected(
        row.run_id, row.instance_id, row.dedupe_key, row.status, carried_by(row.state), "ledger", row.file, row.when,
        row.drift,
    )  # fmt: skip


def of_bundle(file: str, limit: int = MAX_BUNDLE_SIZE) -> Expected:
    """A run as its bundle has it; one that cannot be read has a `problem`."""
    try:
        found = _BUNDLE.decode(read_bundle(file, limit))
    except DwctlError as error:
        return _unreadable(file, "bundle", error.message)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _unreadable(file, "bundle", "the file is no history export")
    if found.schema != BUNDLE_SCHEMA:
        return _unreadable(file, "bundle", "the file is no history export")
    run = found.workflow
    return Expected(run.run_id, run.instance_id, found.dedupe_key, run.status, Carried.EXPORTED, "bundle", file)


def of_planned(run: RunFacts, file: str, carried: Carried) -> Expected:
    """A run as a plan has it, about to be sent; `carried` says how far an earlier run has brought it."""
    return Expected(str(run.run_id), run.instance_id or "", run.dedupe_key, run.status, carried, "bundle", file)


def _unreadable(where: str, known_by: str, problem: str) -> Expected:
    return Expected("", "", None, None, Carried.EXPORTED, known_by, where, problem=problem)
