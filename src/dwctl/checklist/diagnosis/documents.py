"""A history export as the diagnosis reads it: the run's own facts, its open tasks, and what it waits for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.loose import entries, field, integer, string, truthy
from dwctl.bundle.open_work import OpenItem, open_work
from dwctl.bundle.payload_sites import external_references
from dwctl.checklist.diagnosis.facts import Side, Task, Wait, Work
from dwctl.checklist.failures import failure_text

_OPEN: Final = frozenset({"ready", "leased"})
_FAILED: Final = frozenset(
    {"ActivityRetryScheduled", "ActivityFailed", "ActivityTimedOut", "WorkflowFailed", "WorkflowTimedOut"}
)
_WAITS: Final = {"signal": "signal", "update": "update", "child": "child", "condition": "condition"}


def side_of(value: JsonValue) -> Side:
    """The run as the document has it; reads documents of any shape."""
    workflow = field(value, "workflow")

    def text(name: str) -> str | None:
        return string(field(workflow, name))

    events = _events(value)
    return Side(
        run_id=text("run_id"),
        run_number=integer(field(workflow, "run_number")),
        workflow_type=text("workflow_type"),
        workflow_class=text("workflow_class"),
        queue=text("queue"),
        connection=text("connection"),
        status=text("status"),
        compatibility=text("compatibility"),
        codec=string(field(value, "payloads", "codec")) or text("payload_codec"),
        namespace=text("namespace"),
        last_sequence=integer(field(workflow, "last_history_sequence")),
        last_event=string(field(events[-1], "type")) if events else None,
        dedupe_key=string(field(value, "dedupe_key")),
    )


def work_of(value: JsonValue) -> Work:
    """What is still to be done for the run, and what could keep it from being done."""
    return Work(
        tasks=tuple(_tasks(value)),
        waits=tuple(_waits(value)),
        events=len(_events(value)),
        declared_signals=tuple(_declared(value)),
        external_payloads=sum(1 for _ in external_references(value)),
        is_redacted=truthy(field(value, "redaction", "applied")),
        failure=_failure(value),
        continued_to=next(_continued(value), None),
    )


def _events(value: JsonValue) -> list[JsonValue]:
    return [event for _, event in entries(field(value, "history_events"))]


def _declared(value: JsonValue) -> Iterator[str]:
    """The signals that its PHP class declared, as the start of the run recorded them."""
    for event in _events(value):
        if string(field(event, "type")) == "WorkflowStarted":
            names = (string(one) for _, one in entries(field(event, "payload", "declared_signals")))
            yield from (name for name in names if name is not None)


def _continued(value: JsonValue) -> Iterator[str]:
    for event in _events(value):
        run_id = string(field(event, "payload", "continued_to_run_id"))
        if string(field(event, "type")) == "WorkflowContinuedAsNew" and run_id is not None:
            yield run_id


def _tasks(value: JsonValue) -> Iterator[Task]:
    queue = string(field(value, "workflow", "queue"))
    build = string(field(value, "workflow", "compatibility"))
    types = {
        string(field(row, "id")): string(field(row, "activity_type")) or string(field(row, "activity_class"))
        for _, row in entries(field(value, "activities"))
    }
    for _, row in entries(field(value, "tasks")):
        if string(field(row, "status")) not in _OPEN:
            continue
        kind = string(field(row, "type")) or "unknown"
        execution = string(field(row, "payload", "activity_execution_id"))
        yield Task(
            id=string(field(row, "id")) or "",
            kind=kind,
            status=string(field(row, "status")),
            type_key=types.get(execution) if kind == "activity" else string(field(value, "workflow", "workflow_type")),
            queue=string(field(row, "queue")) or queue,
            compatibility=string(field(row, "compatibility")) or build,
            attempts=integer(field(row, "attempt_count")) or 0,
            available_at=string(field(row, "available_at")),
            lease_owner=string(field(row, "lease_owner")),
            lease_expires_at=string(field(row, "lease_expires_at")),
            said=string(field(row, "last_claim_error")) or string(field(row, "last_dispatch_error")),
        )


def _waits(value: JsonValue) -> Iterator[Wait]:
    """Open timers out of their own rows, and the open waits of the other kinds."""
    items = open_work(value)
    for item in items:
        if item.kind == "timer":
            yield Wait("timer", item.name, item.due_at)
    yield from _other_waits(value, items)


def _other_waits(value: JsonValue, items: tuple[OpenItem, ...]) -> Iterator[Wait]:
    children = {item.id: item.name for item in items if item.kind == "child"}
    instances = {
        string(field(row, "child_workflow_run_id")): string(field(row, "child_workflow_instance_id"))
        for _, row in entries(field(value, "links", "children"))
    }
    for _, row in entries(field(value, "waits")):
        kind = _WAITS.get(string(field(row, "kind")) or "")
        if kind is None or string(field(row, "status")) != "open":
            continue
        name = string(field(row, "target_name")) or string(field(row, "target_type"))
        child = string(field(row, "child_workflow_run_id")) if kind == "child" else None
        if child is not None:
            children.pop(child, None)
            # The name of a child's wait is its instance.
            instances.setdefault(child, name)
            name = string(field(row, "target_type")) or name
        yield Wait(kind, name, string(field(row, "deadline_at")), child, instances.get(child))
    for run_id, name in children.items():
        yield Wait("child", name, child_run_id=run_id, child_id=instances.get(run_id))


def _failure(value: JsonValue) -> str | None:
    """The last failure in the history."""
    for event in reversed(_events(value)):
        if string(field(event, "type")) in _FAILED:
            return failure_text(field(event, "payload"))
    return None
