"""The client on a real socket, against a server and a network that misbehave."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dwctl.errors import ExitCode, RequestNotPossible
from dwctl.secret import Secret
from dwctl.server import endpoints, workflows
from dwctl.server.examination import examine
from dwctl.server.failures import (
    CallFailed,
    CallNotAuthorized,
    CallNotConnected,
    CallRefused,
    CallTimedOut,
    Delivery,
    ImportNotOffered,
    ServerFailure,
)
from dwctl.server.retries import ONCE, RetryPolicy
from dwctl.server.target import Credential, Target
from dwctl.server.transport import Server
from dwctl.settings import Auth, Role
from standin import Behaviour, Fault, FaultKind, RunningStandIn, certificates, serve

BUNDLES = Path(__file__).parents[1] / "data" / "bundles"
COMPLETED = (BUNDLES / "01-completed-ship-parcel.json").read_bytes()
CANCELLED = (BUNDLES / "06-cancelled.json").read_bytes()
EXACT = "application/JSON"
FAST = RetryPolicy(first=0.001, longest=0.001)
TOKENS = {"admin": "tok-admin", "operator": "tok-operator", "worker": "tok-worker"}


@pytest.fixture
def running() -> Iterator[RunningStandIn]:
    """A stand-in without authentication."""
    with serve() as started:
        yield started


def connect(running: RunningStandIn, policy: RetryPolicy = FAST, **changes: Any) -> Server:
    """A client of the stand-in."""
    return Server(replace(Target(running.url, "production"), **changes), policy=policy)


def credentials(*roles: Role) -> dict[Role, Credential]:
    """The stand-in's tokens for these roles."""
    return {role: Credential(Secret(TOKENS[role]), f"DW_{role.upper()}_TOKEN") for role in roles}


def run_of(document: bytes) -> tuple[str, str]:
    """The workflow and run that a bundle holds."""
    workflow = json.loads(document)["workflow"]
    return workflow["instance_id"], workflow["run_id"]


def test_an_import_seen_from_every_side(running: RunningStandIn) -> None:
    workflow_id, run_id = run_of(COMPLETED)
    with connect(running) as server:
        tried = workflows.import_bundle(server, COMPLETED, query={"dry_run": "1"}, content_type=EXACT)
        assert (tried.status, tried.report["status"], tried.report["dry_run"]) == (200, "dry_run", True)
        assert running.app.store.commits == 0
        done = workflows.import_bundle(server, COMPLETED, query={"import_id": "i-1"}, content_type=EXACT)
        assert (done.status, done.report["status"], done.report["import_id"]) == (201, "imported", "i-1")
        again = workflows.import_bundle(server, COMPLETED, content_type=EXACT)
        assert (again.status, again.report["status"]) == (200, "already_imported")
        assert workflows.describe(server, workflow_id).row.run_id == run_id
        assert [row.run_id for row in workflows.list_runs(server, workflow_id)] == [run_id]
        events = json.loads(COMPLETED)["history_events"]
        found = list(workflows.history(server, workflow_id, run_id, page_size=3))
        assert [(event.sequence, event.event_type) for event in found] == [(e["sequence"], e["type"]) for e in events]
        assert workflows.archive(server, workflow_id, reason="kept") == "archived"
        assert workflows.archive(server, workflow_id, reason="kept") == "archive_not_needed"
        assert [row.run_id for row in workflows.list_page(server).rows] == [run_id]
        running.app.store.runs[run_id].pruned = True
        assert list(workflows.history(server, workflow_id, run_id)) == []
        assert workflows.import_bundle(server, COMPLETED, content_type=EXACT).report["status"] == "already_imported"


def test_a_json_body_is_rewritten_and_the_exact_way_is_not(running: RunningStandIn) -> None:
    with connect(running) as server:
        ordinary = workflows.import_bundle(server, CANCELLED, query={"dry_run": "1"})
        assert [error["rule"] for error in ordinary.report["eligibility"]["errors"]] == ["bundle.integrity_failed"]
        assert (
            workflows.import_bundle(server, CANCELLED, query={"dry_run": "1"}, content_type=EXACT).report["status"]
            == "dry_run"
        )
        running.app.behaviour.normalises_media_type = True
        changed = workflows.import_bundle(server, CANCELLED, query={"dry_run": "1"}, content_type=EXACT)
        assert changed.report["integrity"]["integrity"]["checksum_matches"] is False


