"""The history-export bundle and the import report as typed models, for the edges of the program.

The models are lenient: unknown keys are kept, ``[]`` is an empty map as PHP writes it, and a section of rows
may be a list or an object. They are for reading only. What is sent, hashed or compared is never one of these
models: it is the document's own bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from dwctl.bundle.canonical import JsonValue
from dwctl.errors import AnswerIsNo, DwctlError, ServerFailed


def _as_object(value: JsonValue) -> JsonValue:
    """A PHP array as an object: the keys of a list are its positions, as they are in a JSON path."""
    return {str(index): item for index, item in enumerate(value)} if isinstance(value, list) else value


_Item = TypeVar("_Item")
Map = Annotated[dict[str, Any], BeforeValidator(_as_object)]
"""An object, or the list that PHP writes for an empty or numbered one."""
Rows = Annotated[dict[str, _Item], BeforeValidator(_as_object)]
"""Rows by their key in the document: `"0"`, `"1"`… for a list."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_list_is_empty(cls, value: JsonValue) -> JsonValue:
        return {} if value == [] else value


class Workflow(_Model):
    """The run's own row."""

    instance_id: str | None = None
    run_id: str | None = None
    run_number: int | None = None
    is_current_run: bool | None = None
    current_run_id: str | None = None
    workflow_type: str | None = None
    workflow_class: str | None = None
    namespace: str | None = None
    source_runtime: str | None = None
    business_key: str | None = None
    visibility_labels: Map = Field(default_factory=dict)
    memo: Map = Field(default_factory=dict)
    search_attributes: Map = Field(default_factory=dict)
    status: str | None = None
    status_bucket: str | None = None
    closed_reason: str | None = None
    archived_at: str | None = None
    compatibility: str | None = None
    connection: str | None = None
    queue: str | None = None
    last_history_sequence: int | None = None
    started_at: str | None = None
    closed_at: str | None = None
    last_progress_at: str | None = None


class Event(_Model):
    """An event of the history; its payload is as the runtime recorded it."""

    id: str | None = None
    sequence: int | None = None
    type: str | None = None
    payload: Map | None = None
    workflow_task_id: str | None = None
    workflow_command_id: str | None = None
    recorded_at: str | None = None


class Row(_Model):
    """A row of any other section: what identifies it and where it stands."""

    id: str | None = None
    type: str | None = None
    name: str | None = None
    status: str | None = None


class PayloadSlot(_Model):
    """The run's arguments or its output; `data` is encoded."""

    available: bool | None = None
    codec: str | None = None
    data: Any = None


class Payloads(_Model):
    """The run's codec, arguments and output."""

    codec: str | None = None
    arguments: PayloadSlot | None = None
    output: PayloadSlot | None = None


class Links(_Model):
    """The run's lineage."""

    parents: Rows[Row] = Field(default_factory=dict)
    children: Rows[Row] = Field(default_factory=dict)


class Redaction(_Model):
    """Whether payloads were masked before the export, and where."""

    applied: bool | None = None
    policy: str | None = None
    paths: Rows[Any] = Field(default_factory=dict)


class ManifestEntry(_Model):
    """How one payload of the bundle is encoded."""

    path: str | None = None
    codec: str | None = None
    available: bool | None = None
    redacted: bool | None = None
    encoding: str | None = None
    diagnostic: str | None = None


class PayloadManifest(_Model):
    """Every payload of the bundle."""

    version: int | None = None
    entries: Rows[ManifestEntry] = Field(default_factory=dict)


class Integrity(_Model):
    """What the exporter recorded of the document's content."""

    canonicalization: str | None = None
    checksum_algorithm: str | None = None
    checksum: str | None = None
    signature_algorithm: str | None = None
    signature: str | None = None
    key_id: str | None = None


class Bundle(_Model):
    """A history-export bundle."""

    schema_name: str | None = Field(default=None, alias="schema")
    schema_version: int | None = None
    exported_at: str | None = None
    dedupe_key: str | None = None
    history_complete: bool | None = None
    workflow: Workflow
    payloads: Payloads | None = None
    summary: Map | None = None
    history_events: Rows[Event] = Field(default_factory=dict)
    waits: Rows[Row] = Field(default_factory=dict)
    commands: Rows[Row] = Field(default_factory=dict)
    signals: Rows[Row] = Field(default_factory=dict)
    updates: Rows[Row] = Field(default_factory=dict)
    tasks: Rows[Row] = Field(default_factory=dict)
    activities: Rows[Row] = Field(default_factory=dict)
    timers: Rows[Row] = Field(default_factory=dict)
    failures: Rows[Row] = Field(default_factory=dict)
    links: Links | None = None
    redaction: Redaction | None = None
    codec_schemas: Map = Field(default_factory=dict)
    payload_manifest: PayloadManifest | None = None
    integrity: Integrity | None = None


