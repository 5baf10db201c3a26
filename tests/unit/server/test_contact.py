"""What an exchange tells beside its answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from servers import Wire, answer, reply

from dwctl.server.contact import Skew, certificate_left, contact, skew_of
from dwctl.server.failures import CallNotConnected
from dwctl.server.tls import Peer

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HERE: dict[str, Any] = {"sent_at": AT.timestamp() - 1, "received_at": AT.timestamp() + 1}
DATED = {"date": "Mon, 23 Nov 2026 12:00:10 GMT"}


def test_a_contact_is_one_request_without_a_token_whatever_it_answers() -> None:
    wire = Wire([reply({"status": "degraded"}, 503)])
    with wire.server() as server:
        assert contact(server).status == 503
    (request,) = wire.requests
    assert (request.method, request.url.path) == ("GET", "/api/health")
    assert "authorization" not in request.headers
    wire = Wire([httpx.ConnectError("refused")])
    with wire.server() as server, pytest.raises(CallNotConnected):
        contact(server)
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    ("document", "headers", "skew"),
    [
        ({"timestamp": "2026-11-23T12:00:30+00:00"}, {}, Skew(30.5, 1.5, "timestamp")),
        ({"timestamp": "2026-11-23T13:00:30+01:00"}, DATED, Skew(30.5, 1.5, "timestamp")),
        ({"timestamp": "2026-11-23T11:59:30.250000Z"}, DATED, Skew(-29.75, 1.5, "timestamp")),
        ({"timestamp": "2026-11-23T12:00:30"}, DATED, Skew(10.5, 1.5, "Date header")),
        ({"timestamp": 1}, DATED, Skew(10.5, 1.5, "Date header")),
        ([], DATED, Skew(10.5, 1.5, "Date header")),
        (b"<html>", DATED, Skew(10.5, 1.5, "Date header")),
        ({"timestamp": "soon"}, {"date": "soon"}, None),
        ({}, {}, None),
    ],
)
def test_the_servers_own_time_comes_before_that_of_a_proxy(
    document: object, headers: dict[str, str], skew: Skew | None
) -> None:  # fmt: skip
    assert skew_of(answer(document, headers=headers, **HERE)) == skew


def test_what_is_left_of_a_certificate_counts_from_its_arrival() -> None:
    peer = Peer("TLSv1.3", "server", "authority", AT + timedelta(days=3))
    assert certificate_left(answer({}, peer=peer, **HERE)) == timedelta(days=3, seconds=-1)
    assert certificate_left(answer({}, peer=Peer("TLSv1.3", None, None, None))) is None
    assert certificate_left(answer({})) is None
