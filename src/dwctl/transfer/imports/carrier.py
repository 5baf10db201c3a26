"""Carriers bring a bundle to the server, ask about it and compare it: over HTTP, or through artisan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from dwctl.bundle import vocabulary
from dwctl.bundle.findings import Finding
from dwctl.bundle.loose import string
from dwctl.bundle.rules import found
from dwctl.bundle.transit import envelope, fits_an_envelope, rewritten_at
from dwctl.bundle.verify import RunFacts
from dwctl.bundle.view import BundleView
from dwctl.errors import RequestNotPossible
from dwctl.secret import MASK
from dwctl.server.documents import moment
from dwctl.server.failures import CallNotFound, ServerFailure
from dwctl.server.results import ImportAnswer
from dwctl.server.transport import Server
from dwctl.server.workflows import import_bundle, list_runs
from dwctl.transfer.imports.artisan import ArtisanServer, artisan_command, import_via_artisan
from dwctl.transfer.imports.proof import Proof, prove
from dwctl.transfer.imports.way import BYTE_EXACT_TYPE, Probe, Way, probe_byte_exact

if TYPE_CHECKING:
    from dwctl.transfer.imports.importing import ImportOptions


class Carrier(Protocol):
    """How bundles reach a server, and how it is asked about them. All but `redact` may raise a domain error."""

    def foresee(self, content: bytes, bundle: BundleView, run: RunFacts, options: ImportOptions) -> tuple[Finding, ...]:
        """What is foreseeable on the target for this bundle."""

    def way(self) -> Way:
        """How bundles travel."""

    def send(self, content: bytes, *, dry_run: bool, options: ImportOptions) -> ImportAnswer:
        """Send the bundle and return the server's report."""

    def prove(
        self, bundle: BundleView, run: RunFacts, *, namespace: str, import_ids: Sequence[str], deep: bool = False
    ) -> Proof:
        """Compare the imported run with its bundle; with `deep` every payload, too."""

    def archive(self, run: RunFacts, reason: str) -> None:
        """Archive the run, so that retention leaves its history alone; one that is archived already is as good."""

    def redact(self, text: str) -> str:
        """Text of the server without the secrets that it was sent."""


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """What was read of the target once: its limit for bodies in bytes, and the namespace's retention in days.

    `retention_days` is None where nothing is pruned, or where the server does not say.
    """

    max_payload_bytes: int
    retention_days: int | None


def _now() -> datetime:
    return datetime.now(UTC)


class _AskedOverHttp:
    """What both carriers share: however a bundle arrives, its run is compared and archived over HTTP."""

    _server: Server

    def prove(
        self, bundle: BundleView, run: RunFacts, *, namespace: str, import_ids: Sequence[str], deep: bool = False
    ) -> Proof:
        """By describe, runs and history."""
        return prove(self._server, bundle, run, namespace=namespace, import_ids=import_ids, deep=deep)

    def archive(self, run: RunFacts, reason: str) -> None:
        """`POST …/archive`, if the run is the newest of its workflow: the request names no run."""
        _archive(self._server, run, reason)


class HttpCarrier(_AskedOverHttp):
    """Brings bundles over HTTP: byte for byte where a probe showed that this works, else in a JSON envelope."""

    def __init__(
        self,
        server: Server,
        facts: TargetFacts,
        *,
        signing_key: bytes | None = None,
        now: Callable[[], datetime] = _now,
    ) -> None:
        """`signing_key` is given only where the person insists on sending it: it forces the JSON envelope.

        Raises RequestNotPossible for a key that would not arrive as it is.
        """
        self._server = server
        self._facts = facts
        self._key = None if signing_key is None else _as_sent(signing_key)
        self._now = now
        self._probe: Probe | None = None

    @property
    def probe(self) -> Probe:
        """What the probe of the byte-exact way showed; asked once."""
        if self._probe is None:
            self._probe = probe_byte_exact(self._server)
        return self._probe

    def way(self) -> Way:
        """Byte-exact if the probe allows it and no key is to be sent."""
        return Way.ENVELOPE if self._key is not None or not self.probe.trusted else Way.BYTE_EXACT

    def foresee(self, content: bytes, bundle: BundleView, run: RunFacts, options: ImportOptions) -> tuple[Finding, ...]:
        """Size, rewriting on the way, retention, and instance ids that are taken (contract/import.md §4)."""
        return (
            *self._transit(content, bundle, options),
            *target_findings(self._server, self._facts, bundle, run, self._now()),
        )

    def _transit(self, content: bytes, bundle: BundleView, options: ImportOptions) -> Iterator[Finding]:
        limit = self._facts.max_payload_bytes
        if len(content) > limit:
            yield found("transit.too_large", bytes=len(content), limit=limit)
            return
        if self.way() is Way.BYTE_EXACT:
            return
        size = len(self._envelope(content, options, dry_run=True))
        if size > limit:
            yield found("transit.too_large", bytes=size, limit=limit)
        path, why = rewritten_at(bundle.value), self._why_enveloped()
        if path is not None:
            yield found("transit.would_be_rewritten", path, not_byte_exact_because=why)
        elif not fits_an_envelope(bundle.value):
            why += "; and it is nested too deeply for an envelope"
            yield found("transit.would_be_rewritten", not_byte_exact_because=why)

    def _why_enveloped(self) -> str:
        return "the signing key is to be sent" if self._key is not None else self.probe.finding

    def send(self, content: bytes, *, dry_run: bool, options: ImportOptions) -> ImportAnswer:
        """`POST /api/workflows/import/embedded-v2`; options travel in the query, or beside the bundle."""
        if self.way() is Way.BYTE_EXACT:
            query = {name: "1" if value is True else str(value) for name, value in _options(options, dry_run).items()}
            return import_bundle(self._server, content, query=query, content_type=BYTE_EXACT_TYPE)
        try:
            return import_bundle(self._server, self._envelope(content, options, dry_run=dry_run))
        except ServerFailure as error:
            error.message, error.args = self.redact(error.message), (self.redact(error.message),)
            error.next_step = None if error.next_step is None else self.redact(error.next_step)
            error.exchange = replace(error.exchange, document=None)
            raise

    def _envelope(self, content: bytes, options: ImportOptions, *, dry_run: bool) -> bytes:
        wanted = _options(options, dry_run)
        if self._key is not None:
            wanted["signing_key"] = self._key
        return envelope(content, wanted)

    def redact(self, text: str) -> str:
        """Without the tokens of the target, and without a key that was sent."""
        text = self._server.target.redact(text)
        return text if self._key is None else text.replace(self._key, MASK)


