"""The verdict on a bundle, offline: what the reference would say, and what dwctl adds to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from enum import StrEnum
from typing import Any, NamedTuple

from dwctl.bundle.additions import own_findings
from dwctl.bundle.canonical import Document, JsonValue, decode
from dwctl.bundle.eligibility import eligibility_findings, run_status
from dwctl.bundle.findings import Finding, Severity
from dwctl.bundle.integrity import IntegrityReport, check_integrity
from dwctl.bundle.links import LinkRow, link_rows
from dwctl.bundle.loose import count, integer, is_array, string, truthy
from dwctl.bundle.restoration import Restoration, explain_mismatch
from dwctl.bundle.rows import estimated_rows
from dwctl.bundle.rules import found
from dwctl.bundle.structure import structural_findings
from dwctl.bundle.view import BundleView
from dwctl.errors import UndecodableDocument


class Outcome(StrEnum):
    """What becomes of a bundle: `ok` and `warning` import, `refused` and `unreadable` do not."""

    OK = "ok"
    WARNING = "warning"
    REFUSED = "refused"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """How strictly to judge. `signing_key` is the raw key; `schema` a JSON Schema to hold documents against."""

    signing_key: bytes | None = dataclass_field(default=None, repr=False)
    require_signature: bool = False
    strict: bool = False
    payloads: bool = False
    schema: Mapping[str, Any] | None = dataclass_field(default=None, repr=False)


class RunFacts(NamedTuple):
    """Who the run is, as the importer reads it; None where the bundle does not say."""

    instance_id: str | None
    run_id: str | None
    run_number: int
    workflow_type: str
    namespace: str | None
    status: str
    is_current_run: bool
    history_complete: bool
    dedupe_key: str | None
    queue: str | None


class BundleFacts(NamedTuple):
    """What the document says of itself; None where it does not say, or says it in the wrong type."""

    schema: str | None = None
    schema_version: int | None = None
    exported_at: str | None = None
    dedupe_key: str | None = None
    workflow_run_id: str | None = None
    workflow_instance_id: str | None = None
    history_event_count: int = 0


class ReferenceVerdict(NamedTuple):
    """What the reference implementation says: the verification's findings, then the importer's rules.

    `status` is `ok`, `warning` or `failed`; None where the reference crashes. `errors` and `warnings` are None
    where nothing decodes, since the importer is then never asked.
    """

    status: str | None
    findings: tuple[Finding, ...]
    errors: tuple[Finding, ...] | None
    warnings: tuple[Finding, ...] | None


_NOTHING_CHECKED = IntegrityReport()
_NOTHING_SAID = BundleFacts()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The whole verdict on one document. `size` is in bytes; `rows` counts what an import would write."""

    size: int
    reference: ReferenceVerdict
    own: tuple[Finding, ...]
    integrity: IntegrityReport = _NOTHING_CHECKED
    bundle: BundleFacts = _NOTHING_SAID
    run: RunFacts | None = None
    rows: Mapping[str, int] = dataclass_field(default_factory=dict)
    links: tuple[LinkRow, ...] = ()
    repair: Restoration | None = None

    def __reduce__(self) -> tuple[type[Verdict], tuple[object, ...]]:
        """Travel between processes as the plain fields: a third of the cost of what dataclasses do by default."""
        said = (self.size, self.reference, self.own, self.integrity, self.bundle)
        return Verdict, (*said, self.run, self.rows, self.links, self.repair)

    @property
    def outcome(self) -> Outcome:
        """Derived from the findings, never stored."""
        if self.reference.errors is None and self.run is None:
            return Outcome.UNREADABLE
        if self.reference.errors or any(finding.severity is Severity.ERROR for finding in self.own):
            return Outcome.REFUSED
        findings = (*self.reference.findings, *self.own)
        return Outcome.WARNING if any(finding.severity is Severity.WARNING for finding in findings) else Outcome.OK

    @property
    def findings(self) -> Iterator[Finding]:
        """Everything found, in order: verification, importer, dwctl's own."""
        yield from self.reference.findings
        yield from self.reference.errors or ()
        yield from self.reference.warnings or ()
        yield from self.own


_AS_THE_REFERENCE = VerifyOptions()


