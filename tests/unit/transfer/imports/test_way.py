"""The probe of the byte-exact way: what it sends, and when it is believed."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from dwctl.bundle.canonical import decode, sha256_hex
from dwctl.bundle.transit import rewritten_at
from dwctl.bundle.verify import Outcome, verify_bundle
from dwctl.errors import ExitCode
from dwctl.server.failures import ServerFailure
from dwctl.transfer.imports.way import Probe, probe_byte_exact, probe_document
from import_doubles import ScriptedServer, json_reply, report


def probed(response: httpx.Response) -> tuple[Probe, httpx.Request]:
    """What the probe makes of an answer, and the last request that it sent."""
    scripted = ScriptedServer(lambda request: response)
    with scripted.open() as server:
        return probe_byte_exact(server), scripted.requests[-1]


def rejected(**changes: Any) -> dict[str, Any]:
    """The recorded answer to a probe that arrived as it was sent (contract/import.md §4.1)."""
    return report("rejected", "bundle.integrity_failed", dry_run=True) | changes


def with_checksum(matches: Any) -> dict[str, Any]:
    return {"integrity": {"status": "failed", "integrity": {"checksum_matches": matches}}}


def test_the_probe_can_never_be_imported_and_any_rewriting_breaks_its_checksum() -> None:
    document = probe_document()
    verdict = verify_bundle(document)
    assert verdict.outcome is Outcome.REFUSED
    assert verdict.run is not None
    assert (verdict.run.run_id, verdict.run.instance_id) == (None, None)
    assert verdict.integrity.checksum_matches is True
    value = decode(document).value
    assert rewritten_at(value) == "probe"
    for changed in ({"probe": "dwctl"}, {"empty": None}):
        rewritten = json.dumps(value | changed).encode()
        assert sha256_hex(decode(rewritten).sealed_chunks()) != value["integrity"]["checksum"]


def test_it_goes_the_way_that_it_asks_about_as_a_dry_run() -> None:
    probe, request = probed(json_reply(rejected(), 422))
    assert probe.trusted
    assert request.url.path == "/api/workflows/import/embedded-v2"
    assert request.url.query == b"dry_run=1"
    assert request.headers["content-type"] == "application/JSON"
    assert request.content == probe_document()


@pytest.mark.parametrize(
    ("answer", "finding"),
    [
        (rejected(dry_run=False), "query was dropped"),
        (rejected(dry_run=None), "query was dropped"),
        (rejected(dry_run=1), "query was dropped"),
        (rejected(dry_run="true"), "query was dropped"),
        (rejected(**with_checksum(False)), "rewritten on the way"),
        (rejected(**with_checksum(None)), "rewritten on the way"),
        (rejected(**with_checksum("true")), "rewritten on the way"),
        (rejected(integrity={}), "rewritten on the way"),
        (rejected(integrity=[]), "rewritten on the way"),
        (rejected(status="imported"), "status imported"),
        (rejected(status="dry_run"), "status dry_run"),
        (rejected(status="already_imported"), "status already_imported"),
    ],
)
def test_the_way_is_trusted_only_with_both_dry_run_and_checksum(answer: dict[str, Any], finding: str) -> None:
    probe, _ = probed(json_reply(answer, 200))
    assert not probe.trusted
    assert finding in probe.finding


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (415, "unsupported_media_type"),
        (400, "malformed_json"),
        (422, "invalid_import_bundle"),
        (422, "validation_failed"),
        (406, None),
    ],
)
def test_a_refusal_of_its_form_leaves_the_other_way_open(status: int, reason: str | None) -> None:
    probe, _ = probed(json_reply({"reason": reason, "message": "no"}, status))
    assert not probe.trusted
    assert str(status) in probe.finding or "application/JSON" in probe.finding


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (json_reply({"reason": "unauthorized"}, 401), ExitCode.AUTH),
        (json_reply({"reason": "forbidden", "role": "operator", "allowed_roles": ["admin"]}, 403), ExitCode.AUTH),
        (json_reply({"reason": "namespace_not_found"}, 404), ExitCode.NOT_FOUND),
        (json_reply({"reason": "embedded_v2_import_unavailable"}, 503), ExitCode.INCOMPATIBLE),
        (json_reply({"message": "Server Error"}, 500), ExitCode.SERVER),
        (json_reply({"reason": "namespace_request_rate_exhausted"}, 429), ExitCode.USAGE),
        (httpx.Response(307, headers={"location": "http://elsewhere/"}), ExitCode.USAGE),
        (httpx.Response(200, content=b"<html>"), ExitCode.SERVER),
        (json_reply({"hello": "world"}), ExitCode.SERVER),
    ],
)
def test_what_is_no_answer_to_the_question_is_a_failure(response: httpx.Response, code: ExitCode) -> None:
    with pytest.raises(ServerFailure) as caught:
        probed(response)
    assert caught.value.exit_code is code