def _options(options: ImportOptions, dry_run: bool) -> dict[str, str | bool]:
    wanted: dict[str, str | bool] = {"import_id": options.import_id}
    if dry_run:
        wanted["dry_run"] = True
    if options.verify.require_signature:
        wanted["require_signature"] = True
    return wanted


def _as_sent(key: bytes) -> str:
    """The key as a JSON string; refused where the server would read another key."""
    try:
        text = key.decode("utf-8")
    except UnicodeDecodeError:
        problem = "it is not UTF-8 text, so JSON cannot carry it"
    else:
        if rewritten_at(text) is None:
            return text
        problem = "it begins or ends with white space, which the server would cut off"
    raise RequestNotPossible(
        f"the signing key cannot be sent: {problem}", where="--send-signing-key",
        next_step="Leave --send-signing-key out: the signature is verified here, and by the server's own key.",
        reason="key_not_sendable",
    )  # fmt: skip


class ArtisanCarrier(_AskedOverHttp):
    """Brings bundles through the server's artisan; what is asked about the target is asked over HTTP."""

    def __init__(
        self, artisan: ArtisanServer, server: Server, facts: TargetFacts, *, now: Callable[[], datetime] = _now
    ) -> None:
        self._artisan = artisan
        self._server = server
        self._facts = facts
        self._now = now

    def way(self) -> Way:
        """Always artisan."""
        return Way.ARTISAN

    def foresee(self, content: bytes, bundle: BundleView, run: RunFacts, options: ImportOptions) -> tuple[Finding, ...]:
        """Retention and instance ids; there is no limit and no rewriting on this way."""
        return tuple(target_findings(self._server, self._facts, bundle, run, self._now()))

    def send(self, content: bytes, *, dry_run: bool, options: ImportOptions) -> ImportAnswer:
        """Run artisan's history-import with the bundle on stdin."""
        command = artisan_command(
            self._artisan,
            size=len(content),
            namespace=options.namespace,
            dry_run=dry_run,
            import_id=options.import_id,
            require_signature=options.verify.require_signature,
        )
        return ImportAnswer(200, import_via_artisan(self._artisan, content, command), attempts=1, unsettled=0)

    def redact(self, text: str) -> str:
        """Without the tokens of the target, which artisan never sees but its environment may hold."""
        return self._server.target.redact(text)


def _archive(server: Server, run: RunFacts, reason: str) -> None:
    from dwctl.transfer.exports.archiving import archive_one

    result = archive_one(server, str(run.instance_id), str(run.run_id), reason)
    if result.error is not None:
        raise result.error


def target_findings(
    server: Server, facts: TargetFacts, bundle: BundleView, run: RunFacts, now: datetime
) -> Iterator[Finding]:
    """What the target foretells whatever the way: retention that would prune the run, and ids that are taken."""
    if facts.retention_days is not None and run.status in vocabulary.TERMINAL_STATUSES:
        closed_at = string(bundle.workflow.get("closed_at"))
        closed = moment(closed_at)
        if closed is not None and closed < now - timedelta(days=facts.retention_days):
            yield found(
                "target.retention_would_prune",
                "workflow.closed_at",
                closed_at=closed_at,
                retention_days=facts.retention_days,
            )
    try:
        rows = list_runs(server, str(run.instance_id))
    except CallNotFound as error:
        if error.reason != "instance_not_found":
            raise
        return
    if any(row.run_id == run.run_id for row in rows):
        return
    for row in rows:
        if row.run_number == run.run_number:
            yield found(
                "target.instance_id_taken", "workflow.instance_id", by_run=row.run_id, run_number=row.run_number
            )
