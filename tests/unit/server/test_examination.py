"""`doctor`: every check in every outcome, and the exit code that wins."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from servers import TARGET, Wire, answer, refusal, reply

from dwctl.server.contact import clock_skew
from dwctl.server.examination import Check, Examination, Outcome, examine
from dwctl.server.target import Target
from dwctl.server.tls import Peer
from dwctl.server.transport import Server
from dwctl.settings import Auth, Role

INFO = {
    "version": "0.2.9",
    "control_plane": {
        "version": "2",
        "request_contract": {"schema": "durable-workflow.v2.control-plane-request.contract", "version": 1},
    },
    "worker_protocol": {"version": "1.15"},
    "capabilities": {"embedded_v2_import": True, "payload_codecs": ["avro"]},
    "limits": {"max_payload_bytes": 1},
}
DATE = "Fri, 15 Jan 2027 08:00:00 GMT"  # 1_800_000_000
READY = {"status": "ready", "checks": {}}


def world(**changes: Any) -> Wire:
    """A server where all is well, but for the paths that are changed."""

    def respond(request: httpx.Request) -> httpx.Response:
        for part, answered in changes.items():
            if part in request.url.path:
                if isinstance(answered, Exception):
                    raise answered
                return answered(request) if callable(answered) else answered  # type: ignore[no-any-return]
        if request.url.path == "/api/cluster/info":
            return reply(INFO, date=DATE)
        if "/namespaces/" in request.url.path:
            return reply({"name": "production", "retention_days": 30})
        return reply(READY)

    return Wire(respond)


def found(wire: Wire, target: Target = TARGET) -> tuple[dict[str, Check], Examination]:
    """The checks by their id."""
    with wire.server(target) as server:
        result = examine(server)
    return {check.id: check for check in result.checks}, result


def test_where_all_is_well_nothing_fails_and_nothing_is_hidden() -> None:
    checks, result = found(world())
    assert result.exit_code == 0
    assert {name: check.outcome.value for name, check in checks.items()} == {
        "connection": "ok",
        "ready": "ok",
        "tls": "skipped",
        "clock": "ok",
        "token.worker": "ok",
        "token.operator": "ok",
        "token.admin": "ok",
        "namespace": "ok",
        "compatibility": "ok",
    }
    assert all(check.detail for check in result.checks)


def test_an_unreachable_server_skips_the_rest_and_says_why() -> None:
    checks, result = found(world(health=httpx.ConnectError("x")))
    assert result.exit_code == 3
    assert checks["connection"].outcome is Outcome.FAILED
    assert {check.outcome for name, check in checks.items() if name != "connection"} == {Outcome.SKIPPED}
    assert len(checks) == 7


@pytest.mark.parametrize(
    ("changes", "check", "code"),
    [
        ({"ready": reply({"status": "not_ready", "checks": {"cache": {"status": "bad"}}}, 503)}, "ready", 6),
        ({"ready": refusal(404)}, "ready", 5),
        ({"namespaces": refusal(404, "namespace_not_found")}, "namespace", 5),
        ({"namespaces": refusal(403, "forbidden")}, "namespace", 4),
        ({"cluster": reply(INFO | {"control_plane": {"version": "3"}})}, "compatibility", 8),
        ({"cluster": reply([])}, "compatibility", 6),
    ],
)
def test_what_fails_is_a_check_of_its_own(changes: dict[str, Any], check: str, code: int) -> None:
    checks, result = found(world(**changes))
    assert checks[check].outcome is Outcome.FAILED
    assert checks[check].exit_code == code
    assert checks[check].next_step
    assert result.exit_code == code


def test_a_wrong_token_of_one_role_is_told_apart() -> None:
    def only_operator(request: httpx.Request) -> httpx.Response:
        if request.headers["Authorization"] == "Bearer tok-operator":
            return reply(INFO, date=DATE)
        return refusal(401, "unauthorized")

    checks, result = found(world(cluster=only_operator))
    assert checks["token.operator"].outcome is Outcome.OK
    assert checks["token.admin"].outcome is checks["token.worker"].outcome is Outcome.FAILED
    assert result.exit_code == 4


def test_a_role_without_a_token_is_skipped_with_the_place_that_was_looked_at() -> None:
    target = replace(TARGET, credentials={Role.ADMIN: TARGET.credentials[Role.ADMIN]})
    checks, result = found(world(), target)
    assert checks["token.worker"].outcome is Outcome.SKIPPED
    assert "default" in checks["token.worker"].detail
    assert result.exit_code == 0


def test_no_token_at_all_is_a_warning_where_the_server_answers_and_a_failure_where_it_does_not() -> None:
    bare = replace(TARGET, credentials={})
    checks, result = found(world(), bare)
    assert checks["tokens"].outcome is Outcome.WARNING
    assert result.exit_code == 0
    checks, result = found(world(cluster=refusal(401, "unauthorized")), bare)
    assert checks["tokens"].outcome is Outcome.FAILED
    assert checks["compatibility"].outcome is checks["clock"].outcome is Outcome.SKIPPED
    assert result.exit_code == 4
    checks, _ = found(world(), replace(TARGET, auth=Auth.NONE))
    assert checks["tokens"].outcome is Outcome.OK


def test_incompatible_comes_before_everything_else() -> None:
    _, result = found(
        world(cluster=reply(INFO | {"control_plane": {"version": "3"}}), namespaces=refusal(403), ready=refusal(500))
    )
    assert result.exit_code == 8


def test_a_server_without_an_importer_is_a_warning_here() -> None:
    checks, result = found(world(cluster=reply(INFO | {"capabilities": {"payload_codecs": ["avro"]}}, date=DATE)))
    assert checks["compatibility"].outcome is Outcome.WARNING
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("date", "outcome", "said"),
    [
        (DATE, Outcome.OK, "within"),
        ("Fri, 15 Jan 2027 08:01:00 GMT", Outcome.WARNING, "ahead of"),
        ("Fri, 15 Jan 2027 07:59:00 GMT", Outcome.WARNING, "behind"),
        ("yesterday", Outcome.WARNING, "not known"),
    ],
)
def test_the_clock_goes_by_the_date_of_the_answer(date: str, outcome: Outcome, said: str) -> None:
    checks, _ = found(world(cluster=reply(INFO, date=date)))
    assert checks["clock"].outcome is outcome
    assert said in checks["clock"].detail


def test_skew_is_measured_from_the_middle_of_the_exchange() -> None:
    sent = answer({}, headers={"date": DATE}, sent_at=1_799_999_990.0, received_at=1_800_000_000.0)
    assert clock_skew(sent) == pytest.approx(5.5)
    assert clock_skew(answer({}, headers={})) is None


class Encrypted(Server):
    """A Server whose answers come with a certificate."""

    peer: Peer | None = None

    def call(self, call: Any, **more: Any) -> Any:
        return replace(super().call(call, **more), peer=self.peer)


@pytest.mark.parametrize(
    ("days", "verified", "outcome"),
    [(90, True, "ok"), (5, True, "warning"), (None, True, "warning"), (90, False, "warning")],
)
def test_the_life_of_the_certificate(days: int | None, verified: bool, outcome: str) -> None:
    target = replace(TARGET, url="https://far.example.com", tls_verify=verified)
    with Encrypted(target, transport=httpx.MockTransport(world().handle), now=lambda: 1_800_000_000.0) as server:
        end = None if days is None else datetime.fromtimestamp(1_800_000_000, UTC) + timedelta(days=days)
        server.peer = Peer("TLSv1.3", "far.example.com", "An Authority", end)
        checks = {check.id: check for check in examine(server).checks}
    assert checks["tls"].outcome == outcome
