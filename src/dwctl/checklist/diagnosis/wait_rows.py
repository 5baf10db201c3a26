"""What an open run waits for, rightly or for ever; how a closed one ended; and what else is worth knowing of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from dwctl.bundle.vocabulary import TERMINAL_STATUSES
from dwctl.checklist.diagnosis.diagnosis import NOT_KNOWN, Diagnosis, Says, Seen, Symptom
from dwctl.checklist.diagnosis.facts import Facts, Wait
from dwctl.server.documents import moment

_AGAIN: Final = "dwctl diagnose{options} --namespace {namespace} {id}"
_SHOW: Final = "dwctl workflow show{options} --namespace {namespace} {id}"
_REPAIR: Final = "dw system:repair-pass{options} --namespace={namespace}"
_SIGNAL: Final = "dw workflow:signal{options} --namespace={namespace} {id} {name}"
_COVERAGE: Final = "dwctl worker coverage{options} --namespace {namespace} --type {type} --task-queue {queue}"
_GRACE: Final = 10.0
"""Seconds that a timer may be due: the server's own queue worker needs some."""


def _waits(facts: Facts, kind: str) -> list[Wait]:
    here = facts.here
    if here is None or not here.is_open or here.work is None:
        return []
    return [wait for wait in here.work.waits if wait.kind == kind]


def _rightly(facts: Facts, kind: str) -> list[Wait]:
    """The same of a run whose deadlines are known not to be over: of another nobody knows whether it may still wait."""
    if facts.here is None or any(facts.age(text) is None for text in facts.here.deadlines):
        return []
    return _waits(facts, kind)


def _due(facts: Facts) -> Seen | None:
    for wait in _waits(facts, "timer"):
        age = facts.age(wait.due_at)
        if age is not None and age > _GRACE:
            return Seen(f"its timer was due at {wait.due_at} and has not fired")
    return None


def _deadline(facts: Facts) -> Seen | None:
    here = facts.here
    if here is None or not here.is_open:
        return None
    for text in here.deadlines:
        age = facts.age(text)
        if age is not None and age > _GRACE:
            return Seen(f"it had to be over by {text}, and the server has not closed it")
    return None


def _child_missing(facts: Facts) -> Seen | None:
    for wait in _waits(facts, "child"):
        if facts.children_here.get(wait.child_run_id or "", "not asked") is None:
            told = (
                f"it waits for its child {wait.name or ''} (run {wait.child_run_id}), which is not on the server here"
            )
            return Seen(told, {"child": wait.child_id or wait.child_run_id})
    return None


def _child_closed(facts: Facts) -> Seen | None:
    for wait in _waits(facts, "child"):
        status = facts.children_here.get(wait.child_run_id or "")
        if status in TERMINAL_STATUSES and not any(claim.row is not None for claim in facts.claims):
            return Seen(f"its child (run {wait.child_run_id}) is {status}, and no task tells the run of it",
                        {"child": wait.child_id or wait.child_run_id})  # fmt: skip
    return None


def _no_task(facts: Facts) -> Seen | None:
    here = facts.here
    if here is None or not here.is_open or here.work is None or here.work.tasks or not here.work.events:
        return None
    if any(wait.kind != "update" for wait in here.work.waits):
        return None
    # An update is applied by a workflow task, so that without one it waits for ever.
    waits = f"an update ({here.work.waits[0].name})" if here.work.waits else "nothing"
    return Seen(f"it is {here.row.status}, has no task, and waits for {waits}")


def _pruned(facts: Facts) -> Seen | None:
    here = facts.here
    if here is None or here.work is None or here.work.events:
        return None
    return Seen(f"it is {here.row.status}, and its history is empty: retention has pruned it")


def _unreadable(facts: Facts) -> Seen | None:
    here = facts.here
    if here is None or here.describe_error is None or here.work is None:
        return None
    return Seen(f"the server fails to show it ({here.describe_error.message}), while its history can be read")


def _historical(facts: Facts) -> Seen | None:
    here = facts.here
    if here is None or here.newest.run_id == here.row.run_id:
        return None
    return Seen(f"run {here.row.run_id} is {here.row.status} and was followed by run {here.newest.run_id}, "
                f"which is {here.newest.status}", {"run": here.newest.run_id})  # fmt: skip


