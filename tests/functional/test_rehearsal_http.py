"""The rehearsal server's surface: the order of its checks, its callers, its JSON, its namespaces."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import hmac
import json
import zlib
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from dwctl.errors import LocalStateError, RequestNotPossible
from dwctl.rehearsal import create_app
from dwctl.rehearsal.state import Settings
from rehearsal_server import CONTROL, InProcess, client_of, import_request, imported, in_process, ready_run
from sample_bundles import sealed

TOKENS = {"worker": "w-secret", "operator": "o-secret", "admin": "a-secret"}


def ask(
    server: InProcess,
    method: str,
    path: str,
    *,
    content: bytes | None = None,
    json_type: str | None = "application/json",
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """One request with every header in the test's hand."""

    async def send() -> httpx.Response:
        async with client_of(server.app) as client:
            sent = {**CONTROL, "Accept-Encoding": "identity"}
            if content is not None and json_type is not None:
                sent["Content-Type"] = json_type
            if token is not None:
                sent["Authorization"] = f"Bearer {token}"
            sent |= headers or {}
            kept = {name: value for name, value in sent.items() if value}
            return await client.request(method, path, content=content, headers=kept)

    return asyncio.run(send())


NO_VERSION = {"X-Durable-Workflow-Control-Plane-Version": ""}


# --- the order of checks ----------------------------------------------------------------------------------------

WRONG = (
    # each request is wrong in this way and in every later one
    (413, "payload_too_large", {"content": b" " * 101, "json_type": "text/plain", "headers": NO_VERSION}),
    (415, "unsupported_media_type", {"content": b"{", "json_type": "text/plain", "headers": NO_VERSION}),
    (400, "malformed_json", {"content": b"{", "headers": NO_VERSION}),
    (401, "unauthorized", {"content": b"{}", "headers": NO_VERSION}),
    (403, "forbidden", {"content": b"{}", "token": "w-secret", "headers": NO_VERSION}),
    (400, "missing_control_plane_version", {"content": b"{}", "token": "a-secret", "headers": NO_VERSION}),
    (404, "namespace_not_found", {"content": b"{}", "token": "a-secret", "headers": {"X-Namespace": "absent"}}),
    (422, "validation_failed", {"content": b"{}", "token": "a-secret"}),
)


@pytest.mark.parametrize(("status", "reason", "request_"), WRONG, ids=[row[1] for row in WRONG])
def test_the_first_check_that_fails_answers(status: int, reason: str, request_: dict[str, Any]) -> None:
    server = in_process(auth="token", tokens=TOKENS, max_payload_bytes=100)
    headers = {"X-Namespace": "absent"} if status != 422 else {}
    request_ = {**request_, "headers": {**headers, **request_.get("headers", {})}}
    answer = ask(server, "POST", "/api/workflows", **request_)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert answer.json()["control_plane"]["operation"] == "start"


def test_a_length_that_is_announced_is_refused_before_the_body_is_read() -> None:
    answer = ask(
        in_process(max_payload_bytes=100), "POST", "/api/workflows", content=b"{}", headers={"Content-Length": "101"}
    )
    assert answer.json()["limit"] == 100
    assert answer.status_code == 413


def test_an_unknown_route_is_no_matter_of_tokens() -> None:
    answer = ask(in_process(auth="token", tokens=TOKENS), "GET", "/api/nothing")
    assert (answer.status_code, answer.json()["reason"]) == (404, "not_found")


def test_an_unhandled_failure_is_500_without_a_reason() -> None:
    server = in_process()
    server.app.state.rehearsal.database.close()
    answer = ask(server, "GET", "/api/workflows")
    assert answer.status_code == 500
    assert answer.json() == {"message": "Server Error"}


def test_a_database_that_does_not_answer_is_degraded_and_not_ready() -> None:
    server = in_process()
    server.app.state.rehearsal.database.close()
    assert (ask(server, "GET", "/api/health").status_code, ask(server, "GET", "/api/ready").status_code) == (503, 503)


# --- callers ------------------------------------------------------------------------------------------------------


