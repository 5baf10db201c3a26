"""The history export of a run: the bundle as the standalone server makes it from its rows (contract/server.md §5).

A run that was imported comes out as it went in, but for what does not travel and for what names the exporter.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dwctl.bundle import vocabulary
from dwctl.bundle.canonical import JsonValue, sha256_hex
from dwctl.bundle.php_encode import write_exactly
from dwctl.rehearsal.attributes import VALUE_COLUMNS
from dwctl.rehearsal.columns import unpacked
from dwctl.rehearsal.database import Connection
from dwctl.rehearsal.export_rows import activities, commands, failures, signals, tasks, updates
from dwctl.rehearsal.lineage import lineage_of
from dwctl.rehearsal.payload_manifest import CODEC_SCHEMAS, manifest_of
from dwctl.rehearsal.run_view import Columns, RunView, json_value
from dwctl.rehearsal.snapshots import snapshots_of
from dwctl.rehearsal.timeline import entry_of
from dwctl.rehearsal.timer_entries import timers_of
from dwctl.rehearsal.times import micros, stored_as_micros
from dwctl.rehearsal.vocabulary import is_terminal, status_bucket
from dwctl.rehearsal.waits import waits_of

Bundle = dict[str, Any]

_SUMMARY_TIMES = ("archived_at", "started_at", "closed_at", "wait_started_at", "wait_deadline_at", "next_task_at",
                  "next_task_lease_expires_at", "sort_timestamp")  # fmt: skip
_SUMMARY_FLAGS = ("is_current_run", "repair_attention", "task_problem", "continue_as_new_recommended")
_SUMMARY_COLUMNS = (
    "status", "status_bucket", "closed_reason", "archive_command_id", "archive_reason", "business_key", "duration_ms",
    "wait_kind", "wait_reason", "open_wait_id", "resume_source_kind", "resume_source_id", "next_task_id",
    "next_task_type", "next_task_status", "liveness_state", "liveness_reason", "exception_count",
    "history_event_count", "history_size_bytes", "history_fan_out", "history_budget_pressure", "sort_key",
)  # fmt: skip


def export_bundle(connection: Connection, run_id: str, *, now: datetime) -> Bundle:
    """The bundle of a run, with its checksum; raises `KeyError` for a run that the server does not have.

    The checksum covers the values as they are. Whoever writes the bundle as the server does loses zero
    fractions (12.0 becomes 12), and then it no longer fits.
    """
    view = RunView(connection, run_id)
    run = view.run
    attributes = search_attributes_of(view)
    parents, children = lineage_of(view)
    bundle: Bundle = {
        "schema": vocabulary.BUNDLE_SCHEMA,
        "schema_version": vocabulary.BUNDLE_SCHEMA_VERSION,
        "exported_at": micros(now),
        "dedupe_key": _dedupe_key(run),
        "history_complete": is_terminal(run["status"]),
        "workflow": _workflow(view, attributes),
        "payloads": _payloads(run),
        "summary": _summary(view, attributes),
        "selected_run": {
            "waits_projection_source": "workflow_run_waits",
            "timeline_projection_source": "workflow_run_timeline_entries",
            "timers_projection_source": "workflow_run_timer_entries",
            "timers_projection_rebuild_reasons": [],
            "lineage_projection_source": "workflow_run_lineage_entries",
        },
        "history_events": [_event(event) for event in view.events],
        "waits": [_NO_TIMEOUT | wait for wait in waits_of(view)],
        "timeline": [_entry(view, event) for event in view.events],
        "linked_intakes_scope": "selected_run",
        "linked_intakes": [],
        "commands": commands(view),
        "signals": signals(view),
        "updates": updates(view),
        "tasks": tasks(view),
        "activities": activities(view),
        "timers": timers_of(view),
        "failures": failures(view),
        "links": {"projection_source": "workflow_run_lineage_entries", "parents": parents, "children": children},
        "redaction": {"applied": False, "policy": None, "paths": []},
        "codec_schemas": CODEC_SCHEMAS,
    }
    bundle["payload_manifest"] = manifest_of(bundle)
    bundle["integrity"] = {
        "canonicalization": vocabulary.CANONICALIZATION,
        "checksum_algorithm": vocabulary.CHECKSUM_ALGORITHM,
        "checksum": sha256_hex(write_exactly(bundle)),
        "signature_algorithm": None,
        "signature": None,
        "key_id": None,
    }
    return bundle


_NO_TIMEOUT = {"timeout_fired_at": None, "history_authority": None, "history_unsupported_reason": None}


def _dedupe_key(run: Columns) -> str:
    moment = stored_as_micros(run["last_progress_at"] or run["updated_at"])
    return f"{run['id']}:{run['last_history_sequence']}:{moment}"


def memo_of(view: RunView) -> dict[str, JsonValue]:
    """The memo of a run by key."""
    rows = view.connection.execute(
        'SELECT "key", value FROM workflow_memos WHERE workflow_run_id = ? ORDER BY "key"', (view.run_id,)
    )
    return {row["key"]: json_value(row["value"]) for row in rows}


def search_attributes_of(view: RunView) -> dict[str, JsonValue]:
    """The search attributes of a run by key, each in its own type."""
    rows = view.connection.execute(
        'SELECT * FROM workflow_search_attributes WHERE workflow_run_id = ? ORDER BY "key"', (view.run_id,)
    )
    return {row["key"]: _attribute(row["type"], row[VALUE_COLUMNS[row["type"]]]) for row in rows}


def _attribute(kind: str, value: Any) -> JsonValue:
    if kind == "bool":
        return bool(value)
    return json_value(value) if kind == "keyword_list" else value


def _workflow(view: RunView, attributes: dict[str, JsonValue]) -> Bundle:
    run, current = view.run, view.instance["current_run_id"]
    is_chained = any(link["link_type"] == "continue_as_new" for link in (*view.parents, *view.children))
    return {
        "instance_id": run["workflow_instance_id"],
        "run_id": run["id"],
        "run_number": run["run_number"],
        "is_current_run": current == run["id"],
        "current_run_id": current,
        "current_run_source": "continue_as_new_lineage" if is_chained else "run_order_fallback",
        "workflow_type": run["workflow_type"],
        "workflow_class": run["workflow_class"],
        "source_runtime": "standalone_server",
        "source_process_class": "server_http_node",
        "business_key": run["business_key"],
        "visibility_labels": json_value(run["visibility_labels"]),
        "memo": memo_of(view),
        "search_attributes": attributes,
        "status": run["status"],
        "status_bucket": status_bucket(run["status"]),
        "closed_reason": run["closed_reason"],
        "archived_at": stored_as_micros(run["archived_at"]),
        "archive_command_id": run["archive_command_id"],
        "archive_reason": run["archive_reason"],
        "compatibility": run["compatibility"],
        "connection": run["connection"],
        "queue": run["queue"],
        "last_history_sequence": run["last_history_sequence"],
        "started_at": stored_as_micros(run["started_at"]),
        "closed_at": stored_as_micros(run["closed_at"]),
        "last_progress_at": stored_as_micros(run["last_progress_at"]),
    }


def _payloads(run: Columns) -> Bundle:
    output = run["output"]
    return {
        "codec": run["payload_codec"],
        "arguments": {"available": run["arguments"] is not None, "data": unpacked(run["arguments"])},
        "output": {
            "available": output is not None,
            "codec": None if output is None else run["output_payload_codec"] or run["payload_codec"],
            "data": unpacked(output),
        },
    }


def _summary(view: RunView, attributes: dict[str, JsonValue]) -> Bundle | None:
    row = view.connection.execute("SELECT * FROM workflow_run_summaries WHERE id = ?", (view.run_id,)).fetchone()
    if row is None:
        return None
    return {
        **{name: row[name] for name in _SUMMARY_COLUMNS},
        **{name: stored_as_micros(row[name]) for name in _SUMMARY_TIMES},
        **{name: bool(row[name]) for name in _SUMMARY_FLAGS},
        "visibility_labels": json_value(row["visibility_labels"]),
        "search_attributes": attributes,
        "task_problem_badge": None,
    }


def _entry(view: RunView, event: Columns) -> Bundle:
    entry, snapshots = entry_of(view, event), snapshots_of(view, event)
    failure, command = snapshots["failure"] or {}, snapshots["command"] or {}
    facts = {name: failure[name] for name in _RESOLVED if name in failure}
    outcome = {"command_outcome": command["outcome"]} if command else {}
    return entry | facts | outcome | snapshots


_RESOLVED = ("exception_resolved_class", "exception_resolution_source", "exception_resolution_error")


def _event(event: Columns) -> Bundle:
    return {
        "id": event["id"],
        "sequence": event["sequence"],
        "type": event["event_type"],
        "workflow_task_id": event["workflow_task_id"],
        "workflow_command_id": event["workflow_command_id"],
        "recorded_at": stored_as_micros(event["recorded_at"]),
        "payload": event["recorded"],
    }
