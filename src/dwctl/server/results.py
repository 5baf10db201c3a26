"""What the server said, as small typed values; times stay the server's own text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dwctl.errors import DwctlError


@dataclass(frozen=True, slots=True)
class ProbeCheck:
    """One check of `health` or `ready`: `status` is the server's word, `detail` its other fields."""

    name: str
    status: str
    remediation: str | None = None
    detail: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """The answer of `/api/health` or `/api/ready`."""

    http_status: int
    status: str
    timestamp: str | None
    checks: tuple[ProbeCheck, ...]


@dataclass(frozen=True, slots=True)
class ClusterInfo:
    """What `/api/cluster/info` says for negotiation; `document` is all of it.

    `imports_embedded_v2` is false where the key is absent (servers before May 2026). Contract versions are
    texts: servers write them as numbers or strings.
    """

    server_id: str | None
    version: str | None
    default_namespace: str | None
    control_plane_version: str | None
    request_contract: str | None
    request_contract_version: str | None
    worker_protocol_version: str | None
    imports_embedded_v2: bool
    exports_history: bool
    payload_codecs: tuple[str, ...]
    max_payload_bytes: int | None
    topology: str | None
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace; `retention_mode` only on later servers (`forever` prunes nothing)."""

    name: str
    description: str | None
    retention_days: int | None
    retention_mode: str | None
    status: str | None
    created_at: str | None


class EnsureOutcome(StrEnum):
    """What `ensure` found or did."""

    CREATED = "created"
    EXISTS = "exists"


@dataclass(frozen=True, slots=True)
class Worker:
    """A registered worker. `status` is active, stale or draining; stale wins over what is stored."""

    worker_id: str
    namespace: str | None
    task_queue: str | None
    runtime: str | None
    sdk_version: str | None
    build_id: str | None
    workflow_types: tuple[str, ...]
    activity_types: tuple[str, ...]
    max_concurrent_workflow_tasks: int | None
    max_concurrent_activity_tasks: int | None
    status: str
    last_heartbeat_at: str | None
    registered_at: str | None = None
    heartbeat_expires_at: str | None = None

    def takes(self, kind: str, queue: str | None, type_key: str | None) -> bool:
        """Whether it polls the queue for this type of `workflow` or `activity`; one that lists none takes every one.

        Whether it is alive, and of the right build, is another question (server.md §4).
        """
        types = self.workflow_types if kind == "workflow" else self.activity_types
        return self.task_queue == queue and (not types or type_key in types)


@dataclass(frozen=True, slots=True)
class TaskCounts:
    """Tasks of one kind on a queue, and whether the server hands them out (`admission`)."""

    ready: int | None
    leased: int | None
    expired_leases: int | None
    admission: str | None


@dataclass(frozen=True, slots=True)
class Lease:
    """A task that a worker holds."""

    task_id: str
    task_type: str | None
    workflow_id: str | None
    run_id: str | None
    lease_owner: str | None
    lease_expires_at: str | None
    is_expired: bool | None


@dataclass(frozen=True, slots=True)
class TaskQueue:
    """A task queue. `pollers` and `leases` are None in a list, which does not carry them.

    `active_pollers` is None where the server does not say: unknown, not zero.
    """

    name: str
    active_pollers: int | None
    stale_pollers: int | None
    stale_after_seconds: int | None
    backlog: int | None
    backlog_age_seconds: int | None
    workflow_tasks: TaskCounts
    activity_tasks: TaskCounts
    repair_needed: bool | None
    pollers: tuple[Worker, ...] | None = None
    leases: tuple[Lease, ...] | None = None

    @property
    def polled(self) -> bool | None:
        """Whether a live worker polls it; None where that is not known."""
        if self.pollers is not None:
            return any(poller.status == "active" for poller in self.pollers)
        return None if self.active_pollers is None else self.active_pollers > 0


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as a list shows it; in `runs` of one workflow some fields are absent.

    The last two are the marks of an import that the guide promises, where a server shows them.
    """

    workflow_id: str
    run_id: str
    workflow_type: str | None
    business_key: str | None
    status: str
    status_bucket: str | None
    task_queue: str | None
    is_terminal: bool | None
    started_at: str | None
    closed_at: str | None
    run_number: int | None = None
    engine_source: str | None = None
    import_id: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A run as `describe` shows it.

    The import markers are None where the server does not show them, which no measured one does (server.md
    §5). `document` is the whole answer, payloads included.
    """

    row: RunRow
    namespace: str | None
    run_count: int | None
    is_current_run: bool | None
    compatibility: str | None
    payload_codec: str | None
    closed_reason: str | None
    last_progress_at: str | None
    wait_kind: str | None
    wait_reason: str | None
    memo: Mapping[str, Any]
    search_attributes: Mapping[str, Any]
    engine_source: str | None
    import_source: str | None
    import_id: str | None
    import_dedupe_key: str | None
    imported_at: str | None
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WorkflowView:
    """A run and the runs of its workflow; `run` is None where describing it failed, with the error."""

    workflow_id: str
    run: Run | None
    runs: tuple[RunRow, ...]
    describe_error: DwctlError | None


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """One event of a run's history; bundles call the last two `type` and `recorded_at`."""

    sequence: int
    event_type: str
    timestamp: str | None
    payload: Any


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: rows, and the token of the next page."""

    rows: tuple[RunRow, ...]
    next_page_token: str | None


@dataclass(frozen=True, slots=True)
class Started:
    """A started workflow.

    `asked` is true where the answer was lost and the run was found by asking: it may be an older one of
    this id.
    """

    workflow_id: str
    run_id: str
    outcome: str
    asked: bool = False


@dataclass(frozen=True, slots=True)
class ImportAnswer:
    """What the importer said: 200, 201 or 422 with its report.

    `unsettled` counts earlier attempts of the same call that may have been carried out: while it is above
    zero, a refusal on the target may be the echo of our own import. `unfinished` counts those of them on which
    the server may still be at work.
    """

    status: int
    report: Mapping[str, Any]
    attempts: int
    unsettled: int
    unfinished: int = 0
