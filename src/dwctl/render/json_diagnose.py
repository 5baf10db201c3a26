"""A diagnosis as JSON (schemas/diagnose.schema.json)."""

from __future__ import annotations

from typing import Any

from dwctl.checklist.diagnosis.diagnosis import DiagnosisResult, Match
from dwctl.checklist.diagnosis.facts import Claim, Facts, Place, Question
from dwctl.server.results import TaskQueue


def diagnosis_document(found: DiagnosisResult) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The document of `diagnose --json`, and its matches for jsonl."""
    facts, decided = found.facts, found.decided
    matches = [_match(match) for match in found.matches]
    document = {
        "schema": "dwctl.diagnose",
        "schema_version": 1,
        "id": facts.wanted,
        "instance_id": facts.instance_id,
        "run_id": facts.run_id,
        "server": facts.server,
        "namespace": facts.namespace if facts.server is not None else None,
        "server_time": None if facts.server_now is None else facts.server_now.isoformat(),
        "diagnosis": decided.row.id,
        "says": decided.row.says.value,
        "sentence": decided.told,
        "command": decided.command,
        "matches": matches,
        "sides": {place.value: _side(facts, place) for place in Place},
        "differs": {name: [place.value for place in places] for name, places in facts.differences.items()},
        "ledger": _ledger(facts),
        "tasks": [_task(claim) for claim in facts.claims],
        "waits": _waits(facts),
        "queues": [_queue(queue) for queue in facts.queues.values()],
        "workers": _standing(facts),
        "asked": [_question(one) for one in facts.questions],
        "exit_code": int(found.exit_code),
    }
    return document, matches


def _match(match: Match) -> dict[str, Any]:
    row = match.row
    return {
        "id": row.id,
        "says": row.says.value,
        "symptom": row.symptom.value,
        "sentence": match.told,
        "command": match.command,
        "fix": row.fix,
    }


def _side(facts: Facts, place: Place) -> dict[str, Any] | None:
    side = facts.sides.get(place)
    return None if side is None else side._asdict()


def _ledger(facts: Facts) -> dict[str, Any] | None:
    found = facts.ledger
    if found is None:
        return None
    row = found.row
    return {
        "state": row.state.value,
        "since": row.when,
        "file": row.file,
        "import_id": row.import_id,
        "rules": list(row.rules),
        "error_reason": row.error_reason,
        "error": row.error_text,
        "server": found.server,
        "namespace": found.namespace,
        "same_target": found.same_target,
    }


def _task(claim: Claim) -> dict[str, Any]:
    task = claim.task
    return {
        "id": task.id,
        "kind": task.kind,
        "status": task.status,
        "type": task.type_key,
        "queue": task.queue,
        "compatibility": task.compatibility,
        "attempts": task.attempts,
        "available_at": task.available_at,
        "lease_owner": task.lease_owner,
        "lease_expires_at": task.lease_expires_at,
        "gap": None if claim.row is None or claim.row.gap is None else claim.row.gap.value,
    }


def _waits(facts: Facts) -> list[dict[str, Any]]:
    work = None if facts.here is None else facts.here.work
    return [
        {
            "kind": wait.kind,
            "name": wait.name,
            "due_at": wait.due_at,
            "child_id": wait.child_id,
            "child_run_id": wait.child_run_id,
        }
        for wait in (() if work is None else work.waits)
    ]


def _queue(queue: TaskQueue) -> dict[str, Any]:
    return {
        "name": queue.name,
        "active_pollers": queue.active_pollers,
        "backlog": queue.backlog,
        "workflow_admission": queue.workflow_tasks.admission,
        "activity_admission": queue.activity_tasks.admission,
    }


def _standing(facts: Facts) -> list[dict[str, Any]]:
    """Everybody who polls a queue of the run, for each of its tasks, with what is in the way."""
    return [
        {
            "worker_id": one.worker.worker_id,
            "status": one.worker.status,
            "runtime": one.worker.runtime,
            "build_id": one.worker.build_id,
            "queue": one.worker.task_queue,
            "kind": row.need.demand.kind.value,
            "type": row.need.demand.type_key,
            "obstacles": [gap.value for gap in one.obstacles],
        }
        for row in facts.standings
        for one in row.standings
    ]


def _question(one: Question) -> dict[str, Any]:
    return {
        "place": one.place.value,
        "what": one.what,
        "asked": one.asked,
        "failed": one.error is not None,
        "told": one.told,
    }
