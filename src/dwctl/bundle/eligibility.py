"""The eligibility rules of the reference importer, in its order (contract/import.md §2)."""

from __future__ import annotations

from collections.abc import Iterator

from dwctl.bundle import vocabulary
from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.envelopes import EVENT_PAYLOADS, ROW_PAYLOADS
from dwctl.bundle.findings import Finding
from dwctl.bundle.integrity import IntegrityReport
from dwctl.bundle.loose import entries, field, is_array, string, truthy
from dwctl.bundle.rules import found

# The payload fields of an event whose codec the importer checks; memo and search attribute events hold keys
# of the user's choosing and are not looked at.
_UNCHECKED_EVENTS = frozenset({"MemoUpserted", "SearchAttributesUpserted"})


def eligibility_findings(
    bundle: JsonValue, integrity_status: str, integrity: IntegrityReport, *, require_signature: bool
) -> Iterator[Finding]:
    """Yield what the importer would answer before it looks at its database: errors, and one warning.

    `integrity_status` is `ok`, `warning` or `failed`, as the verification ended.
    """
    if integrity_status == "failed":
        yield found("bundle.integrity_failed")
    elif integrity_status == "warning":
        yield found("bundle.integrity_warning")
    if require_signature and integrity.signature_verified is not True:
        yield found("bundle.signature_required", "integrity.signature")
    yield from _run(bundle)
    if any(is_array(path) for _, path in entries(field(bundle, "redaction", "paths"))):
        yield found("bundle.redacted_payloads", "redaction.paths")
    yield from _codecs(bundle)
    yield from _leases(bundle)


def run_status(bundle: JsonValue) -> str:
    """The status that the importer reads; a missing one counts as running."""
    return string(field(bundle, "workflow", "status")) or "running"


def _run(bundle: JsonValue) -> Iterator[Finding]:
    workflow = field(bundle, "workflow")
    for key in ("instance_id", "run_id"):
        if string(field(workflow, key)) is None:
            yield found(f"workflow.{key}_missing", f"workflow.{key}")
    status = run_status(bundle)
    if status in vocabulary.TERMINAL_STATUSES:
        if field(bundle, "history_complete") is not True:
            yield found("workflow.terminal_history_incomplete", "history_complete", status=status)
    elif status not in vocabulary.OPEN_STATUSES:
        yield found("workflow.status_unsupported", "workflow.status", found=status)
    elif not truthy(field(workflow, "is_current_run")):
        yield found("workflow.non_terminal_not_current", "workflow.is_current_run", status=status)
    source = field(workflow, "source_runtime")
    if source != "embedded":
        yield found("workflow.source_runtime_unsupported", "workflow.source_runtime", found=string(source))


def _codecs(bundle: JsonValue) -> Iterator[Finding]:
    for path, codec in _declared_codecs(bundle):
        if codec != vocabulary.CODEC and isinstance(codec, str) and codec:
            yield found("payload_codec.unsupported", path, expected=vocabulary.CODEC, found=codec)


def _declared_codecs(bundle: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    payloads = field(bundle, "payloads")
    yield "payloads.codec", field(payloads, "codec")
    for name in ("arguments", "output"):
        payload = field(payloads, name)
        if payload is not None:
            yield f"payloads.{name}.codec", field(payload, "codec")
            yield from _envelope_codecs(f"payloads.{name}.data", field(payload, "data"))
    for section, fields in ROW_PAYLOADS:
        for key, row in entries(field(bundle, section)):
            if isinstance(row, dict):
                yield from _row_codecs(f"{section}.{key}", row, fields)
    for key, event in entries(field(bundle, "history_events")):
        payload = field(event, "payload")
        if isinstance(payload, dict) and event.get("type") not in _UNCHECKED_EVENTS:
            yield from _event_codecs(f"history_events.{key}.payload", payload)
    for key, entry in entries(field(bundle, "payload_manifest", "entries")):
        if isinstance(entry, dict):
            yield f"payload_manifest.entries.{key}.codec", entry.get("codec")


def _row_codecs(path: str, row: dict[str, JsonValue], fields: tuple[str, ...]) -> Iterator[tuple[str, JsonValue]]:
    codec = row.get("payload_codec")
    if codec != vocabulary.CODEC:
        yield f"{path}.payload_codec", codec
    for name in fields:
        if isinstance(row.get(name), dict):
            yield from _envelope_codecs(f"{path}.{name}", row[name])


def _event_codecs(path: str, payload: dict[str, JsonValue]) -> Iterator[tuple[str, JsonValue]]:
    yield from _row_codecs(path, payload, EVENT_PAYLOADS)
    exception = payload.get("exception")
    if isinstance(exception, dict):
        yield f"{path}.exception.details_payload_codec", exception.get("details_payload_codec")
        yield from _envelope_codecs(f"{path}.exception.details", exception.get("details"))


def _envelope_codecs(path: str, envelope: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    """The codecs that a payload envelope and its external reference declare; a bare blob declares none."""
    if isinstance(envelope, dict):
        yield f"{path}.codec", envelope.get("codec")
        yield f"{path}.external_storage.codec", field(envelope, "external_storage", "codec")


def _leases(bundle: JsonValue) -> Iterator[Finding]:
    """The first leased task, or else the first running attempt: the importer names one of the two rules, once."""
    for key, task in entries(field(bundle, "tasks")):
        if field(task, "status") == "leased":
            yield found(
                "tasks.leased_task_present",
                f"tasks.{key}.status",
                task_id=field(task, "id"),
                lease_owner=field(task, "lease_owner"),
                lease_expires_at=field(task, "lease_expires_at"),
            )
            return
    for key, activity in entries(field(bundle, "activities")):
        for attempt_key, attempt in entries(field(activity, "attempts")):
            if field(attempt, "status") == "running":
                yield found(
                    "activities.running_attempt_present",
                    f"activities.{key}.attempts.{attempt_key}.status",
                    activity_id=field(activity, "id"),
                    attempt_id=field(attempt, "id"),
                )
                return
