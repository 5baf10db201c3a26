"""The checks on the server, the namespace and the operators' view: each state of each, and what it says to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from asked_worlds import (
    NOT_WANTED,
    NOW,
    SERVED,
    TARGET,
    Answer,
    bundle,
    bundles,
    closed,
    refusal,
    reply,
    unreadable,
    wire,
    world,
)
from dwctl.checklist.checks.server import health as server_health
from dwctl.checklist.checks.server.rows import CHECKS
from dwctl.checklist.description.described import Described, Runs
from dwctl.checklist.facts.facts import BundleSet, LedgerFact, LedgerFacts
from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import Finding, Need, State
from dwctl.errors import DwctlError
from dwctl.secret import Secret
from dwctl.server.calls import Answer as Came
from dwctl.server.failures import CallNotAuthorized
from dwctl.server.target import Credential, Target
from dwctl.settings import Role

PASS, WARN, FAIL, UNKNOWN, SKIPPED = State.PASS, State.WARN, State.FAIL, State.UNKNOWN, State.SKIPPED
ROWS = {check.id: check for check in CHECKS}
SERVING = {"status": "serving", "timestamp": "2027-01-15T08:00:00+00:00", "checks": {"database": "ok"}}
READY = {"status": "ready", "checks": {"database": {"status": "ok"}, "cache": {"status": "ok"}}}
INFO: dict[str, Any] = {
    "server_id": "s-1",
    "version": "0.2.9",
    "control_plane": {
        "version": "2",
        "request_contract": {"schema": "durable-workflow.v2.control-plane-request.contract", "version": 1},
    },
    "worker_protocol": {"version": "1.15"},
    "capabilities": {"embedded_v2_import": True, "payload_codecs": ["avro"]},
    "limits": {"max_payload_bytes": 1},
}
SPACE = {"name": "production", "status": "active", "retention_days": 30}
AT = "/api/namespaces/production"


def asked(check_id: str, seen: World) -> Finding:
    """The finding of one check, which is held to what every finding must have."""
    finding = ROWS[check_id].ask(seen)
    assert finding.said
    assert finding.said[0].islower() or not finding.said[0].isalpha()
    assert finding.count == len(finding.ids)
    if finding.state in (FAIL, UNKNOWN, WARN):
        assert finding.next_step
    assert all(one.at == NOW and one.asked and one.came for one in finding.evidence)
    assert "tok-" not in repr(finding)
    return finding


def of(check_id: str, answers: dict[str, Answer], **more: Any) -> Finding:
    """The finding of a check on a server that answers so."""
    return asked(check_id, world(wire(answers), **more))


# --- item 4 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "state", "said", "came"),
    [
        (reply(SERVING), PASS, "reaches its database", "200 serving: database ok"),
        (reply({"status": "degraded", "checks": {"database": "unavailable"}}, 503), FAIL, "database is unavailable",
         "503 degraded: database unavailable"),
        (reply({"status": "degraded", "checks": {}}), FAIL, "degraded: it does not say why", "200 degraded"),
        (httpx.ConnectError("x"), FAIL, "was not reached", "was not reached"),
        (httpx.ReadTimeout("x"), FAIL, "no answer from", "no answer from"),
        (refusal(500, "server_error"), FAIL, "not set up right", "500: "),
        (refusal(503, "backend_lock_pressure"), FAIL, "lock", "503: "),
        (httpx.Response(200, content=b"<html>"), FAIL, "is not JSON", "200: "),
    ],
)  # fmt: skip
def test_health_is_measured_from_here(answer: Answer, state: State, said: str, came: str) -> None:
    finding = of("server.health", {"/api/health": answer})
    assert (finding.state, finding.evidence[0].asked) == (state, "GET /api/health")
    assert said in finding.said
    assert came in finding.evidence[0].came
    assert (finding.command is None) is (state is PASS)


@pytest.mark.parametrize(
    ("answer", "state", "said"),
    [
        (reply(READY), PASS, "the server is ready"),
        (reply({"status": "ready", "checks": {"cache": {"status": "warning"}}}), WARN, "cache is warning"),
        (reply({"status": "not_ready", "checks": {"migrations": {"status": "missing", "remediation": "Run it."}}}, 503),
         FAIL, "migrations is missing"),
        (reply({"status": "starting", "checks": {}}), FAIL, "it does not say why"),
        (refusal(404, "not_found"), FAIL, "no such route"),
        (refusal(500, "server_error"), FAIL, "not set up right"),
    ],
)  # fmt: skip
def test_ready_is_the_gate_and_not_health(answer: Answer, state: State, said: str) -> None:
    finding = of("server.ready", {"/api/ready": answer})
    assert finding.state is state
    assert said in finding.said
    if "migrations" in said:
        assert (finding.next_step, finding.command) == ("Run it.", f"dwctl health {SERVED}")


@pytest.mark.parametrize("check_id", ["server.ready", "server.cluster_info", "server.fits", "operators.workers"])
@pytest.mark.parametrize(
    "answer",
    [httpx.ConnectError("x"), httpx.ReadTimeout("x"), refusal(429, "namespace_request_rate_exhausted"),
     refusal(503, "backend_lock_pressure")],
)  # fmt: skip
def test_no_answer_and_an_answer_of_later_are_not_known(check_id: str, answer: Answer) -> None:
    server = wire(dict.fromkeys(("/api/ready", "/api/cluster/info", "/api/workers"), answer))
    with pytest.raises(DwctlError):
        ROWS[check_id].ask(world(server, operator=server))


def test_without_an_answer_the_clock_is_not_known() -> None:
    with pytest.raises(DwctlError):
        ROWS["server.clock"].ask(world(wire({"/api/health": httpx.ReadTimeout("x")})))


def test_cluster_info_tells_who_answers_and_a_refused_token_fails() -> None:
    finding = of("server.cluster_info", {"/api/cluster/info": reply(INFO)})
    assert (finding.state, finding.said) == (PASS, "server s-1 of version 0.2.9 answers")
    assert "control plane 2" in finding.evidence[0].came
    finding = of("server.cluster_info", {"/api/cluster/info": refusal(401, "unauthorized")})
    assert finding.state is FAIL
    assert "DW_OPERATOR_TOKEN" in finding.said
    assert finding.command == f"dwctl doctor {SERVED}"
    assert of("server.cluster_info", {"/api/cluster/info": reply({"hello": 1})}).state is FAIL


@pytest.mark.parametrize(
    ("changes", "runs", "state", "ids"),
    [
        ({}, Runs.IMPORT, PASS, ()),
        ({"capabilities": {"payload_codecs": ["avro"]}}, Runs.IMPORT, FAIL, ("embedded_v2_import",)),
        ({"capabilities": {"payload_codecs": ["avro"]}}, Runs.DRAIN, WARN, ("embedded_v2_import",)),
        ({"control_plane": {"version": "3"}}, Runs.DRAIN, FAIL,
         ("control_plane.version", "control_plane.request_contract")),
        ({"limits": {}, "worker_protocol": {"version": "2.0"}}, Runs.IMPORT, WARN,
         ("limits.max_payload_bytes", "worker_protocol.version")),
        ({"limits": {}, "capabilities": {"embedded_v2_import": True, "payload_codecs": ["php"]}}, Runs.IMPORT, FAIL,
         ("payload_codecs", "limits.max_payload_bytes")),
    ],
)  # fmt: skip
def test_what_the_server_must_fit_depends_on_what_is_to_be_done(
    changes: dict[str, Any], runs: Runs, state: State, ids: tuple[str, ...]
) -> None:  # fmt: skip
    answers: dict[str, Answer] = {"/api/cluster/info": reply(INFO | changes)}
    finding = of("server.fits", answers, described=Described(None, "o", runs=runs))
    assert (finding.state, finding.ids) == (state, ids)
    assert len(finding.evidence) == 6
    if ids:
        assert finding.command == f"dwctl cluster check {SERVED}"
        assert finding.said.startswith(f"{ids[0]}: needed is ")


@pytest.mark.parametrize(
    ("target", "state", "said"),
    [
        (TARGET, SKIPPED, "on this machine"),
        (replace(TARGET, url="http://localhost:1"), SKIPPED, "on this machine"),
        (replace(TARGET, url="http://[::1]:1"), SKIPPED, "on this machine"),
        (replace(TARGET, url="http://server:8080"), FAIL, "a token would travel"),
        (replace(TARGET, url="http://server:8080", allow_insecure=True), WARN, "everything travels"),
        (Target("http://server:8080"), WARN, "everything travels"),
        (replace(TARGET, url="https://server", tls_verify=False), UNKNOWN, "not verified"),
    ],
)
def test_without_a_certificate_it_depends_on_the_way(target: Target, state: State, said: str) -> None:
    finding = asked("server.certificate", world(wire({}, target)))
    assert finding.state is state
    assert said in finding.said
    assert finding.evidence


def test_a_certificate_whose_end_is_not_known_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_peer(server: object) -> Came:
        return Came("GET", "https://server/api/health", 200, {}, b"{}", 0.0, 0.0)

    monkeypatch.setattr(server_health, "contact", no_peer)
    assert asked("server.certificate", world(wire({}, Target("https://server")))).state is UNKNOWN


def test_a_server_that_is_not_reached_leaves_its_certificate_unknown() -> None:
    server = wire({"/api/health": httpx.ConnectError("refused")}, Target("https://server"))
    with pytest.raises(DwctlError):
        ROWS["server.certificate"].ask(world(server))


@pytest.mark.parametrize(
    ("seconds", "state", "said"),
    [
        (0, PASS, "differ by less than 0.5 s"),
        (4, PASS, "4.5 s ahead of"),
        (-5, PASS, "4.5 s behind"),
        (6, WARN, "6.5 s ahead of"),
        (-60, WARN, "59.5 s behind"),
        (-62, FAIL, "61.5 s behind"),
        (86_400, FAIL, "86,400.5 s ahead of"),
    ],
)
def test_clocks_may_differ_by_seconds_but_not_by_a_minute(seconds: int, state: State, said: str) -> None:
    finding = asked("server.clock", world(wire({"/api/health": reply(SERVING)}, now=1_800_000_000.0 - seconds)))
    assert finding.state is state
    assert said in finding.said
    assert "its timestamp" in finding.evidence[0].asked


def test_the_clock_goes_by_the_date_where_the_probe_has_none_and_is_unknown_without_both() -> None:
    finding = of("server.clock", {"/api/health": reply({}, date="Fri, 15 Jan 2027 08:00:10 GMT")})
    assert finding.state is WARN
    assert "Date header" in finding.evidence[0].asked
    finding = of("server.clock", {"/api/health": reply({"status": "serving"})})
    assert finding.state is UNKNOWN


def test_a_slow_exchange_gives_no_green_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(server: object) -> Came:
        body = b'{"timestamp": "2027-01-15T08:00:00+00:00"}'
        return Came("GET", "http://127.0.0.1/api/health", 200, {}, body, 1_799_999_990.0, 1_800_000_010.0)

    monkeypatch.setattr(server_health, "contact", slow)
    assert asked("server.clock", world()).state is WARN


# --- item 5 -----------------------------------------------------------------------------------------------


def test_a_namespace_is_there_or_is_to_be_created() -> None:
    assert of("namespace.exists", {AT: reply(SPACE)}).state is PASS
    assert of("namespace.exists", {AT: reply({"name": "production"})}).state is PASS
    finding = of("namespace.exists", {AT: reply(SPACE | {"status": "suspended"})})
    assert (finding.state, "suspended" in finding.said) == (WARN, True)
    described = Described(None, "o", retention_days=90)
    absent: dict[str, Answer] = {AT: refusal(404, "namespace_not_found"), "/api/namespaces": refusal(403, "forbidden")}
    finding = of("namespace.exists", absent, described=described)
    assert (finding.state, finding.said) == (FAIL, "the namespace does not exist on this server")
    assert finding.command == f"dwctl namespace ensure production --retention-days 90 {SERVED}"
    names = reply({"namespaces": [{"name": "default"}, {"name": "prodution"}]})
    finding = of("namespace.exists", absent | {"/api/namespaces": names})
    assert finding.said == "namespace production is not on this server, which has default, prodution"
    assert str(finding.next_step).startswith("Did you mean prodution? ")
    with pytest.raises(CallNotAuthorized):
        ROWS["namespace.exists"].ask(world(wire({AT: refusal(403, "forbidden")})))


OLD, YOUNG = "2026-10-20T00:00:00.000000Z", "2026-11-20T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("space", "wanted", "found", "state", "said"),
    [
        ({}, 30, None, PASS, "still to be seen: nobody named any"),
        ({}, 31, None, FAIL, "kept for 30 days, and the cutover wants 31"),
        ({}, None, None, UNKNOWN, "nothing says how long"),
        ({"retention_days": None}, 30, None, UNKNOWN, "does not say how long"),
        ({"retention_days": 1, "retention_mode": "forever"}, 90, None, PASS, "for ever"),
        ({}, None, bundles(bundle(), closed(2, YOUNG)), PASS, "no run to import ended before"),
        ({}, 30, bundles(bundle(), closed(2, OLD), closed(3, OLD)), FAIL, "2 closed runs to import ended before"),
        ({"retention_days": 60}, 30, bundles(closed(2, OLD)), PASS, "no run to import"),
        ({}, 30, bundles(closed(2, "some day")), PASS, "no run to import"),
        ({}, 30, bundles(closed(1, YOUNG), unreadable(2)), UNKNOWN, "1 bundle ended is not known"),
        ({}, 30, bundles(missing=("/exports/absent",)), PASS, "still to be seen: nothing lies at /exports/absent"),
        ({}, None, bundles(closed(1, YOUNG), missing=("/absent",)), UNKNOWN, "must be: nothing lies at /absent"),
        ({}, None, bundles(closed(1, OLD), missing=("/absent",)), FAIL, "1 closed run to import"),
        ({}, 30, bundles(closed(1, OLD), unreadable(2)), FAIL, "1 closed run to import"),
    ],
)
def test_retention_is_held_against_the_wish_and_the_bundles(
    space: dict[str, Any], wanted: int | None, found: BundleSet | None, state: State, said: str
) -> None:  # fmt: skip
    described = Described(None, "o", retention_days=wanted)
    finding = of("namespace.retention", {AT: reply(SPACE | space)}, described=described, bundles=found)
    assert finding.state is state
    assert said in finding.said
    assert finding.evidence[0].asked == "GET /api/namespaces/production"
    if "closed run" in said:
        assert finding.ids[-1] in ("run-3", "run-1")
        assert "--archive-terminal" in str(finding.next_step)


def test_a_cutover_without_imports_needs_no_bundles_for_its_retention() -> None:
    finding = of("namespace.retention", {AT: reply(SPACE)}, missing={Need.BUNDLES: NOT_WANTED})
    assert (finding.state, finding.said) == (PASS, "closed runs are kept for 30 days")


def test_runs_that_are_archived_on_the_server_are_exempt() -> None:
    fact = LedgerFact("run-1", "o-1", None, None, "completed", "imported", "c", NOW, None, None, None, NOW)
    rows = (fact, replace(fact, run_id="run-2", archived_at=None))
    ledger = LedgerFacts("l.db", "s", "production", "c", rows, "h", sound=True)
    old = bundles(closed(1, OLD), closed(2, OLD))
    finding = of("namespace.retention", {AT: reply(SPACE)}, bundles=old, ledger=ledger)
    assert (finding.state, finding.ids) == (FAIL, ("run-2",))


# --- item 8 -----------------------------------------------------------------------------------------------

STATS: dict[str, Any] = {"stats": {}, "pollers": [], "current_leases": []}
SEEN: dict[str, Answer] = {
    "/api/workflows": reply({"workflows": [], "next_page_token": None}),
    "/api/task-queues": reply({"task_queues": [{"name": "a b", "stats": {}}]}),
    "/api/task-queues/a b": reply({"name": "a b", **STATS}),
    "/api/task-queues/orders": reply({"name": "orders", **STATS}),
    "/api/workers": reply({"workers": []}),
}
ROUTES = {
    "operators.list_runs": "/api/workflows",
    "operators.task_queues": "/api/task-queues",
    "operators.workers": "/api/workers",
}


@pytest.mark.parametrize(("check_id", "path"), ROUTES.items())
def test_operators_see_it_with_their_own_token_or_not_at_all(check_id: str, path: str) -> None:
    row = ROWS[check_id]
    assert (row.needs, row.item) == ((Need.OPERATOR,), 8)
    finding = asked(check_id, world(operator=wire(SEEN)))
    assert (finding.state, finding.evidence[0].asked) == (PASS, f"GET {path}")
    refused = refusal(403, "forbidden", role="worker", allowed_roles=["operator", "admin"])
    finding = asked(check_id, world(operator=wire(SEEN | {path: refused})))
    assert finding.state is FAIL
    assert "it is worker, needed is operator or admin" in finding.said
    assert "DW_OPERATOR_TOKEN" in str(finding.next_step)
    finding = asked(check_id, world(operator=wire(SEEN | {path: refusal(401, "unauthorized")})))
    assert (finding.state, finding.command) == (FAIL, f"dwctl doctor {SERVED}")


def test_operators_look_into_the_queue_of_the_cutover_or_the_first_there_is() -> None:
    described = Described(None, "o", queues=("orders",))
    finding = asked("operators.task_queues", world(operator=wire(SEEN), described=described))
    assert [one.asked for one in finding.evidence] == ["GET /api/task-queues", "GET /api/task-queues/orders"]
    finding = asked("operators.task_queues", world(operator=wire(SEEN)))
    assert finding.evidence[1].asked == "GET /api/task-queues/a b"
    nothing = SEEN | {"/api/task-queues": reply({"task_queues": []})}
    assert len(asked("operators.task_queues", world(operator=wire(nothing))).evidence) == 1


def test_the_operators_token_is_no_administrators() -> None:
    repair = "/api/system/repair"
    there = world(wire({}), operator=wire({repair: refusal(403, "forbidden", role="operator")}))
    assert asked("operators.role", there).state is PASS
    finding = asked("operators.role", world(wire({}), operator=wire({repair: reply({})})))
    assert finding.state is UNKNOWN
    assert "DW_OPERATOR_TOKEN is let in where only administrators are" in finding.said
    finding = asked("operators.role", world(wire({}), operator=wire({repair: refusal(401, "unauthorized")})))
    assert finding.state is FAIL


def test_operators_without_a_token_of_their_own_have_no_role_to_look_with() -> None:
    same = Credential(Secret("tok-all"), "DW_AUTH_TOKEN")
    target = replace(TARGET, credentials=dict.fromkeys(Role, same))
    finding = asked("operators.role", world(wire({}, target), operator=wire({}, target)))
    assert finding.state is SKIPPED


# --- the rows ---------------------------------------------------------------------------------------------


def test_every_row_says_what_why_and_how_and_waits_for_rows_that_are_there() -> None:
    assert {row.item for row in CHECKS} == {4, 5, 8}
    for row in CHECKS:
        assert all(text.endswith(".") for text in (row.meaning, row.why, row.fix, row.evidence)), row.id
        assert set(row.after) <= ROWS.keys()
