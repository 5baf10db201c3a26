"""Doubles for tests of importing: a carrier that follows a script, a server whose wire is a function, reports."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from dwctl.bundle.findings import Finding
from dwctl.bundle.verify import RunFacts
from dwctl.bundle.view import BundleView
from dwctl.secret import Secret
from dwctl.server.failures import Delivery, ServerFailure, answered, own_failure
from dwctl.server.results import ImportAnswer
from dwctl.server.retries import RetryPolicy
from dwctl.server.target import Credential, Target
from dwctl.server.transport import Server
from dwctl.settings import Role
from dwctl.transfer.imports.importing import ImportOptions
from dwctl.transfer.imports.proof import Comparison, Proof
from dwctl.transfer.imports.way import Way
from standin import Received, StandIn

ESSENTIAL = ("workflow_id", "run_id", "workflow_type", "status", "history")
PROVEN = Proof(tuple(Comparison(name, "x", "x", holds=True) for name in ESSENTIAL))
DIFFERS = Proof((Comparison("namespace", "production", "default", holds=False),))
LOCKED = "SQLSTATE[HY000]: General error: 5 database is locked (Connection: sqlite, SQL: insert into x values (y))"
UNIQUE = (
    "SQLSTATE[23000]: Integrity constraint violation: 19 UNIQUE constraint failed: workflow_links.id "
    "(Connection: sqlite, SQL: insert into workflow_links values (a business value))"
)


def report(status: str, rule: str | None = None, message: str = "no", **changes: Any) -> dict[str, Any]:
    """An import report as the server writes it; rejected where a rule is named."""
    errors = [] if rule is None else [{"rule": rule, "message": message}]
    return {
        "schema": "durable-workflow.v2.embedded-v2-import.report",
        "status": status,
        "dry_run": False,
        "workflow": {},
        "eligibility": {"eligible": rule is None, "errors": errors, "warnings": []},
        "integrity": {"status": "ok", "integrity": {"checksum_matches": True}, "findings": []},
        **changes,
    }


WOULD = report("dry_run", dry_run=True)
DONE = report("imported")
THERE = report("already_imported")
CONFLICT = report("rejected", "target.run_id_conflict")
BUSY = report("rejected", "target.write_failed", LOCKED)
COLLISION = report("rejected", "target.write_failed", UNIQUE)
DAMAGED = report(
    "rejected",
    "bundle.integrity_failed",
    integrity={"status": "failed", "integrity": {"checksum_matches": False}, "findings": []},
)


def reply(document: Mapping[str, Any], *, unsettled: int = 0) -> ImportAnswer:
    """An answer of the importer, after so many attempts that nobody knows the end of."""
    return ImportAnswer(200, document, attempts=1 + unsettled, unsettled=unsettled)


def lost(reason: str = "connection_lost") -> ServerFailure:
    """An import whose answer never came: it may have been done."""
    return own_failure(reason, "the connection broke", "POST", "http://s/api/x", Delivery.UNKNOWN)


def unsent() -> ServerFailure:
    """An import that never reached the server."""
    return own_failure("server_unreachable", "no connection", "POST", "http://s/api/x", Delivery.NOT_SENT)


def failure(status: int, reason: str | None = None, **more: Any) -> ServerFailure:
    """An error answer."""
    return answered("POST", "http://s/api/x", status, {"reason": reason, **more} if reason else more)


Step = ImportAnswer | Mapping[str, Any] | BaseException


@dataclass
class ScriptedCarrier:
    """A carrier that answers each request with the next step of its script, and notes what it was asked."""

    steps: Iterable[Step] = ()
    proof: Proof | BaseException = PROVEN
    foreseen: tuple[Finding, ...] | BaseException = ()
    secret: str | None = None
    sent: list[tuple[bytes, bool]] = field(default_factory=list)
    proven: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._steps = iter(self.steps)

    def foresee(self, content: bytes, bundle: BundleView, run: RunFacts, options: ImportOptions) -> tuple[Finding, ...]:
        """What the test wants foreseen."""
        if isinstance(self.foreseen, BaseException):
            raise self.foreseen
        return self.foreseen

    def way(self) -> Way:
        """Always the same."""
        return Way.BYTE_EXACT

    def send(self, content: bytes, *, dry_run: bool, options: ImportOptions) -> ImportAnswer:
        """The next step."""
        self.sent.append((content, dry_run))
        step = next(self._steps)
        if isinstance(step, BaseException):
            raise step
        return step if isinstance(step, ImportAnswer) else reply(step)

    def prove(
        self, bundle: BundleView, run: RunFacts, *, namespace: str, import_ids: Sequence[str], deep: bool = False
    ) -> Proof:
        """What the test wants proven."""
        self.proven.append((namespace, tuple(import_ids)))
        if isinstance(self.proof, BaseException):
            raise self.proof
        return self.proof

    def archive(self, run: RunFacts, reason: str) -> None:
        """Nothing here is archived: who imports one bundle after the other never asks for it."""
        raise AssertionError(f"archived {run.run_id}: {reason}")

    def redact(self, text: str) -> str:
        """Without the secret of the test."""
        return text if self.secret is None else text.replace(self.secret, "********")

    @property
    def asked(self) -> str:
        """The requests in order: `?` for a dry run, `!` for an import."""
        return "".join("?" if dry_run else "!" for _, dry_run in self.sent)


@dataclass
class ScriptedServer:
    """A Server on a wire that is a function of the request; keeps the requests, never sleeps."""

    respond: Callable[[httpx.Request], httpx.Response]
    namespace: str = "production"
    token: str | None = None
    requests: list[httpx.Request] = field(default_factory=list)

    def open(self) -> Server:
        """The client; its retries do not wait."""
        credential = Credential(None if self.token is None else Secret(self.token), "DW_ADMIN_TOKEN")
        return Server(
            Target("http://127.0.0.1:1", self.namespace, credentials=dict.fromkeys(Role, credential)),
            policy=RetryPolicy(attempts=2),
            transport=httpx.MockTransport(self._handle),
            sleep=lambda seconds: None,
        )

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.respond(request)


def json_reply(document: Any, status: int = 200) -> httpx.Response:
    """A JSON answer on the wire."""
    return httpx.Response(status, content=json.dumps(document).encode(), headers={"content-type": "application/json"})


def wire_to(app: StandIn) -> Callable[[httpx.Request], httpx.Response]:
    """The stand-in as a function: the same answers as on its socket, without one."""

    def respond(request: httpx.Request) -> httpx.Response:
        received = Received(
            request.method,
            request.url.raw_path.decode().partition("?")[0],
            dict(request.url.params),
            {name.lower(): value for name, value in request.headers.items()},
            request.content,
        )
        app.received.append(received)
        status, body, headers = app.respond(received)
        return httpx.Response(status, content=body, headers=headers)

    return respond
