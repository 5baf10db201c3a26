"""Replays recorded exchanges of the real server against the rehearsal server, and compares the answers.

The recordings of one real server run in their order against one rehearsal server. What was done between two
recordings, and was not recorded itself, stands in `BETWEEN`.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx

from dwctl.rehearsal.app import create_app
from dwctl.rehearsal.state import Settings
from recorded_bodies import body_of_note

Json = dict[str, Any]

_ULID = re.compile(r"[0-9A-Za-z]{26}")
_NUMBER = re.compile(r"\d{3}")

TOKENS = {"worker": "worker-secret", "operator": "operator-secret", "admin": "admin-secret"}

CLUSTER_INFO = (
    "server_id version default_namespace supported_sdk_versions capabilities.history_export"
    " capabilities.embedded_v2_import capabilities.payload_codecs capabilities.response_compression worker_fleet"
    " task_repair limits structural_limits client_compatibility.schema client_compatibility.version"
    " client_compatibility.fail_closed client_compatibility.clients.cli.supported_versions"
    " client_compatibility.clients.sdk-python.supported_versions auth_composition_contract.schema"
    " control_plane.version control_plane.request_contract.schema control_plane.request_contract.version"
    " control_plane.request_contract.operations.list control_plane.request_contract.operations.start.unsupported_fields"
    " control_plane.request_contract.operations.update control_plane.response_contract worker_protocol.version"
    " worker_protocol.server_capabilities topology.current_shape topology.current_process_class"
    " topology.current_roles topology.execution_mode embedded_v2_import_contract.schema"
    " embedded_v2_import_contract.import"
).split()
"""What contract/server.md §2 names of cluster info."""


@dataclass(frozen=True)
class Group:
    """Recordings that one real server made, and how that server was configured."""

    name: str
    first: int
    last: int
    settings: Settings


GROUPS = (
    Group("token auth", 1, 312, Settings(auth="token", tokens=TOKENS, poll_timeout=0.05, stale_after=60)),
    Group("stale after two seconds", 401, 412, Settings(poll_timeout=0.05, stale_after=2)),
    Group("no auth", 421, 434, Settings(poll_timeout=0.05, stale_after=60)),
    Group("timers", 450, 455, Settings(poll_timeout=0.05, stale_after=60)),
    Group("retention", 460, 471, Settings(poll_timeout=0.05, stale_after=60)),
)
"""The groups of the issue; 126 to 200 and 313 to 400 do not exist."""


@dataclass
class Recording:
    """One recorded exchange."""

    path: Path
    document: Json = field(repr=False)

    @property
    def name(self) -> str:
        """`062-workflow-start`."""
        return self.path.stem

    @property
    def number(self) -> int:
        """62."""
        return int(self.name[:3])

    @property
    def at(self) -> datetime:
        """When the real server answered, to the second."""
        headers = {name.lower(): value for name, value in self.document["response"]["headers"].items()}
        return parsedate_to_datetime(headers["date"]).astimezone(UTC)


def recordings(shared: Path, group: Group) -> list[Recording]:
    """The recordings of a group, in their order."""
    paths = [path for path in sorted((shared / "recordings/http").glob("*.json")) if _NUMBER.match(path.stem)]
    found = [Recording(path, json.loads(path.read_text("utf-8"))) for path in paths]
    return [recording for recording in found if group.first <= recording.number <= group.last]


class Clock:
    """The rehearsal server's clock: at each recording it is the recorded time, and it never stands still."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)

    def set(self, moment: datetime) -> None:
        """Move to a moment, never back."""
        self._now = max(self._now, moment)

    def __call__(self) -> datetime:
        """The time; a little later with every question."""
        self._now += timedelta(microseconds=137)
        return self._now


@dataclass
class Outcome:
    """What came of one recording."""

    recording: Recording
    differences: list[str]


def replay(shared: Path, group: Group) -> list[Outcome]:
    """Replay a group; every recording is compared, whatever came of those before."""
    return asyncio.run(_Replay(shared, group).run())


