"""What dwctl adds to the reference's verdict (contract/import.md §3): where the guide is stricter, where the
importer would lose data in silence, and what its database would refuse after a clean dry run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from dwctl.bundle import vocabulary
from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.findings import Finding, Severity
from dwctl.bundle.loose import count, entries, is_array, string, truthy
from dwctl.bundle.payload_sites import external_references
from dwctl.bundle.php_encode import php_text
from dwctl.bundle.rules import found
from dwctl.bundle.view import BundleView, Key

MEMO_VALUE_LIMIT = 10240
"""Bytes of JSON that one memo value may have in the server's database."""


def own_findings(bundle: BundleView, *, strict: bool, refers_outside: bool = True) -> Iterator[Finding]:
    """Yield the findings of dwctl's own rules; `strict` makes class names as type keys an error.

    `refers_outside` is False where the document is known to have no `external_storage` anywhere.
    """
    yield from _redacted(bundle)
    yield from _dropped_rows(bundle)
    yield from _class_names(bundle, Severity.ERROR if strict else Severity.WARNING)
    if refers_outside:
        yield from _external_storage(bundle)
    yield from _duplicate_ids(bundle)
    yield from _unreadable_times(bundle)
    yield from _oversized_memo(bundle)
    yield from _search_attributes(bundle)


def _redacted(bundle: BundleView) -> Iterator[Finding]:
    paths = count(bundle.redaction.get("paths"))
    if paths or truthy(bundle.redaction.get("applied")):
        yield found("redaction.payloads_redacted", "redaction", redacted_paths=paths)


# section of the view, its name in the bundle, field, the words the importer knows, the rule for any other word
_KNOWN_WORDS = (
    ("events", "history_events", "type", vocabulary.EVENT_TYPES, "history_events.type_unsupported"),
    ("commands", "commands", "type", vocabulary.COMMAND_TYPES, "commands.type_unsupported"),
    ("commands", "commands", "status", vocabulary.COMMAND_STATUSES, "commands.status_unsupported"),
    ("tasks", "tasks", "type", vocabulary.TASK_TYPES, "tasks.type_unsupported"),
    ("tasks", "tasks", "status", vocabulary.TASK_STATUSES, "tasks.status_unsupported"),
    ("timers", "timers", "status", vocabulary.TIMER_STATUSES, "timers.status_unsupported"),
)


def _dropped_rows(bundle: BundleView) -> Iterator[Finding]:
    for view, section, field_name, known, rule in _KNOWN_WORDS:
        for key, row in getattr(bundle, view):
            word = row.get(field_name)
            if word is not None and not (isinstance(word, str) and word in known):
                yield found(rule, f"{section}.{key}.{field_name}", found=string(word))


def _class_names(bundle: BundleView, severity: Severity) -> Iterator[Finding]:
    type_key = bundle.workflow.get("workflow_type")
    if is_class_name(type_key, bundle.workflow.get("workflow_class")):
        yield found("workflow.type_is_class_name", "workflow.workflow_type", severity=severity, found=type_key)
    seen: set[str] = set()
    for key, activity in bundle.activities:
        name = string(activity.get("activity_type"))
        if name not in seen and is_class_name(name, activity.get("activity_class")):
            seen.add(name or "")
            yield found(
                "activities.type_is_class_name", f"activities.{key}.activity_type", severity=severity, found=name
            )


def is_class_name(type_key: JsonValue, class_name: JsonValue) -> bool:
    """Whether a type key is a PHP class name: it holds a backslash, or is the class itself."""
    return isinstance(type_key, str) and bool(type_key) and ("\\" in type_key or type_key == class_name)


def _external_storage(bundle: BundleView) -> Iterator[Finding]:
    for path, scheme, uri in external_references(bundle.value):
        yield found("payloads.external_storage", path, uri_scheme=scheme, uri=uri)


def _duplicate_ids(bundle: BundleView) -> Iterator[Finding]:
    """Rows that share a primary key; a duplicate event id is already an error of the reference."""
    for section in ("commands", "signals", "updates", "tasks", "activities", "timers"):
        first_seen: dict[str, Key] = {}
        for key, row in getattr(bundle, section):
            identity = row.get("id")
            if isinstance(identity, str) and first_seen.setdefault(identity, key) != key:
                yield found(
                    "target.id_duplicate",
                    f"{section}.{key}.id",
                    id=identity,
                    first_seen_at=f"{section}.{first_seen[identity]}",
                )


_TIME = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?\Z", re.ASCII)
_RUN_TIMES = ("started_at", "closed_at", "archived_at", "last_progress_at")


def _unreadable_times(bundle: BundleView) -> Iterator[Finding]:
    for key in _RUN_TIMES:
        value = bundle.workflow.get(key)
        if value is not None and not (isinstance(value, str) and (not value or _is_time(value))):
            yield found("target.timestamp_unreadable", f"workflow.{key}")


def _is_time(text: str) -> bool:
    if not _TIME.match(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _oversized_memo(bundle: BundleView) -> Iterator[Finding]:
    for key, value in entries(bundle.workflow.get("memo")):
        size = _json_size(value)
        if size > MEMO_VALUE_LIMIT:
            yield found("target.memo_value_too_large", f"workflow.memo.{key}", bytes=size, limit=MEMO_VALUE_LIMIT)


def _json_size(value: JsonValue) -> int:
    try:
        return len(php_text(value))
    except OverflowError:  # an infinite number, which has a rule of its own
        return 0


def _search_attributes(bundle: BundleView) -> Iterator[Finding]:
    for key, value in entries(bundle.workflow.get("search_attributes")):
        if is_array(value) and not all(isinstance(item, str) for _, item in entries(value)):
            yield found("target.search_attribute_unsupported", f"workflow.search_attributes.{key}")
