"""Where a bundle stands when a transfer is told: a row for each standing, with what it means and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from dwctl.transfer.ledger.changes import MOVED_SINCE_IMPORT
from dwctl.transfer.ledger.differences import NOT_SHOWN
from dwctl.transfer.ledger.rows import LedgerRow, LedgerState


class Standing(StrEnum):
    """Where a bundle stands: its state in the ledger, with the facts beside it."""

    ARRIVED = "arrived"
    WOULD_ARRIVE = "would_arrive"
    DIFFERS = "differs"
    NOT_SHOWN = "not_shown"
    IN_BOTH = "in_both"
    REFUSED = "refused"
    MOVED_ON = "moved_on"
    BLOCKED = "blocked"
    FAILED = "failed"
    UNREADABLE = "unreadable"
    UNKNOWN = "unknown"
    SENDING = "sending"
    NOT_COMPARED = "not_compared"
    PLANNED = "planned"
    LEFT_OUT = "left_out"


class Kind(StrEnum):
    """What a standing means for the transfer.

    `good` is where it should be. `trouble` will not mend itself. `open` is not finished, and the next run goes on
    with it. `left_out` was a person's choice.
    """

    GOOD = "good"
    TROUBLE = "trouble"
    OPEN = "open"
    LEFT_OUT = "left_out"


class StandingRow(NamedTuple):
    """One standing: its title, what it means for the transfer, and what to do."""

    title: str
    kind: Kind
    meaning: str
    fix: str | None = None


_AGAIN: Final = "Run the import again: it goes on where it stopped, and nothing is imported twice."

STANDINGS: Final[Mapping[Standing, StandingRow]] = {
    Standing.ARRIVED: StandingRow(
        "arrived", Kind.GOOD, "On the server, compared with its bundle there, and as the bundle says."
    ),
    Standing.WOULD_ARRIVE: StandingRow(
        "would be imported", Kind.GOOD, "Nothing speaks against its import; nothing was changed."
    ),
    Standing.DIFFERS: StandingRow(
        "different there", Kind.TROUBLE, "On the server, and not as its bundle says.",
        "Look at what differs before a worker goes on with the run.",
    ),
    Standing.NOT_SHOWN: StandingRow(
        "not shown there", Kind.TROUBLE, "Its importer has it, and the server does not show it in this namespace.",
        "Look for it in the server's other namespaces.",
    ),
    Standing.IN_BOTH: StandingRow(
        "in both runtimes", Kind.TROUBLE, "On the server, and it went on in the embedded application after its import.",
        "Stop one of the two by hand: the same work is being done twice.",
    ),
    Standing.REFUSED: StandingRow(
        "refused", Kind.TROUBLE, "The answer was no; nothing of it is on the server.", "Mend what the rule names."
    ),
    Standing.MOVED_ON: StandingRow(
        "moved on", Kind.TROUBLE, "The run went on in the embedded application after its export; it was not sent.",
        "Pause the embedded workers, export it again (history-export --refresh), and import it then.",
    ),
    Standing.BLOCKED: StandingRow(
        "blocked", Kind.TROUBLE, "It waits for the run at the other end of its link, which did not arrive.",
        "See what became of the partner, then run the import again.",
    ),
    Standing.FAILED: StandingRow("failed", Kind.TROUBLE, "There was no verdict, and it was not imported.", _AGAIN),
    Standing.UNREADABLE: StandingRow(
        "unreadable", Kind.TROUBLE, "The file gave no bundle with a run, so nothing was sent.",
        "Check the file, or export the run again.",
    ),
    Standing.UNKNOWN: StandingRow("unknown", Kind.OPEN, "It may or may not be on the server.", _AGAIN),
    Standing.SENDING: StandingRow(
        "sending", Kind.OPEN, "It is on its way, or its outcome was not written down.", _AGAIN
    ),
    Standing.NOT_COMPARED: StandingRow(
        "not compared", Kind.OPEN, "On the server, as its importer said; not compared with its bundle.", _AGAIN
    ),
    Standing.PLANNED: StandingRow("to be sent", Kind.OPEN, "Not sent yet.", _AGAIN),
    Standing.LEFT_OUT: StandingRow(
        "left out", Kind.LEFT_OUT, "Left out by choice (--only, --limit); it is not on the server.",
        "Import it when its turn comes.",
    ),
}  # fmt: skip
"""In the order in which a report names them."""

_OF_STATE: Final = {
    LedgerState.PLANNED: Standing.PLANNED,
    LedgerState.SENDING: Standing.SENDING,
    LedgerState.REFUSED: Standing.REFUSED,
    LedgerState.FAILED: Standing.FAILED,
    LedgerState.BLOCKED: Standing.BLOCKED,
    LedgerState.MOVED: Standing.MOVED_ON,
    LedgerState.SKIPPED: Standing.LEFT_OUT,
    LedgerState.UNKNOWN: Standing.UNKNOWN,
}


def standing_of(row: LedgerRow) -> Standing:
    """Where the run of a row stands. What is there counts as arrived only once it was compared and is the same."""
    if not row.there:
        return _OF_STATE[row.state]
    if row.drift == MOVED_SINCE_IMPORT:
        return Standing.IN_BOTH
    if NOT_SHOWN in row.differences:
        return Standing.NOT_SHOWN
    if row.differs_at is not None:
        return Standing.DIFFERS
    return Standing.NOT_COMPARED if row.compared_at is None else Standing.ARRIVED