def test_a_proxy_that_drops_the_query_turns_a_dry_run_into_an_import(running: RunningStandIn) -> None:
    running.app.behaviour.drops_query = True
    with connect(running) as server:
        assert (
            workflows.import_bundle(server, COMPLETED, query={"dry_run": "1"}, content_type=EXACT).report["dry_run"]
            is False
        )
    assert running.app.store.commits == 1


def test_the_probe_of_the_contract_tells_the_ways_apart(running: RunningStandIn) -> None:
    probe = b'{"probe":" x ","empty":"","integrity":{"canonicalization":"json-recursive-ksort-v1"}}'
    with connect(running) as server:
        answer = workflows.import_bundle(server, probe, query={"dry_run": "1"}, content_type=EXACT)
        assert (answer.status, answer.report["status"], answer.report["dry_run"]) == (422, "rejected", True)
        running.app.behaviour.drops_query = True
        assert (
            workflows.import_bundle(server, probe, query={"dry_run": "1"}, content_type=EXACT).report["dry_run"]
            is False
        )


def test_a_server_that_refuses_the_exact_media_type_says_so(running: RunningStandIn) -> None:
    running.app.behaviour.refuses_exact_media_type = True
    with connect(running) as server, pytest.raises(CallRefused) as caught:
        workflows.import_bundle(server, COMPLETED, content_type=EXACT)
    assert (caught.value.reason, caught.value.exchange.status) == ("unsupported_media_type", 415)


def test_a_locked_database_is_waited_for(running: RunningStandIn) -> None:
    running.app.store.locked = 3
    with connect(running) as server:
        answer = workflows.import_bundle(server, COMPLETED, content_type=EXACT)
    assert (answer.report["status"], answer.attempts, answer.unsettled) == ("imported", 4, 0)


@pytest.mark.parametrize(("kind", "commits"), [(FaultKind.RESET_BEFORE, 0), (FaultKind.RESET_AFTER, 1)])
def test_a_connection_that_breaks_leaves_the_outcome_open(
    running: RunningStandIn, kind: FaultKind, commits: int
) -> None:
    running.app.behaviour.faults = [Fault(kind, "/import/")]
    with connect(running, ONCE) as server, pytest.raises(CallNotConnected) as caught:
        workflows.import_bundle(server, COMPLETED, content_type=EXACT)
    assert caught.value.exchange.delivery is Delivery.UNKNOWN
    assert caught.value.exchange.unsettled
    assert running.app.store.commits == commits


@pytest.mark.parametrize(
    ("kind", "status"), [(FaultKind.RESET_BEFORE, "imported"), (FaultKind.RESET_AFTER, "already_imported")]
)
def test_an_import_that_broke_is_asked_again_and_happens_once(
    running: RunningStandIn, kind: FaultKind, status: str
) -> None:
    running.app.behaviour.faults = [Fault(kind, "/import/")]
    with connect(running) as server:
        answer = workflows.import_bundle(server, COMPLETED, content_type=EXACT)
    assert (answer.report["status"], answer.attempts, answer.unsettled) == (status, 2, 1)
    assert running.app.store.commits == 1


def test_a_truncated_answer_is_no_answer(running: RunningStandIn) -> None:
    running.app.behaviour.faults = [Fault(FaultKind.TRUNCATE, "/import/")]
    with connect(running, ONCE) as server, pytest.raises(CallNotConnected) as caught:
        workflows.import_bundle(server, COMPLETED, content_type=EXACT)
    assert caught.value.exchange.unsettled
    running.app.behaviour.faults = [Fault(FaultKind.TRUNCATE, "/cluster/info")]
    with connect(running) as server:
        assert endpoints.cluster_info(server).version == "0.2.9"


