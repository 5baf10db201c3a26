"""What the open run of a bundle does next once it is imported: whose turn it is, and what a worker must take for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.loose import field, string
from dwctl.bundle.verify import RunFacts
from dwctl.bundle.view import BundleView, rows
from dwctl.bundle.vocabulary import OPEN_STATUSES
from dwctl.embedded.instants import instant

DEFAULT_QUEUE = "default"
_BEGINNING = frozenset({"StartAccepted", "WorkflowStarted"})


class Turn(StrEnum):
    """Whose turn it is.

    `START`, `RESUME` and `ACTIVITY` are a worker's at once, `TIMER` is once the server has fired it; `LATER` is
    nobody's before a time, and `OUTSIDE` waits for somebody who sends something.
    """

    START = "start"
    RESUME = "resume"
    ACTIVITY = "activity"
    TIMER = "timer"
    LATER = "later"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class TypeNeeded:
    """A type that a worker of a queue must take; `kind` is workflow or activity."""

    queue: str
    kind: str
    type: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """An open run: whose turn it is, in words (`told`), what workers must take, and how many events it came with."""

    workflow_id: str
    run_id: str
    workflow_type: str
    turn: Turn
    told: str
    needs: tuple[TypeNeeded, ...]
    events: int

    @property
    def goes_on(self) -> bool:
        """Whether a worker can be expected to go on with the run in a rehearsal."""
        return self.turn not in {Turn.LATER, Turn.OUTSIDE}


def outlook(run: RunFacts, bundle: BundleView, now: datetime) -> Outlook | None:
    """What an open run does next; None for a closed one."""
    if run.status not in OPEN_STATUSES:
        return None
    turn, told, task = _turn(bundle, now)
    needs = [TypeNeeded(run.queue or DEFAULT_QUEUE, "workflow", run.workflow_type)]
    if turn is Turn.ACTIVITY and (activity := _activity_type(bundle, task)):
        needs.append(TypeNeeded(string(task.get("queue")) or run.queue or DEFAULT_QUEUE, "activity", activity))
        told = f"its activity {activity} was ready"
    elif task:
        needs[0] = TypeNeeded(string(task.get("queue")) or run.queue or DEFAULT_QUEUE, "workflow", run.workflow_type)
    return Outlook(
        str(run.instance_id), str(run.run_id), run.workflow_type, turn, told,
        tuple(needs) if turn not in {Turn.LATER, Turn.OUTSIDE} else (), len(bundle.events),
    )  # fmt: skip


def _turn(bundle: BundleView, now: datetime) -> tuple[Turn, str, dict[str, JsonValue]]:
    later: tuple[str, dict[str, JsonValue]] | None = None
    for kind in ("workflow", "activity"):
        for task in _ready(bundle, kind):
            due = instant(task.get("available_at"))
            if due is not None and due > now:
                later = (f"its next {kind} task is due at {shown_moment(due)}", task)
            elif kind == "activity":
                return Turn.ACTIVITY, "", task
            elif {string(event.get("type")) for _, event in bundle.events} <= _BEGINNING:
                return Turn.START, "it had just started", task
            else:
                return Turn.RESUME, f"it stood in the middle of its history, after {len(bundle.events)} events", task
    timers = sorted(_timers(bundle))
    if timers and timers[0] <= now:
        return Turn.TIMER, f"its timer was due at {shown_moment(timers[0])}", {}
    if timers:
        return Turn.LATER, f"it sleeps until {shown_moment(timers[0])}", {}
    if later is not None:
        return Turn.LATER, later[0], later[1]
    return Turn.OUTSIDE, _waits(bundle), {}


def _ready(bundle: BundleView, kind: str) -> Iterator[dict[str, JsonValue]]:
    for _, task in bundle.tasks:
        if string(task.get("status")) == "ready" and string(task.get("type")) == kind:
            yield task


def _timers(bundle: BundleView) -> Iterator[datetime]:
    for _, timer in bundle.timers:
        due = instant(timer.get("fire_at"))
        if string(timer.get("status")) == "pending" and due is not None:
            yield due


def _activity_type(bundle: BundleView, task: dict[str, JsonValue]) -> str | None:
    wanted = field(task.get("payload"), "activity_execution_id")
    found = (string(one.get("activity_type")) for _, one in bundle.activities if one.get("id") == wanted)
    return next(found, None)


def _waits(bundle: BundleView) -> str:
    """What a run waits for that no worker and no clock brings."""
    for _, wait in rows(bundle.value.get("waits")):
        if string(wait.get("status")) == "open":
            kind, name = string(wait.get("kind")) or "something", string(wait.get("target_name"))
            return waits_for(kind, name)
    return "the bundle does not say what it waits for"


def waits_for(kind: str, name: str | None = None) -> str:
    """`it waits for the signal approved-by`, `it waits for a signal`; kinds are those of waits and of `wait_kind`."""
    article = {"signal": "a", "update": "an", "condition": "a"}
    if kind == "child":
        return "it waits for its child"
    if name is not None and kind in article:
        return f"it waits for the {kind} {name}"
    return f"it waits for {article[kind]} {kind}" if kind in article else f"it waits for {name or kind}"


def shown_moment(moment: datetime) -> str:
    """A time for people: `2026-11-23 00:11:39 UTC`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
