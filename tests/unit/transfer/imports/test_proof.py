"""The proof of an import: what is compared, and what is never called proven."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dwctl.bundle.canonical import decode
from dwctl.bundle.verify import verify_bundle
from dwctl.bundle.view import BundleView
from dwctl.errors import ExitCode, ServerUnreachable
from dwctl.transfer.imports.passage import differences_of
from dwctl.transfer.imports.proof import Comparison, Proof, ProofState, prove
from dwctl.transfer.ledger.differences import NOT_SHOWN
from import_doubles import ESSENTIAL, ScriptedServer, json_reply, wire_to
from sample_bundles import Bundle, as_json, sealed, small_bundle
from standin import ImportedRun, StandIn

Respond = Callable[[httpx.Request], httpx.Response]


def imported(bundle: Bundle | None = None, **changes: Any) -> StandIn:
    """A stand-in that holds the small bundle's run, changed after the import."""
    app = StandIn()
    document = bundle or small_bundle()
    run = ImportedRun(document, "production", "import-1", document["dedupe_key"], document["workflow"]["status"])
    for name, value in changes.items():
        setattr(run, name, value)
    app.store.runs["run-1"] = run
    return app


def proof_against(
    respond: Respond,
    bundle: Bundle | None = None,
    *,
    import_ids: tuple[str, ...] = ("import-1",),
    namespace: str = "production",
) -> Proof:
    """The proof of the small bundle against a server that answers so."""
    content = as_json(bundle or small_bundle())
    run = verify_bundle(content).run
    assert run is not None
    scripted = ScriptedServer(respond, namespace=namespace)
    with scripted.open() as server:
        return prove(server, BundleView(decode(content).value), run, namespace=namespace, import_ids=import_ids)


def comparison(proof: Proof, name: str) -> Comparison:
    """One comparison of a proof."""
    (found,) = [one for one in proof.comparisons if one.name == name]
    return found


def answered_with(app: StandIn, path: str, response: httpx.Response) -> Respond:
    """The stand-in, but for what ends with this path."""
    rest = wire_to(app)
    return lambda request: response if request.url.path.endswith(path) else rest(request)


def test_the_same_run_is_proven_by_identity_type_queue_namespace_status_and_history() -> None:
    proof = proof_against(wire_to(imported()))
    assert proof.state is ProofState.PROVEN
    assert proof.error is None
    held = [one.name for one in proof.comparisons if one.holds]
    assert held == ["workflow_id", "run_id", "workflow_type", "task_queue", "namespace", "status", "history"]
    assert [one.name for one in proof.comparisons if one.holds is None] == ["engine_source", "import_id"]


@pytest.mark.parametrize(
    ("path", "value", "name"),
    [
        ("workflow_type", "orders.other", "workflow_type"),
        ("queue", "other", "task_queue"),
    ],
)
def test_another_type_or_queue_differs(path: str, value: str, name: str) -> None:
    proof = proof_against(wire_to(imported(small_bundle({f"workflow.{path}": value}))))
    assert proof.state is ProofState.DIFFERS
    assert comparison(proof, name).found == value
    assert comparison(proof, name).holds is False


def test_a_bundle_without_a_queue_is_not_held_against_the_server_s() -> None:
    without = small_bundle({"workflow.queue": None})
    assert proof_against(wire_to(imported()), without).state is ProofState.PROVEN


def test_a_run_that_lives_in_another_namespace_is_not_found_in_ours() -> None:
    proof = proof_against(wire_to(imported(namespace="default")))
    assert proof.state is ProofState.DIFFERS
    assert comparison(proof, "run_id").found == "not found (instance_not_found)"
    assert differences_of(proof) == (NOT_SHOWN,)


def test_a_server_that_shows_another_namespace_differs() -> None:
    app = imported()
    shown = json.loads(
        wire_to(app)(httpx.Request("GET", "http://s/api/workflows/order-1/runs/run-1", headers=HEADERS)).content
    )
    elsewhere = json_reply(shown | {"namespace": "default"})
    proof = proof_against(answered_with(app, "/runs/run-1", elsewhere))
    assert proof.state is ProofState.DIFFERS
    assert comparison(proof, "namespace") == Comparison("namespace", "production", "default", holds=False)


HEADERS = {"X-Durable-Workflow-Control-Plane-Version": "2", "X-Namespace": "production"}