def verify_bundle(document: bytes, options: VerifyOptions | None = None) -> Verdict:
    """Judge one document as the reference would on a clean database, and by dwctl's own rules.

    Never raises for what is in the document: what does not decode is the verdict `unreadable`.
    """
    try:
        decoded = decode(document)
    except UndecodableDocument as error:
        return _unreadable(len(document), _undecodable(error))
    return verify_document(decoded, options)


def verify_document(document: Document, options: VerifyOptions | None = None) -> Verdict:
    """Judge a document that is decoded already, as `verify_bundle` does."""
    if not is_array(document.value):
        kind = next(name for kind, name in _JSON_KINDS.items() if isinstance(document.value, kind))
        return _unreadable(len(document.raw), found("bundle.unparseable", problem=f"the document is a {kind}"))
    return _verify_array(document, options or _AS_THE_REFERENCE)


_JSON_KINDS = {type(None): "null", bool: "boolean", int: "number", float: "number", str: "string"}


def _undecodable(error: UndecodableDocument) -> Finding:
    return found("bundle.unparseable", problem=error.message, line=error.line, column=error.column, reason=error.reason)


def _unreadable(size: int, finding: Finding) -> Verdict:
    return Verdict(size, ReferenceVerdict("failed", (finding,), None, None), ())


def _verify_array(document: Document, options: VerifyOptions) -> Verdict:
    bundle = BundleView(document.value)
    findings = list(structural_findings(bundle))
    refers_outside = document.sealed_text is None or b'"external_storage"' in document.sealed_text
    own = list(own_findings(bundle, strict=options.strict, refers_outside=refers_outside))
    own.extend(_on_request(document.value, options))
    repair = None
    try:
        integrity, complaints = check_integrity(document, options.signing_key)
    except UndecodableDocument as error:
        # The reference crashes here: it has no verdict, and ours is the error alone.
        own.insert(0, found("bundle.infinite_number", error.where))
        integrity = IntegrityReport()
        reference = ReferenceVerdict(None, (), None, None)
    else:
        findings.extend(complaints)
        if integrity.checksum_matches is False and isinstance(document.value, dict):
            repair = explain_mismatch(document)
        reference = _reference_verdict(bundle, findings, integrity, options)
    if isinstance(document.value, list) and document.value:
        own.insert(0, found("bundle.not_an_object"))
    return Verdict(
        len(document.raw),
        reference,
        tuple(own),
        integrity,
        _bundle_facts(bundle),
        _run_facts(bundle),
        estimated_rows(bundle),
        link_rows(bundle),
        repair,
    )


def _reference_verdict(
    bundle: BundleView, findings: list[Finding], integrity: IntegrityReport, options: VerifyOptions
) -> ReferenceVerdict:
    severities = {finding.severity for finding in findings}
    status = "failed" if Severity.ERROR in severities else "warning" if Severity.WARNING in severities else "ok"
    eligibility = list(eligibility_findings(bundle, status, integrity, require_signature=options.require_signature))
    return ReferenceVerdict(
        status,
        tuple(findings),
        tuple(finding for finding in eligibility if finding.severity is Severity.ERROR),
        tuple(finding for finding in eligibility if finding.severity is not Severity.ERROR),
    )


def _on_request(bundle: JsonValue, options: VerifyOptions) -> Iterator[Finding]:
    if options.payloads:
        from dwctl.bundle.payloads import payload_findings

        yield from payload_findings(bundle)
    if options.schema is not None:
        from dwctl.bundle.conformance import schema_findings

        yield from schema_findings(bundle, options.schema)


def _bundle_facts(bundle: BundleView) -> BundleFacts:
    document = bundle.value
    return BundleFacts(
        string(document.get("schema")),
        integer(document.get("schema_version")),
        string(document.get("exported_at")),
        string(document.get("dedupe_key")),
        string(bundle.workflow.get("run_id")),
        string(bundle.workflow.get("instance_id")),
        count(document.get("history_events")),
    )


def _run_facts(bundle: BundleView) -> RunFacts:
    workflow = bundle.workflow
    number = integer(workflow.get("run_number"))
    return RunFacts(
        string(workflow.get("instance_id")),
        string(workflow.get("run_id")),
        1 if number is None else number,
        string(workflow.get("workflow_type")) or string(workflow.get("workflow_class")) or "imported-workflow",
        string(workflow.get("namespace")),
        run_status(bundle),
        truthy(workflow.get("is_current_run")),
        truthy(bundle.value.get("history_complete")),
        string(bundle.value.get("dedupe_key")),
        string(workflow.get("queue")),
    )
