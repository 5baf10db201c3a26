"""What lies in the archives of a cutover, held against their manifests; a file that is as it was is not read again."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from dwctl.bundle.verify import Outcome
from dwctl.bundle.vocabulary import TERMINAL_STATUSES
from dwctl.checklist.facts.bundles import Watch, unwatched
from dwctl.checklist.facts.facts import ArchiveFact
from dwctl.checklist.facts.verified import Row, VerifiedFiles
from dwctl.errors import DwctlError
from dwctl.transfer.files.marks import mark_of
from dwctl.transfer.storage.archive_check import ArchiveReport, FileState, check_archive
from dwctl.transfer.storage.store import Digest, Store, open_store

RECORD: Final = "verified-archives.jsonl"
"""The name of the record, beside the ledger."""


class Hashed(NamedTuple):
    """What was read of a file: its size in bytes, and the sha256 of the file as it lies."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ArchiveReading:
    """How to look: `now_ns` is the time of this look as files have theirs.

    `rehash` reads all again, `deep` opens every bundle, too.
    """

    record: VerifiedFiles[Hashed]
    now_ns: int
    rehash: bool = False
    deep: bool = False
    watch: Watch = unwatched


def archive_facts(places: Sequence[str], reading: ArchiveReading) -> tuple[ArchiveFact, ...]:
    """Each archive against its manifest. A place that cannot be looked at has a `problem`; nothing is raised for it."""
    known = {} if reading.rehash else reading.record.read()
    rows: dict[str, Row[Hashed]] = {}
    facts = tuple(_archive(place, reading, known, rows) for place in places)
    if rows != known:
        reading.record.write(rows)
    return facts


def _archive(
    place: str, reading: ArchiveReading, known: dict[str, Row[Hashed]], rows: dict[str, Row[Hashed]]
) -> ArchiveFact:
    try:
        store = open_store(place)
        digests = _Digests(store, _folder(place), reading.now_ns, known)
        report = check_archive(
            store, deep=reading.deep, digest=digests,
            watch=lambda results, total: reading.watch(results, total, "checking"),
        )  # fmt: skip
    except DwctlError as error:
        return ArchiveFact(place, problem=error.message)
    rows.update(digests.rows)
    return _fact(place, report, len(digests.read))


def _folder(place: str) -> str | None:
    """The folder of a place, whose files have marks; None for an object store, of which every file is read."""
    scheme, separator, rest = place.partition("://")
    if not separator:
        return str(Path(place).absolute())
    return rest if scheme.lower() in {"file", "local"} else None


@dataclass(slots=True)
class _Digests:
    """Digests of a store's files: recorded ones where the file is as it was, else read now. Several threads ask."""

    store: Store
    folder: str | None
    now_ns: int
    known: Mapping[str, Row[Hashed]]
    rows: dict[str, Row[Hashed]] = field(default_factory=dict)
    read: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> Digest:
        """Size and sha256 of a file. Raises UnreadableInput."""
        path = None if self.folder is None else os.path.join(self.folder, name)  # noqa: PTH118 - many
        mark = None if path is None else mark_of(path, now_ns=self.now_ns)
        if path is not None and mark is not None:
            row = self.known.get(path)
            # A link has the mark of what it leads to; the store follows none.
            if row is not None and row.mark == mark and self.store.size(name) == row.found.size:
                self.rows[path] = row
                return Digest(*row.found)
        digest = self.store.digest(name)
        self.read.append(name)
        if path is not None and mark is not None and mark == mark_of(path, now_ns=self.now_ns):
            self.rows[path] = Row(mark, Hashed(*digest))
        return digest


def _fact(place: str, report: ArchiveReport, read: int) -> ArchiveFact:
    def files(*states: FileState) -> tuple[str, ...]:
        return tuple(one.file for one in report.files if one.state in states)

    good = [one.entry for one in report.files if one.state is FileState.OK and one.entry is not None]
    return ArchiveFact(
        place,
        frozenset(entry.run_id for entry in good if entry.verdict is not Outcome.UNREADABLE),
        missing=files(FileState.MISSING),
        changed=files(FileState.CHANGED),
        extra=files(FileState.EXTRA),
        unsound=files(FileState.UNREADABLE, FileState.UNSOUND),
        damaged=tuple(f"line {line.number}: {line.problem}" for line in report.damaged),
        writer=report.writer,
        read=read,
        open_then=frozenset(entry.run_id for entry in good if entry.status not in TERMINAL_STATUSES),
    )
