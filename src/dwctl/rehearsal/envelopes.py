"""What the server wraps around a document: versions, capabilities, the `control_plane` block (server.md §1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from dwctl.rehearsal.answers import CONTROL_HEADER, CONTROL_VERSION, WORKER_HEADER, state_of
from dwctl.rehearsal.worker_protocol import later_capabilities

Json = dict[str, Any]

RESPONSE_SCHEMA = "durable-workflow.v2.control-plane-response"

_CONTRACT: Json = {
    "schema": f"{RESPONSE_SCHEMA}.contract",
    "version": 1,
    "legacy_field_policy": "reject_non_canonical",
    "legacy_fields": {
        "query": "query_name",
        "signal": "signal_name",
        "update": "update_name",
        "wait_policy": "wait_for",
    },
}

_OF_WORKFLOW = ("workflow_id",)
_NAMED = ("workflow_id", "operation_name", "operation_name_field")

OPERATIONS: dict[str, tuple[str | None, tuple[str, ...], tuple[str, ...]]] = {
    "list": (None, (), ()),
    "start": (None, (), ("workflow_id", "outcome")),
    "describe": (None, _OF_WORKFLOW, ()),
    "list_runs": (None, _OF_WORKFLOW, ()),
    "describe_run": (None, _OF_WORKFLOW, ("run_id",)),
    "debug_workflow": (None, _OF_WORKFLOW, ("run_id", "diagnostic_status")),
    "history": (None, ("workflow_id", "run_id"), ("next_page_token",)),
    "signal": ("signal_name", _NAMED, ("outcome",)),
    "query": ("query_name", _NAMED, ("result",)),
    "update": ("update_name", _NAMED, ("outcome",)),
    "cancel": (None, _OF_WORKFLOW, ("outcome",)),
    "terminate": (None, _OF_WORKFLOW, ("outcome",)),
    "repair": (None, _OF_WORKFLOW, ("outcome",)),
    "archive": (None, _OF_WORKFLOW, ("outcome",)),
}
"""Operation → the field that names what it acts on, required fields, fields of a success."""

PROJECTED_FIELDS = (
    "run_id workflow_type namespace business_key status status_bucket is_terminal task_queue run_number run_count"
    " workflow_count is_current_run compatibility started_at closed_at last_progress_at wait_kind wait_reason"
    " next_page_token command_id command_status command_source target_scope outcome reason rejection_reason"
    " validation_errors result result_envelope update_id update_status wait_for wait_timed_out wait_timeout_seconds"
    " blocked_reason message diagnostic_status"
).split()
"""The fields of a document that its `control_plane` block repeats, in this order."""


def enveloped(request: Request, document: Mapping[str, Any]) -> tuple[Json, dict[str, str]]:
    """The document with what its plane adds, and the headers of that plane."""
    if request.state.plane == "worker":
        protocol = state_of(request).settings.protocol
        added = {"protocol_version": protocol, "server_capabilities": server_capabilities(request)}
        return {**document, **added}, {WORKER_HEADER: protocol}
    headers = {CONTROL_HEADER: CONTROL_VERSION} if request.state.plane == "control" else {}
    operation = request.state.operation
    if operation is None:
        return dict(document), headers
    return {**document, "control_plane": _control_plane(request, operation, document)}, headers


def _control_plane(request: Request, operation: str, document: Mapping[str, Any]) -> Json:
    name_field, required, success = OPERATIONS.get(operation, (None, (), ()))
    block: Json = {
        "schema": RESPONSE_SCHEMA,
        "version": 1,
        "operation": operation,
        "workflow_id": document.get("workflow_id", request.path_params.get("workflow_id")),
        "contract": {**_CONTRACT, "required_fields": required, "success_fields": success},
    }
    if name_field is not None:
        block["operation_name"] = request.path_params.get("name")
        block["operation_name_field"] = name_field
    block.update((field, document[field]) for field in PROJECTED_FIELDS if field in document)
    return block


def response_contract() -> Json:
    """The manifest of `control_plane` blocks, as cluster info shows it."""
    operations = {
        name: {"operation_name_field": field, "required_fields": required, "success_fields": success}
        for name, (field, required, success) in OPERATIONS.items()
    }
    return {
        "schema": RESPONSE_SCHEMA,
        "version": 1,
        "contract": dict(_CONTRACT),
        "projected_fields": PROJECTED_FIELDS,
        "operations": operations,
    }


COMMANDS = (
    "complete_workflow fail_workflow continue_as_new schedule_activity start_timer start_child_workflow"
    " start_service_operation complete_update fail_update record_side_effect record_version_marker"
    " upsert_search_attributes open_condition_wait open_signal_wait"
).split()
"""The commands of workflow tasks that the measured server advertises."""


def _contract_name(name: str) -> Json:
    return {"schema": f"durable-workflow.v2.{name}.contract", "version": 1}


def server_capabilities(request: Request) -> Json:
    """The block that every body of the worker plane carries."""
    return {
        "long_poll_timeout": int(state_of(request).settings.poll_timeout),
        "supported_workflow_task_commands": COMMANDS,
        "workflow_task_poll_request_idempotency": True,
        "history_page_size_default": 500,
        "history_page_size_max": 1000,
        "query_tasks": True,
        "activity_retry_policy": True,
        "activity_timeouts": True,
        "child_workflow_retry_policy": True,
        "child_workflow_timeouts": True,
        "parent_close_policy": True,
        "non_retryable_failures": True,
        "response_compression": ["gzip", "deflate"],
        "history_compression": {"supported_encodings": ["gzip", "deflate"], "compression_threshold": 50},
        "external_execution_surface": {
            **_contract_name("external-execution-surface"),
            "name": "activity_grade_external_execution",
        },
        "external_executor_config": {
            **_contract_name("external-executor-config"),
            "config_schema": "durable-workflow.external-executor.config",
            "config_schema_version": 1,
        },
        "invocable_carrier": {**_contract_name("invocable-carrier"), "carrier_type": "invocable_http"},
        "external_task_input": _contract_name("external-task-input"),
        "external_task_result": _contract_name("external-task-result"),
        **later_capabilities(state_of(request).settings.protocol),
    }
