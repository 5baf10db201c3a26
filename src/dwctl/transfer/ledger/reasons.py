"""The reasons that the ledger gives where it cannot be used: what each means, and what to do."""

from __future__ import annotations

from typing import Final

from dwctl.errors import ExitCode
from dwctl.server.reasons import Reason

_L, _U = ExitCode.LOCAL_STATE, ExitCode.USAGE

LEDGER_REASONS: Final[tuple[Reason, ...]] = (
    Reason("no_ledger", (), _U, "there is no ledger in the place that was named",
           "nothing was transferred from this folder yet, or the ledger lies elsewhere",
           "Name it with --ledger FILE; history-import makes one."),
    Reason("not_a_ledger", (), _L, "the file is a database of something else",
           "another program's file is never written to", "Name the ledger's own file with --ledger."),
    Reason("ledger_of_another_target", (), _L, "the ledger belongs to another server or namespace",
           "one ledger tells of one cutover: what is imported there says nothing about here",
           "Name the server and namespace that it belongs to, or another file with --ledger."),
    Reason("ledger_locked", (), _L, "another process writes to the ledger",
           "two writers would send the same bundles; the lock of a process that died is no obstacle",
           "Wait until it ends: dwctl ledger status --watch."),
    Reason("ledger_newer", (), _L, "the ledger was made by a newer dwctl",
           "an older one does not know what it keeps", "Use the dwctl that made it, or a newer one."),
    Reason("ledger_older", (), _L, "the ledger has an older schema than this dwctl reads",
           "only a writer brings it up to date", "Run history-import with it once."),
    Reason("ledger_damaged", (), _L, "the ledger's file is damaged",
           "what it says cannot be believed", "Put back a copy, or start a new ledger: the server is asked again."),
    Reason("ledger_log_broken", (), _L, "the end of the ledger's log is missing or was edited",
           "a ledger is only continued from the end that its writer left",
           "Look at it with dwctl ledger audit; put back a copy, or start a new ledger."),
    Reason("ledger_disk_full", (), _L, "the disk under the ledger is full",
           "nothing is sent that cannot be written down first", "Make room, then run the same command again."),
    Reason("ledger_disk_error", (), _L, "the disk under the ledger failed",
           "nothing is sent that cannot be written down first", "Check the disk, then run the same command again."),
    Reason("ledger_unwritable", (), _L, "the ledger or its folder may not be written to",
           "nothing is sent that cannot be written down first", "Check the permissions, or name another file."),
    Reason("ledger_unreadable", (), _L, "the ledger cannot be read",
           "the path is a folder, or the file is not for this user to read", "Check the path and its permissions."),
    Reason("ledger_no_wal", (), _L, "the file system cannot keep a ledger",
           "SQLite's write-ahead log needs memory shared between processes, which network file systems lack",
           "Name a file on a local disk with --ledger."),
    Reason("ledger_gone", (), _L, "the ledger's file was removed or replaced while it was written to",
           "what is written after that is in no file that anybody will read",
           "Put it back, or run the same command again: a new ledger finds what is on the server."),
    Reason("output_is_ledger", (), _U, "what was to be written would take the place of the ledger",
           "the ledger is the only proof of what was transferred", "Choose another file."),
    Reason("ledger_failed", (), _L, "the ledger's database failed in a way that has no name",
           "nothing is sent that cannot be written down first", "Look at it with dwctl ledger audit."),
    Reason("not_a_head", (), _U, "what was given as the expected head of a ledger is no hash",
           "a head is 64 hexadecimal digits", "Copy it from dwctl ledger audit or from the report of the transfer."),
    Reason("limit", (), ExitCode.DONE, "the bundle was left out: it stands beyond --limit",
           "a canary imports a few bundles before the rest", "Run the import again without --limit, or a higher one."),
    Reason("not_chosen", (), ExitCode.DONE, "the bundle was left out: its type is not in --only",
           "a transfer may go type by type", "Run the import again with its type in --only, or without it."),
    Reason("duplicate", (), ExitCode.DONE, "the file was left out: the same export stands in another file",
           "one of the two is sent, and the run is imported once", "Nothing to do; keep one of the two files."),
    Reason("nothing_to_retry", (), _U, "a named run is in a state that is not retried",
           "imported runs are there for good, and the next run asks about those under way by itself",
           "See its state with dwctl ledger show RUN."),
    Reason("run_not_in_ledger", (), ExitCode.NOT_FOUND, "the ledger does not know the run",
           "it was never part of a plan of this cutover", "See dwctl ledger list."),
)  # fmt: skip
"""In the order in which a command meets them."""
