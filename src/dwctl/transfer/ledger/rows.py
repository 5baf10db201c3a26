"""A row of the ledger: one run on its way from the embedded application to the server, and the states it may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from dwctl.transfer.ledger.differences import why_it_differs


class LedgerState(StrEnum):
    """Where a bundle is on its way; docs/ledger.md says which states are final and what a retry does.

    `planned` is to be sent; `sending` may have reached the server; `imported` and `already_imported` are there;
    `refused` is the answer no; `failed` is no answer, and nothing was imported; `blocked` waits for another
    bundle; `moved` has gone on in the embedded application since its export; `skipped` was left out by a person's
    choice; `unknown` may or may not be on the server.
    """

    PLANNED = "planned"
    SENDING = "sending"
    IMPORTED = "imported"
    ALREADY_IMPORTED = "already_imported"
    REFUSED = "refused"
    FAILED = "failed"
    BLOCKED = "blocked"
    MOVED = "moved"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


_S = LedgerState
_WAITING = frozenset({_S.PLANNED, _S.REFUSED, _S.BLOCKED, _S.MOVED, _S.SKIPPED})

THERE: Final = frozenset({_S.IMPORTED, _S.ALREADY_IMPORTED})
"""The run is on the server. Final: nothing leads out of these."""

MAY_BE_THERE: Final = frozenset({_S.SENDING, _S.UNKNOWN})
"""The run was sent, and nobody knows whether it is on the server; only the server can say."""

UNRESOLVED: Final = MAY_BE_THERE | {_S.REFUSED, _S.FAILED, _S.BLOCKED, _S.MOVED}
"""The run was to be brought there and is not, as far as anybody knows: that stays until somebody sees to it."""

PLANNABLE: Final = _WAITING
"""What a plan may say of a bundle."""

OUTCOMES: Final = frozenset({*THERE, _S.REFUSED, _S.FAILED, _S.UNKNOWN})
"""What a server may make of a bundle that was sent."""

RETRYABLE: Final = frozenset({_S.REFUSED, _S.FAILED, _S.BLOCKED, _S.MOVED, _S.SKIPPED})
"""What a person may put back to `planned`. What may be there is asked after by the next run, unasked."""

_NOT_THERE: Final = _WAITING - {_S.SKIPPED}
"""What may follow an outcome that is no good: a choice (`--only`, `--limit`) does not make it forgotten."""

TRANSITIONS: Final[Mapping[LedgerState, frozenset[LedgerState]]] = {
    _S.PLANNED: _WAITING | {_S.SENDING, _S.FAILED},
    _S.SENDING: OUTCOMES | {_S.SENDING, _S.PLANNED},
    _S.IMPORTED: frozenset(),
    _S.ALREADY_IMPORTED: frozenset(),
    _S.REFUSED: _NOT_THERE,
    _S.FAILED: _NOT_THERE,
    _S.BLOCKED: _NOT_THERE,
    _S.MOVED: _NOT_THERE,
    _S.SKIPPED: _WAITING,
    _S.UNKNOWN: frozenset({_S.SENDING}),
}
"""State → the states that may follow it. A new row may begin in any state of `PLANNABLE`.