class ReportedRun(_Model):
    """The run that an import report is about, as the importer read it."""

    instance_id: str | None = None
    run_id: str | None = None
    run_number: int | None = None
    workflow_type: str | None = None
    namespace: str | None = None
    status: str | None = None
    is_current_run: bool | None = None
    history_complete: bool | None = None
    dedupe_key: str | None = None


class RuleMessage(_Model):
    """A rule that fired, in the server's words."""

    rule: str
    message: str | None = None


class Eligibility(_Model):
    """Whether the importer would take the bundle."""

    eligible: bool
    errors: Rows[RuleMessage] = Field(default_factory=dict)
    warnings: Rows[RuleMessage] = Field(default_factory=dict)


class ReportedFinding(_Model):
    """A finding of the server's verification."""

    rule: str
    severity: str
    message: str | None = None
    path: str | None = None
    context: Map = Field(default_factory=dict)


class ReportedIntegrity(_Model):
    """The server's verification of the bundle: `status` is ok, warning or failed."""

    status: str | None = None
    bundle: Map = Field(default_factory=dict)
    integrity: Map = Field(default_factory=dict)
    summary: Map = Field(default_factory=dict)
    findings: Rows[ReportedFinding] = Field(default_factory=dict)


class ImportReport(_Model):
    """What the importer says it did (contract/import.md §2, contract/server.md §6).

    `status` is dry_run, imported, already_imported or rejected; another word is kept, and is no success.
    `import_id` and `imported_at` are there only for `imported`.
    """

    schema_name: str = Field(alias="schema")
    schema_version: int
    contract_version: int | None = None
    source: str | None = None
    dry_run: bool
    workflow: ReportedRun
    eligibility: Eligibility
    integrity: ReportedIntegrity | None = None
    status: str
    rows: Map = Field(default_factory=dict)
    import_id: str | None = None
    imported_at: str | None = None


def read_bundle_model(value: JsonValue) -> Bundle:
    """A decoded document as a bundle; raises `AnswerIsNo` with the JSON path where it is none."""
    return _read(Bundle, value, AnswerIsNo, _NO_BUNDLE, _READ_THE_SHAPE)


def read_import_report(value: JsonValue) -> ImportReport:
    """A decoded answer as an import report; raises `ServerFailed` with the JSON path where it is none."""
    return _read(ImportReport, value, ServerFailed, _NO_REPORT, _NOT_FROM_THE_IMPORTER)


_NO_BUNDLE = "the document is not a history-export bundle"
_NO_REPORT = "the answer is not an import report"
_READ_THE_SHAPE = "Compare the document with `dwctl schema show history-export`."
_NOT_FROM_THE_IMPORTER = (
    "Check that the address is the server's own, and that no proxy answers in its place; "
    "what the import did is unknown until a dry run of the same bundle has been answered."
)

_AnyModel = TypeVar("_AnyModel", bound=BaseModel)


def _read(
    model: type[_AnyModel], value: JsonValue, failure: type[DwctlError], message: str, next_step: str
) -> _AnyModel:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        # The first problem is enough to act on; pydantic's own text would repeat the value.
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise failure(
            f"{message}: {_reason(first)}",
            where=_path(first["loc"]),
            next_step=next_step,
            reason="unexpected_shape",
        ) from None


_KINDS: Mapping[str, str] = {
    "string": "text belongs here",
    "int": "an integer belongs here",
    "bool": "true or false belongs here",
    "dict": "an object or a list belongs here",
    "model": "an object belongs here",
    "missing": "a key that it needs is missing",
}


def _reason(problem: Mapping[str, Any]) -> str:
    """Our words for pydantic's error type, such as `string_type` or `int_parsing`."""
    return _KINDS.get(problem["type"].partition("_")[0], "something of another type belongs here")


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(step) for step in location) or "$"
