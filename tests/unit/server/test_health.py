"""Both probes: ready decides, unknown is not ready, waiting ends."""

from __future__ import annotations

import httpx
import pytest
from servers import Wire, refusal, reply

from dwctl.errors import ExitCode
from dwctl.server.health import HealthReport, check_health
from dwctl.server.retries import ONCE

SERVING = {"status": "serving", "timestamp": "2026-11-22T22:16:09+00:00", "checks": {"database": "ok"}}
READY = {"status": "ready", "checks": {"database": {"status": "ok"}}}
NOT_READY = {"status": "not_ready", "checks": {"migrations": {"status": "missing", "remediation": "Run it."}}}


def checked(*answers: httpx.Response | Exception, wait: float = 0.0) -> tuple[HealthReport, Wire]:
    """A report from these answers, in order."""
    wire = Wire(answers)
    with wire.server(policy=ONCE) as server:
        return check_health(server, wait=wait, clock=lambda: wire.seconds, sleep=wire.sleep), wire


def test_ready_and_serving_is_0_and_no_token_is_sent() -> None:
    report, wire = checked(reply(SERVING), reply(READY))
    assert report.is_ready
    assert report.exit_code is ExitCode.DONE
    assert [request.url.path for request in wire.requests] == ["/api/health", "/api/ready"]
    assert not any("authorization" in request.headers for request in wire.requests)


def test_a_warning_in_a_check_is_still_ready() -> None:
    report, _ = checked(reply(SERVING), reply({"status": "ready", "checks": {"cache": {"status": "warning"}}}))
    assert report.is_ready
    assert report.ready is not None
    assert report.ready.checks[0].status == "warning"


@pytest.mark.parametrize(
    ("ready", "code"),
    [
        (reply(NOT_READY, 503), 6),
        (reply(NOT_READY), 6),
        (reply({"status": "READY", "checks": {}}), 6),
        (reply({"status": "ready", "checks": {}}, 503), 6),
        (reply({}), 6),
        (refusal(503), 6),
        (refusal(404, "not_found"), 5),
        (refusal(401, "unauthorized"), 4),
        (httpx.Response(200, content=b"<html>welcome</html>"), 6),
        (httpx.Response(302, headers={"location": "https://login"}), 2),
        (httpx.ReadTimeout("x"), 7),
        (httpx.ReadError("x"), 3),
    ],
)
def test_anything_but_ready_is_not_ready(ready: httpx.Response | Exception, code: int) -> None:
    report, _ = checked(reply(SERVING), ready)
    assert not report.is_ready
    assert report.exit_code == code


def test_a_degraded_server_that_is_ready_is_ready_since_ready_decides() -> None:
    degraded = {"status": "degraded", "checks": {"database": "unavailable"}}
    report, _ = checked(reply(degraded, 503), reply(READY))
    assert report.is_ready
    assert report.health is not None
    assert report.health.status == "degraded"


def test_an_unreachable_server_is_asked_once_and_its_error_kept() -> None:
    report, wire = checked(httpx.ConnectError("x"))
    assert report.exit_code is ExitCode.NETWORK
    assert len(wire.requests) == 1


def test_waiting_asks_until_it_is_ready() -> None:
    report, wire = checked(
        httpx.ConnectError("x"), reply(SERVING), reply(NOT_READY, 503), reply(SERVING), reply(READY), wait=60
    )
    assert report.is_ready
    assert report.attempts == 3
    assert wire.pauses == [0.25, 0.5]


def test_waiting_ends_when_the_time_is_over_with_the_last_cause() -> None:
    wire = Wire(lambda request: reply(SERVING if request.url.path.endswith("health") else NOT_READY, 503))
    with wire.server(policy=ONCE) as server:
        report = check_health(server, wait=10, clock=lambda: wire.seconds, sleep=wire.sleep)
    assert report.exit_code is ExitCode.SERVER
    assert sum(wire.pauses) == pytest.approx(10)
    assert max(wire.pauses) == 2.0
