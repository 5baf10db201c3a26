"""The reasons of our own for exports that cannot be kept, read or proven: what each means, and what to do."""

from __future__ import annotations

from typing import Final

from dwctl.errors import ExitCode
from dwctl.server.reasons import Reason

_U, _L, _N, _A = ExitCode.USAGE, ExitCode.LOCAL_STATE, ExitCode.NETWORK, ExitCode.AUTH
_S, _T, _NO = ExitCode.SERVER, ExitCode.TIMEOUT, ExitCode.NO
_WHOLE = "every file that is there is whole, and so is the manifest"
_AGAIN = "then run the same command again: it goes on where it stopped."

STORAGE_REASONS: Final[tuple[Reason, ...]] = (
    Reason("no_folder", (), _U, "there is no such folder or bucket", "exports are kept in a place that is named",
           "Check the name; a bucket has to be made before."),
    Reason("store_locked", (), _L, "another export is writing to the folder",
           "two writers would each undo what the other has begun",
           "Wait until it has ended. In an object store, remove its lock if that process was killed."),
    Reason("no_locks", (), _L, "the file system knows no locks", "two exports at once could not be kept apart",
           "Export to a folder on another file system."),
    Reason("disk_full", (), _L, "the disk is full", _WHOLE, f"Make room, {_AGAIN}"),
    Reason("not_writable", (), _L, "the folder may not be written", _WHOLE, f"Check its permissions, {_AGAIN}"),
    Reason("store_gone", (), _L, "the folder has gone while it was written to",
           "a mount was lost, or somebody has moved it", f"Bring it back, {_AGAIN}"),
    Reason("write_failed", (), _L, "the system could not write a file", _WHOLE, f"Look at the disk, {_AGAIN}"),
    Reason("name_taken", (), _L, "a file is there already under the name of an export",
           "it is no export of that run, and nothing that was there is overwritten",
           "Move it away, then run the same command again."),
    Reason("no_file", (), _U, "a file that is named is not there", "it was removed, or never written",
           "Run `dwctl archive check` on its folder."),
    Reason("damaged_compression", (), _U, "compressed data cannot be expanded", "the file is cut short or has changed",
           "Take it from a copy, or export the run again."),
    Reason("foreign_name", (), _U, "a name that no export has", "such a file does not belong among exports",
           "Keep other files elsewhere."),
    Reason("no_run_in_export", (), _NO, "an export names no run", "it could not be told what it is an export of",
           "Look at what the exporter prints."),
    Reason("no_manifest", (), _U, "there is no manifest, or an empty one", "nothing to check is not a pass",
           "Name the folder that `dwctl history-export --output-dir` wrote."),
    Reason("extra_missing", (), _U, "a library that is not always needed is not installed",
           "it comes with an extra of dwctl", "Install what the message names."),
    Reason("store_not_supported", (), _U, "dwctl cannot promise whole files there",
           "only a put that is atomic never leaves half a file", "Use a folder, or a store that the message names."),
    Reason("credential_in_url", (), _U, "a URL carries a credential", "others see it in the list of processes",
           "Give it to the store's library: environment, profile or role."),
    Reason("store_denied", (), _A, "the object store does not allow this",
           "its library found no credentials, or the bucket's policy forbids it", "Check both."),
    Reason("store_unreachable", (), _N, "the object store was not reached", _WHOLE,
           f"Check the network and the endpoint, {_AGAIN}", True),
    Reason("store_timeout", (), _T, "the object store did not answer in time", _WHOLE,
           f"Check the network, {_AGAIN}", True),
    Reason("store_failed", (), _S, "the object store failed", _WHOLE, f"Look at its log, {_AGAIN}", True),
)  # fmt: skip
"""In the order in which an export meets them."""
