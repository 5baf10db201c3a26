"""Imports through a network and a server that misbehave: the outcome, the exit code, and how often was sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dwctl.errors import ExitCode
from dwctl.server.retries import RetryPolicy
from dwctl.transfer.imports.passage import ROUNDS, ROUNDS_WHILE_BUSY
from dwctl.transfer.imports.way import probe_document
from fresh_ledgers import command
from output_schemas import document
from sample_bundles import ORDER, RECORDED, WAITING
from standin import Behaviour, Fault, FaultKind, Received, RunningStandIn, Store, certificates, serve

CANCELLED = RECORDED / "06-cancelled.json"
IMPORT = "/import/embedded-v2"
ATTEMPTS = RetryPolicy().attempts
FOREVER = 50
LOCKED = 10**9
Capture = pytest.CaptureFixture[str]
Answer = tuple[int, bytes, dict[str, str]]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in a folder of its own, without settings, and no retry takes its time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("DURABLE_WORKFLOW_NAMESPACE", "production")
    monkeypatch.setattr("dwctl.server.transport.RetryPolicy", lambda: RetryPolicy(first=0.001, longest=0.001))


@pytest.fixture(scope="module")
def standing() -> Iterator[RunningStandIn]:
    """One stand-in for all tests of this module."""
    with serve() as started:
        yield started


@pytest.fixture
def running(standing: RunningStandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningStandIn]:
    """The stand-in as new, named by the environment."""
    standing.app.behaviour, standing.app.store, standing.app.received = Behaviour(), Store(), []
    for namespace in standing.app.store.namespaces.values():
        namespace["retention_days"] = 36_500
    monkeypatch.setenv("DURABLE_WORKFLOW_SERVER_URL", standing.url)
    yield standing
    standing.app.__dict__.pop("respond", None)


class Run:
    """One import, its document, and what arrived at the importer."""

    def __init__(self, running: RunningStandIn, capsys: Capture, *arguments: str) -> None:
        before = len(running.app.received)
        self.code, out, self.err = command(capsys, "history-import", *arguments, "--json")
        self.bundle: dict[str, Any]
        if json.loads(out)["schema"] == "dwctl.error":
            # It ended before the bundle's turn: the first question had no answer.
            self.bundle = {"state": "failed", "error": document(out, "error")}
        else:
            self.bundle = document(out, "history-import")["bundles"][0]
        posts = [seen for seen in running.app.received[before:] if seen.path.endswith(IMPORT)]
        self.probes = sum(seen.body == probe_document() for seen in posts)
        self.asked = sum(seen.asks_for_a_dry_run for seen in posts) - self.probes
        self.sent = len(posts) - self.asked - self.probes

    @property
    def state(self) -> str:
        """What became of the bundle."""
        return str(self.bundle["state"])

    @property
    def reason(self) -> str | None:
        """Why there is no answer."""
        error = self.bundle["error"]
        return None if error is None else error["reason"]

    @property
    def counts(self) -> tuple[int, int, int]:
        """Probes, dry runs, imports."""
        return self.probes, self.asked, self.sent


def faulty(running: RunningStandIn, *faults: Fault) -> None:
    """Put these faults before the stand-in."""
    running.app.behaviour.faults = list(faults)


def importing(kind: FaultKind, **more: Any) -> Fault:
    """A fault of a real import."""
    return Fault(kind, IMPORT, dry_run=False, **more)


def asking(kind: FaultKind, **more: Any) -> Fault:
    """A fault of a probe or a dry run."""
    return Fault(kind, IMPORT, dry_run=True, **more)


def answering(running: RunningStandIn, make: Callable[[Received, Callable[[Received], Answer]], Answer]) -> None:
    """Put something between the client and the stand-in that may change requests and answers."""
    original = type(running.app).respond.__get__(running.app)
    running.app.respond = lambda request: make(request, original)  # type: ignore[method-assign]


# --- what stands in between ------------------------------------------------------------------------------------

WAYS: dict[str, dict[str, Any]] = {
    "rewrites bodies": {"normalises_media_type": True},
    "ignores queries": {"drops_query": True},
    "refuses the media type": {"refuses_exact_media_type": True},
    "ignores queries and rewrites": {"drops_query": True, "normalises_media_type": True},
}


@pytest.mark.parametrize("behaviour", WAYS.values(), ids=WAYS)
def test_a_bundle_that_survives_goes_in_an_envelope(
    running: RunningStandIn, capsys: Capture, behaviour: dict[str, Any]
) -> None:
    running.app.behaviour = Behaviour(**behaviour)
    run = Run(running, capsys, str(ORDER))
    assert (run.code, run.state, run.bundle["way"]) == (ExitCode.DONE, "imported", "json-envelope")
    assert run.counts == (1, 1, 1)
    assert running.app.store.commits == 1


@pytest.mark.parametrize("behaviour", WAYS.values(), ids=WAYS)
def test_a_bundle_that_does_not_survive_is_refused_here(
    running: RunningStandIn, capsys: Capture, behaviour: dict[str, Any]
) -> None:
    running.app.behaviour = Behaviour(**behaviour)
    run = Run(running, capsys, str(CANCELLED))
    assert (run.code, run.state, run.counts) == (ExitCode.NO, "refused", (1, 0, 0))
    assert [finding["rule"] for finding in run.bundle["foreseen"]] == ["transit.would_be_rewritten"]


@pytest.mark.parametrize("behaviour", WAYS.values(), ids=WAYS)
def test_no_dry_run_becomes_an_import(running: RunningStandIn, capsys: Capture, behaviour: dict[str, Any]) -> None:
    running.app.behaviour = Behaviour(**behaviour)
    run = Run(running, capsys, str(ORDER), "--dry-run")
    assert (run.code, run.state, run.counts) == (ExitCode.DONE, "would_import", (1, 1, 0))
    assert (running.app.store.commits, running.app.store.runs) == (0, {})


def damaging(request: Received, respond: Callable[[Received], Answer]) -> Answer:
    """Something that lets the probe through, and changes a character of what is larger."""
    body = request.body
    return respond(replace(request, body=body.replace(b"orders.process", b"orders.Process")) if body else request)


@pytest.mark.parametrize("way", ["byte-exact", "json-envelope"])
@pytest.mark.parametrize("more", [(), ("--dry-run",)], ids=["import", "dry run"])
def test_good_here_and_damaged_there_is_a_matter_of_the_way_and_no_verdict(
    running: RunningStandIn, capsys: Capture, way: str, more: tuple[str, ...]
) -> None:
    running.app.behaviour.drops_query = way == "json-envelope"
    answering(running, damaging)
    run = Run(running, capsys, str(ORDER), *more)
    assert (run.code, run.state, run.reason) == (ExitCode.NETWORK, "failed", "rewritten_in_transit")
    assert run.counts == (1, 1, 0)
    if more:
        assert (run.bundle["way"], run.bundle["verdict"]) == (way, "ok")
    assert running.app.store.commits == 0


def test_a_query_that_is_dropped_only_later_is_an_alarm(running: RunningStandIn, capsys: Capture) -> None:
    def dropping(request: Received, respond: Callable[[Received], Answer]) -> Answer:
        return respond(request if request.body == probe_document() else replace(request, query={}))

    answering(running, dropping)
    run = Run(running, capsys, str(ORDER), "--dry-run")
    assert (run.code, run.state, run.reason) == (ExitCode.PARTLY, "imported", "dry_run_imported")
    assert run.bundle["proof"]["state"] == "proven"


def test_an_import_that_becomes_a_dry_run_is_not_taken_for_one(running: RunningStandIn, capsys: Capture) -> None:
    def asking_only(request: Received, respond: Callable[[Received], Answer]) -> Answer:
        return respond(replace(request, query={"dry_run": "1"}))

    answering(running, asking_only)
    run = Run(running, capsys, str(ORDER))
    assert (run.code, run.state, run.reason) == (ExitCode.SERVER, "failed", "import_not_carried_out")
    assert run.bundle["asked_and_absent"]
    assert (run.counts, running.app.store.commits) == ((1, 2, 1), 0)


# --- a busy database -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 2, ATTEMPTS - 1])
def test_a_locked_database_is_waited_for(running: RunningStandIn, capsys: Capture, times: int) -> None:
    running.app.store.locked = times
    run = Run(running, capsys, str(ORDER))
    assert (run.code, run.state, run.counts) == (ExitCode.DONE, "imported", (1, 1, times + 1))
    assert running.app.store.commits == 1
    assert run.err.count("trying again") == times


def test_a_database_that_stays_locked_is_busy_and_no_refusal(running: RunningStandIn, capsys: Capture) -> None:
    running.app.store.locked = LOCKED
    run = Run(running, capsys, str(ORDER))
    assert (run.code, run.state, run.reason) == (ExitCode.SERVER, "failed", "database_busy")
    assert run.counts == (1, 1, ATTEMPTS * ROUNDS_WHILE_BUSY)
    assert running.app.store.commits == 0
    running.app.store.locked = 0
    assert Run(running, capsys, str(ORDER)).state == "imported"


# --- lost answers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [FaultKind.RESET_BEFORE, FaultKind.RESET_AFTER, FaultKind.TRUNCATE])
def test_one_lost_answer_is_made_good_and_nothing_is_imported_twice(
    running: RunningStandIn, capsys: Capture, kind: FaultKind
) -> None:
    faulty(running, importing(kind))
    run = Run(running, capsys, str(ORDER))
    assert (run.code, run.state, run.bundle["proof"]["state"]) == (ExitCode.DONE, "imported", "proven")
    assert (run.counts, running.app.store.commits) == ((1, 1, 2), 1)


@pytest.mark.parametrize("kind", [FaultKind.RESET_AFTER, FaultKind.TRUNCATE])
def test_an_import_whose_answers_are_all_lost_is_asked_after_and_ours(
    running: RunningStandIn, capsys: Capture, kind: FaultKind
) -> None:
    running.app.behaviour.shows_import_markers = True
    faulty(running, *[importing(kind)] * FOREVER)
    run = Run(running, capsys, str(ORDER), "--import-id", "ours")
    assert (run.code, run.state) == (ExitCode.DONE, "imported")
    assert (run.counts, running.app.store.commits) == ((1, 2, ATTEMPTS), 1)
    held = {one["name"] for one in run.bundle["proof"]["comparisons"] if one["holds"]}
    assert {"import_id", "engine_source"} <= held


def test_an_import_that_never_arrives_is_said_to_be_absent_and_can_be_repeated(
    running: RunningStandIn, capsys: Capture
) -> None:
    faulty(running, *[importing(FaultKind.RESET_BEFORE)] * FOREVER)
    run = Run(running, capsys, str(ORDER))
    assert (run.code, run.state, run.reason) == (ExitCode.NETWORK, "failed", "connection_lost")
    assert (run.bundle["asked_and_absent"], run.bundle["report"]["status"]) == (True, "dry_run")
    assert (run.counts, running.app.store.commits) == ((1, 1 + ROUNDS, ROUNDS * ATTEMPTS), 0)
    faulty(running, *[importing(FaultKind.RESET_BEFORE)] * FOREVER)
    _, out, _ = command(capsys, "history-import", str(ORDER))
    assert "not imported: asked afterwards with a dry run" in out
    faulty(running)
    again = Run(running, capsys, str(ORDER))
    assert (again.code, again.state, running.app.store.commits) == (ExitCode.DONE, "imported", 1)


def test_where_even_the_question_is_lost_it_is_unknown(running: RunningStandIn, capsys: Capture) -> None:
    def losing_all_that_follows(request: Received, respond: Callable[[Received], Answer]) -> Answer:
        if request.path.endswith(IMPORT) and not request.asks_for_a_dry_run:
            faulty(running, *[Fault(FaultKind.RESET_BEFORE, IMPORT)] * FOREVER)
        return respond(request)

    answering(running, losing_all_that_follows)
    faulty(running, importing(FaultKind.RESET_AFTER))
    run = Run(running, capsys, str(ORDER))
    assert (run.code, run.state, run.reason) == (ExitCode.NETWORK, "unknown", "connection_lost")
    assert (run.bundle["proof"], run.bundle["asked_and_absent"]) == (None, False)
    assert (run.counts, running.app.store.commits) == ((1, 1 + ATTEMPTS, ATTEMPTS), 1)
    faulty(running)
    again = Run(running, capsys, str(ORDER))
    assert (again.code, again.state) == (ExitCode.DONE, "already_imported")


def test_a_gateway_that_gives_up_after_the_import_was_done_does_not_lose_it(
    running: RunningStandIn, capsys: Capture
) -> None:
    def giving_up(request: Received, respond: Callable[[Received], Answer]) -> Answer:
        answer = respond(request)
        real = request.path.endswith(IMPORT) and not request.asks_for_a_dry_run
        return (504, b"<html>gateway timeout</html>", {"content-type": "text/html"}) if real else answer

    answering(running, giving_up)
    run = Run(running, capsys, str(ORDER))
    assert (run.code, run.state) == (ExitCode.DONE, "imported")
    assert (run.counts, running.app.store.commits) == ((1, 2, ATTEMPTS), 1)


@pytest.mark.parametrize(
    ("status", "body", "reason", "sent"),
    [
        (500, b'{"message":"Server Error"}', None, 1),
        (200, b"<html>hello</html>", "unreadable_answer", 1),
        (200, b"{}", "unexpected_answer", 1),
        (200, b"[]", "unexpected_answer", 1),
        (200, b'{"status":"imported"}', "unexpected_answer", 1),
        (201, b"", "unreadable_answer", 1),
        (502, b"bad gateway", None, ATTEMPTS),
    ],
)
def test_an_answer_that_says_nothing_is_asked_after(
    running: RunningStandIn, capsys: Capture, status: int, body: bytes, reason: str | None, sent: int
) -> None:
    faulty(running, *[importing(FaultKind.ANSWER, status=status, body=body)] * FOREVER)
    run = Run(running, capsys, str(ORDER))
    assert (run.code, run.state, run.reason) == (ExitCode.SERVER, "failed", reason)
    # What says nothing at all is taken up once more; what answers in the server's place would do so again.
    rounds = ROUNDS if reason is None else 1
    wanted = (1, 1 + rounds, rounds * sent)
    assert (run.bundle["asked_and_absent"], run.counts, running.app.store.commits) == (True, wanted, 0)


def test_a_stalled_import_is_taken_up_again_and_nobody_says_that_it_will_not_come(
    running: RunningStandIn, capsys: Capture
) -> None:
    faulty(running, *[importing(FaultKind.STALL)] * FOREVER)
    run = Run(running, capsys, str(ORDER), "--timeout", "100ms")
    assert (run.code, run.state, run.reason) == (ExitCode.TIMEOUT, "unknown", "timed_out")
    assert (run.bundle["asked_and_absent"], run.counts) == (True, (1, 1 + ROUNDS, ROUNDS * ATTEMPTS))
    _, out, _ = command(capsys, "history-import", str(ORDER), "--timeout", "100ms")
    assert "may still be at work on it" in out
    assert "not imported: " not in out
    faulty(running)
    again = Run(running, capsys, str(ORDER))
    assert (again.code, again.state, running.app.store.commits) == (ExitCode.DONE, "imported", 1)


def test_one_stalled_import_is_repeated(running: RunningStandIn, capsys: Capture) -> None:
    faulty(running, importing(FaultKind.STALL))
    run = Run(running, capsys, str(ORDER), "--timeout", "250ms")
    assert (run.code, run.state, running.app.store.commits) == (ExitCode.DONE, "imported", 1)


@pytest.mark.parametrize("kind", [FaultKind.RESET_BEFORE, FaultKind.RESET_AFTER, FaultKind.TRUNCATE])
def test_lost_answers_to_questions_are_repeated_and_never_import(
    running: RunningStandIn, capsys: Capture, kind: FaultKind
) -> None:
    faulty(running, asking(kind))
    run = Run(running, capsys, str(ORDER), "--dry-run")
    assert (run.code, run.state, run.counts) == (ExitCode.DONE, "would_import", (2, 1, 0))
    faulty(running, *[asking(kind)] * FOREVER)
    run = Run(running, capsys, str(ORDER))
    assert (run.code, run.state, run.counts) == (ExitCode.NETWORK, "failed", (ATTEMPTS, 0, 0))
    assert running.app.store.commits == 0


# --- the proof -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/history", "/runs/01"])
def test_a_proof_that_cannot_be_asked_for_is_unknown_and_not_0(
    running: RunningStandIn, capsys: Capture, path: str
) -> None:
    faulty(running, *[Fault(FaultKind.RESET_BEFORE, path)] * FOREVER)
    run = Run(running, capsys, str(ORDER))
    assert (run.code, run.state, run.bundle["proof"]["state"]) == (ExitCode.PARTLY, "imported", "unknown")
    assert run.bundle["proof"]["error"]["reason"] == "connection_lost"
    faulty(running, *[Fault(FaultKind.RESET_BEFORE, path)] * FOREVER)
    again = Run(running, capsys, str(ORDER))
    assert (again.code, again.state) == (ExitCode.NETWORK, "already_imported")
    faulty(running)
    assert Run(running, capsys, str(ORDER)).code == ExitCode.DONE


# --- elsewhere -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("path", ["/cluster/info", IMPORT])
def test_a_redirect_is_not_followed_and_the_token_stays(
    running: RunningStandIn, capsys: Capture, status: int, path: str
) -> None:
    with serve() as elsewhere:
        headers = {"location": f"{elsewhere.url}/api{path}"}
        faulty(running, Fault(FaultKind.ANSWER, path, status=status, headers=headers))
        code, out, err = command(capsys, "history-import", str(ORDER), "--token", "planted")
        assert code == ExitCode.USAGE
        assert "redirect" in out + err
        assert "planted" not in out + err
        assert elsewhere.app.received == []
    assert running.app.store.commits == 0


def test_a_wrong_certificate_gets_nothing(tmp_path: Path, capsys: Capture) -> None:
    wrong = certificates(tmp_path, "other.example")
    with serve(tls=wrong) as running:
        for more in ((), ("--ca-file", str(wrong.authority))):
            arguments = (str(ORDER), "--server", running.url, "--token", "planted", *more)
            code, out, err = command(capsys, "history-import", *arguments)
            assert (code, out) == (ExitCode.NETWORK, "")
            assert "certificate was not accepted" in err
            assert "tls_not_trusted" in err
        assert running.app.received == []


def test_a_right_certificate_of_a_known_authority_is_enough(tmp_path: Path, capsys: Capture) -> None:
    right = certificates(tmp_path, "127.0.0.1")
    with serve(tls=right) as running:
        arguments = (str(WAITING), "--server", running.url, "--ca-file", str(right.authority))
        assert command(capsys, "history-import", *arguments)[0] == ExitCode.DONE
        assert running.app.store.commits == 1


def test_a_server_that_asks_to_wait_is_waited_for(running: RunningStandIn, capsys: Capture) -> None:
    busy = json.dumps({"reason": "backend_lock_pressure", "message": "busy", "retryable": True}).encode()
    faulty(running, *[importing(FaultKind.ANSWER, status=503, body=busy, headers={"retry-after": "0"})] * 2)
    run = Run(running, capsys, str(ORDER))
    assert (run.code, run.state, run.counts) == (ExitCode.DONE, "imported", (1, 1, 3))
    assert run.err.count("backend_lock_pressure; trying again") == 2


def test_a_proxy_s_own_limit_is_a_request_that_cannot_be_made(running: RunningStandIn, capsys: Capture) -> None:
    faulty(running, *[Fault(FaultKind.ANSWER, IMPORT, dry_run=False, status=413, body=b"<html>413</html>")] * FOREVER)
    run = Run(running, capsys, str(ORDER))
    assert (run.code, run.state, run.counts) == (ExitCode.USAGE, "failed", (1, 1, 1))
    assert not run.bundle["asked_and_absent"]
