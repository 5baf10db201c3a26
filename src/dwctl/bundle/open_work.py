"""The work of a run that is not finished: what a worker, a timer or a caller still has to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dwctl.bundle import vocabulary
from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.loose import entries, field, is_array, string


@dataclass(frozen=True, slots=True)
class OpenItem:
    """One piece of open work. `due_at` is when it becomes ready, fires or runs out, where the bundle says so.

    `held` is whether a worker has it, a leased task or a running attempt: the importer refuses such a bundle.
    """

    kind: str
    id: str | None
    status: str | None
    name: str | None
    due_at: str | None
    held: bool
    lease_owner: str | None
    lease_expires_at: str | None
    path: str


@dataclass(frozen=True, slots=True)
class _Kind:
    """A section of rows, and the statuses that mean that a row is done.

    Any other status is open: an unknown one too, and none at all.
    """

    kind: str
    section: tuple[str, ...]
    done: frozenset[str]
    name: Callable[[JsonValue], str | None]
    due: str | None = None
    id: str = "id"


def open_work(bundle: JsonValue) -> tuple[OpenItem, ...]:
    """All open work of a decoded bundle, by kind; reads documents of any shape."""
    return tuple(item for kind in _KINDS for item in _open_items(bundle, kind))


def _open_items(bundle: JsonValue, kind: _Kind) -> Iterator[OpenItem]:
    for key, row in entries(field(bundle, *kind.section)):
        status = string(field(row, "status"))
        if not is_array(row) or status in kind.done or field(row, "type") == "continue_as_new":
            continue
        holder = _lease_holder(row)
        yield OpenItem(
            kind=kind.kind,
            id=string(field(row, kind.id)),
            status=status,
            name=kind.name(row),
            due_at=string(field(row, kind.due)) if kind.due else None,
            held=holder is not None,
            lease_owner=string(field(holder, "lease_owner")),
            lease_expires_at=string(field(holder, "lease_expires_at")),
            path=".".join((*kind.section, str(key))),
        )


def _lease_holder(row: JsonValue) -> JsonValue:
    """The row that has the lease: a leased task itself, or the running attempt of an activity."""
    if field(row, "status") == "leased":
        return row
    attempts = (attempt for _, attempt in entries(field(row, "attempts")))
    return next((attempt for attempt in attempts if field(attempt, "status") == "running"), None)


def _text(key: str) -> Callable[[JsonValue], str | None]:
    return lambda row: string(field(row, key))


def _timer_name(row: JsonValue) -> str | None:
    return string(field(row, "signal_name")) or string(field(row, "timer_kind"))


def _wait_name(row: JsonValue) -> str | None:
    target = string(field(row, "target_name")) or string(field(row, "target_type"))
    words = (string(field(row, "kind")), target)
    return " ".join(word for word in dict.fromkeys(words) if word) or None


_CLOSED_ACTIVITY = frozenset({"completed", "failed", "cancelled"})
_KINDS = (
    _Kind("task", ("tasks",), vocabulary.TASK_STATUSES - {"ready", "leased"}, _text("type"), "available_at"),
    _Kind("activity", ("activities",), _CLOSED_ACTIVITY, _text("activity_type")),
    _Kind("timer", ("timers",), vocabulary.TIMER_STATUSES - {"pending"}, _timer_name, "fire_at"),
    _Kind("signal", ("signals",), frozenset({"applied", "rejected"}), _text("name")),
    _Kind("update", ("updates",), frozenset({"completed", "failed", "rejected"}), _text("name")),
    _Kind("wait", ("waits",), frozenset({"resolved", "cancelled"}), _wait_name, "deadline_at"),
    _Kind(
        "child",
        ("links", "children"),
        vocabulary.TERMINAL_STATUSES,
        _text("workflow_type"),
        id="child_workflow_run_id",
    ),
)