def _successor(facts: Facts) -> Seen | None:
    here = facts.here
    follows = None if here is None or here.work is None else here.work.continued_to
    if here is None or follows is None or any(row.run_id == follows for row in here.runs):
        return None
    return Seen(f"it went on as run {follows}, which is not on the server here", {"run": follows})


def _closed(facts: Facts) -> Seen | None:
    here = facts.here
    if here is None or here.row.status != "completed":
        return None
    return Seen(
        f"it completed{f' at {here.row.closed_at}' if here.row.closed_at else ''}; commands reach open runs only"
    )


def _ended(facts: Facts) -> Seen | None:
    here = facts.here
    if here is None or here.is_open or here.row.status == "completed" or here.newest.run_id != here.row.run_id:
        return None
    said = None if here.work is None else here.work.failure
    at = f" at {here.row.closed_at}" if here.row.closed_at else ""
    return Seen(f"it ended as {here.row.status}{at}{f': {said}' if said else ''}; commands reach open runs only")


def _rests(kind: str, told: str) -> Callable[[Facts], Seen | None]:
    """A row that fits an open run that waits for something of this kind."""

    def find(facts: Facts) -> Seen | None:
        for wait in _rightly(facts, kind):
            until = f" until {wait.due_at}" if wait.due_at else ""
            return Seen(f"it waits for {told}{f' {wait.name}' if wait.name else ''}{until}",
                        {"name": wait.name, "child": wait.child_id or wait.child_run_id})  # fmt: skip
        return None

    return find


def _update(facts: Facts) -> Seen | None:
    waits = _rightly(facts, "update")
    if not waits or not any(claim.task.kind == "workflow" for claim in facts.claims):
        return None
    return Seen(f"it has the update {waits[0].name or ''} to apply, and a workflow task for it")


def _later(facts: Facts) -> Seen | None:
    for wait in _rightly(facts, "timer"):
        age = facts.age(wait.due_at)
        if age is not None and age <= _GRACE:
            return Seen(f"it waits for a timer that is due at {wait.due_at}")
    return None


def _nobody_later(facts: Facts) -> Seen | None:
    here, rest = facts.here, facts.rest
    if here is None or not here.is_open or rest is None or rest.gap is None:
        return None
    if any(claim.row is not None and claim.task.kind == "workflow" for claim in facts.claims):
        return None
    return Seen(f"when it goes on, nobody will take it as things stand: {rest.told}")


def _declared(facts: Facts) -> Seen | None:
    here = facts.here
    if here is None or not here.is_open or here.work is None or not here.work.declared_signals:
        return None
    return Seen(f"it takes the signals that its PHP class declared: {', '.join(here.work.declared_signals)}")


def _external(facts: Facts) -> Seen | None:
    here = facts.here
    count = 0 if here is None or here.work is None else here.work.external_payloads
    if not count:
        return None
    return Seen(f"{count} of its payloads are in external storage, which server and workers need a driver for")


def _expires(facts: Facts) -> Seen | None:
    here = facts.here
    own = next((one for one in facts.namespaces or () if one.name == facts.namespace), None)
    closed = None if here is None else moment(here.row.closed_at)
    if here is None or own is None or closed is None or own.retention_days is None or own.retention_mode == "forever":
        return None
    if facts.server_now is None or closed + timedelta(days=own.retention_days) > facts.server_now:
        return None
    return Seen(f"it closed more than {own.retention_days} days ago, so the next heartbeat of a worker may prune it")


def _defaulted(facts: Facts) -> Seen | None:
    if facts.namespace_named or facts.server is None:
        return None
    return Seen(f"no namespace was named, so {facts.namespace} was asked")


def _moved_unsure(facts: Facts) -> Seen | None:
    embedded = facts.embedded
    if embedded is None or embedded.doubt is None or facts.here is None:
        return None
    return Seen(f"whether its embedded copy has gone on is not known: {embedded.doubt}")


