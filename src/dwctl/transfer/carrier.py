"""Carriers bring a bundle to the server, ask about it and compare it: over HTTP, or through artisan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from dwctl.bundle import vocabulary
from dwctl.bundle.canonical import decode
from dwctl.bundle.findings import Finding
from dwctl.bundle.loose import field, string
from dwctl.bundle.rules import found
from dwctl.bundle.transit import envelope, fits_an_envelope, rewritten_at
from dwctl.bundle.verify import RunFacts, Verdict
from dwctl.bundle.view import BundleView
from dwctl.server.documents import moment
from dwctl.server.failures import CallNotFound
from dwctl.server.results import ImportAnswer
from dwctl.server.transport import Server
from dwctl.server.workflows import import_bundle, list_runs
from dwctl.server.write_failures import WriteFailure, write_fault_of
from dwctl.transfer.artisan_import import ArtisanServer, artisan_command, import_via_artisan
from dwctl.transfer.proof import Proof, prove
from dwctl.transfer.way import BYTE_EXACT_TYPE, Probe, Way, checksum_matches, probe_byte_exact

if TYPE_CHECKING:
    from dwctl.transfer.importing import ImportOptions
    from dwctl.transfer.verification import FileVerdict


class Carrier(Protocol):
    """How bundles reach a server, and how it is asked about them."""

    def foresee(self, content: bytes, verdict: Verdict) -> tuple[Finding, ...]:
        """What is foreseeable on the target for this bundle."""

    def way_for(self, content: bytes, judged: FileVerdict) -> str:
        """How this bundle will travel."""

    def send(self, content: bytes, way: str, *, dry_run: bool, options: ImportOptions) -> ImportAnswer:
        """Send the bundle; raises a domain error where there is no report."""

    def prove(self, bundle: BundleView, run: RunFacts, namespace: str, import_id: str | None) -> Proof:
        """Compare the imported run with its bundle."""


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """What was read of the target once: its limit for bodies in bytes, and the namespace's retention in days."""

    max_payload_bytes: int
    retention_days: int | None


