"""A run as describe shows it."""

from __future__ import annotations

import sqlite3
from typing import Any

from dwctl.bundle.avro_value import decode_blob
from dwctl.rehearsal.claims import envelope
from dwctl.rehearsal.database import Connection
from dwctl.rehearsal.export import memo_of, search_attributes_of
from dwctl.rehearsal.quirks import Profile, Q
from dwctl.rehearsal.run_view import RunView
from dwctl.rehearsal.times import from_stored, seconds, stored_as_micros
from dwctl.rehearsal.vocabulary import is_terminal, status_bucket

Json = dict[str, Any]
Row = sqlite3.Row


class UnreadablePayloadError(Exception):
    """A payload that cannot be shown as JSON: the server answers 500 (contract/server.md §5)."""


def described(connection: Connection, profile: Profile, instance: Row, run: Row, current: Row) -> Json:
    """The document of a run.

    `run` says who it is and what it was given; `current` how it stands. They differ only where the runs of an
    instance are split over namespaces (recording 427).
    """
    summary: Row | None = connection.execute(
        "SELECT * FROM workflow_run_summaries WHERE id = ?", (current["id"],)
    ).fetchone()
    codec = run["payload_codec"]
    document = {
        "workflow_id": instance["id"],
        "run_id": run["id"],
        "namespace": run["namespace"],
        "workflow_type": run["workflow_type"],
        "business_key": run["business_key"],
        "status": run["status"],
        "status_bucket": status_bucket(current["status"]) if summary is None else summary["status_bucket"],
        "is_terminal": is_terminal(run["status"]),
        "closed_reason": None if summary is None else summary["closed_reason"],
        "task_queue": current["queue"],
        "run_number": current["run_number"],
        "run_count": instance["run_count"],
        "is_current_run": _is_current(connection, instance, current),
        "compatibility": current["compatibility"],
        "payload_codec": codec,
        "execution_timeout_seconds": instance["execution_timeout_seconds"],
        "run_timeout_seconds": run["run_timeout_seconds"],
        "execution_deadline_at": stored_as_micros(run["execution_deadline_at"]),
        "run_deadline_at": stored_as_micros(run["run_deadline_at"]),
        "input": _readable(profile, run["arguments"]),
        "output": _readable(profile, run["output"]),
        "input_envelope": envelope(codec, run["arguments"]),
        "output_envelope": envelope(run["output_payload_codec"] or codec, run["output"]),
        "started_at": stored_as_micros(run["started_at"]),
        "closed_at": stored_as_micros(run["closed_at"]),
        "last_progress_at": _progress(current),
        "wait_kind": None if summary is None else summary["wait_kind"],
        "wait_reason": None if summary is None else summary["wait_reason"],
        "memo": _shown_memo(connection, profile, run),
        "search_attributes": shown_attributes(connection, profile, run["id"], run),
        "actions": _actions(current),
    }
    return document if profile.has(Q.IMPORT_MARKERS_HIDDEN) else document | _markers(run, summary)


def _is_current(connection: Connection, instance: Row, run: Row) -> bool:
    """Where the instance names no run that exists, the newest one counts."""
    newer = connection.execute(
        "SELECT 1 FROM workflow_runs WHERE workflow_instance_id = ? AND (id = ? OR run_number > ?) AND id <> ?",
        (instance["id"], instance["current_run_id"], run["run_number"], run["id"]),
    ).fetchone()
    return run["id"] == instance["current_run_id"] or newer is None


def _readable(profile: Profile, blob: str | None) -> Any:
    """A payload as a value.

    For one that JSON cannot show, raises `UnreadablePayloadError` where the profile crashes over it; elsewhere
    the value is null, and the envelope beside it says what is there.
    """
    if blob is None:
        return None
    frame = decode_blob(blob)
    if frame.fault is not None or _has_bytes(frame.value):
        if not profile.has(Q.UNREADABLE_PAYLOAD_IS_500):
            return None
        raise UnreadablePayloadError("a payload of the run cannot be shown")
    return frame.value


def _has_bytes(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(_has_bytes(item) for item in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, bytes)


def _progress(run: Row) -> str | None:
    at = run["last_progress_at"]
    return None if at is None else seconds(from_stored(at))


def _actions(run: Row) -> dict[str, bool]:
    is_open = not is_terminal(run["status"])
    return {
        "can_signal": is_open,
        "can_query": False,
        "can_update": False,
        "can_cancel": is_open,
        "can_terminate": is_open,
        "can_repair": is_open,
        "can_archive": not is_open and run["archived_at"] is None,
    }


def _markers(run: Row, summary: Row | None) -> Json:
    """What the guide promises that list and detail views show of an import (guide, Phase E)."""
    return {
        "engine_source": None if summary is None else summary["engine_source"],
        "import_source": run["import_source"],
        "import_id": run["import_id"],
        "import_dedupe_key": run["import_dedupe_key"],
        "imported_at": stored_as_micros(run["imported_at"]),
    }


def _hides(profile: Profile, row: Row) -> bool:
    """The measured server shows no memo and no search attribute of an imported run (recordings 227, 307)."""
    source = row["engine_source"] if "engine_source" in row.keys() else row["import_source"]  # noqa: SIM118
    return profile.has(Q.IMPORTED_METADATA_HIDDEN) and source not in (None, "v2")


def _shown_memo(connection: Connection, profile: Profile, run: Row) -> Json:
    return {} if _hides(profile, run) else memo_of(RunView(connection, run["id"]))


def shown_attributes(connection: Connection, profile: Profile, run_id: str, row: Row) -> Json:
    """The search attributes of a run; `row` is the run, or its summary."""
    return {} if _hides(profile, row) else search_attributes_of(RunView(connection, run_id))
