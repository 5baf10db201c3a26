"""Exports for tests of storage: small sealed bundles, kept as an export would."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from dwctl.bundle.verify import verify_bundle
from dwctl.transfer.files.compression import Compression
from dwctl.transfer.storage.bundle_folder import BundleFolder
from dwctl.transfer.storage.manifest import ManifestEntry
from dwctl.transfer.storage.store import Store
from sample_bundles import sealed, small_bundle

NOW = "2026-11-23T04:05:06.000007Z"


def export(run: int = 1, *, instance: str = "order-1", sequence: int = 2) -> bytes:
    """The export of a run; a later one has another `sequence`."""
    run_id = f"run-{run}"
    return sealed(
        small_bundle({
            "workflow.run_id": run_id,
            "workflow.instance_id": instance,
            "workflow.last_history_sequence": sequence,
            "dedupe_key": f"{run_id}:{sequence}:2026-11-22T22:11:34.036225Z",
        })
    )  # fmt: skip


def keep(folder: BundleFolder, content: bytes) -> ManifestEntry:
    """Keep one export."""
    return folder.save(content, verify_bundle(content), "a test", NOW)


def keep_all(store: Store, count: int, how: Compression = Compression.NONE) -> list[ManifestEntry]:
    """Keep exports of so many runs, of five instances, and end in order."""
    folder = BundleFolder(store, how)
    contents = [export(run, instance=f"order-{run % 5}") for run in range(count)]
    # Many threads share the waiting for the disk.
    with folder.writing("a test", lambda: NOW), ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda content: keep(folder, content), contents))
