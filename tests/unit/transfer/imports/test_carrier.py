"""The carriers: which way a bundle goes, what arrives there, and what of the target is foreseen."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from dwctl.bundle.canonical import decode
from dwctl.bundle.findings import Finding, Severity
from dwctl.bundle.php_decode import MAX_DEPTH
from dwctl.bundle.rules import RULES
from dwctl.bundle.verify import VerifyOptions, verify_bundle
from dwctl.bundle.view import BundleView
from dwctl.errors import RequestNotPossible
from dwctl.render.wording import message
from dwctl.server.failures import CallNotFound, CallRefused, ServerFailure
from dwctl.transfer.imports.carrier import HttpCarrier, TargetFacts, target_findings
from dwctl.transfer.imports.importing import ImportOptions
from dwctl.transfer.imports.way import Way, probe_document
from import_doubles import ScriptedServer, json_reply, wire_to
from sample_bundles import RECORDED, Bundle, sealed, small_bundle
from standin import Behaviour, ImportedRun, StandIn

OPTIONS = ImportOptions("production", "import-1")
NOW = datetime(2026, 12, 31, tzinfo=UTC)
CANCELLED = (RECORDED / "06-cancelled.json").read_bytes()
SMALL = sealed(small_bundle())
WAYS = {
    "drops the query": Behaviour(drops_query=True),
    "normalises the media type": Behaviour(normalises_media_type=True),
    "refuses the media type": Behaviour(refuses_exact_media_type=True),
}


class Setup:
    """A carrier to a stand-in without a socket."""

    def __init__(self, behaviour: Behaviour | None = None, *, limit: int = 2_097_152, **options: Any) -> None:
        self.app = StandIn(behaviour)
        self.scripted = ScriptedServer(wire_to(self.app))
        facts = TargetFacts(limit, options.pop("retention_days", 30))
        self.carrier = HttpCarrier(self.scripted.open(), facts, now=lambda: NOW, **options)

    def foresee(self, content: bytes, options: ImportOptions = OPTIONS) -> tuple[Finding, ...]:
        """What is foreseen of this content."""
        run = verify_bundle(content).run
        assert run is not None
        return self.carrier.foresee(content, BundleView(decode(content).value), run, options)

    @property
    def posts(self) -> list[httpx.Request]:
        """The requests to the importer, without the probe."""
        return [seen for seen in self.scripted.requests if seen.method == "POST" and seen.content != probe_document()]

    @property
    def probes(self) -> int:
        """How often the way was asked about."""
        return sum(seen.content == probe_document() for seen in self.scripted.requests)


def test_the_bundle_s_own_bytes_are_the_whole_body_of_the_byte_exact_way() -> None:
    setup = Setup()
    assert setup.carrier.way() is Way.BYTE_EXACT
    answer = setup.carrier.send(CANCELLED, dry_run=True, options=OPTIONS)
    assert answer.report["status"] == "dry_run"
    answer = setup.carrier.send(CANCELLED, dry_run=False, options=OPTIONS)
    assert answer.report["status"] == "imported"
    asked, done = setup.posts
    assert asked.content == done.content == CANCELLED
    assert asked.headers["content-type"] == "application/JSON"
    assert dict(asked.url.params) == {"import_id": "import-1", "dry_run": "1"}
    assert dict(done.url.params) == {"import_id": "import-1"}


def test_the_way_is_asked_about_once_for_all_bundles() -> None:
    setup = Setup()
    for content in (SMALL, CANCELLED, SMALL):
        setup.foresee(content)
        setup.carrier.send(content, dry_run=True, options=OPTIONS)
    assert setup.probes == 1


def test_require_signature_travels_as_an_option() -> None:
    wanted = ImportOptions("production", "i", verify=VerifyOptions(require_signature=True))
    setup = Setup()
    setup.carrier.send(SMALL, dry_run=True, options=wanted)
    assert setup.posts[0].url.params["require_signature"] == "1"
    enveloped = Setup(Behaviour(drops_query=True))
    enveloped.carrier.send(SMALL, dry_run=True, options=wanted)
    assert json.loads(enveloped.posts[0].content)["require_signature"] is True


@pytest.mark.parametrize("behaviour", WAYS.values(), ids=WAYS)
def test_a_bundle_that_survives_it_goes_in_an_envelope_around_its_own_bytes(behaviour: Behaviour) -> None:
    setup = Setup(behaviour)
    content = SMALL.replace(b'"schema"', b'\n "schema"', 1)
    assert setup.foresee(content) == ()
    assert setup.carrier.way() is Way.ENVELOPE
    assert setup.carrier.send(content, dry_run=True, options=OPTIONS).report["status"] == "dry_run"
    assert setup.app.store.commits == 0
    assert setup.carrier.send(content, dry_run=False, options=OPTIONS).report["status"] == "imported"
    for post, dry_run in zip(setup.posts, (True, False), strict=True):
        assert post.url.query == b""
        assert post.headers["content-type"] == "application/json"
        assert content in post.content
        options = {key: value for key, value in json.loads(post.content).items() if key != "bundle"}
        assert options == {"import_id": "import-1"} | ({"dry_run": True} if dry_run else {})


@pytest.mark.parametrize("behaviour", WAYS.values(), ids=WAYS)
def test_a_bundle_that_would_be_rewritten_is_refused_with_the_place_and_the_reason(behaviour: Behaviour) -> None:
    setup = Setup(behaviour, retention_days=None)
    (finding,) = setup.foresee(CANCELLED)
    assert (finding.rule, finding.severity) == ("transit.would_be_rewritten", Severity.ERROR)
    assert finding.path == "failures.0.file"
    assert setup.carrier.probe.finding in message(finding)
    assert "--via artisan" in RULES[finding.rule].fix
    assert setup.posts == []


def test_a_bundle_that_is_nested_too_deeply_for_an_envelope_is_refused() -> None:
    deep: Any = []
    for _ in range(MAX_DEPTH - 4):
        deep = [deep]
    content = sealed(small_bundle({"workflow.memo": {"deep": deep}}))
    assert Setup().foresee(content) == ()
    (finding,) = Setup(Behaviour(drops_query=True)).foresee(content)
    assert finding.rule == "transit.would_be_rewritten"
    assert "nested too deeply" in message(finding)


def rules(findings: tuple[Finding, ...]) -> list[str]:
    """Their ids."""
    return [finding.rule for finding in findings]


def test_the_limit_holds_for_the_bundle_the_byte_exact_way() -> None:
    assert Setup(limit=len(SMALL)).foresee(SMALL) == ()
    setup = Setup(limit=len(SMALL) - 1)
    (finding,) = setup.foresee(SMALL)
    assert (finding.rule, finding.facts["bytes"]) == ("transit.too_large", len(SMALL))
    assert setup.probes == 0


def test_the_limit_holds_for_the_whole_envelope() -> None:
    setup = Setup(Behaviour(drops_query=True), limit=len(SMALL) + 20)
    assert rules(setup.foresee(SMALL)) == ["transit.too_large"]
    fits = Setup(Behaviour(drops_query=True), limit=len(SMALL) + 200)
    assert fits.foresee(SMALL) == ()
    fits.carrier.send(SMALL, dry_run=True, options=OPTIONS)
    assert len(fits.posts[0].content) <= len(SMALL) + 200


def closed(when: str | None) -> Bundle:
    """The small bundle as a closed run."""
    return small_bundle({"workflow.status": "completed", "history_complete": True, "workflow.closed_at": when})


@pytest.mark.parametrize(
    ("when", "days", "foreseen"),
    [
        ("2026-11-30T23:59:59.999999Z", 30, True),
        ("2026-12-01T00:00:00.000001Z", 30, False),
        ("2020-01-01T00:00:00.000000Z", None, False),
        ("not a time", 30, False),
        (None, 30, False),
    ],
)
def test_a_run_that_closed_before_the_retention_is_warned_of(
    when: str | None, days: int | None, foreseen: bool
) -> None:
    findings = Setup(retention_days=days).foresee(sealed(closed(when)))
    assert rules(findings) == (["target.retention_would_prune"] if foreseen else [])
    assert all(finding.severity is Severity.WARNING for finding in findings)


def test_an_open_run_is_never_pruned() -> None:
    assert Setup(retention_days=1).foresee(SMALL) == ()


def other_run(**workflow: Any) -> ImportedRun:
    """A run that the server has already."""
    bundle = small_bundle({f"workflow.{key}": value for key, value in workflow.items()})
    return ImportedRun(bundle, "production", None, "key", "waiting")


def test_an_instance_id_that_the_server_uses_for_another_run_is_foreseen() -> None:
    setup = Setup()
    setup.app.store.runs["run-9"] = other_run(run_id="run-9")
    (finding,) = setup.foresee(SMALL)
    assert (finding.rule, finding.facts["by_run"]) == ("target.instance_id_taken", "run-9")


def test_another_run_of_the_same_instance_is_no_obstacle() -> None:
    setup = Setup()
    setup.app.store.runs["run-9"] = other_run(run_id="run-9", run_number=2)
    assert setup.foresee(SMALL) == ()


def test_a_run_that_is_there_already_is_not_in_its_own_way() -> None:
    setup = Setup()
    setup.app.store.runs["run-1"] = other_run()
    setup.app.store.runs["run-9"] = other_run(run_id="run-9")
    assert setup.foresee(SMALL) == ()


def test_what_the_server_cannot_say_of_its_ids_is_a_failure_and_not_a_free_id() -> None:
    scripted = ScriptedServer(lambda request: json_reply({"message": "Server Error"}, 500))
    broken = HttpCarrier(scripted.open(), TargetFacts(1, 30), now=lambda: NOW)
    run = verify_bundle(SMALL).run
    assert run is not None
    with pytest.raises(ServerFailure):
        broken.foresee(SMALL, BundleView(decode(SMALL).value), run, OPTIONS)


@pytest.mark.parametrize("reason", ["namespace_not_found", "instance_not_found", "not_found", None])
def test_only_an_instance_that_is_not_found_is_a_free_id(reason: str | None) -> None:
    run = verify_bundle(SMALL).run
    assert run is not None
    with ScriptedServer(lambda request: json_reply({"reason": reason}, 404)).open() as server:
        findings = target_findings(server, TargetFacts(1, 30), BundleView(decode(SMALL).value), run, NOW)
        if reason == "instance_not_found":
            assert list(findings) == []
        else:
            with pytest.raises(CallNotFound):
                list(findings)


KEY = "planted s3cret kéy"


def test_a_key_is_sent_only_in_the_body_of_an_envelope_and_without_a_probe() -> None:
    setup = Setup(signing_key=KEY.encode())
    assert setup.carrier.way() is Way.ENVELOPE
    assert setup.foresee(SMALL) == ()
    setup.carrier.send(SMALL, dry_run=True, options=OPTIONS)
    (post,) = setup.posts
    assert json.loads(post.content)["signing_key"] == KEY
    assert post.url.query == b""
    assert "s3cret" not in str(post.headers)
    assert setup.probes == 0


def test_without_a_wish_to_send_it_no_key_leaves() -> None:
    setup = Setup()
    wanted = ImportOptions("production", "i", verify=VerifyOptions(signing_key=KEY.encode()))
    setup.carrier.send(SMALL, dry_run=True, options=wanted)
    assert all(b"s3cret" not in seen.content and "s3cret" not in str(seen.url) for seen in setup.scripted.requests)


def test_a_key_is_not_sent_where_the_bundle_would_be_rewritten_for_it() -> None:
    (finding,) = Setup(signing_key=b"k", retention_days=None).foresee(CANCELLED)
    assert finding.rule == "transit.would_be_rewritten"
    assert "the signing key is to be sent" in message(finding)


@pytest.mark.parametrize("key", [b"\xff\xfe", b" key", b"key\n", "key\u200b".encode(), b"\tk"])
def test_a_key_that_would_arrive_as_another_one_is_refused(key: bytes) -> None:
    with pytest.raises(RequestNotPossible) as caught:
        Setup(signing_key=key)
    assert caught.value.reason == "key_not_sendable"
    assert repr(key) not in str(caught.value)


def test_a_server_that_repeats_the_key_does_not_make_us_say_it() -> None:
    said = {"message": f"bad {KEY}", "reason": "validation_failed", "errors": {"signing_key": [f"not {KEY}"]}}
    scripted = ScriptedServer(lambda request: json_reply(said, 422))
    carrier = HttpCarrier(scripted.open(), TargetFacts(2_000_000, 30), signing_key=KEY.encode())
    with pytest.raises(CallRefused) as caught:
        carrier.send(SMALL, dry_run=True, options=OPTIONS)
    error = caught.value
    assert "signing_key: not ********" in error.message
    for text in (str(error), repr(error), str(error.args), str(error.exchange), str(error.next_step)):
        assert "s3cret" not in text


def test_tokens_and_the_key_are_masked_in_what_the_server_says() -> None:
    scripted = ScriptedServer(lambda request: json_reply({}), token="tok-1234")
    carrier = HttpCarrier(scripted.open(), TargetFacts(1, None), signing_key=b"key-5678")
    assert carrier.redact("tok-1234 and key-5678") == "******** and ********"
    assert carrier.redact("nothing") == "nothing"
