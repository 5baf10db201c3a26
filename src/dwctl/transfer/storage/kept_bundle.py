"""Looking again at a bundle that is kept: what it says of itself, and whether its own checksum proves it."""

from __future__ import annotations

from dwctl.bundle.verify import Verdict, verify_bundle
from dwctl.transfer.files.compression import expand
from dwctl.transfer.files.sources import MAX_BUNDLE_SIZE
from dwctl.transfer.storage.store import Store


def judge_kept(store: Store, name: str, limit: int = MAX_BUNDLE_SIZE) -> Verdict:
    """The verdict on a kept file, expanded to at most `limit` bytes. Raises UnreadableInput, or the store's errors."""
    return verify_bundle(expand(store.read(name, limit), name, limit))


def is_whole(verdict: Verdict) -> bool:
    """Whether the checksum that the bundle records proves its content: as it stands, or restored."""
    return verdict.integrity.checksum_matches is True or (verdict.repair is not None and verdict.repair.proven)
