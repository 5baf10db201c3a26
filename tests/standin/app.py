"""The ASGI application: the order of checks of server.md §1, the routes, and the faults."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from standin.store import NOW, TERMINAL, ImportedRun, Store

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

CONTROL = "x-durable-workflow-control-plane-version"
WORKER = "x-durable-workflow-protocol-version"
_INVISIBLE = " \t\n\r\x0b\x0c\ufeff\u200b\u200e\u00a0\u2028\u2029"


class FaultKind(Enum):
    """What goes wrong with one request."""

    RESET_BEFORE = "the connection breaks before anything is done"
    RESET_AFTER = "the connection breaks after the work is done"
    TRUNCATE = "half of the answer"
    STALL = "no answer until the client has left"
    ANSWER = "an answer of the test's choice"


@dataclass(frozen=True)
class Fault:
    """One fault, for the next request whose path contains `path`; of imports, dry runs or real ones only."""

    kind: FaultKind
    path: str = ""
    dry_run: bool | None = None
    status: int = 500
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Behaviour:
    """How the stand-in, or what stands before it, treats requests."""

    drops_query: bool = False
    normalises_media_type: bool = False
    refuses_exact_media_type: bool = False
    auth: str = "none"
    tokens: dict[str, str] = field(default_factory=dict)
    has_importer: bool = True
    shows_import_markers: bool = False
    ready: bool = True
    cluster: dict[str, Any] = field(default_factory=dict)
    max_payload_bytes: int = 2_097_152
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True)
class Received:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def asks_for_a_dry_run(self) -> bool:
        """Whether the client wanted a dry run, whatever becomes of its query on the way."""
        return self.query.get("dry_run") == "1" or b'"dry_run":true' in self.body[-300:]


class StandIn:
    """The application. Tests set `behaviour`, fill `store`, and read `received`."""

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self.store = Store()
        self.received: list[Received] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await _read(scope, receive)
        self.received.append(request)
        fault = self._fault(request)
        if fault is None:
            await _answer(send, *self.respond(request))
        elif fault.kind is FaultKind.RESET_BEFORE:
            _reset(receive)
        elif fault.kind is FaultKind.RESET_AFTER:
            self.respond(request)
            _reset(receive)
        elif fault.kind is FaultKind.STALL:
            while (await receive())["type"] != "http.disconnect":
                await asyncio.sleep(0)
        elif fault.kind is FaultKind.TRUNCATE:
            await _truncated(send, receive, *self.respond(request))
        else:
            await _answer(send, fault.status, fault.body, dict(fault.headers))

    def _fault(self, request: Received) -> Fault | None:
        for index, fault in enumerate(self.behaviour.faults):
            if fault.path in request.path and fault.dry_run in (None, request.asks_for_a_dry_run):
                return self.behaviour.faults.pop(index)
        return None

    def respond(self, request: Received) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers; the first check that fails answers."""
        status, document = self._respond(request)
        headers = {"content-type": "application/json"}
        if not request.path.startswith(("/api/health", "/api/ready", "/api/cluster")):
            headers["X-Durable-Workflow-Control-Plane-Version"] = "2"
        return status, json.dumps(document).encode(), headers

    def _respond(self, request: Received) -> tuple[int, Any]:
        if request.path in ("/api/health", "/api/ready"):
            return self._probe(request.path)
        refused = self._body_check(request) or self._auth_check(request) or self._version_check(request)
        if refused is not None:
            return refused
        if request.path == "/api/cluster/info":
            return 200, self.cluster_info()
        return self._route(request)

    def _probe(self, path: str) -> tuple[int, Any]:
        if path.endswith("health"):
            return 200, {"status": "serving", "timestamp": NOW, "checks": {"database": "ok"}}
        if self.behaviour.ready:
            return 200, {"status": "ready", "timestamp": NOW, "checks": {"database": {"status": "ok"}}}
        missing = {"status": "missing", "remediation": "Run server-bootstrap."}
        return 503, {"status": "not_ready", "timestamp": NOW, "checks": {"migrations": missing}}

    def _body_check(self, request: Received) -> tuple[int, Any] | None:
        limit = self.behaviour.max_payload_bytes
        if len(request.body) > limit:
            return 413, {"message": "too large", "reason": "payload_too_large", "limit": limit}
        if not request.body:
            return None
        media = request.headers.get("content-type", "")
        exact_refused = self.behaviour.refuses_exact_media_type and "/JSON" in media
        if "json" not in media.lower() or exact_refused:
            return 415, {"message": "no JSON", "reason": "unsupported_media_type", "accepted_content_types": []}
        try:
            json.loads(request.body)
        except ValueError:
            return 400, {"message": "bad JSON", "reason": "malformed_json", "json_error": "Syntax error"}
        return None

    def _auth_check(self, request: Received) -> tuple[int, Any] | None:
        if self.behaviour.auth == "none":
            return None
        role = self._role(request)
        if role is None:
            return 401, {"reason": "unauthorized", "message": "Invalid or missing authentication token."}
        allowed = _allowed(request)
        if role not in allowed:
            return 403, {"reason": "forbidden", "message": "no", "role": role, "allowed_roles": allowed}
        return None

    def _role(self, request: Received) -> str | None:
        if self.behaviour.auth == "signature":
            given = request.headers.get("x-signature", "")
            for role, key in self.behaviour.tokens.items():
                if hmac.compare_digest(hmac.new(key.encode(), request.body, hashlib.sha256).hexdigest(), given):
                    return role
            return None
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        return next((role for role, known in self.behaviour.tokens.items() if known == token), None)

    def _version_check(self, request: Received) -> tuple[int, Any] | None:
        if request.path == "/api/cluster/info":
            return None
        header, supported, name = (CONTROL, "2", "control_plane")
        if request.path.startswith("/api/worker/"):
            header, supported, name = (WORKER, "1.0", "protocol")
        given = request.headers.get(header)
        if given == supported:
            return None
        kind = "missing" if given is None else "unsupported"
        reason = f"{kind}_{name}_version"
        return 400, {"reason": reason, "message": reason, "supported_version": supported, "requested_version": given}

    def cluster_info(self) -> dict[str, Any]:
        """What negotiation needs; `behaviour.cluster` replaces top-level keys."""
        return {
            "server_id": "stand-in",
            "version": "0.2.9",
            "default_namespace": "default",
            "capabilities": {
                "history_export": True,
                "embedded_v2_import": self.behaviour.has_importer,
                "payload_codecs": ["avro"],
            },
            "limits": {"max_payload_bytes": self.behaviour.max_payload_bytes},
            "control_plane": {
                "version": "2",
                "request_contract": {"schema": "durable-workflow.v2.control-plane-request.contract", "version": 1},
            },
            "worker_protocol": {"version": "1.15"},
            "topology": {"current_shape": "standalone_server"},
        } | self.behaviour.cluster

    def _route(self, request: Received) -> tuple[int, Any]:
        parts = [unquote(part) for part in request.path.split("/")[2:]]
        if parts[0] == "namespaces":
            return self._namespaces(request, parts[1:])
        namespace = request.headers.get("x-namespace", "default").lower()
        if namespace not in self.store.namespaces:
            return 404, {"reason": "namespace_not_found", "message": "no namespace", "namespace": namespace}
        if parts[:2] == ["worker", "register"]:
            return self._register(request, namespace)
        if parts[0] == "workers":
            return self._workers(parts[1:], request.query, namespace)
        if parts[0] == "task-queues":
            return self._queues(parts[1:], namespace)
        if parts == ["workflows", "import", "embedded-v2"]:
            return self._import(request, namespace)
        if parts[0] == "workflows":
            return self._workflows(request, parts[1:], namespace)
        return 404, {"reason": "not_found", "message": "no route"}

    def _namespaces(self, request: Received, rest: list[str]) -> tuple[int, Any]:
        known = self.store.namespaces
        if request.method == "POST":
            body = _rewritten(json.loads(request.body))
            if body["name"].lower() in known:
                return 409, {"reason": "namespace_already_exists", "message": "exists", "namespace": body["name"]}
            return 201, self.store.add_namespace(body)
        if not rest:
            return 200, {"namespaces": list(known.values())}
        found = known.get(rest[0].lower())
        if found is None:
            return 404, {"reason": "namespace_not_found", "message": "no namespace", "namespace": rest[0]}
        return 200, found

    def _register(self, request: Received, namespace: str) -> tuple[int, Any]:
        body = _rewritten(json.loads(request.body))
        worker_id = body.get("worker_id") or f"worker-{len(self.store.workers) + 1}"
        self.store.workers[worker_id, namespace] = {
            "build_id": None,
            "sdk_version": None,
            "status": "active",
            "workflow_definition_fingerprints": [],
            "last_heartbeat_at": NOW,
            "registered_at": NOW,
            **body,
            "worker_id": worker_id,
            "namespace": namespace,
        }
        return 201, {"worker_id": worker_id, "registered": True, "protocol_version": "1.15"}

    def _workers(self, rest: list[str], query: dict[str, str], namespace: str) -> tuple[int, Any]:
        if rest:
            found = self.store.workers.get((rest[0], namespace))
            return (200, found) if found else (404, {"reason": "worker_not_found", "message": "no worker"})
        wanted = query.get("status")
        return 200, {
            "workers": [
                worker
                for worker in self.store.workers.values()
                if worker["namespace"] == namespace
                and worker["task_queue"] == query.get("task_queue", worker["task_queue"])
                and worker["status"] == (wanted or worker["status"])
            ]
        }

    def _queues(self, rest: list[str], namespace: str) -> tuple[int, Any]:
        names = {worker["task_queue"] for (_, space), worker in self.store.workers.items() if space == namespace}
        if rest:
            return 200, self._queue(rest[0], namespace) | {"pollers": self._pollers(rest[0], namespace)}
        return 200, {"namespace": namespace, "task_queues": [self._queue(name, namespace) for name in sorted(names)]}

    def _queue(self, name: str, namespace: str) -> dict[str, Any]:
        pollers = self._pollers(name, namespace)
        active = sum(not poller["is_stale"] for poller in pollers)
        counts = {"ready_count": 0, "leased_count": 0, "expired_lease_count": 0}
        admission = {"status": "accepting" if active else "no_active_workers"}
        return {
            "name": name,
            "stats": {
                "approximate_backlog_count": 0,
                "approximate_backlog_age_seconds": None,
                "workflow_tasks": counts,
                "activity_tasks": counts,
                "pollers": {
                    "active_count": active,
                    "stale_count": len(pollers) - active,
                    "stale_after_seconds": 60,
                },
            },
            "current_leases": [],
            "repair": {"needs_attention": False},
            "admission": {"workflow_tasks": admission, "activity_tasks": admission},
        }

    def _pollers(self, name: str, namespace: str) -> list[dict[str, Any]]:
        return [
            worker | {"is_stale": worker["status"] == "stale", "heartbeat_expires_at": NOW}
            for (_, space), worker in self.store.workers.items()
            if space == namespace and worker["task_queue"] == name
        ]

    def _import(self, request: Received, namespace: str) -> tuple[int, Any]:
        if not self.behaviour.has_importer:
            return 503, {"reason": "embedded_v2_import_unavailable", "message": "no importer"}
        media = request.headers.get("content-type", "")
        if self.behaviour.normalises_media_type:
            media = media.lower()
        body = json.loads(request.body) if request.body else None
        if "/json" in media or "+json" in media:
            body = _rewritten(body)
            document = json.dumps(body).encode()
        else:
            document = request.body
        options: dict[str, Any] = {} if self.behaviour.drops_query else dict(request.query)
        if isinstance(body, dict) and isinstance(body.get("bundle"), dict):
            options = {key: value for key, value in body.items() if key != "bundle"} | options
            document = json.dumps(body["bundle"]).encode()
            body = body["bundle"]
        if not body:
            return 422, {"message": "no bundle", "reason": "invalid_import_bundle"}
        return self.store.run_bundle(
            document,
            namespace,
            dry_run=options.get("dry_run") in (True, "1", "true"),
            import_id=options.get("import_id"),
            require_signature=options.get("require_signature") in (True, "1", "true"),
        )

    def _workflows(self, request: Received, rest: list[str], namespace: str) -> tuple[int, Any]:
        if request.method == "POST" and not rest:
            return self._start(_rewritten(json.loads(request.body)), namespace)
        if not rest:
            return self._list(request.query, namespace)
        runs = self.store.of_workflow(rest[0], namespace)
        if rest[1:] == ["runs"]:
            return 200, {
                "workflow_id": rest[0],
                "run_count": len(runs),
                "runs": [row(run) for run in runs],
            }
        if not runs:
            return 404, {"reason": "instance_not_found", "message": "no workflow", "workflow_id": rest[0]}
        if rest[1:] == ["archive"]:
            return self._archive(runs[-1])
        run = runs[-1]
        if rest[1:2] == ["runs"]:
            chosen = [one for one in runs if one.workflow["run_id"] == rest[2]]
            if not chosen:
                return 404, {"reason": "run_not_found", "message": "no run", "run_id": rest[2]}
            run = chosen[0]
        if rest[3:] == ["history"]:
            return self._history(run, request.query)
        if rest[3:] == ["history", "export"]:
            return 200, run.bundle
        if run.describe_fails:
            return 500, {"message": "Server Error"}
        return 200, self._described(run, len(runs))

    def _list(self, query: dict[str, str], namespace: str) -> tuple[int, Any]:
        size = int(query.get("page_size", "50"))
        if not 1 <= size <= 200:
            errors = {"page_size": ["The page size field must not be greater than 200."]}
            return 422, {"reason": "validation_failed", "message": "no", "errors": errors, "validation_errors": errors}
        runs = [run for run in self.store.runs.values() if run.namespace == namespace and not run.pruned]
        offset = _offset(query.get("next_page_token"))
        page = runs[offset : offset + size]
        more = offset + size < len(runs)
        token = base64.b64encode(str(offset + size).encode()).decode() if more else None
        rows = [row(run) | {"workflow_id": run.workflow["instance_id"]} for run in page]
        return 200, {"workflows": rows, "workflow_count": len(page), "next_page_token": token}

    def _history(self, run: ImportedRun, query: dict[str, str]) -> tuple[int, Any]:
        size, after = int(query.get("page_size", "100")), _offset(query.get("next_page_token"))
        events = [event for event in run.events() if event["sequence"] > after]
        page = events[:size]
        token = base64.b64encode(str(page[-1]["sequence"]).encode()).decode() if len(events) > size else None
        identity = {"workflow_id": run.workflow["instance_id"], "run_id": run.workflow["run_id"]}
        return 200, identity | {"events": page, "next_page_token": token}

    def _described(self, run: ImportedRun, count: int) -> dict[str, Any]:
        document = row(run) | {
            "workflow_id": run.workflow["instance_id"],
            "namespace": run.namespace,
            "run_count": count,
            "is_current_run": bool(run.workflow.get("is_current_run", True)),
            "compatibility": run.workflow.get("compatibility"),
            "payload_codec": "avro",
            "memo": [],
            "search_attributes": [],
            "input": [],
            "output": None,
        }
        if self.behaviour.shows_import_markers:
            document |= {"engine_source": "embedded_v2_import", "import_id": run.import_id}
        return document

    def _archive(self, run: ImportedRun) -> tuple[int, Any]:
        if run.status not in TERMINAL:
            return 409, {"outcome": "rejected_run_not_closed", "reason": "run_not_closed", "message": "open"}
        outcome = "archive_not_needed" if run.archived else "archived"
        run.archived = True
        run.workflow["archived_at"] = NOW
        return 200, {"outcome": outcome, "reason": "the operator's own text"}

    def _start(self, body: dict[str, Any], namespace: str) -> tuple[int, Any]:
        workflow_id = body["workflow_id"]
        if any(run.workflow["instance_id"] == workflow_id for run in self.store.runs.values()):
            return 409, {"workflow_id": workflow_id, "outcome": "rejected_duplicate"}
        run_id = f"01started{len(self.store.runs):017d}"
        workflow = {
            "instance_id": workflow_id,
            "run_id": run_id,
            "run_number": 1,
            "workflow_type": body["workflow_type"],
            "queue": body.get("task_queue"),
        }
        self.store.runs[run_id] = ImportedRun({"workflow": workflow}, namespace, None, None, "pending")
        return 201, {"workflow_id": workflow_id, "run_id": run_id, "outcome": "started_new", "status": "pending"}


