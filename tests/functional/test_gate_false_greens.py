"""Worlds that look right to most checks and are wrong: the gate must not be green in any of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from export_places import OPEN, Capture, Place, cutover
from gate_runs import gate, one, run
from many_bundles import Model
from rows_of_bundles import change, empty_database, put_bundle, sample_database
from sample_bundles import ORDER, WAITING


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Iterator[Place]:
    """A cutover that items 10 and 12 have nothing against, in the folder of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    with cutover(tmp_path, capsys) as made:
        yield made


# --- what nobody exported -----------------------------------------------------------------------------------


def test_an_order_that_came_after_the_export_is_not_lost_unseen(place: Place) -> None:
    """Every bundle is sound, has not moved, and would be taken; but one more run is open."""
    assert place.state("exports.complete") == "pass"
    put_bundle(place.database, Model(WAITING).copy(5))

    state, check = place.ask("exports.complete")
    assert (state, check["count"]) == ("fail", 1)
    assert place.state("exports.drift") == "pass"

    place.keep(place.exports, Model(WAITING).copy(5))
    assert place.state("exports.complete") == "pass"


def test_a_folder_with_closed_runs_alone_leaves_the_open_ones(place: Place) -> None:
    shutil.rmtree(place.exports)
    place.keep(place.exports, ORDER.read_bytes())

    state, check = place.ask("exports.complete")
    assert (state, check["count"]) == ("fail", len(OPEN))
    assert place.state("exports.verified") == "pass"


def test_a_person_s_word_lets_a_run_stay(place: Place) -> None:
    put_bundle(place.database, Model(WAITING).copy(5))
    words = "exports.complete --reason 'approval-5 drains' --owner ana --expires 7d"
    assert run(place.capsys, f"dwctl checklist waive {words}") == 0
    code, state, said = one(place.capsys, "exports.complete")
    assert (code, state) == (0, "waived")
    assert "1 of 4 open runs in no bundle" in said


def test_the_database_of_an_application_without_runs_shows_nothing(place: Place) -> None:
    place.database.unlink()
    empty_database(place.folder)

    for name in ("exports.complete", "retention.exported"):
        assert one(place.capsys, name)[:2] == (1, "unknown")


def test_a_database_without_runs_is_no_proof_that_all_is_well(place: Place) -> None:
    """Nothing is open, no class names, no other codec, no starter, no schedule: of another application, perhaps."""
    when = "[cutover]\navro_since = 2026-01-01T00:00:00Z\nstarters_paused_since = 2026-01-01T00:00:00Z"
    place.describe(when)
    names = ("v1.drained", "types.runs", "types.activities", "types.schedules", "codec.new_runs", "starters.paused",
             "starters.schedules", "starters.both_runtimes")  # fmt: skip
    place.database.unlink()
    empty_database(place.folder)
    _, found = gate(place.capsys, *names)
    assert {name: check["state"] for name, check in found.items()} == dict.fromkeys(names, "unknown")
    assert all("no run at all" in check["said"] for check in found.values())

    place.database.write_bytes(b"")
    _, found = gate(place.capsys, *names)
    assert {check["state"] for check in found.values()} == {"unknown"}


def test_a_zone_that_the_application_s_rows_contradict_makes_a_new_start_look_old(place: Place) -> None:
    """Read as Berlin's, a time in UTC is an hour or two too early: what starts now would be before the pause."""
    sample_database(place.folder)
    zone = '[embedded]\ndatabase_url = "sqlite:///{}"\ndatabase_timezone = "{}"'
    since = "[cutover]\nstarters_paused_since = 2026-11-23T00:00:00Z\n"
    place.describe(since + zone.format(place.database, "UTC"), embedded=False)
    assert one(place.capsys, "starters.paused")[:2] == (0, "pass")
    place.describe(since + zone.format(place.database, "Europe/Berlin"), embedded=False)
    for name in ("starters.paused", "starters.both_runtimes"):
        code, state, said = one(place.capsys, name)
        assert (code, state) == (1, "unknown")
        assert "said to show Europe/Berlin" in said


# --- what embedded workers do after the export --------------------------------------------------------------


def test_a_worker_that_took_a_task_after_the_export_is_seen_before_it_writes(place: Place) -> None:
    """Taking a task changes no dedupe key: the run has not moved, and will in a moment."""
    assert place.state("exports.drift") == "pass"
    taken = (
        "UPDATE workflow_tasks SET status = 'leased', lease_owner = 'w' WHERE workflow_run_id ="
        " (SELECT id FROM workflow_runs WHERE workflow_instance_id = 'reminder-2') AND status = 'ready'"
    )
    change(place.database, taken)
    state, check = place.ask("exports.drift")
    assert (state, check["count"]) == ("fail", 1)
    assert "holds 1 run of those to import" in check["said"]

    assert run(place.capsys, "dwctl history-import exports --no-drift-check") == 0
    code, state, said = one(place.capsys, "imports.once")
    assert (code, state) == (1, "fail")
    assert said.startswith("both runtimes are at it")

    change(place.database, "UPDATE workflow_tasks SET status = 'ready' WHERE status = 'leased'")
    assert one(place.capsys, "imports.once")[:2] == (0, "warn")


# --- what was kept too early --------------------------------------------------------------------------------


def test_an_archive_of_a_run_before_its_end_does_not_keep_its_end(place: Place) -> None:
    """The run was archived while it waited; it has ended since, and its last events are nowhere."""
    place.keep(place.archive, WAITING.read_bytes())
    assert place.state("retention.exported") == "pass"
    change(place.database, "UPDATE workflow_runs SET status = 'completed' WHERE workflow_instance_id = 'approval-1'")

    state, check = place.ask("retention.exported")
    assert (state, check["count"]) == ("fail", 1)
    assert "only as they were before their end" in check["said"]
    assert place.state("retention.proven") == "pass"


def test_an_archive_of_nothing_is_not_proven(place: Place) -> None:
    shutil.rmtree(place.archive)
    place.archive.mkdir()
    (place.archive / "manifest.jsonl").write_bytes(b"")

    assert one(place.capsys, "retention.proven")[:2] == (1, "fail")