def _unknown(facts: Facts) -> Seen | None:
    missing = "; ".join(
        f"{one.place.value}, {one.what}: {one.told}" for one in facts.questions if one.error is not None
    )
    also = f"; without an answer: {missing}" if missing else ""
    silent = ", ".join(place.value for place in facts.not_asked)
    also += f"; not asked: {silent}" if silent else ""
    if facts.server_now is None and facts.here is not None and facts.here.is_open:
        also += "; the server's clock is not known, so nobody can tell which of its times are over"
    status = "" if facts.here is None else f" ({facts.here.row.status})"
    return Seen(f"why run {facts.run_id or facts.wanted}{status} does not go on is not known{also}")


WAIT_CAUSES: Final = (
    Diagnosis("diagnose.history_pruned", Says.CAUSE, Symptom.NO_ANSWER,
              "The run's history is empty: retention has pruned it.",
              "An import keeps closed_at, so a run older than the namespace's retention goes with the next "
              "heartbeat of a worker; describe still answers, and an import says already_imported.",
              "Its bundle is what is left of it. Archive closed runs right after their import, or raise retention.",
              _pruned, "dwctl namespace show{options} {namespace}"),
    Diagnosis("diagnose.timer_due", Says.CAUSE, Symptom.STANDS,
              "A timer of the run is due and has not fired.",
              "Timers that came with an import fire only after a repair pass, which hands them to the server's own "
              "queue worker.",
              "Run the repair pass; see that the server's scheduler and queue worker run.",
              _due, _REPAIR),
    Diagnosis("diagnose.deadline_over", Says.CAUSE, Symptom.STANDS,
              "The run's deadline is over, and the server has not closed it.",
              "Deadlines and timeouts are enforced by the repair pass. An import does not carry deadlines over.",
              "Run the repair pass; see that the server's scheduler runs.",
              _deadline, _REPAIR),
    Diagnosis("diagnose.child_missing", Says.CAUSE, Symptom.STANDS,
              "It waits for a child that is not on the server.",
              "Parent and child are runs of their own, and each is imported by itself; an embedded child tells its "
              "end to the embedded parent only.",
              "Import the child too; its link to the parent may have to be left out (--resolve-links).",
              _child_missing, "dwctl diagnose{options} --namespace {namespace} {child}"),
    Diagnosis("diagnose.child_closed", Says.CAUSE, Symptom.STANDS,
              "Its child has ended, and no task tells the run of it.",
              "The child ended before the import, or in the other runtime.",
              "Run the repair pass; look at the parent's history.",
              _child_closed, _REPAIR),
    Diagnosis("diagnose.no_open_task", Says.CAUSE, Symptom.STANDS,
              "The run is open, has no task, and waits for nothing that could make one.",
              "Nothing will ever take it up by itself, nor apply an update; the repair pass looks for such runs.",
              "Run the repair pass.",
              _no_task, _REPAIR),
    Diagnosis("diagnose.successor_missing", Says.CAUSE, Symptom.NO_ANSWER,
              "It continued as new, and the run that followed is not on the server.",
              "Each run of a chain is imported by itself, and two neighbours share a link row, so that the second "
              "is refused after a clean dry run.",
              "Import the run that followed; --resolve-links leaves out the link that is there.",
              _successor, "dwctl history-export --source embedded --run-id {run} {id}"),
    Diagnosis("diagnose.ended_otherwise", Says.CAUSE, Symptom.NO_ANSWER,
              "The run has ended, and has not completed.",
              "It failed, or somebody cancelled or terminated it. A closed run takes no command.",
              "Read the failure. Its id can never be used again: new work needs an id of its own.",
              _ended, _SHOW),
    Diagnosis("diagnose.cannot_be_shown", Says.CAUSE, Symptom.NO_ANSWER,
              "The server fails when it is to show the run.",
              "A payload is raw binary, in a codec that it lacks, or in external storage whose driver it lacks; "
              "history and export answer, and workers can take the run all the same.",
              "Configure the storage driver on the server; read the history instead.",
              _unreadable, "dwctl history-export{options} --namespace {namespace} --source server {id}"),
)  # fmt: skip

