"""`GET /api/cluster/info`: what clients negotiate by (contract/server.md §2).

The real server's document also holds manifests of contracts that no migration touches; they are left out.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from dwctl.rehearsal.answers import CONTROL_HEADER, CONTROL_VERSION, WORKER_HEADER, answer, namespace_of, state_of
from dwctl.rehearsal.envelopes import response_contract, server_capabilities
from dwctl.rehearsal.repair import repair_status
from dwctl.rehearsal.state import DEFAULT_NAMESPACE, Settings
from dwctl.rehearsal.worker_protocol import AUTH_MATERIAL
from dwctl.rehearsal.workers import fleet_document

Json = dict[str, Any]

SERVER_VERSION = "0.2.9"
"""The release whose answers these are (contract/server.md)."""

_SDK_VERSIONS = {"php": ">=1.0", "python": ">=0.2,<1.0", "cli": ">=0.1,<1.0"}
_LATER_SDK_VERSIONS = {"php": ">=2.0", "python": ">=2.0", "cli": ">=0.1"}
_LATER = 18  # the minor worker protocol from which servers speak with the SDKs of today

_ON = (
    "workflow_tasks activity_tasks signals updates search_attributes history_export embedded_v2_import"
    " continue_as_new child_workflows activity_timeouts activity_retry_policy child_workflow_retry_policy"
    " child_workflow_timeouts parent_close_policy non_retryable_failures history_retention payload_codec_envelope"
    " payload_codec_envelope_responses"
).split()
_OFF = (
    "queries schedules schedule_jitter schedule_max_runs bridge_adapter_outcome_contract"
    " external_executor_config_contract invocable_carrier_contract"
).split()
"""What the measured server has and a rehearsal has not."""

_LIMITS = {
    "max_memo_bytes": 262_144,
    "max_search_attributes": 100,
    "max_search_attribute_key_length": 128,
    "max_search_attribute_value_bytes": 2048,
    "max_operation_name_length": 256,
    "max_pending_activities": 2000,
    "max_pending_children": 2000,
}
_STRUCTURAL_LIMITS = {
    "pending_activity_count": 2000,
    "pending_child_count": 1000,
    "pending_timer_count": 2000,
    "pending_signal_count": 5000,
    "pending_update_count": 500,
    "command_batch_size": 1000,
    "memo_size_bytes": 262_144,
    "search_attribute_size_bytes": 40_960,
    "history_transaction_size": 5000,
    "warning_threshold_percent": 80,
}
_SHAPE = "standalone_server"
_ROLES = ["api_ingress", "control_plane", "matching", "history_projection"]

_REQUEST_CONTRACT = {"schema": "durable-workflow.v2.control-plane-request.contract", "version": 1}
_AUTH_CONTRACT = {"schema": "durable-workflow.v2.auth-composition.contract", "version": 1}


def cluster_info(request: Request) -> Response:
    """Discovery: any role, no version header, and no 404 for a namespace that does not exist."""
    state = state_of(request)
    settings = state.settings
    with state.database.read() as connection:
        fleet = fleet_document(state, connection, namespace_of(request))
        task_repair = repair_status(connection, namespace_of(request), state.now())
    sdk_versions = _LATER_SDK_VERSIONS if _minor(settings.protocol) >= _LATER else _SDK_VERSIONS
    document = {
        "server_id": settings.server_id,
        "version": SERVER_VERSION,
        "default_namespace": DEFAULT_NAMESPACE,
        "rehearsal": {
            "is_rehearsal": True,
            "notice": "dwctl's rehearsal server, for practising a cutover; production is the standalone server",
            "profile": state.profile.name,
        },
        "supported_sdk_versions": sdk_versions,
        "capabilities": {
            **dict.fromkeys(_ON, True),
            **dict.fromkeys(_OFF, False),
            "payload_codecs": ["avro"],
            "response_compression": ["gzip", "deflate"],
        },
        "worker_fleet": fleet,
        "task_repair": task_repair,
        "limits": {"max_payload_bytes": settings.max_payload_bytes, **_LIMITS},
        "structural_limits": {**_STRUCTURAL_LIMITS, "payload_size_bytes": settings.max_payload_bytes},
        "client_compatibility": _client_compatibility(settings, sdk_versions),
        "auth_composition_contract": _auth_contract(),
        "control_plane": {
            "version": CONTROL_VERSION,
            "header": CONTROL_HEADER,
            "response_contract": response_contract(),
            "request_contract": _request_contract(),
        },
        "worker_protocol": {"version": settings.protocol, "server_capabilities": server_capabilities(request)},
        "topology": _topology(),
        "embedded_v2_import_contract": _import_contract(),
    }
    return answer(request, document)


def _minor(protocol: str) -> int:
    return int(protocol.partition(".")[2])


def _client_compatibility(settings: Settings, versions: dict[str, str]) -> Json:
    control = ["auth_composition.version", "control_plane.version", "control_plane.request_contract"]
    return {
        "schema": "durable-workflow.v2.client-compatibility",
        "version": 1,
        "authority": "protocol_manifests",
        "top_level_version_role": "informational",
        "fail_closed": True,
        "required_protocols": {
            "auth_composition": _AUTH_CONTRACT,
            "control_plane": {
                "version": CONTROL_VERSION,
                "header": CONTROL_HEADER,
                "request_contract": _REQUEST_CONTRACT,
            },
            "worker_protocol": {"version": settings.protocol, "header": WORKER_HEADER},
        },
        "clients": {
            "cli": {"supported_versions": versions["cli"], "requires": control},
            "sdk-python": {"supported_versions": versions["python"], "requires": [*control, "worker_protocol.version"]},
        },
    }


def _auth_contract() -> Json:
    """Where connection settings come from, first wins; the names are the clients' own."""
    return {
        **_AUTH_CONTRACT,
        "scope": "external_execution_carriers",
        "precedence": {
            "connection_values": ["flag", "environment", "selected_profile", "default"],
            "profile_selection": ["flag_env", "DW_ENV", "current_profile", "default_profile"],
        },
        "canonical_environment": {
            "server_url": "DURABLE_WORKFLOW_SERVER_URL",
            "namespace": "DURABLE_WORKFLOW_NAMESPACE",
            "auth_token": "DURABLE_WORKFLOW_AUTH_TOKEN",
            "tls_verify": "DURABLE_WORKFLOW_TLS_VERIFY",
            "profile": "DW_ENV",
        },
        **AUTH_MATERIAL,
    }


