"""The inventory as CSV: what a spreadsheet would run is not run."""

from __future__ import annotations

import csv
import io

import pytest

from dwctl.bundle.findings import Severity
from dwctl.embedded.inventory_runs import Foreseen, Group, Held, InventoryRun, OldWorkflow, RunColumns, RunWork, Summary
from dwctl.render.csv_inventory import COLUMNS, GROUP_COLUMNS, write_groups, write_inventory
from dwctl.transfer.runtimes.inventory import Exported, ExportState, Imported, Standing


def standing(**values: object) -> Standing:
    empty: dict[str, object] = dict.fromkeys(RunColumns._fields)
    row = RunColumns(**{
        **empty, "run_id": "r", "instance_id": "i", "run_number": 1, "workflow_type": "t", "status": "waiting",
        "last_history_sequence": 3, **values,
    })  # type: ignore[arg-type]  # fmt: skip
    work = RunWork(held=(Held("workflow task", "k", None, None),), whole_floats=("a", "b"))
    run = InventoryRun(row, True, work, (Foreseen("tasks.leased_task_present", Severity.ERROR),), 60)
    return Standing(run, Exported(ExportState.MOVED, "i/r.json", "2026-11-23T00:00:00.000000Z", "ok"),
                    Imported("imported", True, None, None))  # fmt: skip


def written(*runs: Standing, old: tuple[OldWorkflow, ...] = ()) -> list[dict[str, str]]:
    stream = io.StringIO()
    write_inventory(runs, old, stream)
    return list(csv.DictReader(io.StringIO(stream.getvalue())))


def test_a_run_is_a_line() -> None:
    (row,) = written(standing(queue="default"))
    assert tuple(row) == COLUMNS
    assert row["engine"] == "v2"
    assert (row["eligible"], row["must_be_quiesced"], row["is_current_run"]) == ("no", "yes", "yes")
    assert row["foreseen"] == "tasks.leased_task_present"
    assert row["held"] == "workflow task k by nobody until ever"
    assert row["whole_floats"] == "a b"
    assert (row["exported"], row["imported"]) == ("moved", "imported and moved since")
    assert (row["namespace"], row["queue"], row["last_history_sequence"]) == ("", "default", "3")


def test_an_open_workflow_of_v1_is_a_line_too() -> None:
    (row,) = written(old=(OldWorkflow("7", "App\\V1", "waiting", "2026-11-23T00:00:00.000000Z", None, 5),))
    assert (row["engine"], row["run_id"], row["eligible"], row["status"]) == ("v1", "7", "no", "waiting")
    assert row["workflow_class"] == "App\\V1"


@pytest.mark.parametrize(
    "hostile", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "|calc", "%0A", "'=1", "\u00a0=1"]
)  # fmt: skip
def test_a_formula_is_text(hostile: str) -> None:
    for cell in ("business_key", "instance_id", "queue", "workflow_type"):
        (row,) = written(standing(**{cell: hostile}))
        assert row[cell] == "'" + hostile


@pytest.mark.parametrize("plain", ["order-1", "App\\Workflows\\X", "a=b", 'quoted "text", with a comma', "ключ"])
def test_other_text_stays_as_it_is(plain: str) -> None:
    (row,) = written(standing(business_key=plain))
    assert row["business_key"] == plain


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [("a\0b\ud800", "a\\x00b\\ud800"), ("\t=1", "\\t=1"), ("\r\n=1", "\\x0d\\n=1"), ("\x1b[2J", "\\x1b[2J"),
     ("\u202eevil", "\\u202eevil")],
)  # fmt: skip
def test_control_characters_are_escapes(hostile: str, shown: str) -> None:
    (row,) = written(standing(business_key=hostile))
    assert row["business_key"] == shown


def test_groups_are_lines() -> None:
    group = Group("=type", "waiting", None, 3, None, None, 1, 2)
    stream = io.StringIO()
    write_groups(Summary("2026-11-23T00:00:00.000000Z", (group,), None, "left out", ()), stream)
    (row,) = list(csv.DictReader(io.StringIO(stream.getvalue())))
    assert tuple(row) == GROUP_COLUMNS
    assert (row["workflow_type"], row["runs"], row["queue"]) == ("'=type", "3", "")
