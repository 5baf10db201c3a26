"""The bytes that a plan sends for a bundle: read again, hashed, and only ever those that were planned."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

from dwctl.bundle.canonical import decode
from dwctl.bundle.reseal import without_links
from dwctl.bundle.restoration import repair
from dwctl.errors import AnswerIsNo, LocalStateError
from dwctl.transfer.files.names import bundle_file
from dwctl.transfer.files.private import place_private
from dwctl.transfer.files.sources import MAX_BUNDLE_SIZE, STDIN, read_bundle
from dwctl.transfer.plans.plan import PlannedBundle


def content_to_send(
    bundle: PlannedBundle,
    *,
    signing_key: bytes | None = None,
    limit: int = MAX_BUNDLE_SIZE,
    stdin: BinaryIO | None = None,
) -> bytes:
    """The bundle as the plan pins it: repaired, and resealed without links, where the plan says so.

    `stdin` is one that can be read again from its beginning. Raises AnswerIsNo where the file is no longer the one
    that was planned, UnreadableInput where it cannot be read.
    """
    if bundle.file == STDIN and stdin is not None:
        stdin.seek(0)
    content = read = read_bundle(bundle.file, limit, stdin)
    _hold(content, bundle.file_sha256, bundle.file)
    if bundle.repair is not None:
        content, _ = repair(decode(content))
        _hold(content, bundle.repair.sent_sha256, bundle.file)
    if bundle.resolution is not None:
        content = without_links(decode(content), bundle.resolution.removed, signing_key).content
    if content is not read or bundle.sent_sha256 != bundle.file_sha256:
        _hold(content, bundle.sent_sha256, bundle.file)
    return content


def _hold(content: bytes, sha256: str, file: str) -> None:
    if hashlib.sha256(content).hexdigest() != sha256:
        raise AnswerIsNo(
            "the file is no longer the one that was planned: its sha256 has changed", where=file,
            next_step="Make a new plan, and look at what has changed with `dwctl bundle diff`.", reason="file_changed",
        )  # fmt: skip


def keep_resealed(folder: str, bundle: PlannedBundle, content: bytes) -> str:
    """Keep a resealed bundle, durably and private (0600), and return its path. Raises LocalStateError.

    Nobody else has these bytes: the embedded application never sealed them.
    """
    run = bundle.run
    assert run is not None  # noqa: S101 - only bundles with a run are resealed
    path = Path(folder, bundle_file(run.instance_id or "", str(run.run_id))).absolute()
    try:
        missing = [part for part in (path.parent, *path.parent.parents) if not part.exists()]
        for part in reversed(missing):
            part.mkdir(mode=0o700, exist_ok=True)
        place_private(path, content, replace=True)
    except OSError as error:
        raise LocalStateError(
            f"the resealed bundle cannot be kept: {error.strerror or error}", where=str(path),
            next_step="Check the ledger's folder, its permissions and the space left; nothing was sent.",
            reason="resealed_not_kept",
        ) from None  # fmt: skip
    return str(path)