WAIT_RIGHT: Final = (
    Diagnosis("diagnose.historical", Says.RIGHT, Symptom.NO_ANSWER,
              "The run was followed by another one.",
              "Commands reach only the current run of an instance (continue as new).",
              "Look at the newer run.",
              _historical, "dwctl diagnose{options} --namespace {namespace} --run-id {run} {id}"),
    Diagnosis("diagnose.completed", Says.RIGHT, Symptom.NO_ANSWER,
              "The run has completed.",
              "A closed run takes no command, and its id can never be used again.",
              "Nothing is to be done.",
              _closed, _SHOW),
    Diagnosis("diagnose.waits_for_update", Says.RIGHT, Symptom.STANDS,
              "The run has an update that is not finished.",
              "A worker applies it with the next workflow task.",
              "See that a worker takes the run's type.",
              _update, _AGAIN),
    Diagnosis("diagnose.waits_for_child", Says.RIGHT, Symptom.STANDS,
              "The run waits for a child.",
              "It goes on when the child ends.",
              "Look at the child.",
              _rests("child", "child"), "dwctl diagnose{options} --namespace {namespace} {child}"),
    Diagnosis("diagnose.waits_for_signal", Says.RIGHT, Symptom.STANDS,
              "The run waits for a signal.",
              "Nothing but that signal moves it on.",
              "Send it to the server, which owns the run now.",
              _rests("signal", "signal"), _SIGNAL),
    Diagnosis("diagnose.waits_for_timer", Says.RIGHT, Symptom.STANDS,
              "The run waits for a timer that is still to come.",
              "Its fire_at came with the import, and is kept.",
              "Look again after that time; due timers of imported runs need the repair pass.",
              _later, _AGAIN),
    Diagnosis("diagnose.waits_for_condition", Says.RIGHT, Symptom.STANDS,
              "The run waits for a condition of its own.",
              "A signal, an update or a timer of the run makes it true.",
              "See what the workflow's code waits for.",
              _rests("condition", "condition"), _SHOW),
)  # fmt: skip

NOTES: Final = (
    Diagnosis("diagnose.nobody_for_later", Says.NOTE, Symptom.NOT_CLAIMED,
              "The run rests, and nobody would take it if it went on.",
              "What it waits for makes a task, which lies in the queue until a worker takes it.",
              "Start a worker for its queue and type before that.",
              _nobody_later, _COVERAGE),
    Diagnosis("diagnose.declared_signals", Says.NOTE, Symptom.NO_ANSWER,
              "An imported run takes only the signals that its PHP class declared.",
              "Any other name is answered 404 rejected_unknown_signal; a run that was started on the server takes any.",
              "Send a declared name.",
              _declared, _SHOW),
    Diagnosis("diagnose.external_payloads", Says.NOTE, Symptom.NO_ANSWER,
              "Some payloads of the run are in external storage.",
              "An import does not look whether the server and its workers can read that storage.",
              "Configure the storage driver where the run goes on.",
              _external, "dwctl explain external_payload_storage_driver_unavailable"),
    Diagnosis("diagnose.retention_over", Says.NOTE, Symptom.NO_ANSWER,
              "The run closed longer ago than the namespace keeps closed runs.",
              "Each heartbeat of a worker prunes one; imported runs keep the time at which they closed.",
              "Archive it, or raise the retention, before workers come.",
              _expires, "dwctl workflow archive{options} --namespace {namespace} --reason 'kept for audit' {id}"),
    Diagnosis("diagnose.namespace_defaulted", Says.NOTE, Symptom.NAMESPACE,
              "No namespace was named.",
              "A missing X-Namespace is no error: it means `default`.",
              "Name the namespace, with --namespace or in cutover.toml.",
              _defaulted, "dwctl namespace list{options}"),
    Diagnosis("diagnose.embedded_copy_unknown", Says.NOTE, Symptom.NO_ANSWER,
              "Both runtimes have the run, and whether the embedded copy has moved is not known.",
              "Only a ledger, or the bundle that was imported, says where it stood.",
              "Name the ledger of the import; ask for drift.",
              _moved_unsure, "dwctl embedded drift"),
)  # fmt: skip

UNKNOWN_ROW: Final = Diagnosis(
    NOT_KNOWN, Says.CAUSE, Symptom.STANDS,
    "Why the run does not go on is not known.",
    "Nothing that could be asked explains it. That is not the same as all being well.",
    "Read the server's log and the workers' logs; look at the run's history, and at what was not asked.",
    _unknown, "dwctl workflow show{options} --namespace {namespace} {id}",
)  # fmt: skip
