"""Eligibility foreseen from rows, against the verdict on the export of the same run."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from dwctl.bundle.findings import Severity
from dwctl.bundle.verify import verify_bundle
from dwctl.embedded.database import EmbeddedDatabase
from dwctl.embedded.eligibility_foreseen import UNSEEN
from dwctl.embedded.inventory import inventory
from dwctl.embedded.inventory_runs import InventoryRun, When
from dwctl.secret import Secret
from rows_of_bundles import change, empty_database, insert, put_bundle, sample_database
from sample_bundles import LEASED, ORDER, RECORDED, WAITING, sealed, small_bundle

UNSEEN_IN_ROWS = {*UNSEEN, "integrity.signature_key_unavailable", "bundle.integrity_warning"}


def runs_of(path: Path, *, deep: bool = False) -> dict[str, InventoryRun]:
    with EmbeddedDatabase.open(Secret(f"sqlite:///{path}")).snapshot() as snapshot:
        return {run.row.run_id: run for run in inventory(snapshot, deep=deep)}


def foreseen(run: InventoryRun, severity: Severity) -> set[str]:
    """The rules that this run's export by the command will be judged by, alone."""
    return {one.rule for one in run.foreseen if one.severity is severity and one.when is not When.WITH_OTHERS}


def judged(document: bytes, severity: Severity) -> set[str]:
    return {finding.rule for finding in verify_bundle(document).findings if finding.severity is severity}


def agree(tmp_path: Path, document: bytes) -> InventoryRun:
    """Hold the run of a bundle, put into a database, against the bundle's verdict."""
    path = empty_database(tmp_path)
    run_id = put_bundle(path, document)
    run = runs_of(path, deep=True)[run_id]
    for severity in (Severity.ERROR, Severity.WARNING):
        assert foreseen(run, severity) == judged(document, severity) - UNSEEN_IN_ROWS, severity
    return run


def test_every_recorded_export_of_the_reference_is_foreseen(shared: Path, tmp_path: Path) -> None:
    outcomes: Counter[str] = Counter()
    for number, file in enumerate(sorted((shared / "corpus" / "bundles").glob("*.json"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        run = agree(folder, file.read_bytes())
        outcomes["held" if run.must_be_quiesced else "eligible" if run.eligible else "refused"] += 1
    assert outcomes == {"eligible": 60, "held": 2, "refused": 3}


@pytest.mark.parametrize("file", [ORDER, WAITING, LEASED, *sorted(RECORDED.glob("*.json"))], ids=lambda file: file.stem)
def test_a_bundle_of_the_repository_is_foreseen(file: Path, tmp_path: Path) -> None:
    agree(tmp_path, file.read_bytes())


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"tasks.0.status": "leased"}, "tasks.leased_task_present"),
        ({"activities.0.attempts.0.status": "running"}, "activities.running_attempt_present"),
        ({"workflow.status": "paused"}, "workflow.status_unsupported"),
        ({"workflow.is_current_run": False, "workflow.current_run_id": "run-2"}, "workflow.non_terminal_not_current"),
        ({"payloads.codec": "workflow-serializer-y"}, "payload_codec.unsupported"),
        ({"commands.0.payload_codec": "workflow-serializer-y"}, "payload_codec.unsupported"),
        ({"updates.0.payload_codec": "y"}, "payload_codec.unsupported"),
        ({"signals.0.payload_codec": "y"}, "payload_codec.unsupported"),
        ({"activities.0.payload_codec": "y"}, "payload_codec.unsupported"),
        ({"tasks.0.status": "sleeping"}, "tasks.status_unsupported"),
        ({"tasks.0.type": "nap"}, "tasks.type_unsupported"),
        ({"timers.0.status": "sleeping"}, "timers.status_unsupported"),
        ({"commands.0.type": "nudge"}, "commands.type_unsupported"),
        ({"commands.0.status": "half"}, "commands.status_unsupported"),
        ({"history_events.1.type": "Nudged"}, "history_events.type_unsupported"),
        ({"workflow.workflow_type": "App\\Workflows\\OrderProcess"}, "workflow.type_is_class_name"),
        ({"workflow.workflow_type": "Plain", "workflow.workflow_class": "Plain"}, "workflow.type_is_class_name"),
        ({"activities.0.activity_type": "App\\Activities\\Charge"}, "activities.type_is_class_name"),
    ],
)  # fmt: skip
def test_each_rule_is_foreseen(changes: dict[str, object], rule: str, tmp_path: Path) -> None:
    bundle = small_bundle({"workflow.workflow_class": "App\\W", **changes})
    run = agree(tmp_path, sealed(bundle))
    assert rule in {one.rule for one in run.foreseen}


def test_a_sound_run_has_nothing_foreseen(tmp_path: Path) -> None:
    bundle = small_bundle()
    run = agree(tmp_path, sealed(bundle))
    assert run.foreseen == ()
    assert run.eligible


