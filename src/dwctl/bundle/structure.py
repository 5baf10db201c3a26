"""The reference's structural checks of a bundle, in its order (contract/import.md §2).

Each check yields findings; the order of the checks is the order of the recorded reports: envelope,
workflow, payload manifest, codec schemas, history events, commands, redaction. The last word, on checksum
and signature, is in `integrity`.
"""

from __future__ import annotations

from collections.abc import Iterator

from dwctl.bundle import vocabulary
from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.findings import Finding
from dwctl.bundle.loose import count, entries, field, integer, is_array, string, truthy
from dwctl.bundle.rules import found
from dwctl.bundle.view import BundleView, Key, as_object

_VALUE_LABEL = f"crc64-avro:{vocabulary.VALUE_FINGERPRINT}"

_SECTIONS = {
    "workflow": "an object",
    "payloads": "an object",
    "history_events": "a list",
    "commands": "a list",
    "signals": "a list",
    "updates": "a list",
    "tasks": "a list",
    "activities": "a list",
    "timers": "a list",
    "failures": "a list",
    "links": "an object",
    "redaction": "an object",
    "codec_schemas": "an object",
    "payload_manifest": "an object",
}


def structural_findings(bundle: BundleView) -> Iterator[Finding]:
    """Yield the structural findings of a bundle in the order of the reference's report."""
    yield from _envelope(bundle)
    yield from _workflow(bundle)
    yield from _payload_manifest(bundle)
    yield from _codec_schemas(bundle)
    yield from _history_events(bundle)
    yield from _commands(bundle)
    yield from _redaction(bundle)


def _envelope(bundle: BundleView) -> Iterator[Finding]:
    document = bundle.value
    schema = string(document.get("schema"))
    if schema is None:
        yield found("bundle.schema_missing", "schema")
    elif schema != vocabulary.BUNDLE_SCHEMA:
        yield found("bundle.schema_unexpected", "schema", expected=vocabulary.BUNDLE_SCHEMA, found=schema)
    version = integer(document.get("schema_version"))
    if version is None:
        yield found("bundle.schema_version_missing", "schema_version")
    elif version != vocabulary.BUNDLE_SCHEMA_VERSION:
        yield found(
            "bundle.schema_version_unsupported",
            "schema_version",
            expected=vocabulary.BUNDLE_SCHEMA_VERSION,
            found=version,
        )
    if string(document.get("exported_at")) is None:
        yield found("bundle.exported_at_missing", "exported_at")
    for section, shape in _SECTIONS.items():
        if section not in document:
            yield found("bundle.section_missing", section)
        elif not is_array(document[section]):
            yield found("bundle.section_invalid", section, expected=shape)


def _workflow(bundle: BundleView) -> Iterator[Finding]:
    for key in ("run_id", "instance_id", "workflow_type"):
        if string(bundle.workflow.get(key)) is None:
            yield found(f"workflow.{key}_missing", f"workflow.{key}")
    last = integer(bundle.workflow.get("last_history_sequence"))
    if last is None:
        return
    sequences = [integer(event.get("sequence")) for _, event in bundle.events]
    highest = max((sequence for sequence in sequences if sequence is not None), default=last)
    if highest > last:
        yield found(
            "workflow.last_history_sequence_stale",
            "workflow.last_history_sequence",
            last_history_sequence=last,
            highest_sequence=highest,
        )


def _payload_manifest(bundle: BundleView) -> Iterator[Finding]:
    for key, entry in bundle.manifest:
        if _is_ordinary(entry):
            continue
        codec = string(entry.get("codec"))
        readable = truthy(entry.get("available")) and not truthy(entry.get("redacted"))
        if codec is not None and not readable:
            continue
        path = string(entry.get("path")) or f"payload_manifest.entries[{key}]"
        if codec is None:
            yield found("payload_manifest.codec_missing", path)
        diagnostic = entry.get("diagnostic")
        if readable and diagnostic == "payload_missing":
            yield found("payload_manifest.payload_missing", path)
        if readable and codec == vocabulary.CODEC and diagnostic != "external_storage_reference":
            yield from _avro_metadata(entry, path)


