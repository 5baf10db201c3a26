"""The reasons of our own for questions about the embedded application that cannot be asked."""

from __future__ import annotations

from typing import Final

from dwctl.errors import ExitCode
from dwctl.server.reasons import Reason

EMBEDDED_REASONS: Final[tuple[Reason, ...]] = (
    Reason("unknown_check", (), ExitCode.USAGE, "there is no check of this id",
           "what --only and --skip name are ids of embedded check; a mistyped one would leave nothing out",
           "Take the id from the list that the message gives."),
    Reason("database_column_missing", (), ExitCode.USAGE, "a filter asks for a column that this database does not have",
           "the application's library is of another version, or the column may not be read",
           "Leave that filter out; dwctl embedded inventory names what it could not read."),
    Reason("no_exported_runs", (), ExitCode.USAGE, "nothing says which runs were exported or imported",
           "drift compares runs that were exported or imported with the application, so it needs a list of them",
           "Name the folder that history-export wrote, or bundles, or a ledger with --ledger."),
    Reason("nobody_to_ask", (), ExitCode.USAGE, "there is no ledger, no database and no server",
           "who owns a run is only known to them", "Give --ledger, a database, or --server with --namespace."),
    Reason("run_moved", (), ExitCode.NO, "the embedded copy of a run is not as it was exported",
           "importing it would bring an old state to the server, and both runtimes would go on from different places",
           "Pause the embedded workers and export it again (history-export --refresh)."),
    Reason("drift_other_application", (), ExitCode.NOT_FOUND, "the embedded application knows none of the runs",
           "it is another application or database than they were exported from, so it cannot say what moved",
           "Check the database that is named; --no-drift-check imports without asking."),
    Reason("list_changed", (), ExitCode.SERVER, "the server's list of runs changed faster than it could be read",
           "its pages shift while runs are started, so a run that was not seen may be there",
           "Run the same command again when less is started there."),
)  # fmt: skip
"""What dwctl says about questions to the embedded application."""
