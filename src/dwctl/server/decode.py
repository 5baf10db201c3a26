"""From the server's documents to typed results; one function a kind of thing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dwctl.server.documents import Document
from dwctl.server.results import (
    ClusterInfo,
    HistoryEvent,
    Lease,
    Namespace,
    Probe,
    ProbeCheck,
    Run,
    RunRow,
    TaskCounts,
    TaskQueue,
    Worker,
)


def probe_from(http_status: int, found: Document) -> Probe:
    """`health` gives a word for each check, `ready` an object (recordings 001, 002, 436)."""
    checks = found.mapping("checks")
    return Probe(
        http_status=http_status,
        status=found.text("status"),
        timestamp=found.optional_text("timestamp"),
        checks=tuple(_check(name, value) for name, value in checks.items()),
    )


def _check(name: str, value: object) -> ProbeCheck:
    if not isinstance(value, Mapping):
        return ProbeCheck(name, value if isinstance(value, str) else "unknown")
    status, remediation = value.get("status"), value.get("remediation")
    rest = {key: item for key, item in value.items() if key not in ("status", "remediation")}
    return ProbeCheck(
        name,
        status if isinstance(status, str) else "unknown",
        remediation if isinstance(remediation, str) else None,
        rest or None,
    )


def cluster_info_from(found: Document) -> ClusterInfo:
    """The fields that decide whether we fit together; none of them is invented where it is absent.

    Raises CallFailed for a document that has neither a version nor a control plane: it is something else.
    """
    if "control_plane" not in found.fields:
        found.text("version")
    plane = found.mapping("control_plane")
    contract = plane.get("request_contract")
    contract = contract if isinstance(contract, Mapping) else {}
    capabilities = found.mapping("capabilities")
    codecs = capabilities.get("payload_codecs")
    limit = found.mapping("limits").get("max_payload_bytes")
    return ClusterInfo(
        server_id=found.optional_text("server_id"),
        version=found.optional_text("version"),
        default_namespace=found.optional_text("default_namespace"),
        control_plane_version=_word(plane.get("version")),
        request_contract=_word(contract.get("schema")),
        request_contract_version=_word(contract.get("version")),
        worker_protocol_version=_word(found.mapping("worker_protocol").get("version")),
        imports_embedded_v2=capabilities.get("embedded_v2_import") is True,
        exports_history=capabilities.get("history_export") is True,
        payload_codecs=tuple(str(codec) for codec in codecs) if isinstance(codecs, list) else (),
        max_payload_bytes=limit if isinstance(limit, int) and limit > 0 else None,
        topology=_word(found.mapping("topology").get("current_shape")),
        document=found.fields,
    )


def _word(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def namespace_from(found: Document) -> Namespace:
    """A namespace of a list, of `show`, or just created."""
    return Namespace(
        name=found.text("name"),
        description=found.optional_text("description"),
        retention_days=found.optional_number("retention_days"),
        retention_mode=found.optional_text("retention_mode"),
        status=found.optional_text("status"),
        created_at=found.optional_text("created_at"),
    )


def worker_from(found: Document) -> Worker:
    """A worker of a list or of `show`; a status that is missing is unknown, not active."""
    return Worker(
        worker_id=found.text("worker_id"),
        namespace=found.optional_text("namespace"),
        task_queue=found.optional_text("task_queue"),
        runtime=found.optional_text("runtime"),
        sdk_version=found.optional_text("sdk_version"),
        build_id=found.optional_text("build_id"),
        workflow_types=found.texts("supported_workflow_types"),
        activity_types=found.texts("supported_activity_types"),
        max_concurrent_workflow_tasks=found.optional_number("max_concurrent_workflow_tasks"),
        max_concurrent_activity_tasks=found.optional_number("max_concurrent_activity_tasks"),
        status=_worker_status(found),
        last_heartbeat_at=found.optional_text("last_heartbeat_at"),
        registered_at=found.optional_text("registered_at"),
        heartbeat_expires_at=found.optional_text("heartbeat_expires_at"),
    )


def _worker_status(found: Document) -> str:
    """`is_stale` wins over the stored status: a stale worker is never shown as active."""
    if found.optional_flag("is_stale"):
        return "stale"
    return found.optional_text("status") or "unknown"


def queue_from(found: Document, *, listed: bool) -> TaskQueue:
    """A task queue; `listed` where it comes from the list, which has neither pollers nor leases."""
    stats = found.part("stats")
    pollers = stats.optional_part("pollers")
    repair = found.optional_part("repair")
    return TaskQueue(
        name=found.text("name"),
        active_pollers=pollers.optional_number("active_count") if pollers else None,
        stale_pollers=pollers.optional_number("stale_count") if pollers else None,
        stale_after_seconds=pollers.optional_number("stale_after_seconds") if pollers else None,
        backlog=stats.optional_number("approximate_backlog_count"),
        backlog_age_seconds=stats.optional_number("approximate_backlog_age_seconds"),
        workflow_tasks=_counts(found, stats, "workflow_tasks"),
        activity_tasks=_counts(found, stats, "activity_tasks"),
        repair_needed=repair.optional_flag("needs_attention") if repair else None,
        pollers=None if listed else tuple(worker_from(poller) for poller in found.items("pollers")),
        leases=None if listed else tuple(_lease(lease) for lease in found.items("current_leases")),
    )


def _counts(found: Document, stats: Document, kind: str) -> TaskCounts:
    tasks, admission = stats.optional_part(kind), found.optional_part("admission")
    admitted = admission.optional_part(kind) if admission else None
    return TaskCounts(
        ready=tasks.optional_number("ready_count") if tasks else None,
        leased=tasks.optional_number("leased_count") if tasks else None,
        expired_leases=tasks.optional_number("expired_lease_count") if tasks else None,
        admission=admitted.optional_text("status") if admitted else None,
    )


def _lease(found: Document) -> Lease:
    return Lease(
        task_id=found.text("task_id"),
        task_type=found.optional_text("task_type"),
        workflow_id=found.optional_text("workflow_id"),
        run_id=found.optional_text("run_id"),
        lease_owner=found.optional_text("lease_owner"),
        lease_expires_at=found.optional_text("lease_expires_at"),
        is_expired=found.optional_flag("is_expired"),
    )


def row_from(found: Document, workflow_id: str | None = None) -> RunRow:
    """A run of a list; in `runs` the workflow's id stands outside the rows."""
    return RunRow(
        workflow_id=workflow_id if workflow_id is not None else found.text("workflow_id"),
        run_id=found.text("run_id"),
        workflow_type=found.optional_text("workflow_type"),
        business_key=found.optional_text("business_key"),
        status=found.text("status"),
        status_bucket=found.optional_text("status_bucket"),
        task_queue=found.optional_text("task_queue"),
        is_terminal=found.optional_flag("is_terminal"),
        started_at=found.optional_text("started_at"),
        closed_at=found.optional_text("closed_at"),
        run_number=found.optional_number("run_number"),
        engine_source=found.optional_text("engine_source"),
        import_id=found.optional_text("import_id"),
    )


