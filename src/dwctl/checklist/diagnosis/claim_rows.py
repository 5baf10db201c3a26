"""Why no worker takes a task of the run: who polls its queue, and what keeps each from taking it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from dwctl.bundle.vocabulary import CODEC
from dwctl.checklist.coverage.rows import Gap, Row, names, types_of
from dwctl.checklist.diagnosis.diagnosis import Diagnosis, Says, Seen, Symptom
from dwctl.checklist.diagnosis.facts import Facts, Task
from dwctl.server.results import Worker

_COVERAGE: Final = "dwctl worker coverage{options} --namespace {namespace} {kind} {type} --task-queue {queue}"
_QUEUE: Final = "dwctl task-queue show{options} --namespace {namespace} {queue}"
_WORKER: Final = "dwctl worker show{options} --namespace {namespace} {worker}"
_WORKERS: Final = "dwctl worker list{options} --namespace {namespace}"
_AGAIN: Final = "dwctl diagnose{options} --namespace {namespace} {id}"
_FRESH: Final = 10.0
"""Seconds that a task may lie in its queue before its lying there says something: a few polls."""

_OFTEN: Final = 2
"""Attempts from which on a task counts as failing again and again."""


def _values(task: Task) -> dict[str, str | None]:
    option = "--activity-type" if task.kind == "activity" else "--type"
    return {"kind": option, "queue": task.queue, "type": task.type_key, "compatibility": task.compatibility}


def _gaps(facts: Facts, *gaps: Gap) -> Iterator[tuple[Task, Row]]:
    return ((task, row) for task, row in facts.open_claims if row.gap in gaps)


def _gap(gap: Gap) -> Callable[[Facts], Seen | None]:
    """A row that fits where this keeps the nearest worker of the queue from taking a task."""

    def find(facts: Facts) -> Seen | None:
        for task, row in _gaps(facts, gap):
            near = next((one.worker.worker_id for one in row.standings if gap in one.obstacles), None)
            return Seen(f"its {task.name} waits: {row.told}", {**_values(task), "worker": near})
        return None

    return find


def _other_namespace(facts: Facts) -> Seen | None:
    for task, row in facts.open_claims:
        if row.gap is None:
            continue
        fits = [one for one in facts.workers_elsewhere
                if one.status == "active" and one.takes(task.kind, task.queue, task.type_key)]  # fmt: skip
        if fits:
            there = sorted({one.namespace or "another" for one in fits})
            told = (
                f"its {task.name} waits in namespace {facts.namespace}, and who would take it ({names(tuple(fits))}) "
            )
            return Seen(f"{told}is registered in namespace {', '.join(there)}", {**_values(task), "other": there[0]})
    return None


def _connection(facts: Facts) -> Seen | None:
    connection = None if facts.here is None else facts.here.side.connection
    if connection is None:
        return None
    for task, _ in _gaps(facts, Gap.NOBODY_POLLS):
        if task.queue != connection and any(one.task_queue == connection for one in facts.workers or ()):
            told = f"nobody polls queue {task.queue}, and workers poll {connection}, which is its Laravel connection"
            return Seen(told, _values(task))
    return None


def _other_queue(facts: Facts) -> Seen | None:
    for task, row in facts.open_claims:
        if row.gap is not None and row.elsewhere:
            told = f"its {task.name} lies in queue {task.queue}, and its type is taken on {', '.join(row.elsewhere)}"
            return Seen(told, _values(task))
    return None


def _class_name(facts: Facts) -> Seen | None:
    """The run has a type key and the workers the PHP class, or the other way round."""
    php_class = None if facts.here is None else facts.here.side.workflow_class
    for task, row in _gaps(facts, Gap.TYPE_MISSING):
        listed = {name for one in row.standings for name in types_of(one.worker, row.need.demand.kind)}
        type_key = task.type_key or ""
        if "\\" in type_key:
            return Seen(f"the run has the PHP class {type_key} for its type, and the workers of queue {task.queue} "
                        "list other names", _values(task))  # fmt: skip
        wrong = php_class if php_class in listed else next((name for name in sorted(listed) if "\\" in name), None)
        if wrong is not None:
            return Seen(f"the workers of queue {task.queue} list the PHP class {wrong}, and the run has the type key "
                        f"{type_key}", _values(task))  # fmt: skip
    return None


def _codec(facts: Facts) -> Seen | None:
    here = facts.here
    codec = None if here is None or not here.is_open else here.side.codec
    if codec in (None, CODEC) or (facts.info is not None and codec in facts.info.payload_codecs):
        return None
    rows = [row for row in (facts.rest, *facts.standings) if row is not None]
    foreign = {one.worker_id: one for row in rows for one in row.served_by if one.runtime != "php"}
    if not foreign:
        return None
    workers = ", ".join(f"{one.worker_id} ({one.runtime})" for one in list(foreign.values())[:3])
    told = f"its payloads are in {codec}, and a worker that takes it cannot decode that: {workers}"
    return Seen(told, {"worker": next(iter(foreign))})


def _lease_over(facts: Facts) -> Seen | None:
    for claim in facts.claims:
        task = claim.task
        if task.status != "leased" or task.lease_expires_at is None or facts.server_now is None:
            continue
        if not facts.is_later(task.lease_expires_at):
            told = f"{task.lease_owner} held its {task.name} until {task.lease_expires_at}, and did not answer"
            return Seen(f"{told}: the lease is over, and nobody has taken the task back", _values(task))
    return None


def _gone_owner(facts: Facts) -> Seen | None:
    for claim in facts.claims:
        task = claim.task
        if task.status != "leased" or task.lease_owner is None or facts.workers is None:
            continue
        owner = _worker(facts, task.lease_owner)
        if owner is None or owner.status == "stale":
            how = "is not registered any more" if owner is None else f"was last heard of at {owner.last_heartbeat_at}"
            told = f"{task.lease_owner} holds its {task.name} and {how}"
            return Seen(
                f"{told}; the lease ends at {task.lease_expires_at}", {**_values(task), "worker": task.lease_owner}
            )
    return None


def _working(facts: Facts) -> Seen | None:
    for claim in facts.claims:
        task = claim.task
        if task.status == "leased":
            return Seen(f"{task.lease_owner} has its {task.name} in hand until {task.lease_expires_at}",
                        {**_values(task), "worker": task.lease_owner})  # fmt: skip
    return None


def _worker(facts: Facts, worker_id: str) -> Worker | None:
    return next((one for one in facts.workers or () if one.worker_id == worker_id), None)


def _failing(facts: Facts) -> Seen | None:
    for claim in facts.claims:
        task = claim.task
        if task.attempts < _OFTEN or task.status != "ready" or claim.row is None:
            continue
        failure = None if facts.here is None or facts.here.work is None else facts.here.work.failure
        said = (task.said or failure) if task.kind == "activity" else task.said
        again = f"; it is tried again at {task.available_at}" if facts.is_later(task.available_at) else ""
        told = f"its {task.name} was taken {task.attempts} times and given back{f': {said}' if said else ''}{again}"
        return Seen(told, {**_values(task), "worker": next((one.worker_id for one in claim.row.served_by), None)})
    return None


def _once_given_back(facts: Facts) -> Seen | None:
    for claim in facts.claims:
        task = claim.task
        if 0 < task.attempts < _OFTEN and task.status == "ready" and facts.is_later(task.available_at):
            return Seen(f"its {task.name} failed once and is tried again at {task.available_at}", _values(task))
    return None


def _served(facts: Facts) -> Iterator[tuple[Task, Row]]:
    return ((task, row) for task, row in facts.open_claims if row.gap is None)


def _counts(facts: Facts, task: Task) -> tuple[str | None, int]:
    """Whether the queue gives out tasks of this kind, and how many are ready in it."""
    queue = facts.queues.get(task.queue or "")
    if queue is None:
        return None, 0
    counts = queue.activity_tasks if task.kind == "activity" else queue.workflow_tasks
    return counts.admission, counts.ready or 0


def _no_slots(facts: Facts) -> Seen | None:
    for task, row in _served(facts):
        admission, _ = _counts(facts, task)
        if admission not in (None, "accepting"):
            told = f"{names(row.served_by)} would take its {task.name}, and queue {task.queue} gives nothing out"
            return Seen(f"{told}: {admission}", _values(task))
    return None


def _is_fresh(facts: Facts, task: Task) -> bool:
    age = facts.age(task.available_at)
    return age is not None and age < _FRESH


def _just_ready(facts: Facts) -> Seen | None:
    for task, row in _served(facts):
        if _is_fresh(facts, task):
            return Seen(f"its {task.name} has just become ready ({task.available_at}), and "
                        f"{names(row.served_by)} can take it", _values(task))  # fmt: skip
    return None


def _behind(facts: Facts) -> Seen | None:
    for task, row in _served(facts):
        _, ready = _counts(facts, task)
        if ready > 1 and not _is_fresh(facts, task):
            told = f"its {task.name} is one of {ready:,} that wait in queue {task.queue}"
            return Seen(f"{told}, which {names(row.served_by)} can take", _values(task))
    return None


def _no_poll(facts: Facts) -> Seen | None:
    for task, row in _served(facts):
        if not _is_fresh(facts, task):
            since = f" since {task.available_at}" if task.available_at else ""
            told = f"{names(row.served_by)} would take its {task.name}, which is ready{since}, and nobody has"
            return Seen(told, {**_values(task), "worker": row.served_by[0].worker_id})
    return None


CLAIM_ROWS: Final = (
    Diagnosis("diagnose.workers_in_other_namespace", Says.CAUSE, Symptom.NO_TASK,
              "The workers that would take it are registered in another namespace.",
              "A worker polls one namespace, and one that sends no X-Namespace is in `default`, silently.",
              "Start the workers with the namespace of the run.",
              _other_namespace, "dwctl worker list{options} --namespace {other}"),
    Diagnosis("diagnose.queue_is_connection", Says.CAUSE, Symptom.NO_TASK,
              "The workers poll the name of the Laravel connection, and not that of the queue.",
              "Polls of the server go by queue alone; a bundle's connection is ignored.",
              "Start the workers on the queue.",
              _connection, _COVERAGE),
    Diagnosis("diagnose.other_queue", Says.CAUSE, Symptom.NO_TASK,
              "The type is taken on another queue than the one in which the task lies.",
              "The embedded application's queue names stay on imported tasks; names are compared exactly.",
              "Start a worker of this type on the queue of the run; a queue of an imported run cannot be changed.",
              _other_queue, _COVERAGE),
    Diagnosis("diagnose.class_name", Says.CAUSE, Symptom.NO_TASK,
              "The run's type and what the workers list differ as type key and PHP class.",
              "The server compares both as text, and imports class names as type keys without a word.",
              "Register the very text that the run has; give new work stable type keys.",
              _class_name, _COVERAGE),
    Diagnosis("diagnose.nobody_polls", Says.CAUSE, Symptom.NOT_CLAIMED,
              "No worker that is alive polls the queue.",
              "An unknown queue is answered like an empty one, so that a misspelled name shows nowhere else. A worker "
              "that is refused (its token, its protocol header, its namespace) is not registered at all: read its log.",
              "Start a worker for exactly this queue, in this namespace.",
              _gap(Gap.NOBODY_POLLS), _COVERAGE),
    Diagnosis("diagnose.type_missing", Says.CAUSE, Symptom.NO_TASK,
              "Workers poll the queue, and none of them has registered the type.",
              "A worker takes only what it lists; one that lists nothing takes everything.",
              "Register the type key with a worker of this queue.",
              _gap(Gap.TYPE_MISSING), _COVERAGE),
    Diagnosis("diagnose.other_build", Says.CAUSE, Symptom.NOT_CLAIMED,
              "The run has a compatibility marker, and the workers are of another build, or of none.",
              "A run with a marker goes to workers of exactly that build id.",
              "Start a worker with that build id; a marker stays for as long as the run is open.",
              _gap(Gap.OTHER_BUILD), f"{_COVERAGE} --compatibility {{compatibility}}"),
    Diagnosis("diagnose.worker_stale", Says.CAUSE, Symptom.NOT_CLAIMED,
              "The workers that would take it have not been heard of for too long.",
              "Today's server lists them even where only active ones are asked for; later ones hide them.",
              "Start the worker again.",
              _gap(Gap.WORKER_STALE), _WORKER),
    Diagnosis("diagnose.worker_draining", Says.CAUSE, Symptom.NOT_CLAIMED,
              "The workers that would take it are of a build that is drained.",
              "A drained build finishes what it holds, and is given nothing new.",
              "Start workers of the build that follows, or resume the drained one.",
              _gap(Gap.WORKER_DRAINING), _QUEUE),
    Diagnosis("diagnose.worker_unknown", Says.CAUSE, Symptom.NOT_CLAIMED,
              "The server does not say whether the workers that would take it are alive.",
              "What is not known to be alive is not counted.",
              "Look at the worker.",
              _gap(Gap.WORKER_STATUS_UNKNOWN), _WORKER),
    Diagnosis("diagnose.task_not_named", Says.CAUSE, Symptom.NOT_CLAIMED,
              "A task of the run names no queue or no type.",
              "Such a task is given to nobody.",
              "Look at the run in the embedded application, and export it again.",
              _gap(Gap.NEED_NOT_NAMED), "dwctl workflow show{options} --namespace {namespace} {id}"),
    Diagnosis("diagnose.codec", Says.CAUSE, Symptom.CODEC,
              "The run's payloads are in a codec that a worker which takes it cannot decode.",
              "Legacy serializers are PHP's own; avro is read by every runtime.",
              "Let only PHP workers take this type until its legacy runs have ended; start new work with avro.",
              _codec, _WORKER),
    Diagnosis("diagnose.lease_over", Says.CAUSE, Symptom.STANDS,
              "A worker held a task until its lease was over, and nobody has taken the task back.",
              "Expired leases are returned by the server's repair pass, or by the next poll where that runs it.",
              "Run the repair pass, and see that the server's own queue worker runs.",
              _lease_over, "dw system:repair-pass{options} --namespace={namespace}"),
    Diagnosis("diagnose.worker_gone_with_task", Says.CAUSE, Symptom.STANDS,
              "A worker that is gone holds a task of the run.",
              "The task is given to nobody else before its lease is over (5 minutes).",
              "Wait for the end of the lease, or start that worker again.",
              _gone_owner, _WORKERS),
    Diagnosis("diagnose.failing", Says.CAUSE, Symptom.STANDS,
              "A task of the run is taken and given back again and again.",
              "The worker's code fails on it: its log has the whole story, the history the message of activities.",
              "Read the worker's log, and mend what it says.",
              _failing, _WORKERS),
    Diagnosis("diagnose.no_slots", Says.CAUSE, Symptom.NOT_CLAIMED,
              "Workers would take it, and their queue gives nothing out.",
              "All their slots are taken, or the server throttles the queue.",
              "See what the workers hold; start more of them, or give them more slots.",
              _no_slots, _QUEUE),
    Diagnosis("diagnose.behind_others", Says.CAUSE, Symptom.NOT_CLAIMED,
              "It waits behind other tasks of its queue.",
              "There are fewer workers than work, or those that are there do not poll.",
              "See whether the queue becomes shorter; if not, read the workers' logs or start more.",
              _behind, _QUEUE),
    Diagnosis("diagnose.no_poll", Says.CAUSE, Symptom.NO_TASK,
              "A worker would take it, and does not.",
              "It registered and does not poll, its polls are refused, or it polls another kind of task only.",
              "Read the worker's log: does it poll, with its header, its namespace and its build id?",
              _no_poll, _WORKER),
)  # fmt: skip

CLAIM_RIGHT: Final = (
    Diagnosis("diagnose.working", Says.RIGHT, Symptom.STANDS,
              "A worker has a task of the run in hand.",
              "The lease says by when it has to answer.",
              "Give it the time, or read its log.",
              _working, _WORKER),
    Diagnosis("diagnose.tried_again", Says.RIGHT, Symptom.STANDS,
              "A task of the run failed once and is tried again.",
              "Retries come with a pause.",
              "Look again after that time.",
              _once_given_back, _AGAIN),
    Diagnosis("diagnose.just_ready", Says.RIGHT, Symptom.NOT_CLAIMED,
              "A task of the run has just become ready, and a worker can take it.",
              "Polls come one after the other.",
              "Look again in some seconds.",
              _just_ready, _AGAIN),
)  # fmt: skip