def _is_ordinary(entry: dict[str, JsonValue]) -> bool:
    """An Avro payload described in full, as nearly every entry is: nothing of it needs a closer look."""
    return (
        entry.get("codec") == vocabulary.CODEC
        and entry.get("diagnostic") is None
        and entry.get("avro_framing") == "single_object"
        and entry.get("writer_schema_fingerprint") == _VALUE_LABEL
        and entry.get("writer_schema") == vocabulary.VALUE_SCHEMA_TEXT
    )


def _avro_metadata(entry: dict[str, JsonValue], path: str) -> Iterator[Finding]:
    if string(entry.get("avro_framing")) is None:
        yield found("payload_manifest.avro_framing_missing", path)
    schema = string(entry.get("writer_schema"))
    fingerprint = string(entry.get("writer_schema_fingerprint"))
    if schema is None or fingerprint is None:
        return
    expected = schema_fingerprint(schema)
    if fingerprint != expected:
        yield found("payload_manifest.writer_schema_fingerprint_mismatch", path, expected=expected, found=fingerprint)


def schema_fingerprint(schema: str) -> str | None:
    """The label `crc64-avro:<hex>` of a writer schema, or None for a text that is no Avro schema."""
    if schema == vocabulary.VALUE_SCHEMA_TEXT:
        return _VALUE_LABEL
    from dwctl.bundle.avro_schema import crc64_avro

    fingerprint = crc64_avro(schema)
    return None if fingerprint is None else f"crc64-avro:{fingerprint}"


def _codec_schemas(bundle: BundleView) -> Iterator[Finding]:
    avro = bundle.section("codec_schemas").get("avro")
    if not is_array(avro):
        return
    path = "codec_schemas.avro.writer_schemas"
    writer = field(avro, "writer_schemas", vocabulary.VALUE_FINGERPRINT)
    if field(avro, "current_fingerprint") != vocabulary.VALUE_FINGERPRINT or not is_array(writer):
        yield found("codec_schemas.value_schema_missing", path)
    elif field(writer, "schema") != vocabulary.VALUE_SCHEMA_TEXT or field(writer, "fingerprint") != _VALUE_LABEL:
        yield found("codec_schemas.value_schema_drift", f"{path}.{vocabulary.VALUE_FINGERPRINT}")


def _history_events(bundle: BundleView) -> Iterator[Finding]:
    previous: int | None = None
    first_seen: dict[str, Key] = {}
    for key, event in entries(bundle.value.get("history_events")):
        if not is_array(event):
            yield found("history_events.entry_invalid", f"history_events[{key}]")
            continue
        event = as_object(event)
        sequence = integer(event.get("sequence"))
        if sequence is None:
            yield found("history_events.sequence_missing", f"history_events[{key}]")
        else:
            if previous is not None and sequence <= previous:
                yield found(
                    "history_events.sequence_not_monotonic",
                    f"history_events[{key}]",
                    sequence=sequence,
                    previous_sequence=previous,
                )
            previous = sequence
        if string(event.get("type")) is None:
            yield found("history_events.type_missing", f"history_events[{key}]")
        identity = string(event.get("id"))
        if identity is None:
            continue
        first = first_seen.setdefault(identity, key)
        if first != key:
            yield found(
                "history_events.id_duplicate",
                f"history_events[{key}]",
                id=identity,
                first_seen_at=f"history_events[{first}]",
            )


def _commands(bundle: BundleView) -> Iterator[Finding]:
    if not bundle.commands:
        return
    referenced = {string(event.get("workflow_command_id")) for _, event in bundle.events}
    for key, command in bundle.commands:
        identity = string(command.get("id"))
        if identity is None:
            yield found("commands.id_missing", f"commands[{key}]")
        elif identity not in referenced and _settled(command):
            yield found(
                "commands.history_event_missing",
                f"commands[{key}]",
                command_id=identity,
                status=string(command.get("status")),
                outcome=string(command.get("outcome")),
            )


def _settled(command: dict[str, JsonValue]) -> bool:
    """Whether a command has had its effect: it has an outcome, or was rejected."""
    return string(command.get("outcome")) is not None or command.get("status") == "rejected"


def _redaction(bundle: BundleView) -> Iterator[Finding]:
    if bundle.redaction.get("applied") is True and not count(bundle.redaction.get("paths")):
        yield found("redaction.empty_paths", "redaction.paths")
