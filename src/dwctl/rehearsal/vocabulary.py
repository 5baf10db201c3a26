"""Words of the server that several modules share: statuses, and what closes a run."""

from __future__ import annotations

from dwctl.bundle.vocabulary import TERMINAL_STATUSES

OPEN_TASKS = frozenset({"ready", "leased"})

CLOSING_EVENTS = (
    "WorkflowCompleted",
    "WorkflowFailed",
    "WorkflowCancelled",
    "WorkflowTerminated",
    "WorkflowTimedOut",
    "WorkflowContinuedAsNew",
)


def is_terminal(status: str) -> bool:
    """Whether a run of this status is closed."""
    return status in TERMINAL_STATUSES


def status_bucket(status: str) -> str:
    """The bucket that lists filter by: `failed` holds cancelled and terminated runs too (contract/server.md §5)."""
    if status == "completed":
        return "completed"
    return "failed" if is_terminal(status) else "running"
