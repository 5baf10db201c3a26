"""Values of the wrong type where a server expects another: commands of workers, and bundles to import."""

from __future__ import annotations

import asyncio
import copy
import json
import random
from pathlib import Path
from typing import Any

import httpx

from dwctl.rehearsal.task_commands import TASK_COMMANDS
from rehearsal_server import InProcess, activity_authority, authority, client_of, import_request, payload

Json = dict[str, Any]

EXAMPLES = Path(__file__).parents[1] / "examples" / "orders" / "bundles"

_BLOB = {"codec": "avro", "blob": "AAQCW10="}
JUNK: tuple[Any, ...] = (
    *(None, 0, 1, -1, 2**31 - 1, 2**31, 2**63 - 1, 2**63, 1.5, 12.0, 1e308, True, False),
    *("", "x", " ", "a" * 300, "\u2028", "\x00", "2026-11-22T22:11:34.036225Z", "99999-01-01T00:00:00Z", "leased"),
    *([], [1], ["a"], [None], [{}], {}, {"a": 1}, _BLOB, {"codec": "avro", "blob": 7}, {"codec": None, "blob": None}),
    *(payload(1), payload({"a": 1}), payload(b"\xff")["blob"], "TimerScheduled", "SignalWaitOpened"),
    *({"max_attempts": 2**70}, {"backoff_seconds": []}, {"max_attempts": 2, "backoff_seconds": [1]}),
    [{"parallel_group_base_sequence": 1, "parallel_group_size": 2, "parallel_group_index": 0}],
)

_RIGHT: Json = {
    "activity_type": "act", "delay_seconds": 1, "workflow_type": "child", "result": payload(1), "change_id": "c",
    "version": 1, "attributes": {"k": "v"}, "entries": payload({"a": 1}), "signal_name": "s", "update_id": "u",
    "message": "m",
}  # fmt: skip
_OPTIONAL = (
    "arguments queue retry_policy parallel_group_id parallel_group_kind parallel_group_base_sequence"
    " parallel_group_size parallel_group_index parallel_group_path result timeout_seconds exception exception_class"
    " exception_type non_retryable parent_close_policy min_supported max_supported condition_key memo"
    " search_attributes execution_timeout_seconds run_timeout_seconds start_to_close_timeout heartbeat_timeout"
    " schedule_to_start_timeout schedule_to_close_timeout"
).split()

# Sections that the importer checks as a whole, or does not read.
_UNREAD = ("integrity", "codec_schemas", "schema", "schema_version", "payload_manifest", "timeline", "waits", "summary",
           "selected_run")  # fmt: skip


class ServerFailedError(AssertionError):
    """An answer of 500 and above: what was sent."""


def _sent(server: InProcess, method: str, path: str, body: object = None) -> httpx.Response:
    answer = server.send(method, path, body)
    if answer.status_code >= 500:
        raise ServerFailedError(f"{answer.status_code} for {method} {path} {json.dumps(body)[:1000]}")
    return answer


def work_badly(server: InProcess, chance: random.Random, number: int) -> None:
    """Start a run and give its tasks back with commands that may have a field too many, or one of a wrong type."""
    start = {"workflow_id": f"order-{number}", "workflow_type": "t", "task_queue": "default"}
    for name in chance.sample(["input", "memo", "search_attributes", "run_timeout_seconds"], chance.choice([0, 0, 1])):
        start[name] = chance.choice(JUNK)
    _sent(server, "POST", "/api/workflows", start)
    for _ in range(3):
        task = server.poll()
        if task:
            commands = [_command(chance) for _ in range(chance.randint(1, 3))]
            path = f"/api/worker/workflow-tasks/{task['task_id']}"
            if _sent(server, "POST", f"{path}/complete", {**authority(task), "commands": commands}).status_code != 200:
                _sent(server, "POST", f"{path}/fail", {**authority(task), "failure": {"message": "refused"}})
        task = server.poll("activity")
        if task:
            verb = chance.choice(["complete", "fail", "heartbeat"])
            failure = {"message": "m", chance.choice(["class", "type", "code", "details"]): chance.choice(JUNK)}
            body = {**activity_authority(task), "failure": failure, "result": chance.choice(JUNK)}
            _sent(server, "POST", f"/api/worker/activity-tasks/{task['task_id']}/{verb}", body)
    server.clock.turn(seconds=chance.choice([0, 1, 31, 400]))
    for run in _sent(server, "GET", "/api/workflows").json()["workflows"][:2]:
        _look(server, run["workflow_id"], run["run_id"])


