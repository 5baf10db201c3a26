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


def structural_findings(bundle: JsonValue) -> Iterator[Finding]:
    """Yield the structural findings of a decoded bundle in the order of the reference's report."""
    yield from _envelope(bundle)
    yield from _workflow(bundle)
    yield from _payload_manifest(bundle)
    yield from _codec_schemas(bundle)
    yield from _history_events(bundle)
    yield from _commands(bundle)
    yield from _redaction(bundle)


def _envelope(bundle: JsonValue) -> Iterator[Finding]:
    schema = string(field(bundle, "schema"))
    if schema is None:
        yield found("bundle.schema_missing", "schema")
    elif schema != vocabulary.BUNDLE_SCHEMA:
        yield found("bundle.schema_unexpected", "schema", expected=vocabulary.BUNDLE_SCHEMA, found=schema)
    version = integer(field(bundle, "schema_version"))
    if version is None:
        yield found("bundle.schema_version_missing", "schema_version")
    elif version != vocabulary.BUNDLE_SCHEMA_VERSION:
        yield found(
            "bundle.schema_version_unsupported",
            "schema_version",
            expected=vocabulary.BUNDLE_SCHEMA_VERSION,
            found=version,
        )
    if string(field(bundle, "exported_at")) is None:
        yield found("bundle.exported_at_missing", "exported_at")
    present = bundle if isinstance(bundle, dict) else {}
    for section, shape in _SECTIONS.items():
        if section not in present:
            yield found("bundle.section_missing", section)
        elif not is_array(present[section]):
            yield found("bundle.section_invalid", section, expected=shape)


def _workflow(bundle: JsonValue) -> Iterator[Finding]:
    workflow = field(bundle, "workflow")
    for key in ("run_id", "instance_id", "workflow_type"):
        if string(field(workflow, key)) is None:
            yield found(f"workflow.{key}_missing", f"workflow.{key}")
    last = integer(field(workflow, "last_history_sequence"))
    if last is None:
        return
    sequences = [integer(field(event, "sequence")) for _, event in entries(field(bundle, "history_events"))]
    highest = max((sequence for sequence in sequences if sequence is not None), default=last)
    if highest > last:
        yield found(
            "workflow.last_history_sequence_stale",
            "workflow.last_history_sequence",
            last_history_sequence=last,
            highest_sequence=highest,
        )


def _payload_manifest(bundle: JsonValue) -> Iterator[Finding]:
    for key, entry in entries(field(bundle, "payload_manifest", "entries")):
        if not is_array(entry):
            continue
        path = string(field(entry, "path")) or f"payload_manifest.entries[{key}]"
        codec = string(field(entry, "codec"))
        if codec is None:
            yield found("payload_manifest.codec_missing", path)
        diagnostic = string(field(entry, "diagnostic"))
        readable = truthy(field(entry, "available")) and not truthy(field(entry, "redacted"))
        if readable and diagnostic == "payload_missing":
            yield found("payload_manifest.payload_missing", path)
        if readable and codec == vocabulary.CODEC and diagnostic != "external_storage_reference":
            yield from _avro_metadata(entry, path)


def _avro_metadata(entry: JsonValue, path: str) -> Iterator[Finding]:
    if string(field(entry, "avro_framing")) is None:
        yield found("payload_manifest.avro_framing_missing", path)
    schema = string(field(entry, "writer_schema"))
    fingerprint = string(field(entry, "writer_schema_fingerprint"))
    if schema is None or fingerprint is None:
        return
    expected = schema_fingerprint(schema)
    if fingerprint != expected:
        yield found(
            "payload_manifest.writer_schema_fingerprint_mismatch", path, expected=expected, found=fingerprint
        )


def schema_fingerprint(schema: str) -> str | None:
    """The label `crc64-avro:<hex>` of a writer schema, or None for a text that is no Avro schema."""
    if schema == vocabulary.VALUE_SCHEMA_TEXT:
        return f"crc64-avro:{vocabulary.VALUE_FINGERPRINT}"
    from dwctl.bundle.avro_schema import crc64_avro

    fingerprint = crc64_avro(schema)
    return None if fingerprint is None else f"crc64-avro:{fingerprint}"


def _codec_schemas(bundle: JsonValue) -> Iterator[Finding]:
    avro = field(bundle, "codec_schemas", "avro")
    if not is_array(avro):
        return
    path = "codec_schemas.avro.writer_schemas"
    current = string(field(avro, "current_fingerprint"))
    writer = field(avro, "writer_schemas", vocabulary.VALUE_FINGERPRINT)
    if current != vocabulary.VALUE_FINGERPRINT or not is_array(writer):
        yield found("codec_schemas.value_schema_missing", path)
    elif (
        field(writer, "schema") != vocabulary.VALUE_SCHEMA_TEXT
        or field(writer, "fingerprint") != f"crc64-avro:{vocabulary.VALUE_FINGERPRINT}"
    ):
        yield found("codec_schemas.value_schema_drift", f"{path}.{vocabulary.VALUE_FINGERPRINT}")


def _history_events(bundle: JsonValue) -> Iterator[Finding]:
    previous: int | None = None
    first_seen: dict[str, str | int] = {}
    for key, event in entries(field(bundle, "history_events")):
        if not isinstance(event, dict):
            if not is_array(event):
                yield found("history_events.entry_invalid", f"history_events[{key}]")
                continue
            event = {}
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


def _commands(bundle: JsonValue) -> Iterator[Finding]:
    commands = field(bundle, "commands")
    if not count(commands):
        return
    referenced = {
        field(event, "workflow_command_id")
        for _, event in entries(field(bundle, "history_events"))
        if isinstance(field(event, "workflow_command_id"), str)
    }
    for key, command in entries(commands):
        if not is_array(command):
            continue
        identity = string(field(command, "id"))
        if identity is None:
            yield found("commands.id_missing", f"commands[{key}]")
        elif identity not in referenced and _settled(command):
            yield found(
                "commands.history_event_missing",
                f"commands[{key}]",
                command_id=identity,
                status=field(command, "status"),
                outcome=field(command, "outcome"),
            )


def _settled(command: JsonValue) -> bool:
    """Whether a command has had its effect: it has an outcome, or was rejected."""
    return string(field(command, "outcome")) is not None or field(command, "status") == "rejected"


def _redaction(bundle: JsonValue) -> Iterator[Finding]:
    redaction = field(bundle, "redaction")
    if field(redaction, "applied") is True and not count(field(redaction, "paths")):
        yield found("redaction.empty_paths", "redaction.paths")