def row(run: ImportedRun) -> dict[str, Any]:
    """A run as lists show it."""
    workflow = run.workflow
    return {
        "run_id": workflow["run_id"],
        "run_number": workflow.get("run_number", 1),
        "workflow_type": workflow.get("workflow_type"),
        "business_key": workflow.get("business_key"),
        "status": run.status,
        "status_bucket": run.status if run.status in TERMINAL else "running",
        "is_terminal": run.status in TERMINAL,
        "task_queue": workflow.get("queue"),
        "started_at": workflow.get("started_at"),
        "closed_at": workflow.get("closed_at"),
    }


def _allowed(request: Received) -> list[str]:
    if request.path == "/api/cluster/info":
        return ["worker", "operator", "admin"]
    if request.path.startswith("/api/worker/"):
        return ["worker"]
    changes = request.method != "GET" and not request.path.endswith("/archive")
    admin_only = changes and ("/namespaces" in request.path or "/import/" in request.path)
    return ["admin"] if admin_only else ["operator", "admin"]


def _rewritten(value: Any) -> Any:
    """What the framework's middleware makes of a JSON body: strings trimmed, empty ones null (import.md §4.1)."""
    if isinstance(value, str):
        return value.strip(_INVISIBLE) or None
    if isinstance(value, list):
        return [_rewritten(item) for item in value]
    return {key: _rewritten(item) for key, item in value.items()} if isinstance(value, dict) else value


def _offset(token: str | None) -> int:
    """A malformed token is silently page one (recording 122)."""
    try:
        return int(base64.b64decode(token or "", validate=True))
    except ValueError:
        return 0


async def _read(scope: Scope, receive: Receive) -> Received:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return Received(
        method=scope["method"],
        path=urlsplit(scope["raw_path"].decode()).path,  # absolute where a client takes us for its proxy
        query=dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True)),
        headers={name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]},
        body=bytes(body),
    )


async def _answer(send: Send, status: int, body: bytes, headers: Mapping[str, str], length: int | None = None) -> None:
    fields = {"content-length": str(len(body) if length is None else length)} | dict(headers)
    raw = [(name.encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body, "more_body": length is not None})


async def _truncated(send: Send, receive: Receive, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    await _answer(send, status, body[: len(body) // 2], headers, length=len(body))
    await asyncio.sleep(0.01)
    _reset(receive)


def _reset(receive: Receive) -> None:
    """Break the connection under uvicorn's feet; ASGI itself has no way to do so."""
    transport = receive.__self__.transport  # type: ignore[attr-defined]
    raw = transport.get_extra_info("socket")
    if raw is not None and transport.get_extra_info("ssl_object") is None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