`imported` is reached from `sending` alone, and an `unknown` leads back to it alone: nothing leaves without a mark, and
nobody but the server takes a doubt away.
"""

ONCE_TAKEN: Final[Mapping[LedgerState, frozenset[LedgerState]]] = {
    **dict.fromkeys((_S.REFUSED, _S.FAILED, _S.BLOCKED, _S.MOVED), frozenset({_S.SKIPPED})),
    _S.UNKNOWN: frozenset({_S.PLANNED}),
}
"""Steps that an earlier dwctl took and this one does not: in the log of an older ledger they are no edit."""


class IllegalTransition(Exception):
    """A change that the table does not allow, or one of a run that the ledger does not know: a bug of the caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One run: identity, file and digests, verdict, state, and the facts beside it.

    Times are UTC, `YYYY-MM-DDTHH:MM:SS.ffffffZ`, as the clock showed them. `file_sha256` is of the file as it lies,
    `sent_sha256` of what was sent, `checksum` the bundle's own. `file_mark` is the file's size, times and inode when it
    was read (None where a change since then might not show in them). `rules` are ids of findings. `error_reason` is the
    word for programs (of a skipped bundle: why it was left out), `error_text` one bounded line. `differences` says what
    the last comparison found (empty: the same, if `compared_at` is set). `drift` is the last answer of the embedded
    side. `repair` tells what was restored and by which proof, `removed_links` which link rows were left out, `reason`
    why, in a person's words.
    `who` and `dwctl_version` are of the session that changed the row last, at `when`; `server_version` is what was
    known by then.
    """

    run_id: str
    instance_id: str = ""
    run_number: int | None = None
    workflow_type: str | None = None
    task_queue: str | None = None
    status: str | None = None
    dedupe_key: str | None = None
    file: str | None = None
    file_sha256: str | None = None
    sent_sha256: str | None = None
    checksum: str | None = None
    bytes: int | None = None
    file_mark: str | None = None
    verdict: str | None = None
    rules: tuple[str, ...] = ()
    repair: Mapping[str, Any] | None = None
    removed_links: tuple[Mapping[str, Any], ...] = ()
    reason: str | None = None
    state: LedgerState = LedgerState.PLANNED
    attempts: int = 0
    error_reason: str | None = None
    error_text: str | None = None
    import_id: str | None = None
    way: str | None = None
    compared_at: str | None = None
    differs_at: str | None = None
    differences: tuple[str, ...] = ()
    archived_at: str | None = None
    drift: str | None = None
    drift_at: str | None = None
    when: str | None = None
    who: str | None = None
    dwctl_version: str | None = None
    server_version: str | None = None

    @property
    def there(self) -> bool:
        """Whether the run is on the server, as far as its importer said."""
        return self.state in THERE

    @property
    def difference_reason(self) -> str | None:
        """The id that explains what the last comparison found; None where the differences say it all."""
        return why_it_differs(self.differences)


PLAN_FACTS: Final = (
    *("instance_id", "run_number", "workflow_type", "task_queue", "status", "dedupe_key", "file", "file_sha256"),
    *(
        "sent_sha256",
        "checksum",
        "bytes",
        "file_mark",
        "verdict",
        "rules",
        "repair",
        "removed_links",
        "reason",
        "state",
    ),
    *("error_reason", "error_text"),
)
"""What a plan says of a bundle."""

SETTLE_FACTS: Final = frozenset(
    {"sent_sha256", "verdict", "rules", "repair", "removed_links", "reason", "error_reason", "error_text", "way"}
)
"""What may be told with an outcome."""

OTHER_FACTS: Final = (
    *("attempts", "import_id", "way", "compared_at", "differs_at", "differences", "archived_at", "drift", "drift_at"),
)
"""What only events change."""

COLUMNS: Final = ("run_id", *PLAN_FACTS, *OTHER_FACTS)
"""Every stored fact of a row, but for the marks of its last event (`seq`, `session`, `when`)."""

AS_JSON: Final = frozenset({"rules", "repair", "removed_links", "differences"})
"""Facts that are stored as JSON text."""

EMPTY: Final[Mapping[str, Any]] = {
    "instance_id": "", "rules": (), "removed_links": (), "differences": (), "attempts": 0, "state": _S.PLANNED,
}  # fmt: skip
"""Facts whose empty value is not None."""


@dataclass(frozen=True, slots=True)
class LedgerTarget:
    """What a ledger is bound to: the server's base URL, the namespace, and the import id of its runs."""

    server: str
    namespace: str
    import_id: str
    ledger_id: str = ""
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """What a plan changed: rows that are new, changed, and left as they were.

    `conflicting` are runs on the server, or on their way to it, whose bundle is another one now (its dedupe key).
    """

    new: int = 0
    changed: int = 0
    kept: int = 0
    conflicting: tuple[str, ...] = ()

    def __add__(self, other: Planned) -> Planned:
        """Both together."""
        return Planned(
            self.new + other.new, self.changed + other.changed, self.kept + other.kept,
            self.conflicting + other.conflicting,
        )  # fmt: skip
