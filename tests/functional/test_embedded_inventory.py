"""`dwctl embedded inventory` as its user runs it, on the recorded database."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from output_schemas import document, lines
from rows_of_bundles import change, empty_database, insert, sample_database
from server_cli import command


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_database(tmp_path_factory.mktemp("sample"))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


Capture = pytest.CaptureFixture[str]


def inventory(capsys: Capture, path: Path, *options: str) -> tuple[int, str, str]:
    return command(capsys, "embedded", "inventory", "--database-url", f"sqlite:///{path}", *options)


def test_the_document_has_every_run_and_what_they_add_up_to(capsys: Capture, sample: Path) -> None:
    code, out, _ = inventory(capsys, sample, "--json")
    found = document(out, "embedded-inventory")
    assert code == 0
    totals = found["totals"]
    assert totals["runs"] == len(found["runs"]) == sum(group["runs"] for group in found["groups"])
    assert totals["must_be_quiesced"] == sum(run["must_be_quiesced"] for run in found["runs"]) > 0
    assert totals["later_of_link"] > 0
    assert totals["lost_fractions"] > 0
    assert totals["eligible"] == totals["runs"] - totals["must_be_quiesced"]
    assert len(found["v1"]) == 5


def test_what_cannot_be_read_is_an_error_and_no_half_document(capsys: Capture, sample: Path, tmp_path: Path) -> None:
    code, out, _ = inventory(capsys, sample, "--table-prefix", "x_", "--json")
    assert (code, document(out, "error")["reason"]) == (5, "not_an_embedded_database")
    path = tmp_path / "old.sqlite"
    shutil.copyfile(sample, path)
    change(path, "ALTER TABLE workflow_runs DROP COLUMN compatibility")
    code, out, _ = inventory(capsys, path, "--compatibility", "b7", "--json")
    assert (code, document(out, "error")["reason"]) == (2, "database_column_missing")


def test_lines_are_the_items_of_the_document(capsys: Capture, sample: Path) -> None:
    found = document(inventory(capsys, sample, "--json")[1], "embedded-inventory")
    items = lines(inventory(capsys, sample, "--output", "jsonl")[1], "embedded-inventory", "line")
    for item in (*items, *found["runs"], *found["v1"]):
        item.pop("age_seconds")
    assert items == [*found["runs"], *found["v1"]]


def test_the_summary_alone(capsys: Capture, sample: Path) -> None:
    found = document(inventory(capsys, sample, "--summary", "--json")[1], "embedded-inventory")
    assert found["runs"] is found["v1"] is found["totals"] is None
    items = lines(inventory(capsys, sample, "--summary", "--output", "jsonl")[1], "embedded-inventory", "line")
    assert [item for item in items if item["engine"] == "v2"] == [{"engine": "v2", **one} for one in found["groups"]]
    rows = list(csv.DictReader(io.StringIO(inventory(capsys, sample, "--summary", "--csv")[1])))
    assert [int(row["runs"]) for row in rows if row["engine"] == "v2"] == [one["runs"] for one in found["groups"]]
    code, out, _ = inventory(capsys, sample, "--summary")
    assert code == 0
    assert "type × status × queue" in out
    assert "V1Invoice" in out
    held = document(inventory(capsys, sample, "--summary", "--held", "--json")[1], "embedded-inventory")
    assert sum(group["runs"] for group in held["groups"]) == sum(one["leased_tasks"] for one in held["groups"]) > 0


def test_a_person_reads_what_keeps_each_run(capsys: Capture, sample: Path) -> None:
    code, out, _ = inventory(capsys, sample)
    assert code == 0
    said = {line.split()[0]: line for line in out.splitlines() if line.startswith("  ") and line.strip()}
    assert out.split("\n")[0].split() == ["fate", "status", "type", "instance", "run", "queue", "age"]
    assert said["fate"].split() == ["fate", "status", "class", "workflow", "age"]
    assert "leased" in said["held"]
    assert "held by embedded-worker" in said["held"]
    assert "set.link_shared with" in said["link"]
    assert "V1Invoice" in said["v1"]
    assert "a batch export keeps it" in out


def test_selected_ids_are_what_history_export_takes(capsys: Capture, sample: Path) -> None:
    from dwctl.transfer.exports.selection import ids_in

    runs = document(inventory(capsys, sample, "--json", "--eligible")[1], "embedded-inventory")["runs"]
    code, out, _ = inventory(capsys, sample, "--eligible", "--select")
    assert code == 0
    targets = [(target.instance_id, target.run_id) for target in ids_in(out.encode(), "ids.txt")]
    assert targets == [(run["instance_id"], run["run_id"]) for run in runs]


def test_an_id_that_a_file_of_ids_cannot_hold_is_named_by_its_run(capsys: Capture, tmp_path: Path) -> None:
    from dwctl.transfer.exports.selection import ids_in

    path = empty_database(tmp_path)
    for number, instance in enumerate(("#comment", " space", "line\nbreak", "a/b", "plain")):
        insert(path, "workflow_runs", id=f"r{number}", workflow_instance_id=instance, run_number=1, status="waiting",
               workflow_type="t", payload_codec="avro")  # fmt: skip
    out = inventory(capsys, path, "--select")[1]
    assert out == "/r0\n/r1\n/r2\na/b/r3\nplain/r4\n"
    assert [target.run_id for target in ids_in(out.encode(), "x")] == ["r0", "r1", "r2", "r3", "r4"]
    assert [target.instance_id for target in ids_in(out.encode(), "x")] == [None, None, None, "a/b", "plain"]


def test_csv_for_a_spreadsheet(capsys: Capture, tmp_path: Path) -> None:
    path = empty_database(tmp_path)
    insert(path, "workflow_runs", id="r", workflow_instance_id="=1+1", run_number=1, workflow_type="t",
           status="waiting", business_key="@evil")  # fmt: skip
    (row,) = csv.DictReader(io.StringIO(inventory(capsys, path, "--csv")[1]))
    assert (row["instance_id"], row["business_key"], row["run_id"]) == ("'=1+1", "'@evil", "r")


def test_hostile_names_do_not_reach_the_terminal(capsys: Capture, tmp_path: Path) -> None:
    path = empty_database(tmp_path)
    hostile = "\x1b[2J[red]x[/red]\n\u202e\x9b1m"
    insert(path, "workflow_runs", id="r", workflow_instance_id=hostile, run_number=1, workflow_type=hostile,
           status=hostile, queue=hostile, business_key=hostile, compatibility=hostile,
           payload_codec=hostile)  # fmt: skip
    insert(path, "workflow_tasks", id="t", workflow_run_id="r", task_type=hostile, status="leased", lease_owner=hostile)
    insert(path, "workflows", id=1, status=hostile, **{"class": hostile})
    for options in ((), ("--summary",), ("--csv",), ("--json",), ("--output", "jsonl"), ("--select",)):
        code, out, err = inventory(capsys, path, *options)
        assert code == 0
        assert not {"\x1b", "\u202e", "\x9b"} & set(out + err), options
    assert "[red]x[/red]" in inventory(capsys, path)[1]


def test_an_empty_database_is_an_empty_inventory(capsys: Capture, tmp_path: Path) -> None:
    code, out, _ = inventory(capsys, empty_database(tmp_path), "--json")
    assert code == 0
    found = document(out, "embedded-inventory")
    assert (found["runs"], found["v1"], found["groups"], found["totals"]["runs"]) == ([], [], [], 0)
    assert "no v2 run fits" in inventory(capsys, empty_database(tmp_path))[1]


def test_a_limit_stops_the_list(capsys: Capture, sample: Path) -> None:
    assert len(inventory(capsys, sample, "--select", "--status", "open")[1].splitlines()) > 3
    assert len(document(inventory(capsys, sample, "--json", "-l", "3")[1], "embedded-inventory")["runs"]) == 3


def test_gaps_are_said(capsys: Capture, tmp_path: Path) -> None:
    path = sample_database(tmp_path)
    change(path, "DROP TABLE workflow_search_attributes", "DROP TABLE workflows")
    out = inventory(capsys, path)[1]
    assert "not read" in out
    assert "search attributes" in out
    found = document(inventory(capsys, path, "--json")[1], "embedded-inventory")
    assert found["v1"] is found["v1_groups"] is None
    assert len(found["gaps"]) == 2


@pytest.mark.parametrize("what", [(), ("--summary",), ("--summary", "--held")], ids=" ".join)
@pytest.mark.parametrize("form", [("--csv",), ("--output", "jsonl"), ("--json",), ()], ids=" ".join)
def test_gaps_are_said_on_stderr_where_the_output_has_no_place_for_them(
    capsys: Capture, tmp_path: Path, what: tuple[str, ...], form: tuple[str, ...]
) -> None:
    path = sample_database(tmp_path)
    change(
        path, "DROP TABLE workflow_search_attributes", "DROP TABLE workflows",
        "ALTER TABLE workflow_run_summaries DROP COLUMN history_size_bytes",
    )  # fmt: skip
    code, out, err = inventory(capsys, path, *what, *form)
    assert code == 0
    said, silent = (err, out) if form and form != ("--json",) else (out, err)
    for gap in ("keeps no search attributes", "no v1 workflow ran", "has no column history_size_bytes"):
        assert gap in said
        assert gap not in silent


@pytest.mark.parametrize("options", [("--select",), ("--json",), ("--summary", "--json"), ("--csv",), ()])
@pytest.mark.parametrize("wanted", ["--eligible", "--not-eligible", "--held", "--not-held"])
def test_a_filter_that_cannot_be_answered_is_refused(
    capsys: Capture, tmp_path: Path, options: tuple[str, ...], wanted: str
) -> None:
    """Ids that nobody could judge would flow into an export; and no half document is printed."""
    path = sample_database(tmp_path)
    change(path, "DROP TABLE workflow_tasks", "DROP TABLE activity_attempts")
    code, out, err = inventory(capsys, path, wanted, *options)
    assert code == 2
    assert "workflow_tasks" in out + err
    if "--json" in options:
        assert json.loads(out)["reason"] == "database_column_missing"
    else:
        assert out == ""


def test_what_is_not_known_is_shown_as_such(capsys: Capture, tmp_path: Path) -> None:
    path = sample_database(tmp_path)
    change(path, "DROP TABLE workflow_tasks", "DROP TABLE activity_attempts", "DROP TABLE workflow_search_attributes")
    code, out, _ = inventory(capsys, path)
    assert code == 0
    words = {line.split()[0] for line in out.splitlines()[:50]}
    assert "unknown" in words
    assert not words & {"moves", "held", "link"}
    assert "leases not known, attempts not known" in out
    assert "? not known: have no obstacle of their own" in " ".join(out.split())
    found = document(inventory(capsys, path, "--json")[1], "embedded-inventory")
    totals = found["totals"]
    assert [totals[name] for name in ("eligible", "must_be_quiesced", "lost_fractions")] == [None] * 3
    assert {group["leased_tasks"] for group in found["groups"]} == {None}
    groups = document(inventory(capsys, path, "--summary", "--json")[1], "embedded-inventory")["groups"]
    assert groups == found["groups"]


def test_an_export_of_a_run_whose_place_is_not_known_is_neither_current_nor_moved(
    capsys: Capture, tmp_path: Path
) -> None:
    path = sample_database(tmp_path)
    first = document(inventory(capsys, path, "--json")[1], "embedded-inventory")["runs"][0]
    manifest_of(tmp_path / "exports", **{first["run_id"]: first["dedupe_key"]})
    change(path, "ALTER TABLE workflow_runs RENAME COLUMN last_progress_at TO x")
    _, out, _ = inventory(capsys, path, "--json", "--manifest", str(tmp_path / "exports"))
    found = document(out, "embedded-inventory")
    assert found["runs"][0]["exported"]["state"] == "unknown"
    assert (found["totals"]["exported"], found["totals"]["moved_since_export"]) == (1, None)
    assert "not known whether moved since" in inventory(capsys, path, "--manifest", str(tmp_path / "exports"))[1]


def manifest_of(folder: Path, **changes: dict[str, str]) -> None:
    """A manifest with an entry for each run named, and the dedupe key given."""
    folder.mkdir()
    entries: list[dict[str, Any]] = [
        {
            "schema": "dwctl.manifest-entry", "schema_version": 1, "instance_id": "i", "run_id": run_id,
            "workflow_type": "t", "status": "waiting", "dedupe_key": key, "file": "i/r.json", "bytes": 1,
            "sha256": "0" * 64, "checksum": None, "verdict": "ok", "rules": [], "exporter": "test",
            "exported_at": "2026-11-23T00:00:00.000000Z", "replaced": None,
        }
        for run_id, key in changes.items()
    ]  # fmt: skip
    text = "".join(json.dumps(entry) + "\n" for entry in entries)
    (folder / "manifest.jsonl").write_text(text)


def test_what_a_manifest_says_stands_beside_the_run(capsys: Capture, sample: Path, tmp_path: Path) -> None:
    runs = document(inventory(capsys, sample, "--json")[1], "embedded-inventory")["runs"]
    first, second = runs[:2]
    manifest_of(tmp_path / "exports", **{first["run_id"]: first["dedupe_key"], second["run_id"]: "another"})
    code, out, _ = inventory(capsys, sample, "--json", "--manifest", str(tmp_path / "exports"))
    found = document(out, "embedded-inventory")
    assert code == 0
    states = [run["exported"] and run["exported"]["state"] for run in found["runs"]]
    assert states == ["current", "moved", *[None] * (len(runs) - 2)]
    assert (found["totals"]["exported"], found["totals"]["moved_since_export"]) == (2, 1)
    assert "export it again" in inventory(capsys, sample, "--manifest", str(tmp_path / "exports"))[1]


def test_a_folder_without_a_manifest_is_refused(capsys: Capture, sample: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, _, err = inventory(capsys, sample, "--manifest", str(tmp_path / "empty"))
    assert code == 2
    assert "manifest" in err
    assert inventory(capsys, sample, "--manifest", str(tmp_path / "nowhere"))[0] == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--status", "sleeping"), "no run has the status 'sleeping'"),
        (("--older-than", "1 month"), "must be an age"),
        (("--older-than", "0d"), "must be an age"),
        (("--summary", "--select"), "do not go together"),
        (("--csv", "--json"), "do not go together"),
        (("--select", "--csv"), "do not go together"),
        (("--summary", "--limit", "3"), "do not go together"),
        (("--ledger", "nowhere.db"), "ledger"),
    ],
)
def test_what_cannot_be_asked_is_a_sentence(capsys: Capture, sample: Path, options: tuple[str, ...], said: str) -> None:
    code, out, err = inventory(capsys, sample, *options)
    assert code == 2
    assert said in out + err
    assert "Traceback" not in out + err


def test_without_a_database_nothing_is_listed(capsys: Capture) -> None:
    code, _, err = command(capsys, "embedded", "inventory")
    assert code == 2
    assert "--database-url" in err


def test_another_database_is_not_an_empty_one(capsys: Capture, tmp_path: Path) -> None:
    path = empty_database(tmp_path)
    change(path, "DROP TABLE workflow_runs")
    for options in ((), ("--summary",), ("--json",), ("--select",)):
        assert inventory(capsys, path, *options)[0] == 5


def test_a_default_ledger_that_cannot_be_read_is_said_and_passed_over(
    capsys: Capture, sample: Path, tmp_path: Path
) -> None:
    (tmp_path / ".dwctl").mkdir()
    (tmp_path / ".dwctl" / "ledger.db").write_bytes(b"no ledger at all" * 100)
    code, out, err = inventory(capsys, sample, "--summary")
    assert code == 0
    assert "is not looked at" in err
    assert "V1Invoice" in out
    assert inventory(capsys, sample, "--summary", "--ledger", ".dwctl/ledger.db")[0] == 10
