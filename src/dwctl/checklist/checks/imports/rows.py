"""Item 11: what was imported is on the server under its import id, is gone on with, and runs in one runtime only."""

from __future__ import annotations

from functools import partial
from typing import Final

from dwctl.checklist.checks.imports.ended import ended
from dwctl.checklist.checks.imports.presence import compared, present
from dwctl.checklist.checks.imports.progress import claimed, timers
from dwctl.checklist.checks.imports.settled import import_id, ledger_sound, once, settled
from dwctl.checklist.gate.check import Check, Need

_imports = partial(Check, item=11, category="imports")
_BELIEVED: Final = ("imports.ledger_sound",)
"""What the rows of a ledger prove is worth nothing where the ledger was edited."""

CHECKS: Final[tuple[Check, ...]] = (
    _imports(
        id="imports.once", ask=once, needs=(Need.LEDGER, Need.DRIFT), becomes_true=False,
        meaning="No imported run has gone on in the embedded application.",
        why="Importing does not stop the embedded copy: a worker that wakes it runs it a second time.",
        fix="Stop the embedded workers, decide which copy goes on, and terminate the other.",
        evidence="where the embedded copies stand now, by database or batch process, against what was imported",
    ),
    _imports(
        id="imports.ledger_sound", ask=ledger_sound, needs=(Need.LEDGER,), becomes_true=False,
        meaning="The ledger is what its writer left.",
        why="What was imported, and that it was compared, is known from the ledger.",
        fix="See what was edited with `dwctl ledger audit`; put back a copy, or start a new ledger.",
        evidence="the end of its log, its target, and rows against their events; with --deep every hash",
    ),
    _imports(
        id="imports.import_id", ask=import_id, needs=(Need.LEDGER,), after=_BELIEVED, becomes_true=False,
        meaning="Everything was imported under the import id of the cutover.",
        why="The import id is what ties a run of the server to this cutover, years later too.",
        fix="Name the ledger of this cutover, or write its import id into cutover.toml.",
        evidence="the ledger's import id and that of each row, against cutover.toml",
    ),
    _imports(
        id="imports.settled", ask=settled, needs=(Need.LEDGER, Need.BUNDLES), after=_BELIEVED,
        meaning="Every bundle of the cutover is on the server.",
        why="A run that was exported and not imported is on its way nowhere.",
        fix="Run history-import again: it goes on where it stopped; waive what stays behind on purpose.",
        evidence="the bundles' runs against the states of the ledger",
    ),
    _imports(
        id="imports.present", ask=present, needs=(Need.LEDGER, Need.SERVER), after=_BELIEVED,
        meaning="Every imported run is listed on the server, under its import id as far as the server shows it.",
        why="Retention prunes what was closed long ago, and a run of another namespace is seen by nobody.",
        fix="See `dwctl workflow show`; raise the retention before the import, archive closed runs right after it.",
        evidence="the whole list of the namespace against the ledger; marks where the server shows them",
    ),
    _imports(
        id="imports.compared", ask=compared, needs=(Need.LEDGER, Need.SERVER), after=_BELIEVED,
        meaning="Every imported run was compared with its bundle, and is the same.",
        why="The report of an import says that rows were written, not that the server shows them.",
        fix="Run history-import again: it compares what was not compared.",
        evidence="the ledger's comparisons with their age; one run in a hundred described again, with --deep all",
    ),
    _imports(
        id="imports.claimed", ask=claimed, needs=(Need.LEDGER, Need.SERVER), after=_BELIEVED,
        meaning="Workers have claimed the imported runs that have something to do.",
        why="Imported tasks stay in the queues of the embedded application: where nobody polls those, nothing goes on.",
        fix="Start workers for the queue, type and build that are missing; `dwctl diagnose` says which.",
        evidence="what waits in the queues of open imported runs, and a sample of the runs in them",
    ),
    _imports(
        id="imports.ended", ask=ended, needs=(Need.LEDGER, Need.SERVER), after=_BELIEVED, becomes_true=False,
        meaning="No imported run that came open has failed or was terminated since.",
        why="A worker whose code does not fit what was imported claims every run, and fails it.",
        fix="See why each has ended so; let the worker that does it go, and waive this for what was meant to end.",
        evidence="the status of these runs, and of those that they went on as, in the server's list",
    ),
    _imports(
        id="imports.timers", ask=timers, needs=(Need.LEDGER, Need.SERVER), after=_BELIEVED,
        meaning="Timers of imported runs that are due have fired.",
        why="A timer that came with an import does not fire by itself: the server's repair pass hands it on.",
        fix="Let the server's scheduler run its repair passes, or ask for one as an admin.",
        evidence="what a repair pass would take up (an admin's read), and the timers in the histories of a sample",
    ),
)  # fmt: skip
