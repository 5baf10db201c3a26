"""A first cutover.toml: its families, what is left out of them, and what is left to a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from dwctl.bundle.demand import DemandKind
from dwctl.checklist.description.initial import Draft, LeftOut, Seen, with_families, without_known
from dwctl.checklist.description.initial_bundles import seen_in_bundles
from dwctl.checklist.description.initial_sources import other_queues, seen_by_workers
from dwctl.checklist.gate.items import Phase
from dwctl.cutover.keys import KEYS, TABLES
from dwctl.server.results import Worker
from sample_bundles import ORDER, WAITING, sealed, small_bundle

W, A = DemandKind.WORKFLOW, DemandKind.ACTIVITY


def worker(worker_id: str, queue: str | None, status: str = "active", **types: tuple[str, ...]) -> Worker:
    """A worker that takes these types."""
    workflows, activities = types.get("workflows", ()), types.get("activities", ())
    return Worker(worker_id, "n", queue, "php", None, None, workflows, activities, None, None, status, None)


def test_families_are_by_queue_and_build_and_hold_each_type_once() -> None:
    seen = [Seen(W, "b", "q"), Seen(W, "a", "q"), Seen(A, "x", "q"), Seen(W, "a", "q", None, False),
            Seen(W, "a", "q", "b-1"), Seen(A, "y", "mail")]  # fmt: skip
    families, left_out, closed = with_families(seen)
    assert families == (
        {"name": "mail", "task_queue": "mail", "activity_types": ["y"]},
        {"name": "q", "task_queue": "q", "workflow_types": ["a", "b"], "activity_types": ["x"]},
        {"name": "q b-1", "task_queue": "q", "compatibility": "b-1", "workflow_types": ["a"]},
    )
    assert (left_out, closed) == ((), ())


def test_names_of_families_are_never_the_same() -> None:
    families, _, _ = with_families([Seen(W, "a", "q b"), Seen(W, "a", "q", "b"), Seen(W, "c", "n")],
                                   [{"name": "n", "task_queue": "other", "workflow_types": ["z"]}])  # fmt: skip
    assert [row["name"] for row in families] == ["n", "n 2", "q b", "q b 2"]
    assert families[0]["workflow_types"] == ["z"]


def test_what_stands_there_already_stays_and_is_added_to() -> None:
    there = {"name": "mine", "task_queue": "q", "workflow_types": ["z", "a"]}
    families, _, _ = with_families([Seen(W, "a", "q"), Seen(W, "b", "q"), Seen(A, "x", "q")], [there])
    assert families == (
        {"name": "mine", "task_queue": "q", "workflow_types": ["z", "a", "b"], "activity_types": ["x"]},
    )
    assert there["workflow_types"] == ["z", "a"]


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (Seen(W, "App\\Workflows\\X", "q"), "a PHP class name, not a type key"),
        (Seen(W, None, "q"), "no type key"),
        (Seen(A, "a", None), "no queue"),
        (Seen(W, " ", "q"), "a type key that no server takes: blank, too long, or no text"),
        (Seen(W, "a", "q" * 256), "a queue that no server takes: blank, too long, or no text"),
        (Seen(W, "a", "q", "\ud800"), "a build that no server takes: blank, too long, or no text"),
    ],
)
def test_what_cannot_stand_in_a_family_is_left_out_and_said(seen: Seen, why: str) -> None:
    families, left_out, closed = with_families([seen, seen])
    assert (families, closed) == ((), ())
    assert left_out == (LeftOut(seen.type_key, seen.queue, why),)


def test_types_of_closed_runs_alone_are_told() -> None:
    closed = [Seen(W, "a", "q", None, False), Seen(W, "b", "r", None, False), Seen(A, "x", "q", None, False)]
    seen = [*closed, Seen(W, "b", "q")]
    assert with_families(seen)[2] == ("a",)


def test_a_source_without_builds_adds_what_no_other_has_shown() -> None:
    known = [Seen(W, "a", "q", "b-1")]
    assert list(without_known([Seen(W, "a", "q"), Seen(W, "a", "r"), Seen(A, "a", "q")], known)) == [
        Seen(W, "a", "r"), Seen(A, "a", "q"),
    ]  # fmt: skip


def test_bundles_show_types_queues_and_builds_of_open_and_of_closed_runs(tmp_path: Path) -> None:
    changed = {"workflow.compatibility": "b-1", "activities.0.status": "pending", "activities.0.queue": "mail"}
    (tmp_path / "small.json").write_bytes(sealed(small_bundle(changed)))
    (tmp_path / "words.json").write_text("[]", encoding="utf-8")
    files = [str(ORDER), str(WAITING), str(tmp_path / "small.json"), str(tmp_path / "words.json"), "absent.json"]
    closed, waiting, small, words, absent = seen_in_bundles(files)
    assert Seen(W, "orders.process", "default", None, False) in closed.seen
    assert Seen(A, "orders.reserve-inventory", "default", None, False) in closed.seen
    assert not any(one.is_open for one in closed.seen)
    assert waiting.seen == (Seen(W, "orders.approval", "default"),)
    assert set(small.seen) == {Seen(W, "orders.process", "default", "b-1"), Seen(A, "orders.charge", "mail", "b-1")}
    assert words.error is not None
    assert words.error.reason == "not_a_bundle"
    assert absent.error is not None


def test_local_activities_need_no_worker(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_bytes(sealed(small_bundle({"activities.0.local_activity": True})))
    (found,) = seen_in_bundles([str(tmp_path / "b.json")])
    assert {one.kind for one in found.seen} == {W}


def test_workers_speak_of_the_queues_of_the_cutover_and_of_all_where_none_is_known() -> None:
    workers = [
        worker("w-1", "q", workflows=("a",), activities=("x",)),
        worker("w-2", "others", workflows=("b",)),
        worker("w-3", "q", status="stale", workflows=("old",)),
        worker("w-4", None, workflows=("c",)),
    ]
    assert list(seen_by_workers(workers, {"q"})) == [Seen(W, "a", "q"), Seen(A, "x", "q")]
    assert {one.queue for one in seen_by_workers(workers, set())} == {"q", "others"}
    assert other_queues(workers, {"q"}) == ("others",)
    assert other_queues(workers, set()) == ()


def test_what_is_left_to_a_person_is_in_the_order_of_the_phases() -> None:
    nothing = Draft({}).to_fill
    assert [fill.phase for fill in nothing] == sorted((fill.phase for fill in nothing), key=list(Phase).index)
    assert {"[server] url", "[[family]]", "[[shadow]]", "[cutover] import_id"} <= {fill.where for fill in nothing}
    for fill in nothing:
        table, _, key = fill.where.strip("[]").replace("]", "").partition(" ")
        assert key in KEYS[table] or TABLES[table].repeats


def test_what_is_there_is_not_left_to_a_person() -> None:
    draft = Draft({("embedded", "database_url"): "sqlite:///x", ("retention", "closed_runs"): "none"},
                  families=({"name": "a"},), shadows=({"workflow_type": "t"},))  # fmt: skip
    where = {fill.where for fill in draft.to_fill}
    assert not {"[[family]]", "[[shadow]]", "[embedded] database_url_env", "[retention] archives"} & where
    assert "[server] url" in where
