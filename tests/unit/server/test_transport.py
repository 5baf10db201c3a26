"""The one client: what it sends, what it refuses to send, when it tries again, what it takes for an answer."""

from __future__ import annotations

import hashlib
import hmac
import inspect
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from servers import TARGET, TOKENS, Wire, refusal, reply

from dwctl import __version__
from dwctl.errors import ExitCode, RequestNotPossible
from dwctl.secret import Secret
from dwctl.server.calls import Answer, Call, Plane, retry_after_of, segment
from dwctl.server.failures import CallFailed, CallNotAuthorized, CallRefused, Delivery, ServerFailure
from dwctl.server.retries import Repeat
from dwctl.server.target import Credential, Target
from dwctl.server.transport import LARGEST_ANSWER
from dwctl.server.wire_errors import failure_of
from dwctl.settings import Auth, Role

READ = Call("GET", "/api/workers", (Role.OPERATOR,))


def sent(call: Call, target: Target = TARGET) -> httpx.Request:
    """The request that a call becomes."""
    wire = Wire(lambda request: reply())
    with wire.server(target) as server:
        server.call(call)
    return wire.requests[0]


def test_a_control_plane_call_has_its_headers_and_no_others_of_ours() -> None:
    headers = sent(READ).headers
    assert headers["Accept"] == "application/json"
    assert headers["X-Durable-Workflow-Control-Plane-Version"] == "2"
    assert headers["X-Namespace"] == "production"
    assert headers["Authorization"] == "Bearer tok-operator"
    assert headers["User-Agent"] == f"dwctl/{__version__}"
    assert "X-Durable-Workflow-Protocol-Version" not in headers
    assert "Content-Type" not in headers


def test_a_worker_call_has_the_worker_protocol_and_the_worker_token() -> None:
    call = Call("POST", "/api/worker/register", (Role.WORKER,), plane=Plane.WORKER, body=b"{}")
    headers = sent(call).headers
    assert headers["X-Durable-Workflow-Protocol-Version"] == "1.0"
    assert headers["Authorization"] == "Bearer tok-worker"
    assert headers["Content-Type"] == "application/json"
    assert "X-Durable-Workflow-Control-Plane-Version" not in headers


def test_an_open_call_without_roles_sends_neither_version_nor_token() -> None:
    headers = sent(Call("GET", "/api/health", (), plane=Plane.OPEN, namespaced=False)).headers
    assert not {"authorization", "x-namespace", "x-durable-workflow-control-plane-version"} & set(headers)


@pytest.mark.parametrize(
    ("configured", "roles", "token"),
    [
        ((Role.OPERATOR, Role.ADMIN), (Role.OPERATOR, Role.ADMIN), "tok-operator"),
        ((Role.ADMIN,), (Role.OPERATOR, Role.ADMIN), "tok-admin"),
        ((Role.WORKER,), (Role.OPERATOR, Role.ADMIN), None),
        ((), (Role.ADMIN,), None),
    ],
)
def test_the_least_role_that_is_configured_is_used(
    configured: tuple[Role, ...], roles: tuple[Role, ...], token: str | None
) -> None:
    target = replace(TARGET, credentials={role: TOKENS[role] for role in configured})
    request = sent(Call("GET", "/api/x", roles), target)
    assert request.headers.get("Authorization") == (f"Bearer {token}" if token else None)


def test_the_bytes_the_media_type_and_the_query_go_out_as_given() -> None:
    body = b'{"a": " x ",\n "b": 1.0}'
    call = Call("POST", "/api/y", (Role.ADMIN,), body=body, content_type="application/JSON", query={"dry_run": "1"})
    request = sent(call)
    assert request.content == body
    assert request.headers["Content-Type"] == "application/JSON"
    assert request.url.query == b"dry_run=1"


@pytest.mark.parametrize("body", [None, b'{"name":"signed"}'])
def test_the_signature_driver_signs_the_raw_body_and_sends_no_token(body: bytes | None) -> None:
    target = replace(TARGET, auth=Auth.SIGNATURE)
    request = sent(Call("POST" if body else "GET", "/api/namespaces", (Role.ADMIN,), body=body), target)
    assert request.headers["X-Signature"] == hmac.new(b"tok-admin", body or b"", hashlib.sha256).hexdigest()
    assert "Authorization" not in request.headers


def test_the_driver_none_sends_no_credential() -> None:
    request = sent(READ, replace(TARGET, auth=Auth.NONE))
    assert not {"authorization", "x-signature"} & set(request.headers)


