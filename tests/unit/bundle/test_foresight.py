"""What a set of bundles foretells that no single bundle shows (contract/import.md §4.3, §4.7)."""

from __future__ import annotations

from typing import Any

import pytest

from dwctl.bundle.findings import Finding
from dwctl.bundle.foresight import Foresight
from dwctl.bundle.verify import Verdict, verify_bundle
from sample_bundles import EXAMPLES, sealed, small_bundle


def judged(changes: dict[str, Any] | None = None) -> Verdict:
    """The verdict on the small bundle after changes."""
    return verify_bundle(sealed(small_bundle(changes)))


def rules(findings: tuple[Finding, ...]) -> list[str]:
    """The rules that fired."""
    return [finding.rule for finding in findings]


def link(parent: str, child: str, kind: str = "continue_as_new") -> dict[str, Any]:
    """A link as it stands in a bundle."""
    return {"type": kind, "parent_workflow_run_id": parent, "child_workflow_run_id": child}


def member(run: str, *, parent: str | None = None, child: str | None = None, kind: str = "continue_as_new") -> Verdict:
    """A run of a chain, or of a parent and its child."""
    return judged(
        {
            "workflow.run_id": run,
            "dedupe_key": f"{run}:1",
            "links": {
                "parents": [] if parent is None else [link(parent, run, kind)],
                "children": [] if child is None else [link(run, child, kind)],
            },
        }
    )


def test_runs_that_have_nothing_in_common_foretell_nothing() -> None:
    foresight = Foresight()
    for run in ("a", "b", "c"):
        verdict = judged({"workflow.run_id": run, "workflow.instance_id": f"instance-{run}"})
        assert foresight.foresee(f"{run}.json", verdict) == ()


def test_a_copy_of_a_bundle_is_a_warning_that_names_the_first() -> None:
    foresight = Foresight()
    assert foresight.foresee("a.json", judged()) == ()
    for name in ("b.json", "c.json"):
        (finding,) = foresight.foresee(name, judged())
        assert (finding.rule, finding.severity.value) == ("set.duplicate_file", "warning")
        assert finding.facts == {"other": "a.json"}


def test_another_export_of_the_same_run_is_an_error_in_either_order() -> None:
    later = {"dedupe_key": "run-1:9:later"}
    for first, second in (({}, later), (later, {})):
        foresight = Foresight()
        assert foresight.foresee("a.json", judged(first)) == ()
        (finding,) = foresight.foresee("b.json", judged(second))
        assert (finding.rule, finding.severity.value) == ("set.same_run_twice", "error")
        assert finding.facts["other"] == "a.json"


def test_a_run_whose_other_export_would_be_refused_is_not_refused_for_it() -> None:
    foresight = Foresight()
    assert foresight.foresee("a.json", judged({"tasks.0.status": "leased"})) == ()
    assert foresight.foresee("b.json", judged({"dedupe_key": "later"})) == ()


@pytest.mark.parametrize("kind", ["continue_as_new", "child_workflow"])
def test_two_members_that_share_a_link_cannot_both_be_imported(kind: str) -> None:
    parent, child = member("run-a", child="run-b", kind=kind), member("run-b", parent="run-a", kind=kind)
    for first, second in ((parent, child), (child, parent)):
        foresight = Foresight()
        assert foresight.foresee("first.json", first) == ()
        (finding,) = foresight.foresee("second.json", second)
        assert (finding.rule, finding.severity.value) == ("set.link_shared", "error")
        assert finding.facts == {
            "other": "first.json", "link_type": kind, "parent_run": "run-a", "child_run": "run-b",
        }  # fmt: skip


def test_links_of_another_type_or_direction_are_not_shared() -> None:
    foresight = Foresight()
    assert foresight.foresee("a.json", member("run-a", child="run-b")) == ()
    assert foresight.foresee("b.json", member("run-b", parent="run-a", kind="child_workflow")) == ()
    assert foresight.foresee("c.json", member("run-c", parent="run-b")) == ()


def test_a_member_that_cannot_follow_leaves_the_way_free_for_the_next() -> None:
    foresight = Foresight()
    chain = [member("1", child="2"), member("2", parent="1", child="3"), member("3", parent="2")]
    assert [rules(foresight.foresee(str(at), one)) for at, one in enumerate(chain)] == [[], ["set.link_shared"], []]


def test_a_real_chain_is_foreseen_in_both_directions() -> None:
    files = [EXAMPLES / f"chain-sub-1-run-{run}.json" for run in (1, 2, 3)]
    for order in (files, files[::-1]):
        foresight = Foresight()
        seen = [rules(foresight.foresee(file.name, verify_bundle(file.read_bytes()))) for file in order]
        assert seen == [[], ["set.link_shared"], []]


def test_a_copy_of_a_chain_member_is_a_copy_and_not_a_shared_link() -> None:
    foresight = Foresight()
    foresight.foresee("a.json", member("run-a", child="run-b"))
    assert rules(foresight.foresee("copy.json", member("run-a", child="run-b"))) == ["set.duplicate_file"]


def test_an_instance_in_two_namespaces_is_refused_the_second_time() -> None:
    foresight = Foresight()
    blue = {"workflow.namespace": "blue"}
    assert foresight.foresee("a.json", judged(blue)) == ()
    (finding,) = foresight.foresee("b.json", judged({"workflow.run_id": "run-2", "workflow.namespace": "green"}))
    assert finding.rule == "set.instance_in_two_namespaces"
    assert finding.facts == {"found": "green", "other": "a.json", "other_namespace": "blue"}
    assert foresight.foresee("c.json", judged(blue | {"workflow.run_id": "run-3"})) == ()


def test_no_namespace_is_another_than_a_named_one() -> None:
    foresight = Foresight()
    assert foresight.foresee("a.json", judged()) == ()
    named = judged({"workflow.run_id": "run-2", "workflow.namespace": "blue"})
    assert rules(foresight.foresee("b.json", named)) == ["set.instance_in_two_namespaces"]


def test_one_namespace_for_all_leaves_no_instance_split() -> None:
    foresight = Foresight("production")
    for run, namespace in (("run-1", "blue"), ("run-2", "green"), ("run-3", None)):
        verdict = judged({"workflow.run_id": run, "workflow.namespace": namespace})
        assert foresight.foresee(f"{run}.json", verdict) == ()


@pytest.mark.parametrize("document", [b"", b"5", b"[1]", b"{}"])
def test_what_is_no_bundle_foretells_nothing(document: bytes) -> None:
    foresight = Foresight()
    assert foresight.foresee("a.json", verify_bundle(document)) == ()
    assert foresight.foresee("b.json", verify_bundle(document)) == ()


def test_several_things_can_be_foreseen_of_one_bundle() -> None:
    foresight = Foresight()
    foresight.foresee("a.json", member("run-a", child="run-b"))
    second = judged(
        {
            "workflow.run_id": "run-b",
            "workflow.namespace": "blue",
            "links": {"parents": [link("run-a", "run-b")], "children": []},
        }
    )
    assert rules(foresight.foresee("b.json", second)) == ["set.link_shared", "set.instance_in_two_namespaces"]