@pytest.mark.parametrize(
    ("exported", "shown", "state"),
    [
        ("waiting", "waiting", ProofState.PROVEN),
        ("pending", "running", ProofState.PROVEN),
        ("waiting", "completed", ProofState.PROVEN),
        ("running", "failed", ProofState.PROVEN),
        ("completed", "completed", ProofState.PROVEN),
        ("completed", "failed", ProofState.DIFFERS),
        ("completed", "running", ProofState.DIFFERS),
        ("terminated", "cancelled", ProofState.DIFFERS),
        ("waiting", "asleep", ProofState.DIFFERS),
        ("waiting", "", ProofState.DIFFERS),
    ],
)
def test_the_status_must_be_equal_or_further(exported: str, shown: str, state: ProofState) -> None:
    bundle = small_bundle({"workflow.status": exported, "history_complete": True})
    assert proof_against(wire_to(imported(bundle, status=shown)), bundle).state is state


def test_events_that_a_worker_appended_are_further_history() -> None:
    more = {"sequence": 3, "event_type": "ActivityCompleted", "timestamp": None, "payload": []}
    proof = proof_against(wire_to(imported(further=[more])))
    assert proof.state is ProofState.PROVEN
    assert comparison(proof, "history").found == "the same, and 1 more"


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        (
            "history_events.1.type",
            "TimerScheduled",
            "event 2 is 2 TimerScheduled; in the bundle it is 2 ActivityScheduled",
        ),
        ("history_events.1.sequence", 5, "event 2 is 5 ActivityScheduled; in the bundle it is 2 ActivityScheduled"),
        ("history_events.1", ..., "event 2 is missing; in the bundle it is 2 ActivityScheduled"),
    ],
)
def test_a_history_of_which_the_bundle_is_no_prefix_differs(path: str, value: Any, found: str) -> None:
    proof = proof_against(wire_to(imported(small_bundle({path: value}))))
    assert proof.state is ProofState.DIFFERS
    assert comparison(proof, "history").found == found


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(["A", "B"]), min_size=1, max_size=5), st.lists(st.sampled_from(["A", "B"]), max_size=6))
def test_the_history_holds_exactly_where_the_bundle_s_events_are_its_prefix(ours: list[str], theirs: list[str]) -> None:
    def events(types: list[str]) -> list[dict[str, Any]]:
        return [{"sequence": at + 1, "type": name, "payload": {}} for at, name in enumerate(types)]

    app = imported(small_bundle({"history_events": events(theirs)}))
    proof = proof_against(wire_to(app), small_bundle({"history_events": events(ours)}))
    if not theirs:
        assert proof.state is ProofState.PRUNED
    else:
        assert (proof.state is ProofState.PROVEN) == (theirs[: len(ours)] == ours)


def test_an_empty_history_is_pruned_and_not_fine() -> None:
    proof = proof_against(wire_to(imported(pruned=True)))
    assert proof.state is ProofState.PRUNED
    assert all(one.name != "history" for one in proof.comparisons)


def test_a_pruned_history_does_not_hide_a_difference() -> None:
    app = imported(small_bundle({"workflow.workflow_type": "orders.other"}), pruned=True)
    assert proof_against(wire_to(app)).state is ProofState.DIFFERS


@pytest.mark.parametrize("server_events", [0, 2])
def test_a_bundle_without_events_proves_nothing_of_the_history(server_events: int) -> None:
    app = imported() if server_events else imported(pruned=True)
    proof = proof_against(wire_to(app), small_bundle({"history_events": []}))
    assert proof.state is ProofState.UNKNOWN
    assert comparison(proof, "history").holds is None


def test_where_describe_fails_the_runs_and_the_history_answer() -> None:
    proof = proof_against(wire_to(imported(describe_fails=True)))
    assert proof.state is ProofState.PROVEN
    assert comparison(proof, "namespace").holds is None
    assert comparison(proof, "history").holds is True
    assert all(one.name != "engine_source" for one in proof.comparisons)


def test_where_describe_fails_a_difference_is_found_all_the_same() -> None:
    app = imported(small_bundle({"workflow.workflow_type": "orders.other"}), describe_fails=True)
    assert proof_against(wire_to(app)).state is ProofState.DIFFERS


def test_where_describe_fails_and_the_runs_do_not_name_it_nothing_is_known() -> None:
    empty = json_reply({"workflow_id": "order-1", "run_count": 0, "runs": []})
    proof = proof_against(answered_with(imported(describe_fails=True), "/order-1/runs", empty))
    assert proof.state is ProofState.UNKNOWN
    assert proof.error is not None
    assert proof.error.exit_code is ExitCode.SERVER