class HttpCarrier:
    """Brings bundles over HTTP: byte for byte where a probe showed that this works, else in a JSON envelope."""

    def __init__(
        self,
        server: Server,
        facts: TargetFacts,
        *,
        signing_key: bytes | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`signing_key` is given only where the person insists on sending it: it forces the JSON envelope."""
        self._server = server
        self._facts = facts
        self._signing_key = signing_key
        self._now = now
        self._probe: Probe | None = None

    @property
    def probe(self) -> Probe:
        """What the probe of the byte-exact way showed; asked once."""
        if self._probe is None:
            self._probe = probe_byte_exact(self._server)
        return self._probe

    def foresee(self, content: bytes, verdict: Verdict) -> tuple[Finding, ...]:
        """Size, rewriting on the way, retention, and instance ids that are taken (contract/import.md §4)."""
        return (*self._transit(content), *target_findings(self._server, self._facts, content, verdict, self._now()))

    def _transit(self, content: bytes) -> Iterator[Finding]:
        limit = self._facts.max_payload_bytes
        if len(content) > limit:
            yield found("transit.too_large", bytes=len(content), limit=limit)
        elif self._enveloped():
            value = decode(content).value
            path = rewritten_at(value)
            if path is not None or not fits_an_envelope(value):
                reason = "the signing key is to be sent" if self._signing_key is not None else self.probe.finding
                yield found("transit.would_be_rewritten", path, why_not_byte_exact=reason)

    def _enveloped(self) -> bool:
        return self._signing_key is not None or not self.probe.trusted

    def way_for(self, content: bytes, judged: FileVerdict) -> str:
        """Byte-exact if the probe allows it and no key is to be sent."""
        return Way.ENVELOPE if self._enveloped() else Way.BYTE_EXACT

    def send(self, content: bytes, way: str, *, dry_run: bool, options: ImportOptions) -> ImportAnswer:
        """`POST /api/workflows/import/embedded-v2`; options travel in the query, or beside the bundle."""
        wanted: dict[str, str | bool] = {"import_id": options.import_id}
        if dry_run:
            wanted["dry_run"] = True
        if options.verify.require_signature:
            wanted["require_signature"] = True
        if way == Way.BYTE_EXACT:
            query = {name: "1" if value is True else str(value) for name, value in wanted.items()}
            return import_bundle(self._server, content, query=query, content_type=BYTE_EXACT_TYPE)
        if self._signing_key is not None:
            wanted["signing_key"] = self._signing_key.decode("utf-8", "surrogateescape")
        return import_bundle(self._server, envelope(content, wanted))

    def prove(self, bundle: BundleView, run: RunFacts, namespace: str, import_id: str | None) -> Proof:
        """By describe, runs and history."""
        return prove(self._server, bundle, run, namespace=namespace, import_id=import_id)


class ArtisanCarrier:
    """Brings bundles through the server's artisan; the proof is still asked over HTTP, where a server is set."""

    def __init__(
        self,
        artisan: ArtisanServer,
        server: Server,
        facts: TargetFacts,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._artisan = artisan
        self._server = server
        self._facts = facts
        self._now = now

    def foresee(self, content: bytes, verdict: Verdict) -> tuple[Finding, ...]:
        """Retention and instance ids; there is no limit and no rewriting on this way."""
        return tuple(target_findings(self._server, self._facts, content, verdict, self._now()))

    def way_for(self, content: bytes, judged: FileVerdict) -> str:
        """Always artisan."""
        return Way.ARTISAN

    def send(self, content: bytes, way: str, *, dry_run: bool, options: ImportOptions) -> ImportAnswer:
        """Run artisan's history-import with the bundle on stdin."""
        command = artisan_command(
            self._artisan,
            namespace=options.namespace,
            dry_run=dry_run,
            import_id=options.import_id,
            require_signature=options.verify.require_signature,
        )
        return ImportAnswer(200, import_via_artisan(self._artisan, content, command), attempts=1, unsettled=0)

    def prove(self, bundle: BundleView, run: RunFacts, namespace: str, import_id: str | None) -> Proof:
        """By describe, runs and history."""
        return prove(self._server, bundle, run, namespace=namespace, import_id=import_id)


def target_findings(
    server: Server, facts: TargetFacts, content: bytes, verdict: Verdict, now: datetime
) -> Iterator[Finding]:
    """What the target foretells whatever the way: retention that would prune the run, and ids that are taken."""
    run = verdict.run
    if run is None or run.instance_id is None:
        return
    if facts.retention_days is not None and run.status in vocabulary.TERMINAL_STATUSES:
        closed_at = string(field(decode(content).value, "workflow", "closed_at"))
        closed = moment(closed_at)
        if closed is not None and closed < now - timedelta(days=facts.retention_days):
            yield found(
                "target.retention_would_prune",
                "workflow.closed_at",
                closed_at=closed_at,
                retention_days=facts.retention_days,
            )
    try:
        rows = list_runs(server, run.instance_id)
    except CallNotFound:
        return
    for row in rows:
        if row.run_id != run.run_id and row.run_number == run.run_number and not _there(rows, run):
            yield found(
                "target.instance_id_taken", "workflow.instance_id", by_run=row.run_id, run_number=row.run_number
            )


def _there(rows: tuple[Any, ...], run: RunFacts) -> bool:
    return any(row.run_id == run.run_id for row in rows)


def checksum_held(report: Mapping[str, Any]) -> bool | None:
    """Whether the server found the checksum to hold; None where it does not say."""
    return checksum_matches(report)


def is_contention(report: Mapping[str, Any]) -> bool:
    """Whether a rejection only says that the database was busy."""
    fault = write_fault_of(report)
    return fault is not None and fault.failure is WriteFailure.CONTENTION