class _Replay:
    def __init__(self, shared: Path, group: Group) -> None:
        self._shared = shared
        self._group = group
        self._clock = Clock()
        self._app = create_app(settings=group.settings, now=self._clock)
        self._ids: dict[str, str] = {}
        self.answers: dict[int, Any] = {}

    async def run(self) -> list[Outcome]:
        transport = httpx.ASGITransport(app=self._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://rehearsal") as client:
            return [await self._one(client, recording) for recording in recordings(self._shared, self._group)]

    async def _one(self, client: httpx.AsyncClient, recording: Recording) -> Outcome:
        for before in BETWEEN.get(recording.number, ()):
            self._clock.set(recording.at + timedelta(seconds=before.seconds))
            answer = await client.request(before.method, before.path, json=before.body, headers=before.headers())
            assert answer.is_success, (before, answer.text)
        self._clock.set(recording.at)
        request = recording.document["request"]
        headers = {"Accept-Encoding": "identity", **request["headers"]}
        answer = await client.request(
            request["method"], self._translated(request["path"]), content=self._body(recording), headers=headers
        )
        ours: Any = answer.json() if "json" in answer.headers.get("content-type", "") else {"_text": answer.text}
        self.answers[recording.number] = ours
        theirs = recording.document["response"]
        self._learn(theirs["body"], ours)
        return Outcome(recording, list(_compared(recording, answer, ours)))

    def _translated(self, text: str) -> str:
        """Ids that the real server made, as the rehearsal server made them."""
        return _ULID.sub(lambda found: self._ids.get(found[0], found[0]), text)

    def _body(self, recording: Recording) -> bytes | None:
        body = recording.document["request"]["body"]
        if body is None:
            return None
        if "_note" in body:
            return body_of_note(self._shared, recording.number, body["_note"], self.answers)
        if "_raw" in body:
            raw: str = body["_raw"]
            return b" " * int(raw[1:8]) if raw.endswith(" characters>") else raw.encode()
        return self._translated(json.dumps(body)).encode()

    def _learn(self, theirs: Any, ours: Any) -> None:
        if isinstance(theirs, dict) and isinstance(ours, dict):
            for key in theirs.keys() & ours.keys():
                self._learn(theirs[key], ours[key])
        elif isinstance(theirs, list) and isinstance(ours, list):
            for one, other in zip(theirs, ours, strict=False):
                self._learn(one, other)
        elif isinstance(theirs, str) and isinstance(ours, str) and _ULID.fullmatch(theirs) and theirs != ours:
            self._ids.setdefault(theirs, ours)


# --- comparing -----------------------------------------------------------------------------------------------

HEADERS = ("Content-Encoding", "X-Durable-Workflow-Control-Plane-Version", "X-Durable-Workflow-Protocol-Version")


def _compared(recording: Recording, answer: httpx.Response, ours: Any) -> Iterator[str]:
    response = recording.document["response"]
    if answer.status_code != response["status"]:
        yield f"status {answer.status_code} instead of {response['status']}: {answer.text[:300]}"
        return
    theirs = response["body"]
    for header in HEADERS:
        if response["headers"].get(header) != answer.headers.get(header):
            yield f"header {header}: {answer.headers.get(header)} instead of {response['headers'].get(header)}"
    if isinstance(theirs, dict) and "server_id" in theirs:
        for path in CLUSTER_INFO:
            yield from differences(_at(theirs, path), _at(ours, path), path)
        return
    if isinstance(theirs, dict) and isinstance(ours, dict) and "_text" not in theirs:
        for word in ("reason", "outcome", "status"):
            if theirs.get(word) != ours.get(word):
                yield f"{word} {ours.get(word)!r} instead of {theirs.get(word)!r}"
        for one, other in zip(_rules(theirs), _rules(ours), strict=False):
            if one != other:
                yield f"rule {other} instead of {one}"
    yield from differences(theirs, ours)


def _rules(body: Json) -> list[str]:
    eligibility = body.get("eligibility") or {}
    return [error["rule"] for error in eligibility.get("errors", [])]


def _at(document: Any, path: str) -> Any:
    for step in path.split("."):
        document = document.get(step, ...) if isinstance(document, dict) else ...
    return document


def differences(theirs: Any, ours: Any, path: str = "$") -> Iterator[str]:
    """Where two documents differ in their keys or their JSON types, lists by element."""
    if theirs is ... or ours is ...:
        yield f"{path}: {'absent' if ours is ... else 'not in the recording'}"
    elif _kind(theirs) != _kind(ours):
        yield f"{path}: {_kind(ours)} instead of {_kind(theirs)}"
    elif isinstance(theirs, dict):
        for key in sorted(theirs.keys() | ours.keys()):
            yield from differences(theirs.get(key, ...), ours.get(key, ...), f"{path}.{key}")
    elif isinstance(theirs, list):
        if len(theirs) != len(ours):
            yield f"{path}: {len(ours)} elements instead of {len(theirs)}"
        for index, (one, other) in enumerate(zip(theirs, ours, strict=False)):
            yield from differences(one, other, f"{path}[{index}]")


_KINDS: dict[type, str] = {
    dict: "object",
    list: "list",
    str: "text",
    bool: "boolean",
    int: "number",
    float: "number",
    type(None): "null",
}


def _kind(value: Any) -> str:
    return _KINDS[type(value)]


# --- what was not recorded -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """A request that was made before a recording; `seconds` are relative to it."""

    method: str
    path: str
    body: Json
    namespace: str = "production"
    role: str = "operator"
    seconds: float = 0

    def headers(self) -> dict[str, str]:
        """What every request of this kind sends."""
        return {
            "Authorization": f"Bearer {TOKENS[self.role]}",
            "X-Namespace": self.namespace,
            "X-Durable-Workflow-Control-Plane-Version": "2",
            "X-Durable-Workflow-Protocol-Version": "1.0",
        }


def _start(workflow_id: str, workflow_type: str, queue: str, namespace: str = "production", **more: Any) -> Step:
    body = {"workflow_id": workflow_id, "workflow_type": workflow_type, "task_queue": queue, **more}
    return Step("POST", "/api/workflows", body, namespace)


def _register(
    worker_id: str,
    queue: str,
    *workflow_types: str,
    namespace: str = "production",
    seconds: float = 0,
    build_id: str | None = None,
    activity_types: tuple[str, ...] = (),
    runtime: str = "python",
) -> Step:
    body = {
        "worker_id": worker_id,
        "task_queue": queue,
        "runtime": runtime,
        "build_id": build_id,
        "supported_workflow_types": workflow_types,
        "supported_activity_types": activity_types,
    }
    return Step("POST", "/api/worker/register", body, namespace, "worker", seconds)


_ORDERS = "orders.process"

BETWEEN: dict[int, tuple[Step, ...]] = {
    113: tuple(
        _start(
            f"orders-200{number}",
            "orders.process" if number % 2 else "billing.invoice",
            "orders" if number % 2 else "billing",
            business_key=f"customer-{number}",
        )
        for number in range(1, 6)
    ),
    264: (_register("wrong-queue", "other", _ORDERS),),
    265: (_register("wrong-type", "default", "orders.other"),),
    266: (_register("other-namespace", "default", _ORDERS, namespace="default"),),
    267: (_register("right", "default", _ORDERS),),
    274: (_register("build-a", "default", _ORDERS, build_id="build-a"),),
    276: (_register("build-b", "default", _ORDERS, build_id="build-b"),),
    279: (_register("conn", "orders"),),
    281: (_register("act-wrong", "default", _ORDERS, activity_types=("orders.other",)),),
    282: (_register("act-right", "default", _ORDERS),),
    401: (
        _register("stale-1", "orders", _ORDERS, namespace="default", seconds=-4, runtime="php"),
        _register("fresh-1", "orders", _ORDERS, namespace="default", build_id="build-1"),
    ),
    410: (Step("POST", "/api/worker/heartbeat", {"worker_id": "fresh-1"}, "default", "worker"),),
    428: (_start("order-1001", "orders.process", "orders", "default"),),
    455: (_register("tw", "default", namespace="default"),),
    460: (Step("POST", "/api/namespaces", {"name": "shortlived", "retention_days": 30}, role="admin"),),
    463: (_register("rw", "default", namespace="shortlived"),),
}
"""The number of a recording → what was done between it and the one before."""