def run_from(found: Document) -> Run:
    """A described run. The import markers are read where a server shows them (contract/import.md §4.8)."""
    return Run(
        row=row_from(found),
        namespace=found.optional_text("namespace"),
        run_count=found.optional_number("run_count"),
        is_current_run=found.optional_flag("is_current_run"),
        compatibility=found.optional_text("compatibility"),
        payload_codec=found.optional_text("payload_codec"),
        closed_reason=found.optional_text("closed_reason"),
        last_progress_at=found.optional_text("last_progress_at"),
        wait_kind=found.optional_text("wait_kind"),
        wait_reason=found.optional_text("wait_reason"),
        memo=found.mapping("memo"),
        search_attributes=found.mapping("search_attributes"),
        engine_source=found.optional_text("engine_source"),
        import_source=found.optional_text("import_source"),
        import_id=found.optional_text("import_id"),
        import_dedupe_key=found.optional_text("import_dedupe_key"),
        imported_at=found.optional_text("imported_at"),
        document=found.fields,
    )


def event_from(found: Document) -> HistoryEvent:
    """One event of a history page."""
    payload: Any = found.fields.get("payload")
    return HistoryEvent(
        sequence=found.number("sequence"),
        event_type=found.text("event_type"),
        timestamp=found.optional_text("timestamp"),
        payload={} if payload == [] else payload,
    )
