"""The routes of the control plane, and what each asks of a request."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from dwctl.rehearsal import (
    build_ids,
    cluster_info,
    fault_gate,
    health,
    imports,
    namespaces,
    start,
    system,
    task_queues,
    views,
    workers,
    workflow_commands,
)
from dwctl.rehearsal.auth import ADMIN, OPERATOR
from dwctl.rehearsal.bodies import IMPORT
from dwctl.rehearsal.checks import Handler, Policy, guarded

_OPERATOR = (OPERATOR, ADMIN)
_ADMIN = (ADMIN,)

_RUN = "/api/workflows/{workflow_id}/runs/{run_id}"
_QUEUE = "/api/task-queues/{queue}"

_OPEN = Policy(plane="open")
_DISCOVERY = Policy(plane="discovery", is_versioned=False, is_namespaced=False)
_OWN = Policy(roles=_ADMIN, is_versioned=False, is_namespaced=False)
_READ, _ADMINISTER = Policy(roles=_OPERATOR), Policy(roles=_ADMIN)


def _of_workflows(operation: str, roles: tuple[str, ...] = _OPERATOR) -> Policy:
    return Policy(operation=operation, roles=roles)


ROUTES: tuple[tuple[str, str, Handler, Policy], ...] = (
    ("GET", "/api/health", health.health, _OPEN),
    ("GET", "/api/ready", health.ready, _OPEN),
    ("GET", "/api/cluster/info", cluster_info.cluster_info, _DISCOVERY),
    ("POST", "/api/namespaces", namespaces.create_namespace, Policy(roles=_ADMIN, is_namespaced=False)),
    ("GET", "/api/namespaces", namespaces.list_namespaces, Policy(roles=_OPERATOR, is_namespaced=False)),
    ("GET", "/api/namespaces/{name}", namespaces.show_namespace, Policy(roles=_OPERATOR, is_namespaced=False)),
    ("PUT", "/api/namespaces/{name}", namespaces.update_namespace, Policy(roles=_ADMIN, is_namespaced=False)),
    ("GET", "/api/workers", workers.list_workers, _READ),
    ("GET", "/api/workers/{worker_id}", workers.show_worker, _READ),
    ("DELETE", "/api/workers/{worker_id}", workers.remove_worker, _ADMINISTER),
    ("GET", "/api/task-queues", task_queues.list_queues, _READ),
    ("GET", _QUEUE, task_queues.show_queue, _READ),
    ("GET", f"{_QUEUE}/build-ids", build_ids.list_build_ids, _READ),
    ("POST", f"{_QUEUE}/build-ids/drain", build_ids.drain, _READ),
    ("POST", f"{_QUEUE}/build-ids/resume", build_ids.resume, _READ),
    ("GET", "/api/workflows", views.list_workflows, _of_workflows("list")),
    ("POST", "/api/workflows", start.start_workflow, _of_workflows("start")),
    ("POST", "/api/workflows/import/embedded-v2", imports.import_embedded, _of_workflows(IMPORT, _ADMIN)),
    ("GET", "/api/workflows/{workflow_id}", views.describe, _of_workflows("describe")),
    ("GET", "/api/workflows/{workflow_id}/runs", views.list_runs, _of_workflows("list_runs")),
    ("GET", _RUN, views.describe_run, _of_workflows("describe_run")),
    ("GET", f"{_RUN}/history", views.history, _of_workflows("history")),
    ("GET", f"{_RUN}/history/export", views.export, _READ),
    ("POST", "/api/workflows/{workflow_id}/signal/{name}", workflow_commands.signal, _of_workflows("signal")),
    ("POST", f"{_RUN}/signal/{{name}}", workflow_commands.signal, _of_workflows("signal")),
    ("POST", "/api/workflows/{workflow_id}/cancel", workflow_commands.cancel, _of_workflows("cancel")),
    ("POST", f"{_RUN}/cancel", workflow_commands.cancel, _of_workflows("cancel")),
    ("POST", "/api/workflows/{workflow_id}/terminate", workflow_commands.terminate, _of_workflows("terminate")),
    ("POST", f"{_RUN}/terminate", workflow_commands.terminate, _of_workflows("terminate")),
    ("POST", "/api/workflows/{workflow_id}/archive", workflow_commands.archive, _of_workflows("archive")),
    ("GET", "/api/system/repair", system.repair_status, _ADMINISTER),
    ("POST", "/api/system/repair/pass", system.repair_pass, _ADMINISTER),
    ("GET", "/api/system/retention", system.retention_status, _ADMINISTER),
    ("POST", "/api/system/retention/pass", system.retention_pass, _ADMINISTER),
    ("GET", "/_rehearsal/faults", fault_gate.list_faults, _OWN),
    ("PUT", "/_rehearsal/faults", fault_gate.replace_faults, _OWN),
)


def control_routes() -> list[BaseRoute]:
    """The routes, each behind its checks."""
    return [Route(path, guarded(handler, policy), methods=[method]) for method, path, handler, policy in ROUTES]
