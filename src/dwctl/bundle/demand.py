"""What a run that is not finished needs of the workers of its new runtime: queues, type keys, compatibility.

The queue names of the embedded application stay on imported tasks, so a queue that nobody polls on the server
keeps a run from going on (contract/server.md §4, §6 "Claiming").
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from dwctl.bundle import vocabulary
from dwctl.bundle.eligibility import run_status
from dwctl.bundle.loose import field, string
from dwctl.bundle.view import BundleView

_CLOSED = frozenset({"completed", "failed", "cancelled"})
_HANDED_OUT = frozenset({"ready", "leased"})
"""Tasks that a worker gets, or gets again: each stays in its own queue, whatever the run's is."""


class DemandKind(StrEnum):
    """Which of a worker's two lists of types must hold the type key."""

    WORKFLOW = "workflow"
    ACTIVITY = "activity"


class Demand(NamedTuple):
    """A worker that polls `queue` and executes `type_key`; of build `compatibility`, or of any where that is None.

    `queue` and `type_key` are None where the bundle does not name them.
    """

    kind: DemandKind
    queue: str | None
    type_key: str | None
    compatibility: str | None


def demands(bundle: BundleView) -> tuple[Demand, ...]:
    """Everything that the run still needs, each once and in order; nothing for a closed run."""
    if run_status(bundle) in vocabulary.TERMINAL_STATUSES:
        return ()
    return tuple(dict.fromkeys(_demands(bundle)))


def _demands(bundle: BundleView) -> Iterator[Demand]:
    workflow = bundle.workflow
    queue, compatibility = string(workflow.get("queue")), string(workflow.get("compatibility"))
    type_key = string(workflow.get("workflow_type")) or string(workflow.get("workflow_class"))
    yield Demand(DemandKind.WORKFLOW, queue, type_key, compatibility)
    tasks = [task for _, task in bundle.tasks if string(task.get("status")) in _HANDED_OUT]
    for task in tasks:
        if string(task.get("type")) == "workflow":
            yield Demand(DemandKind.WORKFLOW, string(task.get("queue")) or queue, type_key, compatibility)
    executions = ((string(field(task.get("payload"), "activity_execution_id")), task) for task in tasks)
    own_queues = {execution: string(task.get("queue")) for execution, task in executions if execution is not None}
    for _, activity in bundle.activities:
        if string(activity.get("status")) in _CLOSED or activity.get("local_activity") is True:
            continue
        name = string(activity.get("activity_type")) or string(activity.get("activity_class"))
        at = own_queues.get(string(activity.get("id")) or "") or string(activity.get("queue")) or queue
        yield Demand(DemandKind.ACTIVITY, at, name, compatibility)