def test_a_server_that_stalls_is_left_after_the_timeout(running: RunningStandIn) -> None:
    running.app.behaviour.faults = [Fault(FaultKind.STALL, "/workers")]
    with connect(running, ONCE, timeout=0.2) as server, pytest.raises(CallTimedOut) as caught:
        endpoints.list_workers(server)
    assert caught.value.exit_code is ExitCode.TIMEOUT
    assert caught.value.exchange.delivery is Delivery.UNKNOWN


def test_a_start_over_a_connection_that_breaks_is_sent_once(running: RunningStandIn) -> None:
    running.app.behaviour.faults = [Fault(FaultKind.RESET_AFTER, "/api/workflows")]
    with connect(running) as server:
        made = workflows.start(server, workflow_id="w-1", workflow_type="t", task_queue="q")
    assert made.asked
    assert [received.method for received in running.app.received] == ["POST", "GET"]
    running.app.behaviour.faults = [Fault(FaultKind.RESET_BEFORE, "/api/workflows")]
    with connect(running) as server, pytest.raises(CallNotConnected):
        workflows.start(server, workflow_id="w-2", workflow_type="t", task_queue="q")
    assert [received.method for received in running.app.received] == ["POST", "GET", "POST", "GET"]


def test_a_redirect_elsewhere_is_not_followed_and_the_token_stays_here(running: RunningStandIn) -> None:
    with serve() as elsewhere:
        place = {"location": f"{elsewhere.url}/api/workers"}
        running.app.behaviour.faults = [Fault(FaultKind.ANSWER, "/workers", status=307, headers=place)]
        with connect(running, credentials=credentials(Role.OPERATOR)) as server, pytest.raises(CallRefused) as caught:
            endpoints.list_workers(server)
        assert caught.value.reason == "redirected"
        assert elsewhere.app.received == []


def test_pages_of_another_program_are_not_taken_for_answers(running: RunningStandIn) -> None:
    page = Fault(FaultKind.ANSWER, status=200, body=b"<html>login</html>", headers={"content-type": "text/html"})
    running.app.behaviour.faults = [page] * 3
    with connect(running) as server:
        for ask in (endpoints.ready, endpoints.cluster_info, endpoints.list_namespaces):
            with pytest.raises(CallFailed) as caught:
                ask(server)
            assert caught.value.reason == "unreadable_answer"


@pytest.mark.parametrize("auth", [Auth.TOKEN, Auth.SIGNATURE])
def test_each_role_gets_in_where_it_belongs_and_nowhere_else(auth: Auth) -> None:
    with serve(Behaviour(auth=auth.value, tokens=TOKENS)) as running:
        with connect(running, auth=auth, credentials=credentials(*Role)) as server:
            endpoints.list_workers(server)
            endpoints.create_namespace(server, "orders")
            endpoints.register_worker(server, worker_id="w", task_queue="q", runtime="php")
            workflows.import_bundle(server, COMPLETED, query={"dry_run": "1"}, content_type=EXACT)
        only = {role: Credential(Secret(TOKENS["operator"]), "--token") for role in Role}
        with connect(running, auth=auth, credentials=only) as server, pytest.raises(CallNotAuthorized) as caught:
            workflows.import_bundle(server, COMPLETED, content_type=EXACT)
        assert "needed is admin" in caught.value.message
        wrong = {role: Credential(Secret("wrong"), "--token") for role in Role}
        with connect(running, auth=auth, credentials=wrong) as server, pytest.raises(CallNotAuthorized):
            endpoints.list_workers(server)
    assert running.app.store.commits == 0


def test_a_server_without_an_importer_is_an_answer_of_its_own(running: RunningStandIn) -> None:
    running.app.behaviour.has_importer = False
    with connect(running) as server, pytest.raises(ImportNotOffered):
        workflows.import_bundle(server, COMPLETED, content_type=EXACT)


def test_a_body_over_the_limit_is_refused_with_the_limit(running: RunningStandIn) -> None:
    running.app.behaviour.max_payload_bytes = 1000
    with connect(running) as server, pytest.raises(CallRefused, match="the limit is 1000"):
        workflows.import_bundle(server, COMPLETED, content_type=EXACT)


