"""What dwctl adds to the reference's verdict (contract/import.md §3): where the guide is stricter, where the
importer would lose data in silence, and what its database would refuse after a clean dry run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dwctl.bundle import vocabulary
from dwctl.bundle.canonical import JsonValue, php_text
from dwctl.bundle.envelopes import external_references
from dwctl.bundle.findings import Finding, Severity
from dwctl.bundle.loose import count, entries, field, is_array, string, truthy
from dwctl.bundle.rules import found

MEMO_VALUE_LIMIT = 10240
"""Bytes of JSON that one memo value may have in the server's database."""


def own_findings(bundle: JsonValue, *, strict: bool) -> Iterator[Finding]:
    """Yield the findings of dwctl's own rules; `strict` makes class names as type keys an error."""
    yield from _redacted(bundle)
    yield from _dropped_rows(bundle)
    yield from _class_names(bundle, Severity.ERROR if strict else Severity.WARNING)
    yield from _external_storage(bundle)
    yield from _duplicate_ids(bundle)
    yield from _unreadable_times(bundle)
    yield from _oversized_memo(bundle)
    yield from _search_attributes(bundle)


def _redacted(bundle: JsonValue) -> Iterator[Finding]:
    redaction = field(bundle, "redaction")
    paths = field(redaction, "paths")
    if truthy(field(redaction, "applied")) or count(paths):
        yield found("redaction.payloads_redacted", "redaction", redacted_paths=count(paths))


# section, field, the words the importer knows, the rule for any other word
_KNOWN_WORDS = (
    ("history_events", "type", vocabulary.EVENT_TYPES, "history_events.type_unsupported"),
    ("commands", "type", vocabulary.COMMAND_TYPES, "commands.type_unsupported"),
    ("commands", "status", vocabulary.COMMAND_STATUSES, "commands.status_unsupported"),
    ("tasks", "type", vocabulary.TASK_TYPES, "tasks.type_unsupported"),
    ("tasks", "status", vocabulary.TASK_STATUSES, "tasks.status_unsupported"),
    ("timers", "status", vocabulary.TIMER_STATUSES, "timers.status_unsupported"),
)


def _dropped_rows(bundle: JsonValue) -> Iterator[Finding]:
    for section, key, known, rule in _KNOWN_WORDS:
        for index, row in entries(field(bundle, section)):
            if isinstance(row, dict):
                word = row.get(key)
                if not (isinstance(word, str) and word in known) and word is not None:
                    yield found(rule, f"{section}.{index}.{key}", found=string(word))


def _class_names(bundle: JsonValue, severity: Severity) -> Iterator[Finding]:
    workflow = field(bundle, "workflow")
    if _is_class_name(field(workflow, "workflow_type"), field(workflow, "workflow_class")):
        yield found(
            "workflow.type_is_class_name",
            "workflow.workflow_type",
            severity=severity,
            found=field(workflow, "workflow_type"),
        )
    seen: set[str] = set()
    for key, activity in entries(field(bundle, "activities")):
        name = field(activity, "activity_type")
        if name not in seen and _is_class_name(name, field(activity, "activity_class")):
            seen.add(name)
            yield found(
                "activities.type_is_class_name", f"activities.{key}.activity_type", severity=severity, found=name
            )


def _is_class_name(type_key: JsonValue, class_name: JsonValue) -> bool:
    return isinstance(type_key, str) and bool(type_key) and ("\\" in type_key or type_key == class_name)


def _external_storage(bundle: JsonValue) -> Iterator[Finding]:
    for path, scheme in external_references(bundle):
        yield found("payloads.external_storage", path, uri_scheme=scheme)


def _duplicate_ids(bundle: JsonValue) -> Iterator[Finding]:
    """Rows that share a primary key; a duplicate event id is already an error of the reference."""
    for section in ("commands", "signals", "updates", "tasks", "activities", "timers", "failures"):
        rows = field(bundle, section)
        if count(rows) < 2:
            continue
        seen: dict[str, str | int] = {}
        for key, row in entries(rows):
            identity = string(field(row, "id"))
            if identity is not None and seen.setdefault(identity, key) != key:
                yield found(
                    "target.id_duplicate",
                    f"{section}.{key}.id",
                    id=identity,
                    first_seen_at=f"{section}.{seen[identity]}",
                )


_TIME = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?\Z", re.ASCII)
_RUN_TIMES = ("started_at", "closed_at", "archived_at", "last_progress_at")


def _unreadable_times(bundle: JsonValue) -> Iterator[Finding]:
    for key in _RUN_TIMES:
        value = field(bundle, "workflow", key)
        if value is not None and not (isinstance(value, str) and (not value or _TIME.match(value))):
            yield found("target.timestamp_unreadable", f"workflow.{key}")


def _oversized_memo(bundle: JsonValue) -> Iterator[Finding]:
    for key, value in entries(field(bundle, "workflow", "memo")):
        size = len(php_text(value))
        if size > MEMO_VALUE_LIMIT:
            yield found("target.memo_value_too_large", f"workflow.memo.{key}", bytes=size, limit=MEMO_VALUE_LIMIT)


def _search_attributes(bundle: JsonValue) -> Iterator[Finding]:
    for key, value in entries(field(bundle, "workflow", "search_attributes")):
        if is_array(value) and not all(isinstance(item, str) for _, item in entries(value)):
            yield found("target.search_attribute_unsupported", f"workflow.search_attributes.{key}")
