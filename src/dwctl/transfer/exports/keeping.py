"""Where exports go: a folder or an object store with its manifest, one file, or standard output."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import BinaryIO, Protocol

import msgspec

from dwctl.bundle.verify import RunFacts, Verdict
from dwctl.errors import LocalStateError, RequestNotPossible
from dwctl.transfer.files.compression import Compression, compress
from dwctl.transfer.files.private import write_private
from dwctl.transfer.files.sources import STDIN
from dwctl.transfer.storage.bundle_folder import BundleFolder
from dwctl.transfer.storage.kept_bundle import content_of
from dwctl.transfer.storage.manifest import ManifestEntry


class Keeper(Protocol):
    """Where exports are kept; every method is for any thread."""

    def entry(self, run_id: str) -> ManifestEntry | None:
        """The whole export of a run that is there, or None."""
        ...

    def newest_of(self, instance_id: str) -> ManifestEntry | None:
        """The whole export of the run that was the instance's newest when it was exported, or None."""
        ...

    def content(self, entry: ManifestEntry) -> bytes:
        """The bundle of an entry, as it was before it was compressed. Raises a DwctlError."""
        ...

    def save(self, content: bytes, verdict: Verdict, exporter: str) -> ManifestEntry:
        """Keep an export; it is whole and durable when this returns. Raises a DwctlError."""
        ...


class FolderKeeper:
    """One file a run, and the manifest beside them. Used within the folder's `writing`; `now` is the time as text."""

    def __init__(self, folder: BundleFolder, now: Callable[[], str]) -> None:
        self._store, self._folder, self._now = folder.store, folder, now
        self._of_instance: dict[str, list[str]] = {}
        for run_id, entry in folder.entries().items():
            self._of_instance.setdefault(entry.instance_id, []).append(run_id)

    @property
    def is_empty(self) -> bool:
        """Whether there was no export of any run when this was opened."""
        return not self._of_instance

    def entry(self, run_id: str) -> ManifestEntry | None:
        """The export of a run, if its file is there as the manifest says."""
        return self._folder.entry(run_id) if self._folder.is_saved(run_id) else None

    def newest_of(self, instance_id: str) -> ManifestEntry | None:
        """The export of the instance that says of its run that it is the current one, the latest of those."""
        found = [self.entry(run_id) for run_id in self._of_instance.get(instance_id, ())]
        known = sorted((one for one in found if one is not None), key=lambda one: one.exported_at, reverse=True)
        return next((one for one in known if _is_current(self.content(one))), None)

    def content(self, entry: ManifestEntry) -> bytes:
        """The bundle, if it is the one that the manifest names. Raises LocalStateError where it is another."""
        return content_of(self._store, entry)

    def save(self, content: bytes, verdict: Verdict, exporter: str) -> ManifestEntry:
        """File first, then its line of the manifest, both durable."""
        return self._folder.save(content, verdict, exporter, self._now())


class FileKeeper:
    """One file of the person's own. It is written once: a second run in it would replace the first."""

    def __init__(self, name: str, compression: Compression, now: Callable[[], str], *, replace: bool) -> None:
        self._name, self._compression, self._now, self._replace = name, compression, now, replace

    def entry(self, run_id: str) -> ManifestEntry | None:
        """None: a file of one's own is no archive that is gone on with."""
        return None

    def newest_of(self, instance_id: str) -> ManifestEntry | None:
        """None, as `entry`."""
        return None

    def content(self, entry: ManifestEntry) -> bytes:
        """There is no entry that one could have."""
        raise LookupError(entry.file)

    def save(self, content: bytes, verdict: Verdict, exporter: str) -> ManifestEntry:
        """Write the file whole or not at all, mode 0600. Raises RequestNotPossible."""
        stored = compress(content, self._compression)
        write_private(self._name, stored, replace=self._replace)
        return _entry(self._name, stored, verdict, exporter, self._now())


class StreamKeeper(FileKeeper):
    """Standard output, which is handed in: the bundle byte for byte and nothing else."""

    def __init__(self, stream: BinaryIO, now: Callable[[], str]) -> None:
        super().__init__(STDIN, Compression.NONE, now, replace=False)
        self._stream = stream

    def save(self, content: bytes, verdict: Verdict, exporter: str) -> ManifestEntry:
        """Write the bundle to the stream. Raises LocalStateError; BrokenPipeError where nobody reads any more."""
        try:
            self._stream.write(content)
            self._stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise LocalStateError(
                f"standard output cannot be written: {error.strerror or error}",
                next_step="What stands there is not whole: give -o FILE, which is whole or not there.",
                reason="write_failed",
            ) from None
        return _entry(STDIN, content, verdict, exporter, self._now())


def compression_for(file: str, wanted: Compression | None) -> Compression:
    """How `-o FILE` is compressed: as its name says. Raises RequestNotPossible where another way was asked for."""
    by_name = next((how for how in (Compression.GZIP, Compression.ZSTD) if file.endswith(how.suffix)), Compression.NONE)
    if wanted not in (None, by_name):
        raise RequestNotPossible(
            f"with --compress {wanted} the file's name has to end in {wanted.suffix}", where=file,
            next_step=f"Name it so, or leave --compress out: {by_name.suffix} says how it is compressed.",
            reason="wrong_suffix",
        )  # fmt: skip
    return by_name


def _entry(file: str, stored: bytes, verdict: Verdict, exporter: str, exported_at: str) -> ManifestEntry:
    run = verdict.run or RunFacts(None, None, 1, "", None, "", False, False, None, None)
    return ManifestEntry(
        instance_id=run.instance_id or "",
        run_id=run.run_id or "",
        workflow_type=run.workflow_type,
        status=run.status,
        dedupe_key=run.dedupe_key,
        file=file,
        bytes=len(stored),
        sha256=hashlib.sha256(stored).hexdigest(),
        checksum=verdict.integrity.expected_checksum,
        verdict=verdict.outcome,
        rules=tuple(dict.fromkeys(finding.rule for finding in verdict.findings)),
        exporter=exporter,
        exported_at=exported_at,
    )


class _Workflow(msgspec.Struct):
    is_current_run: object = None


class _Bundle(msgspec.Struct):
    workflow: _Workflow = msgspec.field(default_factory=_Workflow)


def _is_current(content: bytes) -> bool:
    """Whether a bundle says that its run is the instance's current one; a bundle that cannot be read does not."""
    try:
        return bool(msgspec.json.decode(content, type=_Bundle).workflow.is_current_run)
    except msgspec.MsgspecError:
        return False