def _request_contract() -> Json:
    status = {
        "canonical_values": ["running", "completed", "failed"],
        "rejected_aliases": {"cancelled": "failed", "terminated": "failed", "pending": "running", "waiting": "running"},
    }
    duplicate_policy = {
        "canonical_values": ["fail", "use-existing"],
        "rejected_aliases": {"use_existing": "use-existing"},
    }
    seconds = {"type": "integer", "min": 1}
    start = {
        "fields": {
            "duplicate_policy": duplicate_policy,
            "execution_timeout_seconds": seconds,
            "run_timeout_seconds": seconds,
            "payload_codec": {"type": "string", "canonical_values": ["avro"]},
        },
        "unsupported_fields": [
            *("workflow_execution_timeout", "workflow_run_timeout", "workflow_task_timeout"),
            *("retry_policy", "idempotency_key", "request_id"),
        ],
    }
    update = {
        "fields": {"wait_for": {"canonical_values": ["accepted", "completed"]}},
        "removed_fields": {"wait_policy": "wait_for"},
    }
    return {
        **_REQUEST_CONTRACT,
        "operations": {"list": {"fields": {"status": status}}, "start": start, "update": update},
    }


def _topology() -> Json:
    return {
        "schema": "durable-workflow.v2.role-topology",
        "version": 4,
        "supported_shapes": [_SHAPE],
        "current_shape": _SHAPE,
        "current_process_class": "server_http_node",
        "current_roles": _ROLES,
        "execution_mode": "remote_worker_protocol",
    }


def _import_contract() -> Json:
    """The contract of the import, in its own words where a client reads them."""
    return {
        "schema": "durable-workflow.v2.embedded-v2-import.contract",
        "version": 1,
        "history_export": {
            "schema": "durable-workflow.v2.history-export",
            "schema_version": 1,
            "command": "workflow:v2:history-export",
            "server_endpoint": "GET /api/workflows/{workflowId}/runs/{runId}/history/export",
        },
        "import": {
            "report_schema": "durable-workflow.v2.embedded-v2-import.report",
            "report_schema_version": 1,
            "command": "workflow:v2:history-import {bundle}",
            "server_endpoint": "POST /api/workflows/import/embedded-v2",
            "dry_run_option": "--dry-run",
            "namespace_override_option": "--namespace",
            "signature_option": "--require-signature",
            "idempotency": "workflow_run_id plus import_dedupe_key",
        },
        "eligibility": {
            "supported_source_runtimes": ["embedded"],
            "required_bundle_schema": "durable-workflow.v2.history-export",
            "required_bundle_schema_version": 1,
            "live_run_rules": {
                "non_terminal_runs_must_be_current": True,
                "leased_workflow_or_activity_tasks": "rejected",
                "running_activity_attempts": "rejected",
                "redacted_payloads": "rejected",
            },
            "terminal_run_rules": {
                "history_complete_must_be_true": True,
                "may_import_non_current_runs_for_visibility": True,
            },
        },
        "failure_and_rollback": {
            "transaction": "every durable row and projection in one transaction",
            "retry_same_bundle": "already_imported where run_id and import_dedupe_key are the same",
            "conflicting_existing_run": "rejected before anything is written",
        },
        "visibility_and_audit": {
            "workflow_run_columns": [
                *("import_source", "import_id", "import_dedupe_key", "import_contract_version", "imported_at"),
            ],
            "summary_engine_source": "embedded_v2_import",
            "detail_fields": ["engine_source", "import_source", "import_id", "import_dedupe_key", "imported_at"],
        },
    }