def test_many_pages_of_runs_are_walked(running: RunningStandIn) -> None:
    from dwctl.server.walk import walk_runs

    with connect(running) as server:
        for number in range(45):
            workflows.start(server, workflow_id=f"w-{number}", workflow_type="t", task_queue="q")
        walk = walk_runs(lambda token: workflows.list_page(server, page_size=10, token=token))
    assert walk.complete
    assert len(walk.rows) == 45


def test_nobody_listens(running: RunningStandIn) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with Server(Target(url), policy=FAST) as server, pytest.raises(CallNotConnected, match="refused") as caught:
            endpoints.cluster_info(server)
    assert caught.value.exchange.delivery is Delivery.NOT_SENT


@contextmanager
def speaking(answer: bytes) -> Iterator[str]:
    """A socket that answers every connection with the same bytes, whatever it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)

        def talk() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", 3),
        (b"SSH-2.0-OpenSSH_9.6\r\n", 3),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{", 3),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", 6),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 3),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"version":"1"}', 0),
    ],
)
def test_what_no_server_should_say(answer: bytes, code: int) -> None:
    with speaking(answer) as url, Server(Target(url), policy=ONCE) as server:
        try:
            endpoints.cluster_info(server)
        except ServerFailure as error:
            assert error.exit_code == code  # noqa: PT017 - one case does not fail
        else:
            assert code == 0


def test_a_certificate_of_an_authority_that_is_trusted(tmp_path: Path) -> None:
    made = certificates(tmp_path, "127.0.0.1")
    with serve(tls=made) as running:
        with connect(running, ca_file=str(made.authority)) as server:
            assert endpoints.cluster_info(server).version == "0.2.9"
            checks = {check.id: check for check in examine(server).checks}
        answer_peer = checks["tls"]
        assert answer_peer.outcome == "ok"
        assert "TLSv1" in answer_peer.detail
        year = datetime.now(UTC).year
        assert any(str(found) in answer_peer.detail for found in range(year, year + 1000))
        with connect(running, tls_verify=False) as server:
            assert {check.id: check for check in examine(server).checks}["tls"].outcome == "warning"


@pytest.mark.parametrize("names", [("127.0.0.1",), ("other.example.com",)])
def test_a_wrong_certificate_is_never_accepted_and_never_retried(tmp_path: Path, names: tuple[str, ...]) -> None:
    (tmp_path / "other").mkdir()
    other = certificates(tmp_path / "other", "127.0.0.1")
    made = certificates(tmp_path, *names)
    trusted = other if names == ("127.0.0.1",) else made
    notes: list[object] = []
    with serve(tls=made) as running:
        target = replace(Target(running.url), ca_file=str(trusted.authority), credentials=credentials(Role.OPERATOR))
        with Server(target, on_attempt=notes.append) as server, pytest.raises(CallNotConnected) as caught:
            endpoints.cluster_info(server)
        assert caught.value.reason == "tls_not_trusted"
        assert "certificate" in caught.value.message
        assert len(notes) == 1
        assert running.app.received == []


def test_tls_spoken_to_a_plain_server_and_plain_to_a_tls_server(running: RunningStandIn, tmp_path: Path) -> None:
    wrong = Target(running.url.replace("http:", "https:"))
    with Server(wrong, policy=ONCE) as server, pytest.raises(CallNotConnected, match="TLS"):
        endpoints.cluster_info(server)
    with serve(tls=certificates(tmp_path, "127.0.0.1")) as encrypted:
        plain = Target(encrypted.url.replace("https:", "http:"))
        with Server(plain, policy=ONCE) as server, pytest.raises(CallNotConnected):
            endpoints.cluster_info(server)


def test_a_proxy_is_used_where_it_is_given_and_gets_no_token_for_a_plain_far_server(running: RunningStandIn) -> None:
    far = Target("http://workflows.example.com", proxy=Secret(running.url), credentials=credentials(Role.OPERATOR))
    with Server(far) as server, pytest.raises(RequestNotPossible):
        endpoints.list_workers(server)
    assert running.app.received == []
    with Server(replace(far, credentials={}), policy=ONCE) as server:
        assert endpoints.health(server).status == "serving"
    assert running.app.received[0].headers["host"] == "workflows.example.com"
