"""Item 11: what was imported is on the server under its import id, is gone on with, and runs in one runtime only."""

from __future__ import annotations

from typing import Final

from dwctl.checklist.checks.import_presence import compared, present
from dwctl.checklist.checks.import_progress import claimed, timers
from dwctl.checklist.checks.import_settled import import_id, ledger_sound, once, settled
from dwctl.checklist.gate.check import Check, Need

_ITEM, _IMPORTS = 11, "imports"
_BELIEVED: Final = ("imports.ledger_sound",)
"""What the rows of a ledger prove is worth nothing where the ledger was edited."""

CHECKS: Final[tuple[Check, ...]] = (
    Check(
        "imports.once", _ITEM, _IMPORTS,
        "No imported run has gone on in the embedded application.",
        "Importing does not stop the embedded copy: a worker that wakes it runs it a second time.",
        "Stop the embedded workers, decide which copy goes on, and terminate the other.",
        "where the embedded copies stand now, by database or batch process, against what was imported",
        once, (Need.LEDGER, Need.DRIFT), becomes_true=False,
    ),
    Check(
        "imports.ledger_sound", _ITEM, _IMPORTS,
        "The ledger is what its writer left.",
        "What was imported, and that it was compared, is known from the ledger.",
        "See what was edited with `dwctl ledger audit`; put back a copy, or start a new ledger.",
        "the end of its log, its target, and rows against their events; with --deep every hash",
        ledger_sound, (Need.LEDGER,), becomes_true=False,
    ),
    Check(
        "imports.import_id", _ITEM, _IMPORTS,
        "Everything was imported under the import id of the cutover.",
        "The import id is what ties a run of the server to this cutover, years later too.",
        "Name the ledger of this cutover, or write its import id into cutover.toml.",
        "the ledger's import id and that of each row, against cutover.toml",
        import_id, (Need.LEDGER,), _BELIEVED, becomes_true=False,
    ),
    Check(
        "imports.settled", _ITEM, _IMPORTS,
        "Every bundle of the cutover is on the server.",
        "A run that was exported and not imported is on its way nowhere.",
        "Run history-import again: it goes on where it stopped; waive what stays behind on purpose.",
        "the bundles' runs against the states of the ledger",
        settled, (Need.LEDGER, Need.BUNDLES), _BELIEVED,
    ),
    Check(
        "imports.present", _ITEM, _IMPORTS,
        "Every imported run is listed on the server, under its import id as far as the server shows it.",
        "Retention prunes what was closed long ago, and a run of another namespace is seen by nobody.",
        "See `dwctl workflow show`; raise the retention before the import, archive closed runs right after it.",
        "the whole list of the namespace against the ledger; marks where the server shows them",
        present, (Need.LEDGER, Need.SERVER), _BELIEVED,
    ),
    Check(
        "imports.compared", _ITEM, _IMPORTS,
        "Every imported run was compared with its bundle, and is the same.",
        "The report of an import says that rows were written, not that the server shows them.",
        "Run history-import again: it compares what was not compared.",
        "the ledger's comparisons with their age; one run in a hundred described again, with --deep all",
        compared, (Need.LEDGER, Need.SERVER), _BELIEVED,
    ),
    Check(
        "imports.claimed", _ITEM, _IMPORTS,
        "Workers have claimed the imported runs that have something to do.",
        "Imported tasks stay in the queues of the embedded application: where nobody polls those, nothing goes on.",
        "Start workers for the queue, type and build that are missing; `dwctl diagnose` says which.",
        "what waits in the queues of open imported runs, and a sample of the runs in them",
        claimed, (Need.LEDGER, Need.SERVER), _BELIEVED,
    ),
    Check(
        "imports.timers", _ITEM, _IMPORTS,
        "Timers of imported runs that are due have fired.",
        "A timer that came with an import does not fire by itself: the server's repair pass hands it on.",
        "Let the server's scheduler run its repair passes, or ask for one as an admin.",
        "what a repair pass would take up (an admin's read), and the timers in the histories of a sample",
        timers, (Need.LEDGER, Need.SERVER), _BELIEVED,
    ),
)  # fmt: skip