@pytest.mark.parametrize("path", ["/history", "/runs/run-1"])
@pytest.mark.parametrize(
    ("response", "code"),
    [
        (json_reply({"message": "Server Error"}, 500), ExitCode.SERVER),
        (json_reply({"reason": "unauthorized"}, 401), ExitCode.AUTH),
        (json_reply({"reason": "not_found"}, 404), ExitCode.NOT_FOUND),
        (json_reply({"reason": "namespace_not_found"}, 404), ExitCode.NOT_FOUND),
        (httpx.Response(404, content=b"<html>"), ExitCode.NOT_FOUND),
        (httpx.Response(200, content=b"<html>"), ExitCode.SERVER),
        (json_reply({}), ExitCode.SERVER),
    ],
)
def test_what_cannot_be_asked_leaves_the_proof_unknown(path: str, response: httpx.Response, code: ExitCode) -> None:
    app = imported()
    rest = wire_to(app)

    def respond(request: httpx.Request) -> httpx.Response:
        broken = request.url.path.endswith(path) or (path != "/history" and request.url.path.endswith("/runs"))
        return response if broken else rest(request)

    proof = proof_against(respond)
    assert proof.state is ProofState.UNKNOWN
    assert proof.error is not None
    assert proof.error.exit_code is code


def test_a_history_that_is_not_found_differs() -> None:
    gone = json_reply({"reason": "run_not_found"}, 404)
    proof = proof_against(answered_with(imported(), "/history", gone))
    assert proof.state is ProofState.DIFFERS
    assert comparison(proof, "history").found == "not found (run_not_found)"


def test_the_markers_count_where_the_server_shows_them() -> None:
    app = imported()
    app.behaviour.shows_import_markers = True
    proof = proof_against(wire_to(app))
    assert proof.state is ProofState.PROVEN
    assert comparison(proof, "engine_source").holds is True
    assert comparison(proof, "import_id").holds is True


def test_another_import_id_differs_and_one_that_nobody_expects_is_not_compared() -> None:
    app = imported()
    app.behaviour.shows_import_markers = True
    assert proof_against(wire_to(app), import_ids=("import-2",)).state is ProofState.DIFFERS
    earlier = proof_against(wire_to(app), import_ids=())
    assert earlier.state is ProofState.PROVEN
    assert all(one.name != "import_id" for one in earlier.comparisons)


def test_of_several_import_ids_the_run_may_show_any() -> None:
    app = imported()
    app.behaviour.shows_import_markers = True
    found = comparison(proof_against(wire_to(app), import_ids=("import-2", "import-1")), "import_id")
    assert (found.holds, found.expected, found.found) == (True, "import-2 or import-1", "import-1")
    assert proof_against(wire_to(app), import_ids=("import-2", "import-3")).state is ProofState.DIFFERS


def test_a_long_history_is_read_to_its_end() -> None:
    events = [{"sequence": at + 1, "type": "SideEffectRecorded", "payload": {}} for at in range(2500)]
    bundle = small_bundle({"history_events": events})
    assert proof_against(wire_to(imported(bundle)), bundle).state is ProofState.PROVEN
    changed = small_bundle({"history_events": [*events[:-1], events[-1] | {"type": "TimerFired"}]})
    assert proof_against(wire_to(imported(changed)), bundle).state is ProofState.DIFFERS


@pytest.mark.parametrize("name", ESSENTIAL)
def test_without_any_one_of_the_essentials_nothing_is_proven(name: str) -> None:
    all_of_them = {one: Comparison(one, "x", "x", holds=True) for one in ESSENTIAL}
    assert Proof(tuple(all_of_them.values())).state is ProofState.PROVEN
    unseen = all_of_them | {name: Comparison(name, "x", None, holds=None)}
    assert Proof(tuple(unseen.values())).state is ProofState.UNKNOWN
    absent = [one for one in all_of_them.values() if one.name != name]
    assert Proof(tuple(absent)).state is ProofState.UNKNOWN


def test_an_empty_proof_proves_nothing_and_an_error_outweighs_what_held() -> None:
    assert Proof().state is ProofState.UNKNOWN
    held = tuple(Comparison(one, "x", "x", holds=True) for one in ESSENTIAL)
    assert Proof(held, error=ServerUnreachable("gone")).state is ProofState.UNKNOWN


def test_the_sample_bundle_is_one_that_imports() -> None:
    assert verify_bundle(sealed(small_bundle())).outcome == "ok"