def test_without_role_tokens_the_one_token_may_do_everything() -> None:
    server = in_process(auth="token", tokens={"any": "secret"})
    body = json.dumps({"worker_id": "w", "task_queue": "q", "runtime": "php"}).encode()
    headers = {"X-Durable-Workflow-Protocol-Version": "1.0"}
    assert ask(server, "POST", "/api/worker/register", content=body, token="secret", headers=headers).is_success
    assert ask(server, "POST", "/api/namespaces", content=b'{"name":"n"}', token="secret").is_success


def test_beside_role_tokens_it_is_an_admin_and_no_worker() -> None:
    server = in_process(auth="token", tokens={**TOKENS, "any": "secret"})
    headers = {"X-Durable-Workflow-Protocol-Version": "1.0"}
    answer = ask(server, "POST", "/api/worker/register", content=b"{}", token="secret", headers=headers)
    assert answer.status_code == 403
    assert answer.json()["role"] == "admin"
    assert ask(server, "POST", "/api/namespaces", content=b'{"name":"n"}', token="secret").is_success


def test_a_signature_is_the_hmac_of_the_raw_body() -> None:
    server = in_process(auth="signature", tokens=TOKENS)
    body = b'{ "name":"signed"}'
    signature = hmac.new(b"a-secret", body, hashlib.sha256).hexdigest()
    assert ask(server, "POST", "/api/namespaces", content=body, headers={"X-Signature": signature}).status_code == 201
    assert ask(server, "POST", "/api/namespaces", content=body, headers={"X-Signature": "00"}).status_code == 401
    assert ask(server, "POST", "/api/namespaces", content=body).status_code == 401


def test_a_driver_without_a_secret_is_a_server_error_and_not_ready() -> None:
    server = in_process(auth="token")
    answer = ask(server, "GET", "/api/cluster/info", token="x")
    assert (answer.status_code, answer.json()["reason"]) == (500, "server_error")
    assert ask(server, "GET", "/api/ready").json()["checks"]["auth"]["status"] == "missing"


@pytest.mark.parametrize(
    "options",
    [{"auth": "magic"}, {"profile": "dream"}, {"auth": "token", "tokens": {"king": "x"}}],
    ids=["driver", "profile", "role"],
)
def test_what_a_server_cannot_be_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(RequestNotPossible) as caught:
        create_app(**options)
    assert caught.value.next_step


def test_a_file_that_is_no_database_is_refused(tmp_path: Any) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are notes, and no database at all" * 10)
    with pytest.raises(LocalStateError):
        create_app(database=path)


def test_settings_never_show_their_tokens() -> None:
    settings = Settings(auth="token", tokens={"any": "very-secret"}, signing_key=b"very-secret")
    assert "very-secret" not in repr(settings)


# --- JSON -----------------------------------------------------------------------------------------------------------


def test_a_body_is_trimmed_and_its_empty_texts_are_null() -> None:
    server = in_process()
    body = {"workflow_id": " a\u2028", "workflow_type": "\u00a0t ", "business_key": "", "input": [" x "]}
    answer = ask(server, "POST", "/api/workflows", content=json.dumps(body).encode())
    assert answer.json()["workflow_id"] == "a"
    assert answer.json()["business_key"] is None
    assert server.get("workflows/a")["input"] == ["x"]


@pytest.mark.parametrize(
    ("media", "profile", "status"),
    [
        ("application/json", "measured", 422),
        ("application/vnd.x+json; charset=utf-8", "measured", 422),
        ("application/JSON", "measured", 201),
        ("application/json", "guide", 201),
    ],
)
def test_only_a_media_type_in_capitals_leaves_a_bundle_untouched(media: str, profile: str, status: int) -> None:
    server = in_process(profile)
    failure = {"id": "01f", "source_kind": "workflow_run", "source_id": "x", "file": "", "message": " m "}
    bundle = ready_run(1, {"failures": [failure]})
    request = import_request(bundle)
    answer = ask(server, "POST", request["url"], content=request["content"], json_type=media)
    assert answer.status_code == status, answer.text
    if status == 422:
        assert answer.json()["integrity"]["findings"][0]["rule"] == "integrity.checksum_mismatch"


def test_a_bundle_in_an_envelope_is_the_same_bundle() -> None:
    server = in_process()
    content = b'{"import_id":"mine","bundle":' + sealed(ready_run(1)) + b"}"
    answer = ask(server, "POST", "/api/workflows/import/embedded-v2", content=content)
    assert answer.status_code == 201, answer.text
    assert answer.json()["import_id"] == "mine"