def _command(chance: random.Random) -> Json:
    kind = chance.choice(list(TASK_COMMANDS))
    command: Json = {"type": kind}
    for name in TASK_COMMANDS[kind][1]:
        command[name] = _RIGHT[name] if chance.random() < 0.98 else chance.choice(JUNK)
    for name in chance.sample(_OPTIONAL, chance.choice([0, 0, 1])):
        command.setdefault(name, chance.choice(JUNK))
    return command


def _look(server: InProcess, workflow_id: str, run_id: str) -> None:
    for path in ("", "/runs", f"/runs/{run_id}/history", f"/runs/{run_id}/history/export"):
        _sent(server, "GET", f"/api/workflows/{workflow_id}{path}")


def examples() -> list[Json]:
    """The example bundles that are quickly changed."""
    return [json.loads(path.read_bytes()) for path in sorted(EXAMPLES.glob("*.json")) if path.stat().st_size < 150_000]


def import_badly(server: InProcess, chance: random.Random, bundles: list[Json]) -> int:
    """Import a bundle in which up to three values were exchanged, and use what came of it; the import's status."""
    bundle = copy.deepcopy(chance.choice(bundles))
    for _ in range(chance.randint(1, 3)):
        _exchange(bundle, chance)
    answer = asyncio.run(_import(server, bundle))
    if answer.status_code >= 500:
        raise ServerFailedError(f"{answer.status_code} for the import of {json.dumps(bundle)[:3000]}")
    if answer.status_code == 201:
        run = answer.json()["workflow"]
        if str(run["instance_id"]).isprintable() and str(run["run_id"]).isalnum():
            _look(server, run["instance_id"], run["run_id"])
        _use(server, chance)
    return answer.status_code


def _exchange(bundle: Json, chance: random.Random) -> None:
    holder: Any = bundle
    key: Any = chance.choice([name for name in bundle if name not in _UNREAD])
    while isinstance(holder[key], dict | list) and holder[key] and chance.random() < 0.9:
        holder = holder[key]
        key = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    holder[key] = copy.deepcopy(chance.choice(JUNK))


async def _import(server: InProcess, bundle: Json) -> httpx.Response:
    async with client_of(server.app) as client:
        return await client.post(**import_request(bundle))


def _use(server: InProcess, chance: random.Random) -> None:
    server.clock.turn(hours=chance.choice([0, 100]))
    for path in ("/api/workflows", "/api/task-queues", "/api/system/repair", "/api/cluster/info"):
        _sent(server, "GET", path)
    _sent(server, "POST", "/api/system/repair/pass", {})
    for kind in ("workflow", "activity"):
        for queue in ("default", "orders"):
            server.register(queue=queue)
            _work_on(server, chance, kind, queue)


def _work_on(server: InProcess, chance: random.Random, kind: str, queue: str) -> None:
    polled = {"worker_id": "w", "task_queue": queue, "timeout_seconds": 0}
    task = _sent(server, "POST", f"/api/worker/{kind}-tasks/poll", polled).json()["task"]
    if task is None:
        return
    verb = chance.choice(["complete", "fail", "heartbeat"])
    body: Json = {"failure": {"message": "m", "type": "t"}}
    if kind == "workflow":
        body |= {**authority(task), "commands": [{"type": "start_timer", "delay_seconds": 1}]}
    else:
        body |= {**activity_authority(task), "result": payload(1)}
    _sent(server, "POST", f"/api/worker/{kind}-tasks/{task['task_id']}/{verb}", body)
