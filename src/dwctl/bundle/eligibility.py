"""The eligibility rules of the reference importer, in its order (contract/import.md §2)."""

from __future__ import annotations

from collections.abc import Iterator

from dwctl.bundle import vocabulary
from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.findings import Finding
from dwctl.bundle.integrity import IntegrityReport
from dwctl.bundle.loose import entries, is_array, string, truthy
from dwctl.bundle.rules import found
from dwctl.bundle.view import BundleView, Key, as_object, rows

# The fields whose codec the importer checks. Memo and search attribute events hold keys of the user's choosing
# and are not looked at.
_ROW_PAYLOADS = (
    ("commands", ("payload",)),
    ("signals", ("arguments",)),
    ("updates", ("arguments", "result")),
    ("activities", ("arguments", "result")),
)
_EVENT_PAYLOADS = ("arguments", "result", "output", "value")
_UNCHECKED_EVENTS = frozenset({"MemoUpserted", "SearchAttributesUpserted"})


def eligibility_findings(
    bundle: BundleView, integrity_status: str, integrity: IntegrityReport, *, require_signature: bool
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
    if any(is_array(path) for _, path in entries(bundle.redaction.get("paths"))):
        yield found("bundle.redacted_payloads", "redaction.paths")
    for path, codec in _foreign_codecs(bundle):
        yield found("payload_codec.unsupported", path, expected=vocabulary.CODEC, found=codec)
    yield from _leases(bundle)


def run_status(bundle: BundleView) -> str:
    """The status that the importer reads; a missing one counts as running."""
    return string(bundle.workflow.get("status")) or "running"


def _run(bundle: BundleView) -> Iterator[Finding]:
    for key in ("instance_id", "run_id"):
        if string(bundle.workflow.get(key)) is None:
            yield found(f"workflow.{key}_missing", f"workflow.{key}")
    status = run_status(bundle)
    if status in vocabulary.TERMINAL_STATUSES:
        if bundle.value.get("history_complete") is not True:
            yield found("workflow.terminal_history_incomplete", "history_complete", status=status)
    elif status not in vocabulary.OPEN_STATUSES:
        yield found("workflow.status_unsupported", "workflow.status", found=status)
    elif not truthy(bundle.workflow.get("is_current_run")):
        yield found("workflow.non_terminal_not_current", "workflow.is_current_run", status=status)
    source = bundle.workflow.get("source_runtime")
    if source != "embedded":
        yield found("workflow.source_runtime_unsupported", "workflow.source_runtime", found=string(source))


def _foreign_codecs(bundle: BundleView) -> Iterator[tuple[str, str]]:
    """Yield the path and the codec of every payload that names another than avro; null and "" name none."""
    for path, codec in _declared_codecs(bundle):
        if codec != vocabulary.CODEC and isinstance(codec, str) and codec:
            yield path, codec


def _declared_codecs(bundle: BundleView) -> Iterator[tuple[str, JsonValue]]:
    yield "payloads.codec", bundle.payloads.get("codec")
    for name in ("arguments", "output"):
        payload = as_object(bundle.payloads.get(name))
        yield f"payloads.{name}.codec", payload.get("codec")
        yield from _envelope_codecs(f"payloads.{name}.data", payload.get("data"))
    for section, fields in _ROW_PAYLOADS:
        for key, row in getattr(bundle, section):
            yield from _row_codecs(row, section, key, fields)
    for key, event in bundle.events:
        if string(event.get("type")) not in _UNCHECKED_EVENTS:
            event_payload = as_object(event.get("payload"))
            yield from _row_codecs(event_payload, "history_events", f"{key}.payload", _EVENT_PAYLOADS)
            exception = event_payload.get("exception")
            if isinstance(exception, dict):
                path = f"history_events.{key}.payload.exception"
                yield f"{path}.details_payload_codec", exception.get("details_payload_codec")
                yield from _envelope_codecs(f"{path}.details", exception.get("details"))
    for key, entry in bundle.manifest:
        codec = entry.get("codec")
        if codec != vocabulary.CODEC:
            yield f"payload_manifest.entries.{key}.codec", codec


def _row_codecs(
    row: dict[str, JsonValue], section: str, key: Key, fields: tuple[str, ...]
) -> Iterator[tuple[str, JsonValue]]:
    codec = row.get("payload_codec")
    if codec is not None and codec != vocabulary.CODEC:
        yield f"{section}.{key}.payload_codec", codec
    for name in fields:
        envelope = row.get(name)
        if isinstance(envelope, dict):
            yield from _envelope_codecs(f"{section}.{key}.{name}", envelope)


def _envelope_codecs(path: str, envelope: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    """The codecs that a payload envelope and its external reference declare; a bare blob declares none."""
    if isinstance(envelope, dict):
        yield f"{path}.codec", envelope.get("codec")
        yield f"{path}.external_storage.codec", as_object(envelope.get("external_storage")).get("codec")


def _leases(bundle: BundleView) -> Iterator[Finding]:
    """The first leased task, or else the first running attempt: the importer names one of the two rules, once."""
    for key, task in bundle.tasks:
        if task.get("status") == "leased":
            yield found(
                "tasks.leased_task_present",
                f"tasks.{key}.status",
                task_id=task.get("id"),
                lease_owner=task.get("lease_owner"),
                lease_expires_at=task.get("lease_expires_at"),
            )
            return
    for key, activity in bundle.activities:
        for attempt_key, attempt in rows(activity.get("attempts")):
            if attempt.get("status") == "running":
                yield found(
                    "activities.running_attempt_present",
                    f"activities.{key}.attempts.{attempt_key}.status",
                    activity_id=activity.get("id"),
                    attempt_id=attempt.get("id"),
                )
                return
