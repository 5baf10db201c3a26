"""`manifest.jsonl`: a line for each export that was kept, in the order in which they were; only ever appended to."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

import msgspec

from dwctl.bundle.verify import Outcome
from dwctl.errors import DwctlError, RequestNotPossible
from dwctl.transfer.storage.store import Store, checked_name

MANIFEST: Final = "manifest.jsonl"
"""The name of the manifest within its store."""

SCHEMA: Final = "dwctl.manifest-entry"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Replaced:
    """The export of the same run that a newer one has taken the place of: its file, and its sha256."""

    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One kept export.

    `file` is its name within the store, `bytes` and `sha256` are of that file as it is stored (compressed, where it
    is); `checksum` is what the bundle says of itself (integrity.checksum). `verdict` and `rules` are what the
    verification found at the time, `exporter` how the bundle was got, `exported_at` when (UTC, microseconds, Z).
    `replaced` is the older export of the run, after a refresh.
    """

    instance_id: str
    run_id: str
    workflow_type: str
    status: str
    dedupe_key: str | None
    file: str
    bytes: int
    sha256: str
    checksum: str | None
    verdict: Outcome
    rules: tuple[str, ...]
    exporter: str
    exported_at: str
    replaced: Replaced | None = None

    def as_item(self) -> dict[str, Any]:
        """The entry as JSON, under its schema."""
        return {"schema": SCHEMA, "schema_version": _VERSION, **asdict(self)}


class Line(NamedTuple):
    """A line of the manifest, counted from 1: its entry, or what is wrong with it."""

    number: int
    entry: ManifestEntry | None
    problem: str | None = None


class Manifest:
    """The manifest of a store. Reading needs no lock, and sees whole lines while another process appends."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def exists(self) -> bool:
        """Whether there is a manifest."""
        return self._store.exists(MANIFEST)

    def lines(self) -> Iterator[Line]:
        """Every line. A last one without its newline was torn by an end, and nobody relied on it: a problem."""
        if not self.exists:
            return
        number, torn = 0, b""
        for piece in self._store.pieces(MANIFEST):
            *whole, torn = (torn + piece).split(b"\n")
            for number, text in enumerate(whole, number + 1):  # noqa: B020 - it goes on counting
                yield _line(number, text)
        if torn:
            yield Line(number + 1, None, "the line was torn when an export was killed")

    def entries(self) -> dict[str, ManifestEntry]:
        """The latest entry of each run, by run id, in the order of their first lines. Damaged lines are passed over.

        `archive check` names those.
        """
        return {line.entry.run_id: line.entry for line in self.lines() if line.entry is not None}

    def append(self, entry: ManifestEntry) -> None:
        """Add an entry; when this returns it is durable. Raises as `Store.append` does."""
        text = json.dumps(entry.as_item(), ensure_ascii=True, separators=(",", ":"))
        self._store.append(MANIFEST, text.encode())


_SHARED = ("workflow_type", "status", "exporter")
"""What thousands of lines have in common, and need in memory once."""


def _line(number: int, text: bytes) -> Line:
    try:
        document = msgspec.json.decode(text)
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            return Line(number, None, "the line is no entry of a manifest")
        if document.get("schema_version") != _VERSION:
            return Line(number, None, "the line was written by another version of dwctl")
        for name in _SHARED:
            if isinstance(text_of := document.get(name), str):
                document[name] = sys.intern(text_of)
        entry = msgspec.convert(document, ManifestEntry)
        checked_name(entry.file)
    except (msgspec.DecodeError, UnicodeDecodeError, RequestNotPossible) as error:
        return Line(number, None, error.message if isinstance(error, DwctlError) else f"the line is damaged: {error}")
    return Line(number, entry)