def test_the_sample_has_six_held_runs_eight_lost_fractions_and_thirty_later_members(
    shared: Path, tmp_path: Path
) -> None:
    path = sample_database(tmp_path, shared / "embedded" / "embedded-sqlite.db.gz")
    runs = runs_of(path, deep=True)
    assert len(runs) == 365
    held = {run_id for run_id, run in runs.items() if run.must_be_quiesced}
    assert len(held) == 6
    assert {run_id for run_id, run in runs.items() if not run.eligible} == held
    obstacles = Counter(
        (one.when, one.rule) for run in runs.values() for one in run.foreseen if one.severity is Severity.ERROR
    )
    assert obstacles == {
        (When.ALWAYS, "tasks.leased_task_present"): 6,
        (When.COMMAND_EXPORT, "integrity.checksum_mismatch"): 8,
        (When.COMMAND_EXPORT, "bundle.integrity_failed"): 8,
        (When.WITH_OTHERS, "set.link_shared"): 30,
    }


def test_the_same_runs_of_corpus_and_sample_are_judged_alike(shared: Path, tmp_path: Path) -> None:
    """For every run of the sample that the corpus has a bundle of: what rows foresee is what the verdict says."""
    runs = runs_of(sample_database(tmp_path, shared / "embedded" / "embedded-sqlite.db.gz"), deep=True)
    for file in (shared / "corpus" / "bundles").glob("*.json"):
        document = file.read_bytes()
        run = runs.get(json.loads(document)["workflow"]["run_id"])
        if run is not None:
            assert foreseen(run, Severity.ERROR) == judged(document, Severity.ERROR) - UNSEEN_IN_ROWS


@pytest.mark.parametrize(
    ("value", "lost"),
    [(12.0, True), (0.0, True), (-5.0, True), (1e16, True), (1e17, False), (0.5, False), (12.000001, False)],
)
def test_which_floats_the_export_command_breaks(value: float, lost: bool, tmp_path: Path) -> None:
    path = empty_database(tmp_path)
    insert(path, "workflow_instances", id="i", current_run_id="r", run_count=1)
    insert(path, "workflow_runs", id="r", workflow_instance_id="i", run_number=1, workflow_type="t", status="completed")
    insert(path, "workflow_search_attributes", workflow_run_id="r", key="amount", type="float", value_float=value)
    run = runs_of(path)["r"]
    assert run.eligible
    assert [one.rule for one in run.foreseen if one.when is When.COMMAND_EXPORT] == (
        ["integrity.checksum_mismatch", "bundle.integrity_failed"] if lost else []
    )
    assert run.work.whole_floats == (("amount",) if lost else ())


def chain(path: Path, *ids: str, kind: str = "continue_as_new", status: str = "completed") -> None:
    """Runs that are linked one to the next."""
    for number, run_id in enumerate(ids, 1):
        instance = "chain" if kind == "continue_as_new" else run_id
        insert(path, "workflow_runs", id=run_id, workflow_instance_id=instance, run_number=number, workflow_type="t",
               status=status, payload_codec="avro")  # fmt: skip
    for parent, child in pairwise(ids):
        insert(path, "workflow_links", id=f"{parent}-{child}", link_type=kind, parent_workflow_run_id=parent,
               child_workflow_run_id=child)  # fmt: skip


def later(path: Path) -> list[str]:
    return [run_id for run_id, run in runs_of(path).items() if any(f.rule == "set.link_shared" for f in run.foreseen)]


def test_every_second_member_of_a_chain_is_the_later_one(tmp_path: Path) -> None:
    path = empty_database(tmp_path)
    chain(path, "a", "b", "c", "d")
    assert later(path) == ["b", "d"]  # b is refused, so it does not write the link that c has too


def test_a_partner_that_is_refused_leaves_the_link_free(tmp_path: Path) -> None:
    path = empty_database(tmp_path)
    chain(path, "a", "b")
    insert(path, "workflow_tasks", id="t", workflow_run_id="a", task_type="workflow", status="leased")
    assert later(path) == []


def test_a_partner_that_is_not_in_the_selection_leaves_the_link_free(tmp_path: Path) -> None:
    path = empty_database(tmp_path)
    chain(path, "a", "b", kind="child_workflow")
    change(path, "UPDATE workflow_runs SET workflow_type = 'other' WHERE id = 'a'")
    from dwctl.embedded.filters import RunFilter

    with EmbeddedDatabase.open(Secret(f"sqlite:///{path}")).snapshot() as snapshot:
        (run,) = inventory(snapshot, RunFilter(types=("t",)))
        assert run.foreseen == ()
        first, second = inventory(snapshot)
    assert not first.foreseen
    assert [one.rule for one in second.foreseen] == ["set.link_shared"]
    assert (second.work.parent_run_id, first.work.children) == ("a", 1)


def test_what_is_imported_has_written_its_links(tmp_path: Path) -> None:
    path = empty_database(tmp_path)
    chain(path, "a", "b")
    with EmbeddedDatabase.open(Secret(f"sqlite:///{path}")).snapshot() as snapshot:
        first, second = inventory(snapshot, is_imported=lambda run_id: run_id == "b")
    assert [one.detail for one in first.foreseen] == ["b"]
    assert second.foreseen == ()