@pytest.mark.parametrize("auth", [Auth.TOKEN, Auth.SIGNATURE])
def test_a_credential_does_not_leave_unencrypted_unless_insisted_on(auth: Auth) -> None:
    far = replace(TARGET, url="http://workflows.example.com", auth=auth)
    wire = Wire(lambda request: reply())
    with wire.server(far) as server, pytest.raises(RequestNotPossible, match="unencrypted") as caught:
        server.call(READ)
    assert wire.requests == []
    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.reason == "insecure_connection"
    assert "allow-insecure" in str(caught.value.next_step)
    assert sent(READ, replace(far, allow_insecure=True)).url.host == "workflows.example.com"
    assert sent(READ, replace(far, url="https://workflows.example.com")).url.scheme == "https"
    assert sent(READ, replace(far, credentials={})).url.host == "workflows.example.com"


@pytest.mark.parametrize("name", ["a/b", "../x", "a b", "ä", "a?b#c", "%2e%2e", "a\n\r\x00", "'; --", "a:b.c_d-e"])
def test_a_hostile_id_stays_one_segment(name: str) -> None:
    url = sent(Call("GET", f"/api/workflows/{segment(name)}/runs", (Role.OPERATOR,))).url
    raw = url.raw_path.decode()
    assert raw.startswith("/api/workflows/")
    assert raw.endswith("/runs")
    assert raw.count("/") == 4
    assert httpx.URL(f"http://x{raw}").path == f"/api/workflows/{name}/runs"


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_an_id_that_no_segment_can_be_is_refused(name: str) -> None:
    with pytest.raises(RequestNotPossible) as caught:
        segment(name)
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_its_place_is_told(status: int) -> None:
    wire = Wire(
        lambda request: httpx.Response(status, headers={"location": "https://evil.example.com/?t=tok-operator"})
    )
    with wire.server() as server, pytest.raises(CallRefused, match=r"evil\.example\.com") as caught:
        server.call(READ)
    assert len(wire.requests) == 1
    assert caught.value.reason == "redirected"
    assert "tok-operator" not in caught.value.message


def test_a_403_is_not_tried_again_with_another_token() -> None:
    wire = Wire(lambda request: refusal(403, "forbidden", role="operator", allowed_roles=["admin"]))
    with wire.server() as server, pytest.raises(CallNotAuthorized, match="needed is admin"):
        server.call(Call("GET", "/api/x", (Role.OPERATOR, Role.ADMIN)))
    assert [request.headers["Authorization"] for request in wire.requests] == ["Bearer tok-operator"]


def test_a_busy_server_is_asked_again_with_growing_pauses() -> None:
    wire = Wire([refusal(503, "backend_lock_pressure"), refusal(502), httpx.ReadTimeout("x"), reply({"ok": 1})])
    with wire.server() as server:
        answer = server.call(READ)
    assert answer.document() == {"ok": 1}
    assert wire.pauses == [0.25, 0.5, 1.0]
    assert (answer.attempts, answer.unsettled) == (4, 2)
    assert [attempt.pause for attempt in wire.attempts] == [0.25, 0.5, 1.0, None]


def test_retry_after_is_honoured() -> None:
    wire = Wire([reply({"reason": "namespace_request_rate_exhausted"}, 429, retry_after="41"), reply()])
    with wire.server() as server:
        server.call(READ)
    assert wire.pauses == [41.0]


def test_a_retry_after_beyond_the_time_is_told_and_not_waited_for() -> None:
    wire = Wire([reply({"reason": "namespace_request_rate_exhausted"}, 429, retry_after="3600")])
    with wire.server() as server, pytest.raises(CallRefused) as caught:
        server.call(READ)
    assert wire.pauses == []
    assert caught.value.next_step == "Try again in 3,600 seconds."


def test_retries_end_after_the_attempts() -> None:
    wire = Wire(lambda request: refusal(503))
    with wire.server() as server, pytest.raises(CallFailed):
        server.call(READ)
    assert len(wire.requests) == 4


def test_retries_end_when_the_time_is_over() -> None:
    wire = Wire(lambda request: refusal(503))

    def slow(request: httpx.Request) -> httpx.Response:
        wire.seconds += 50
        return refusal(503)

    wire.answers = slow
    with wire.server() as server, pytest.raises(CallFailed):
        server.call(READ)
    assert len(wire.requests) == 2


