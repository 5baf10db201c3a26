"""What the server said, as JSON documents; each has its schema under schemas/."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from dwctl import __version__
from dwctl.errors import DwctlError
from dwctl.secret import MASK, Secret
from dwctl.server.compatibility import Compatibility
from dwctl.server.examination import Examination
from dwctl.server.health import HealthReport
from dwctl.server.results import ClusterInfo, Namespace, Probe, Run, TaskQueue, Worker, WorkflowView
from dwctl.server.target import Target
from dwctl.server.walk import Walk
from dwctl.settings import Settings

Items = list[dict[str, Any]]


def health_document(target: Target, report: HealthReport) -> dict[str, Any]:
    """The document of `health --json`."""
    return _head("health", target) | {
        "is_ready": report.is_ready,
        "waited_seconds": round(report.waited, 3),
        "attempts": report.attempts,
        "health": _probe(report.health),
        "ready": _probe(report.ready),
        "errors": [error_item(error) for error in (report.health_error, report.ready_error) if error],
    }


def _probe(probe: Probe | None) -> dict[str, Any] | None:
    return None if probe is None else asdict(probe)


def cluster_document(target: Target, info: ClusterInfo) -> dict[str, Any]:
    """The document of `cluster info --json`."""
    fields = asdict(info)
    document = fields.pop("document")
    return _head("cluster-info", target) | {"cluster": fields, "document": document}


def compatibility_document(target: Target, result: Compatibility) -> dict[str, Any]:
    """The document of `cluster check --json`."""
    return _head("cluster-check", target) | {
        "dwctl_version": __version__,
        "server_version": result.info.version,
        "fits": result.fits,
        "imports_embedded_v2": result.info.imports_embedded_v2,
        "worker_protocol": result.worker_protocol,
        "max_payload_bytes": result.max_payload_bytes,
        "requirements": [asdict(requirement) for requirement in result.requirements],
    }


def list_document(
    name: str, target: Target, found: Sequence[Namespace] | Sequence[Worker]
) -> tuple[dict[str, Any], Items]:
    """The document of a list, and its items for jsonl."""
    items = [asdict(item) for item in found]
    head = _head(name, target)
    if name == "workers":
        head["namespace"] = target.namespace
        items = [item | {"namespace": item["namespace"] or target.namespace} for item in items]
    return head | {name: items}, items


def namespace_document(server: str, found: Namespace, outcome: str | None) -> dict[str, Any]:
    """The document of `namespace create|ensure|show --json`."""
    return {
        "schema": "dwctl.namespace",
        "schema_version": 1,
        "server": server,
        "outcome": outcome,
        "namespace": asdict(found),
    }


def worker_document(target: Target, found: Worker) -> dict[str, Any]:
    """The document of `worker show --json`."""
    return _head("worker", target) | {"namespace": target.namespace, "worker": asdict(found)}


def registration_document(target: Target, worker_id: str, task_queue: str) -> dict[str, Any]:
    """The document of `worker register --json`."""
    return _head("worker-registration", target) | {
        "namespace": target.namespace,
        "worker_id": worker_id,
        "task_queue": task_queue,
        "registered": True,
    }


def queues_document(target: Target, found: Iterable[TaskQueue]) -> tuple[dict[str, Any], Items]:
    """The document of `task-queue list --json`, and its items."""
    items = [_queue(queue) for queue in found]
    return _head("task-queues", target) | {"namespace": target.namespace, "task_queues": items}, items


def queue_document(target: Target, found: TaskQueue) -> dict[str, Any]:
    """The document of `task-queue show --json`."""
    return _head("task-queue", target) | {"namespace": target.namespace, "task_queue": _queue(found)}


def _queue(queue: TaskQueue) -> dict[str, Any]:
    return asdict(queue) | {"polled": queue.polled}


def workflows_document(target: Target, walk: Walk) -> tuple[dict[str, Any], Items]:
    """The document of `workflow list --json`, and its items."""
    items = [asdict(row) for row in walk.rows]
    head = _head("workflows", target) | {"namespace": target.namespace, "complete": walk.complete}
    return head | {"workflow_count": len(items), "workflows": items}, items


def workflow_document(target: Target, view: WorkflowView) -> dict[str, Any]:
    """The document of `workflow show --json`; payloads stay on the server."""
    return _head("workflow", target) | {
        "namespace": target.namespace,
        "workflow_id": view.workflow_id,
        "run": None if view.run is None else _run(view.run),
        "runs": [asdict(row) for row in view.runs],
        "describe_error": None if view.describe_error is None else error_item(view.describe_error),
    }


def _run(run: Run) -> dict[str, Any]:
    fields = asdict(run)
    fields.pop("document")
    return {**fields.pop("row"), **fields}


def doctor_document(settings: Settings, found: Examination) -> dict[str, Any]:
    """The document of `doctor --json`."""
    return {
        "schema": "dwctl.doctor",
        "schema_version": 1,
        "dwctl_version": __version__,
        "server_version": found.info.version if found.info else None,
        "profile": settings.profile.name if settings.profile else None,
        "cutover": str(settings.cutover) if settings.cutover else None,
        "settings": [
            {"name": name, "value": shown(name, row.value), "source": row.source.value, "origin": row.origin}
            for name, row in settings.rows()
        ],
        "checks": [asdict(check) | {"exit_code": int(check.exit_code)} for check in found.checks],
        "exit_code": int(found.exit_code),
    }


def shown(name: str, value: Any) -> Any:
    """A setting's value as it may be shown: a secret as a mask, a proxy without its password."""
    if isinstance(value, Secret):
        if name != "proxy":
            return MASK
        parts = urlsplit(value.reveal())
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
    return list(value) if isinstance(value, tuple) else value


def error_item(error: DwctlError) -> dict[str, Any]:
    """A failure inside a document that holds more than it."""
    return {
        "error": error.message,
        "exit_code": int(error.exit_code),
        "where": error.where,
        "reason": error.reason,
        "next_step": error.next_step,
    }


def _head(name: str, target: Target) -> dict[str, Any]:
    return {"schema": f"dwctl.{name}", "schema_version": 1, "server": target.url}
