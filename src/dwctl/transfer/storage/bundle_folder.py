"""Keeping exports: the file first, then its line in the manifest, and what to make of an end between the two."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool

from dwctl.bundle.verify import Verdict
from dwctl.errors import AnswerIsNo, UnreadableInput
from dwctl.transfer.files.compression import Compression, compress
from dwctl.transfer.files.names import bundle_file, ids_of
from dwctl.transfer.files.sources import MAX_BUNDLE_SIZE
from dwctl.transfer.storage.kept_bundle import is_whole, judge_kept
from dwctl.transfer.storage.manifest import Manifest, ManifestEntry, Replaced
from dwctl.transfer.storage.store import Store, name_taken

_READERS = 4
"""How many files are read at once to compare them with their lines."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What was found when writing began.

    `swept` counts the leftovers that were removed. After a writer that was killed, `adopted` are whole bundles
    that had no line yet and have one now, and `doubtful` the files that are not what their line says: those runs
    do not count as saved.
    """

    swept: int = 0
    adopted: tuple[ManifestEntry, ...] = ()
    doubtful: tuple[str, ...] = ()


class BundleFolder:
    """The exports of a store, a file and a manifest line each. `limit` bounds what is read again, in bytes.

    `save` may be called by several threads at once, for different runs, within `writing`.
    """

    def __init__(
        self, store: Store, compression: Compression = Compression.NONE, *, limit: int = MAX_BUNDLE_SIZE
    ) -> None:
        self.store = store
        self._compression = compression
        self._limit = limit
        self._manifest = Manifest(store)
        self._entries: dict[str, ManifestEntry] | None = None
        self._sizes: dict[str, int] = {}
        self._recorded: set[str] = set()
        self._doubtful: set[str] = set()
        self._written: set[str] | None = set()
        self._unfinished = 0
        self._lock = threading.Lock()

    @contextmanager
    def writing(self, exporter: str, now: Callable[[], str]) -> Iterator[Opening]:
        """Be the only writer: takes the lock, removes leftovers, and mends what a killed writer left half-done.

        `exporter` and `now` (UTC with microseconds and Z) describe adopted bundles. Raises LocalStateError where
        another process is writing.
        """
        with self.store.lock() as hold:
            try:
                swept = self.store.sweep()
                self._entries = self._load()
                self._remove_superseded()
                yield Opening(swept) if hold.clean else self._mend(swept, exporter, now)
            finally:
                # A save that failed, or that a thread is still at: the file may be there without its line.
                hold.in_order = not self._unfinished

    def entries(self) -> Mapping[str, ManifestEntry]:
        """The latest entry of each run, by run id."""
        return dict(self._known())

    def _known(self) -> dict[str, ManifestEntry]:
        """The entries with those that were written since; these are read back when somebody asks for them."""
        with self._lock:
            if self._entries is None:
                self._entries = self._load()
            if self._written:
                known, self._written = self._written, None
                self._entries |= self._manifest.entries()
                for entry in map(self._entries.__getitem__, known):
                    self._remember(entry, self._entries)
            return self._entries

    def entry(self, run_id: str) -> ManifestEntry | None:
        """The latest entry of a run."""
        if self._entries is None or (self._written and run_id in self._written):
            self._known()
        return (self._entries or {}).get(run_id)

    def is_saved(self, run_id: str, dedupe_key: str | None = None) -> bool:
        """Whether the run's export is kept: recorded, and there with the recorded size.

        With a dedupe key also whether the run has not moved since. Whether every byte is as recorded is for
        `archive check`.
        """
        entry = self.entry(run_id)
        if entry is None or entry.file in self._doubtful or self._sizes.get(entry.file) != entry.bytes:
            return False
        return dedupe_key is None or entry.dedupe_key == dedupe_key

    def save(self, content: bytes, verdict: Verdict, exporter: str, exported_at: str) -> ManifestEntry:
        """Keep an export and record it: when this returns, both are durable. An older export of the run is kept
        until the new one is whole. `exported_at` is UTC with microseconds and Z.

        Raises AnswerIsNo for what names no run, LocalStateError for a file in the way that is not ours.
        """
        instance_id, run_id = _ids(verdict)
        name = bundle_file(instance_id, run_id, self._compression.suffix)
        stored = compress(content, self._compression)
        older = self.entry(run_id)
        entry = _entry(name, stored, verdict, exporter, exported_at, _replaced(older))
        replace = name in self._recorded or self._is_ours(name, (instance_id, run_id))
        with self._lock:
            self._unfinished += 1
        self.store.put(name, stored, replace=replace)
        self._record(entry)
        with self._lock:
            self._unfinished -= 1
        if older is not None and older.file != name:
            self._remove(older.file, older.sha256)
        return entry

    def _record(self, entry: ManifestEntry) -> None:
        self._manifest.append(entry)
        if self._entries is None:
            self._known()
        with self._lock:
            entries = self._entries or {}
            if self._written is not None and entry.run_id not in entries:
                # A run of its own, which hardly anybody asks for again: its line is enough, so memory stays flat.
                self._written.add(entry.run_id)
            else:
                self._remember(entry, entries)
            self._doubtful.discard(entry.file)

    def _remember(self, entry: ManifestEntry, entries: dict[str, ManifestEntry]) -> None:
        entries[entry.run_id] = entry
        self._recorded.add(entry.file)
        self._sizes[entry.file] = entry.bytes

    def _load(self) -> dict[str, ManifestEntry]:
        entries = self._manifest.entries()
        self._recorded = {entry.file for entry in entries.values()}
        self._sizes = {stored.name: stored.size for stored in self.store.files() if stored.regular}
        self._doubtful = set()
        return entries

    # --- after an end in the middle ---------------------------------------------------------------------------

    def _remove_superseded(self) -> None:
        """Remove older files that have a newer one under another name: the end came between line and removal."""
        for entry in self.entries().values():
            older = entry.replaced
            if older is None or older.file in self._recorded or older.file not in self._sizes:
                continue
            if self._sizes.get(entry.file) == entry.bytes:
                self._remove(older.file, older.sha256)

    def _remove(self, name: str, sha256: str) -> None:
        """Remove a file of ours, if it is still the one that was recorded."""
        try:
            is_ours = self.store.digest(name).sha256 == sha256
        except UnreadableInput:
            return
        if is_ours:
            self.store.remove(name)
            self._sizes.pop(name, None)
            self._recorded.discard(name)

    def _mend(self, swept: int, exporter: str, now: Callable[[], str]) -> Opening:
        """Compare every file with its line; adopt what is whole and has none, doubt what is neither."""
        recorded = {entry.file: entry.sha256 for entry in self.entries().values()}
        names = sorted(self._sizes)
        with ThreadPool(_READERS) as pool:
            digests = dict(zip(names, pool.imap(self._digest, names, chunksize=8), strict=True))
        adopted = []
        for name in names:
            if name in recorded and digests[name] == recorded[name]:
                continue
            entry = self._adopt(name, exporter, now)
            if entry is not None:
                adopted.append(entry)
            elif name in recorded:
                self._doubtful.add(name)
        return Opening(swept, tuple(adopted), tuple(sorted(self._doubtful)))

    def _digest(self, name: str) -> str | None:
        try:
            return self.store.digest(name).sha256
        except UnreadableInput:
            return None

    def _adopt(self, name: str, exporter: str, now: Callable[[], str]) -> ManifestEntry | None:
        """Record a file that an interrupted export has written, if it is a whole bundle of the run in its name."""
        try:
            ids = ids_of(name)
            stored = self.store.read(name, self._limit)
            verdict = judge_kept(self.store, name, self._limit)
        except (AnswerIsNo, UnreadableInput):
            return None
        if not is_whole(verdict) or verdict.run is None or (verdict.run.instance_id, verdict.run.run_id) != ids:
            return None
        older = self.entry(ids[1])
        entry = _entry(name, stored, verdict, exporter, now(), _replaced(older))
        self._record(entry)
        if older is not None and older.file != name:
            self._remove(older.file, older.sha256)
        return entry

    def _is_ours(self, name: str, ids: tuple[str, str]) -> bool:
        """Whether an unrecorded file under our name may be replaced: an export of the same run. Raises otherwise."""
        if not self.store.exists(name):
            return False
        try:
            run = judge_kept(self.store, name, self._limit).run
        except UnreadableInput:
            run = None
        if run is None or (run.instance_id, run.run_id) != ids:
            raise name_taken(f"{self.store.location}/{name}")
        return True


def _ids(verdict: Verdict) -> tuple[str, str]:
    run = verdict.run
    if run is None or run.instance_id is None or run.run_id is None:
        raise AnswerIsNo(
            "the export names no run", next_step="Look at what the exporter prints.", reason="no_run_in_export"
        )
    return run.instance_id, run.run_id


def _replaced(older: ManifestEntry | None) -> Replaced | None:
    return None if older is None else Replaced(older.file, older.sha256)


def _entry(
    name: str, stored: bytes, verdict: Verdict, exporter: str, exported_at: str, replaced: Replaced | None
) -> ManifestEntry:
    run = verdict.run
    instance_id, run_id = _ids(verdict)
    return ManifestEntry(
        instance_id,
        run_id,
        "" if run is None else run.workflow_type,
        "" if run is None else run.status,
        None if run is None else run.dedupe_key,
        name,
        len(stored),
        hashlib.sha256(stored).hexdigest(),
        verdict.integrity.expected_checksum,
        verdict.outcome,
        tuple(dict.fromkeys(finding.rule for finding in verdict.findings)),
        exporter,
        exported_at,
        replaced,
    )