@pytest.mark.parametrize(
    ("repeat", "failure", "requests"),
    [
        (Repeat.NEVER, httpx.ConnectError("x"), 1),
        (Repeat.NEVER, httpx.ReadTimeout("x"), 1),
        (Repeat.UNSENT, httpx.ConnectError("x"), 4),
        (Repeat.UNSENT, httpx.ReadTimeout("x"), 1),
        (Repeat.UNSENT, httpx.ReadError("x"), 1),
        (Repeat.ALWAYS, httpx.ReadError("x"), 4),
    ],
)
def test_what_must_not_be_repeated_is_not(repeat: Repeat, failure: Exception, requests: int) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise failure

    wire = Wire(fail)
    with wire.server() as server, pytest.raises(ServerFailure):
        server.call(Call("POST", "/api/x", (Role.ADMIN,), body=b"{}", repeat=repeat))
    assert len(wire.requests) == requests


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 415, 422, 500])
def test_an_answer_that_will_not_change_is_not_asked_for_again(status: int) -> None:
    wire = Wire(lambda request: refusal(status))
    with wire.server() as server, pytest.raises(ServerFailure):
        server.call(READ)
    assert len(wire.requests) == 1


def test_a_failure_remembers_that_an_earlier_attempt_may_have_worked() -> None:
    wire = Wire([httpx.ReadTimeout("x"), httpx.ConnectError("x"), httpx.ConnectError("x"), httpx.ConnectError("x")])
    with wire.server() as server, pytest.raises(ServerFailure) as caught:
        server.call(READ)
    assert caught.value.exchange.delivery is Delivery.NOT_SENT
    assert caught.value.exchange.unsettled


def test_an_accepted_answer_that_says_later_is_asked_for_again() -> None:
    busy = Call("POST", "/api/x", (), body=b"{}", accepted=frozenset({422}), busy=lambda answer: answer.status == 422)
    wire = Wire([reply({}, 422), reply({}, 422), reply({"done": True}, 201)])
    with wire.server() as server:
        assert server.call(busy).status == 201
    wire = Wire(lambda request: reply({}, 422))
    with wire.server() as server:
        assert server.call(busy).status == 422
    assert len(wire.requests) == 4


def test_a_secret_that_the_server_repeats_is_masked() -> None:
    def echo(request: httpx.Request) -> httpx.Response:
        return refusal(418, message=f"got {request.headers['Authorization']}", nested=["tok-operator"])

    wire = Wire(echo)
    with wire.server() as server, pytest.raises(ServerFailure) as caught:
        server.call(READ)
    assert "tok-operator" not in f"{caught.value.message}{caught.value.exchange!r}"
    assert "********" in caught.value.message


def test_the_call_log_has_neither_headers_nor_query_nor_body() -> None:
    wire = Wire(lambda request: reply())
    call = Call("POST", "/api/x", (Role.ADMIN,), body=b"pay-planted", query={"q": "query-planted"})
    with wire.server() as server:
        server.call(call)
    assert "planted" not in repr(wire.attempts)
    assert "tok-" not in repr(wire.attempts)


