"""Looking again at a bundle that is kept: what it says of itself, and whether its own checksum proves it."""

from __future__ import annotations

import hashlib
from typing import Final

from dwctl.bundle.verify import Verdict, verify_bundle
from dwctl.errors import LocalStateError
from dwctl.transfer.files.compression import expand
from dwctl.transfer.files.sources import MAX_BUNDLE_SIZE
from dwctl.transfer.storage.manifest import ManifestEntry
from dwctl.transfer.storage.store import Store

LARGEST: Final = 512 << 20
"""Bytes of one kept export that is read again."""


def content_of(store: Store, entry: ManifestEntry) -> bytes:
    """The bundle of an entry, expanded. Raises LocalStateError where its file is another one now."""
    stored = store.read(entry.file, LARGEST)
    if hashlib.sha256(stored).hexdigest() != entry.sha256:
        raise LocalStateError(
            "the file is not the one that the manifest names: its sha256 has changed",
            where=f"{store.location}/{entry.file}",
            next_step="Run `dwctl archive check`; move the file away to export the run again.",
            reason="kept_file_changed",
        )
    return expand(stored, entry.file, LARGEST)


def judge_kept(store: Store, name: str, limit: int = MAX_BUNDLE_SIZE) -> Verdict:
    """The verdict on a kept file, expanded to at most `limit` bytes. Raises UnreadableInput, or the store's errors."""
    return verify_bundle(expand(store.read(name, limit), name, limit))


def is_whole(verdict: Verdict) -> bool:
    """Whether the checksum that the bundle records proves its content: as it stands, or restored."""
    return verdict.integrity.checksum_matches is True or (verdict.repair is not None and verdict.repair.proven)
