"""Proving a folder of exports against its manifest: what is missing, what has changed, what does not belong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from multiprocessing.pool import ThreadPool

from dwctl.bundle.verify import Verdict
from dwctl.errors import ExitCode, RequestNotPossible, UnreadableInput
from dwctl.transfer.exports.hook_log import EXPORT_LOG
from dwctl.transfer.files.sources import MAX_BUNDLE_SIZE
from dwctl.transfer.storage.kept_bundle import is_whole, judge_kept
from dwctl.transfer.storage.manifest import MANIFEST, Line, Manifest, ManifestEntry
from dwctl.transfer.storage.store import Digest, Store


class FileState(StrEnum):
    """What became of a file since it was recorded.

    `ok`: every byte as recorded; `missing`, `changed`: not there, or other bytes; `extra`: no line of the manifest
    tells of it; `unreadable`: unknown, since it cannot be read; `unsound`: as recorded, but its content does not
    say what the manifest says (only a deep check looks).
    """

    OK = "ok"
    MISSING = "missing"
    CHANGED = "changed"
    EXTRA = "extra"
    UNREADABLE = "unreadable"
    UNSOUND = "unsound"


@dataclass(frozen=True, slots=True)
class FileResult:
    """One file: `entry` is its line where it has one; `size` (bytes) and `sha256` what was found."""

    file: str
    state: FileState
    entry: ManifestEntry | None = None
    size: int | None = None
    sha256: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class ArchiveReport:
    """What a check found: every file, and the damaged lines of the manifest.

    `deep` says whether the bundles were opened; `replaced` counts lines whose run has a newer one; `writer` is who
    writes there at this moment, or was killed while writing.
    """

    location: str
    deep: bool
    files: tuple[FileResult, ...]
    damaged: tuple[Line, ...] = ()
    replaced: int = 0
    writer: str | None = None

    @property
    def counts(self) -> Mapping[FileState, int]:
        """How many files are in each state, every state named."""
        found = Counter(file.state for file in self.files)
        return {state: found[state] for state in FileState}

    @property
    def proven(self) -> bool:
        """Whether the manifest and every file beside it are whole and agree."""
        return bool(self.files) and not self.damaged and self.counts[FileState.OK] == len(self.files)

    @property
    def bytes(self) -> int:
        """Bytes that were found, of files that have a line."""
        return sum(file.size or 0 for file in self.files if file.entry is not None)

    @property
    def exit_code(self) -> ExitCode:
        """0 if the folder is proven, else 1."""
        return ExitCode.DONE if self.proven else ExitCode.NO


Results = Iterator[FileResult]


def _unwatched(results: Results, total: int) -> Results:
    return results


def check_archive(
    store: Store,
    *,
    deep: bool = False,
    jobs: int = 4,
    limit: int = MAX_BUNDLE_SIZE,
    watch: Callable[[Results, int], Results] = _unwatched,
    digest: Callable[[str], Digest] | None = None,
) -> ArchiveReport:
    """Hold every file against its latest line, and look for files without one.

    `jobs` files are read at once. `watch` is handed the results and how many are to come, and passes them on: for
    a progress bar. `digest` takes the place of the store's own, for a caller that knows files it has read before.
    Raises RequestNotPossible where there is nothing to prove: no manifest, or an empty one.
    """
    writer = store.writer()
    lines = list(Manifest(store).lines())
    if not lines:
        raise RequestNotPossible(
            "there is no manifest.jsonl, or an empty one: nothing can be proven", where=store.location,
            next_step="Name the folder that `dwctl history-export --output-dir` wrote.", reason="no_manifest",
        )  # fmt: skip
    entries = {line.entry.run_id: line.entry for line in lines if line.entry is not None}
    look = partial(examine, store, deep=deep, limit=limit, digest=digest)
    files = list(watch(_examined(list(entries.values()), look, jobs), len(entries)))
    files += _extra(store, {entry.file for entry in entries.values()})
    damaged = tuple(line for line in lines if line.entry is None)
    replaced = len(lines) - len(damaged) - len(entries)
    return ArchiveReport(store.location, deep, tuple(files), damaged, replaced, writer)


def _examined(entries: list[ManifestEntry], look: Callable[[ManifestEntry], FileResult], jobs: int) -> Results:
    if jobs < 2 or len(entries) < 2:
        yield from map(look, entries)
        return
    # Reading and hashing happen outside of Python's own lock, so threads are enough.
    with ThreadPool(min(jobs, len(entries))) as pool:
        yield from pool.imap(look, entries, chunksize=16)


def examine(
    store: Store,
    entry: ManifestEntry,
    *,
    deep: bool = False,
    limit: int = MAX_BUNDLE_SIZE,
    digest: Callable[[str], Digest] | None = None,
) -> FileResult:
    """Hold one file against its line; never raises for what is wrong with the file."""
    try:
        found = (digest or store.digest)(entry.file)
    except UnreadableInput as error:
        if error.reason == "no_file":
            return FileResult(entry.file, FileState.MISSING, entry, problem="the file is not there")
        return FileResult(entry.file, FileState.UNREADABLE, entry, problem=error.message)
    result = partial(FileResult, entry.file, entry=entry, size=found.size, sha256=found.sha256)
    if found.size != entry.bytes:
        return result(FileState.CHANGED, problem=f"it has {found.size:,} bytes instead of {entry.bytes:,}")
    if found.sha256 != entry.sha256:
        return result(FileState.CHANGED, problem="its sha256 is another one")
    if not deep:
        return result(FileState.OK)
    try:
        problem = _contradiction(judge_kept(store, entry.file, limit), entry)
    except UnreadableInput as error:
        return result(FileState.UNREADABLE, problem=error.message)
    return result(FileState.OK) if problem is None else result(FileState.UNSOUND, problem=problem)


def _contradiction(verdict: Verdict, entry: ManifestEntry) -> str | None:
    """Where the bundle itself does not bear out its line."""
    run = verdict.run
    if run is None:
        return "it is no bundle"
    said = (
        ("instance id", run.instance_id, entry.instance_id),
        ("run id", run.run_id, entry.run_id),
        ("workflow type", run.workflow_type, entry.workflow_type),
        ("status", run.status, entry.status),
        ("dedupe key", run.dedupe_key, entry.dedupe_key),
        ("checksum", verdict.integrity.expected_checksum, entry.checksum),
    )
    for what, bundle, line in said:
        if bundle != line:
            return f"its {what} is {bundle}, and the manifest says {line}"
    return None if is_whole(verdict) else "its own checksum does not prove its content"


def _extra(store: Store, recorded: set[str]) -> Iterable[FileResult]:
    for stored in store.files():
        if stored.name not in recorded and stored.name not in {MANIFEST, EXPORT_LOG}:
            yield FileResult(
                stored.name, FileState.EXTRA, size=stored.size, problem="no line of the manifest tells of it"
            )
    for name in store.leftovers():
        yield FileResult(name, FileState.EXTRA, problem="an export that runs, or was killed, has not finished it")