def test_the_target_does_not_show_its_secrets() -> None:
    target = replace(TARGET, proxy=Secret("http://u:pass-planted@proxy:1"))
    assert "tok-" not in repr(target)
    assert "planted" not in repr(target)
    assert {secret.reveal() for secret in target.secrets} >= {"tok-admin", "pass-planted"}


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a":', b"[" * 100_000, b"\xff\xfe"])
def test_an_answer_that_is_not_json_is_a_failure_of_its_own(body: bytes) -> None:
    wire = Wire(lambda request: httpx.Response(200, content=body, headers={"content-type": "text/html; charset=x"}))
    with wire.server() as server, pytest.raises(CallFailed, match="text/html") as caught:
        server.call(READ).document()
    assert caught.value.reason == "unreadable_answer"
    assert caught.value.exchange.unsettled


def test_an_error_page_is_taken_by_its_status() -> None:
    wire = Wire(lambda request: httpx.Response(404, content=b"<html>tok</html>"))
    with wire.server() as server, pytest.raises(ServerFailure) as caught:
        server.call(READ)
    assert caught.value.exit_code is ExitCode.NOT_FOUND
    assert caught.value.message == "the server answered 404"


class Endless(httpx.SyncByteStream):
    """A body that never ends, and takes its time."""

    def __init__(self, wire: Wire, seconds: float, chunk: bytes) -> None:
        self._wire, self._seconds, self._chunk = wire, seconds, chunk

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self._wire.seconds += self._seconds
            yield self._chunk


def test_a_server_that_trickles_is_stopped() -> None:
    wire = Wire([])
    wire.answers = lambda request: httpx.Response(200, stream=Endless(wire, 29.0, b"x"))
    with wire.server() as server, pytest.raises(ServerFailure) as caught:
        server.call(READ)
    assert caught.value.exit_code is ExitCode.TIMEOUT
    assert len(wire.requests) == 1


def test_a_server_that_floods_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dwctl.server.transport.LARGEST_ANSWER", 1_000_000)
    wire = Wire([])
    wire.answers = lambda request: httpx.Response(200, stream=Endless(wire, 0.0, b"x" * 65536))
    with wire.server() as server, pytest.raises(CallFailed, match="larger than"):
        server.call(READ)
    assert LARGEST_ANSWER > 64 * 1024 * 1024


def httpx_errors() -> list[type[Exception]]:
    """Every exception class of httpx that a request may raise."""
    found = [kind for _, kind in inspect.getmembers(httpx, inspect.isclass) if issubclass(kind, Exception)]
    aside = {"CookieConflict", "HTTPStatusError"}
    return [kind for kind in found if kind.__name__ not in aside]


@pytest.mark.parametrize("kind", httpx_errors(), ids=lambda kind: kind.__name__)
def test_no_exception_of_httpx_is_left_untranslated(kind: type[Exception]) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        parameters = inspect.signature(kind).parameters
        raise kind("x") if parameters else kind()

    with Wire(fail).server() as server, pytest.raises(ServerFailure) as caught:
        server.call(replace(READ, repeat=Repeat.NEVER))
    assert caught.value.exit_code in (ExitCode.NETWORK, ExitCode.TIMEOUT, ExitCode.SERVER)
    assert caught.value.next_step


def caused(error: Exception, cause: Exception) -> Exception:
    """An httpx exception with what lies behind it."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "code", "reason", "delivery", "said"),
    [
        (httpx.ConnectTimeout("x"), 7, "timed_out", "not_sent", "within 30 s"),
        (httpx.PoolTimeout("x"), 7, "timed_out", "not_sent", "within 30 s"),
        (httpx.ReadTimeout("x"), 7, "timed_out", "unknown", "no answer"),
        (httpx.WriteTimeout("x"), 7, "timed_out", "unknown", "no answer"),
        (httpx.ConnectError("x"), 3, "server_unreachable", "not_sent", "not reached"),
        (caused(httpx.ConnectError("x"), ConnectionRefusedError()), 3, "server_unreachable", "not_sent", "refused"),
        (caused(httpx.ConnectError("x"), socket.gaierror()), 3, "server_unreachable", "not_sent", "name"),
        (caused(httpx.ConnectError("x"), ssl.SSLError()), 3, "tls_not_trusted", "not_sent", "TLS"),
        (httpx.ProxyError("x"), 3, "server_unreachable", "not_sent", "the proxy"),
        (httpx.ReadError("x"), 3, "connection_lost", "unknown", "broke"),
        (httpx.WriteError("x"), 3, "connection_lost", "unknown", "broke"),
        (httpx.RemoteProtocolError("x"), 3, "connection_lost", "unknown", "broke"),
        (httpx.LocalProtocolError("x"), 3, "server_unreachable", "not_sent", "wire"),
        (httpx.DecodingError("x"), 6, "unreadable_answer", "unknown", "compression"),
    ],
)
def test_how_far_a_broken_call_got(error: Exception, code: int, reason: str, delivery: str, said: str) -> None:
    failure = failure_of(error, "GET", "http://127.0.0.1:8080/api/x", TARGET)
    assert (failure.exit_code, failure.reason, failure.exchange.delivery) == (code, reason, delivery)
    assert said in failure.message


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7.0), (" 0 ", 0.0), ("", None), ("soon", None), ("-5", None), ("1.5", None), ("٣", None),
     ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0), ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0), ("9" * 400, 999_999_999.0)],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after_of({"retry-after": text}, 1_800_000_000.0) == seconds


def test_an_answer_keeps_its_headers_by_lower_case_name() -> None:
    wire = Wire(lambda request: reply({}, 200, X_Thing="v"))
    with wire.server() as server:
        answer = server.call(READ)
    assert isinstance(answer, Answer)
    assert answer.headers["x-thing"] == "v"
    assert answer.sent_at == answer.received_at == 1_800_000_000.0


def test_a_credential_without_a_secret_shows_where_it_was_looked_for() -> None:
    target = replace(TARGET, credentials={Role.OPERATOR: Credential(None, "profile prod: T (not set)")})
    wire = Wire(lambda request: refusal(401, "unauthorized"))
    with wire.server(target) as server, pytest.raises(CallNotAuthorized) as caught:
        server.call(READ)
    assert "profile prod: T (not set)" in str(caught.value.next_step)
