"""What a bundle says: identity, state, timeline, open work, payloads, seal, and what will not travel.

Reads any document that decodes. A section that is missing or of another shape is noted as damage, and the
rest is still told. Payloads are counted, never read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dwctl.bundle.canonical import Document, JsonValue
from dwctl.bundle.conformance import schema_findings
from dwctl.bundle.damage import Damage, read_integer, read_text, require_bundle, section_damage
from dwctl.bundle.left_behind import LeftBehind, left_behind
from dwctl.bundle.loose import entries, field, string, truthy
from dwctl.bundle.open_work import OpenItem, open_work
from dwctl.bundle.timeline import TimelineEntry, timeline


@dataclass(frozen=True, slots=True)
class Identity:
    """Which run this is; None where the bundle does not say."""

    instance_id: str | None
    run_id: str | None
    run_number: int | None
    is_current_run: bool | None
    current_run_id: str | None
    workflow_type: str | None
    workflow_class: str | None
    namespace: str | None
    business_key: str | None
    queue: str | None
    connection: str | None
    compatibility: str | None
    dedupe_key: str | None
    exported_at: str | None
    source_runtime: str | None


@dataclass(frozen=True, slots=True)
class State:
    """Where the run stands. `history_bytes` is the runtime's own count, None where it kept none."""

    status: str | None
    closed_reason: str | None
    history_complete: bool | None
    started_at: str | None
    closed_at: str | None
    last_progress_at: str | None
    last_history_sequence: int | None
    history_bytes: int | None
    events: int


@dataclass(frozen=True, slots=True)
class CodecUse:
    """How many payloads of the manifest use a codec, and how many of those cannot be read from here."""

    codec: str | None
    payloads: int
    unavailable: int
    redacted: int
    external: int


@dataclass(frozen=True, slots=True)
class Seal:
    """Checksum and signature as recorded; nothing is verified here."""

    canonicalization: str | None
    checksum_algorithm: str | None
    checksum: str | None
    signed: bool
    signature_algorithm: str | None
    key_id: str | None


@dataclass(frozen=True, slots=True)
class SchemaProblem:
    """A place that differs from the published shape of a bundle."""

    path: str
    problem: str
    keyword: str | None


@dataclass(frozen=True, slots=True)
class BundleSummary:
    """Everything that `bundle show` tells. `schema_problems` is None where the schema was not asked.

    `codec` is the run's own; `redacted` whether the exporter masked payloads.
    """

    size: int
    identity: Identity
    state: State
    timeline: tuple[TimelineEntry, ...]
    open_work: tuple[OpenItem, ...]
    codec: str | None
    codecs: tuple[CodecUse, ...]
    redacted: bool
    seal: Seal
    left_behind: tuple[LeftBehind, ...]
    damage: tuple[Damage, ...]
    schema_problems: tuple[SchemaProblem, ...] | None


def summarize(document: Document, schema: Mapping[str, Any] | None = None) -> BundleSummary:
    """Tell what a decoded bundle says; with a schema, also where it differs from that.

    Raises `AnswerIsNo` for a document that has not one section of a bundle.
    """
    bundle = document.value
    require_bundle(bundle)
    damage: list[Damage] = []
    events = timeline(bundle)
    seal = field(bundle, "integrity")
    return BundleSummary(
        size=len(document.raw),
        identity=_identity(bundle, damage),
        state=_state(bundle, damage, len(events)),
        timeline=events,
        open_work=open_work(bundle),
        codec=string(field(bundle, "payloads", "codec")),
        codecs=_codecs(bundle),
        redacted=truthy(field(bundle, "redaction", "applied")),
        seal=Seal(
            string(field(seal, "canonicalization")),
            string(field(seal, "checksum_algorithm")),
            string(field(seal, "checksum")),
            string(field(seal, "signature")) is not None,
            string(field(seal, "signature_algorithm")),
            string(field(seal, "key_id")),
        ),
        left_behind=left_behind(bundle),
        damage=(*damage, *section_damage(bundle)),
        schema_problems=None if schema is None else _schema_problems(bundle, schema),
    )


_TEXTS = {
    "workflow": (
        "instance_id",
        "run_id",
        "current_run_id",
        "workflow_type",
        "workflow_class",
        "namespace",
        "business_key",
        "queue",
        "connection",
        "compatibility",
        "source_runtime",
    ),
    "": ("dedupe_key", "exported_at"),
}


def _identity(bundle: JsonValue, damage: list[Damage]) -> Identity:
    workflow = field(bundle, "workflow")
    current = field(workflow, "is_current_run")
    texts = {
        key: read_text(bundle, f"{section}.{key}" if section else key, damage)
        for section, keys in _TEXTS.items()
        for key in keys
    }
    return Identity(
        run_number=read_integer(bundle, "workflow.run_number", damage),
        is_current_run=None if current is None else truthy(current),
        **texts,
    )


def _state(bundle: JsonValue, damage: list[Damage], events: int) -> State:
    complete = field(bundle, "history_complete")
    return State(
        status=read_text(bundle, "workflow.status", damage),
        closed_reason=read_text(bundle, "workflow.closed_reason", damage),
        history_complete=None if complete is None else truthy(complete),
        started_at=read_text(bundle, "workflow.started_at", damage),
        closed_at=read_text(bundle, "workflow.closed_at", damage),
        last_progress_at=read_text(bundle, "workflow.last_progress_at", damage),
        last_history_sequence=read_integer(bundle, "workflow.last_history_sequence", damage),
        history_bytes=read_integer(bundle, "summary.history_size_bytes", damage),
        events=events,
    )


def _codecs(bundle: JsonValue) -> tuple[CodecUse, ...]:
    uses: dict[str | None, list[int]] = {}
    for _, entry in entries(field(bundle, "payload_manifest", "entries")):
        counted = uses.setdefault(string(field(entry, "codec")), [0, 0, 0, 0])
        counted[0] += 1
        counted[1] += not truthy(field(entry, "available"))
        counted[2] += truthy(field(entry, "redacted"))
        counted[3] += field(entry, "diagnostic") == "external_storage_reference"
    return tuple(CodecUse(codec, *counted) for codec, counted in uses.items())


def _schema_problems(bundle: JsonValue, schema: Mapping[str, Any]) -> tuple[SchemaProblem, ...]:
    return tuple(
        SchemaProblem(
            finding.path or "$",
            str(finding.facts["problem"]),
            None if finding.facts["keyword"] is None else str(finding.facts["keyword"]),
        )
        for finding in schema_findings(bundle, schema)
    )