def test_an_empty_object_is_answered_as_a_list_and_slashes_are_escaped() -> None:
    server = in_process()
    server.start(business_key="a/b")
    answer = ask(server, "GET", "/api/workflows/order-1")
    assert b'"memo":[]' in answer.content
    assert rb'"business_key":"a\/b"' in answer.content
    assert answer.content.isascii()


@pytest.mark.parametrize(("encoding", "unpack"), [("gzip", gzip.decompress), ("deflate", None)])
def test_a_large_answer_is_compressed_where_that_is_asked_for(encoding: str, unpack: Any) -> None:
    async def raw() -> tuple[httpx.Headers, bytes]:
        async with (
            client_of(in_process().app) as client,
            client.stream("GET", "/api/cluster/info", headers={**CONTROL, "Accept-Encoding": encoding}) as answer,
        ):
            return answer.headers, b"".join([chunk async for chunk in answer.aiter_raw()])

    headers, body = asyncio.run(raw())
    assert headers["content-encoding"] == encoding
    assert headers["vary"] == "Accept-Encoding"
    plain = unpack(body) if unpack else zlib.decompress(body, -15)
    assert json.loads(plain)["version"]


def test_a_small_answer_is_not_compressed() -> None:
    answer = ask(in_process(), "GET", "/api/health", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers


# --- namespaces and discovery ---------------------------------------------------------------------------------------


def test_names_of_namespaces_are_folded_everywhere() -> None:
    server = in_process()
    assert server.post("namespaces", {"name": "Production"}, status=201)["name"] == "production"
    assert server.get("namespaces/PRODUCTION")["retention_days"] == 30
    assert server.get("workers", namespace="ProDuction") == {"workers": []}


def test_nulls_change_nothing_of_a_namespace() -> None:
    server = in_process()
    server.post("namespaces", {"name": "n", "description": "d", "retention_days": 7}, status=201)
    changed = server.send("PUT", "/api/namespaces/n", {"description": None, "retention_days": None}).json()
    assert (changed["description"], changed["retention_days"]) == ("d", 7)


def test_cluster_info_says_that_it_is_a_rehearsal() -> None:
    info = in_process("guide").get("cluster/info")
    assert info["rehearsal"]["is_rehearsal"] is True
    assert info["rehearsal"]["profile"] == "guide"
    assert info["capabilities"]["embedded_v2_import"] is True


def test_a_later_protocol_is_advertised_and_lower_minors_are_taken() -> None:
    server = in_process(protocol="1.20")
    assert server.get("cluster/info")["worker_protocol"]["version"] == "1.20"
    body = b'{"worker_id":"w","task_queue":"q","runtime":"python"}'
    for version, status in (("1.0", 201), ("1.20", 201), ("1.21", 400), ("2.0", 400), ("1", 400), ("1.x", 400)):
        headers = {"X-Durable-Workflow-Protocol-Version": version}
        answer = ask(server, "POST", "/api/worker/register", content=body, headers=headers)
        assert answer.status_code == status, version
        assert answer.headers["X-Durable-Workflow-Protocol-Version"] == "1.20"


# --- the profiles ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("profile", "shown"), [("measured", False), ("guide", True)])
def test_only_the_guide_shows_the_markers_of_an_import(profile: str, shown: bool) -> None:
    server = in_process(profile)
    report = imported(server, ready_run(1))
    described, listed = server.get("workflows/order-1"), server.get("workflows")["workflows"][0]
    assert ("import_id" in described, "engine_source" in listed) == (shown, shown)
    if shown:
        assert described["import_id"] == report["import_id"]
        assert described["engine_source"] == listed["engine_source"] == "embedded_v2_import"


@pytest.mark.parametrize(("profile", "default", "stale"), [("measured", 1, 0), ("guide", 0, 1)])
def test_stale_workers_are_listed_or_asked_for(profile: str, default: int, stale: int) -> None:
    server = in_process(profile)
    server.register("old")
    server.clock.turn(minutes=5)
    assert len(server.get("workers")["workers"]) == default
    assert len(server.get("workers?status=stale")["workers"]) == stale
    assert server.get("workers/old")["status"] == "stale"
    assert server.get("task-queues/default")["pollers"][0]["is_stale"] is True
