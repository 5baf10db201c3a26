"""Each table and each column that dwctl reads, taken away once: no command crashes, and no answer gets better by it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import URL

from dwctl.embedded.check_results import Answer
from dwctl.embedded.expected_schema import EXPECTED
from dwctl.embedded.inventory_rows import NEEDED
from dwctl.transfer.runtimes.drift import DriftState, Expected
from embedded_databases import TestDatabase
from every_reading import Refused, as_imported, hostile_database, opened, read_everything
from output_schemas import document
from rows_of_bundles import change
from server_cli import command

Capture = pytest.CaptureFixture[str]
# A statement over two tables that nothing joins is a warning of SQLAlchemy's, and runs for hours.
pytestmark = pytest.mark.filterwarnings("error")

_WORSE = (Answer.PASS, Answer.WARN, Answer.FAIL)
_CLOCKWORK = {"age_seconds"}
"""Of a run, what goes on by itself from one look to the next."""

_NOT_THERE_IS_KNOWN = {("workflows", "v1_drained"), ("workflow_schedules", "types_of_schedules"),
                       ("workflow_schedules", "schedules_paused")}  # fmt: skip
"""Tables without which a library has no such thing: where the whole table is not there, a pass is right."""


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hostile_database(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def imported(sample: Path) -> list[Expected]:
    """Every run as it stands; every third one as if it had moved since."""
    found = as_imported(opened(sample))
    assert len(found) > 50
    for one in range(0, len(found), 3):
        found[one] = found[one]._replace(dedupe_key=f"{found[one].run_id}:9999:2026-01-01T00:00:00.000000Z")
    return found


@pytest.fixture(scope="module")
def whole(sample: Path, imported: list[Expected]) -> dict[str, Any]:
    """What is answered where nothing is missing: everything, and nothing good."""
    found = read_everything(opened(sample), imported)
    assert not [name for name, answer in found.items() if isinstance(answer, Refused)]
    assert Answer.PASS not in {*found["checks"].values(), *found["checks since"].values()}
    assert {run["eligible"] for run in found["inventory"].values()} == {True, False}
    assert found["drift"].moved == len(range(0, len(imported), 3))
    return found


@pytest.mark.parametrize("table", EXPECTED)
def test_nothing_unknown_is_good(
    table: str, sample: Path, imported: list[Expected], whole: Mapping[str, Any], tmp_path: Path
) -> None:
    for column, path in _without(table, sample, tmp_path):
        found = read_everything(opened(path), imported)
        where = f"without {table}.{column}"
        for name, answer in found.items():
            if not isinstance(answer, Refused):
                _compare(name, answer, whole[name], where, (table, column))


def _without(table: str, sample: Path, folder: Path) -> Iterator[tuple[str | None, Path]]:
    for column in (None, *sorted(EXPECTED[table])):
        path = folder / f"{column}.sqlite"
        shutil.copyfile(sample, path)
        what = f'RENAME COLUMN "{column}" TO elsewhere' if column else f"RENAME TO elsewhere_{table}"
        change(path, "PRAGMA legacy_alter_table = ON", f"ALTER TABLE {table} {what}")
        yield column, path
        path.unlink()


def _compare(name: str, found: Any, whole: Any, where: str, missing: tuple[str, str | None]) -> None:
    """Hold an answer against the one of the whole database: the same, or less is said."""
    table, column = missing
    match name:
        case "inventory":
            _runs(found, whole, where)
        case "positions":
            assert found.keys() == whole.keys(), where
            assert all(one.dedupe_key in (whole[run_id].dedupe_key, None) for run_id, one in found.items()), where
        case "summary":
            _summary(found, whole, where)
        case "v1":
            assert len(found) == (len(whole) if (table, column) not in _V1_UNSEEN else 0), where
        case "work":
            assert found[2] or found[0] == whole[0], where
        case "checks" | "checks since":
            for check, answer in found.items():
                if column is None and (table, check) in _NOT_THERE_IS_KNOWN:
                    continue
                assert _is_no_better(answer, whole[check]), f"{where}: {check} is {answer}, and was {whole[check]}"
        case "parked":
            assert found.unread or found.doubts or found.counts == whole.counts, where
            assert found.exit_code == whole.exit_code, where
        case "drift":
            _drift(found, whole, where)
        case "twins" | "twins by key":
            assert len(found) == len(whole), where
        case _:
            assert found == whole, f"{where}: {name}"


_V1_UNSEEN = {("workflows", None), ("workflows", "id"), ("workflows", "status")}


def _is_no_better(found: Answer, whole: Answer) -> bool:
    if found in _WORSE and whole in _WORSE:
        return _WORSE.index(found) >= _WORSE.index(whole)
    return found is whole or found is Answer.UNKNOWN


def _runs(found: Mapping[str, Any], whole: Mapping[str, Any], where: str) -> None:
    assert found.keys() == whole.keys(), where
    for run_id, run in found.items():
        before = whole[run_id]
        for key in before.keys() - _CLOCKWORK - {"foreseen", "held"}:
            assert run[key] in (before[key], None), f"{where}: {key} of {run_id} is {run[key]}"
        assert {one["id"] for one in run["held"]} <= {one["id"] for one in before["held"]}, where
        assert len(run["held"]) == len(before["held"]) or run["must_be_quiesced"] is not False, where


def _summary(found: Any, whole: Any, where: str) -> None:
    assert sum(group.runs for group in found.groups) == sum(group.runs for group in whole.groups), where
    for name in ("leased_tasks", "running_attempts"):
        counts = [getattr(group, name) for group in found.groups]
        assert None in counts or sum(counts) == sum(getattr(group, name) for group in whole.groups), where
    assert found.gaps, where
    assert found.v1 is None or sum(one.workflows for one in found.v1) == sum(one.workflows for one in whole.v1), where


def _drift(found: Any, whole: Any, where: str) -> None:
    moved = {row.expected.run_id for row in whole.rows}
    assert found.total == whole.total, where
    for row in found.rows:
        assert row.state is DriftState.UNKNOWN or row.expected.run_id in moved, f"{where}: {row.said}"
    assert moved <= {row.expected.run_id for row in found.rows}, where


_KEPT = {
    "workflow_runs": {"id", "workflow_instance_id", "workflow_type", "status", "created_at"},
    "workflow_instances": {"current_run_id"},
    "workflow_run_summaries": {"history_event_count"},
    "workflows": {"id", "status"},
    "workflow_schedules": {"schedule_id", "action", "status"},
    **{table: columns for table, columns in NEEDED.items() if table != "workflow_search_attributes"},
}
"""What is left of the tables where all goes that anything can do without."""


def test_the_engines_agree_on_what_is_left(
    embedded_scratch: TestDatabase, embedded_sqlite: TestDatabase, tmp_path: Path
) -> None:
    """NULL stands for what is gone: each engine must take it in every place, and give the same answers."""
    on_sqlite = TestDatabase("sqlite", URL.create("sqlite", database=str(tmp_path / "other.sqlite")))
    shutil.copyfile(embedded_sqlite.name, on_sqlite.name)
    answers = []
    for database in (embedded_scratch, on_sqlite):
        imported = as_imported(database.open())
        database.run(*_renamed(database.engine))
        answers.append(read_everything(database.open(), imported))
    ours, theirs = answers
    for name in ours.keys() - {"summary", "parked", "drift"}:
        if isinstance(theirs[name], Refused) or isinstance(ours[name], Refused):
            assert type(ours[name]) is type(theirs[name]), f"{name}: {ours[name]}"
        elif name == "inventory":
            assert [_still(run) for run in ours[name].values()] == [_still(run) for run in theirs[name].values()]
        else:
            assert ours[name][:2] == theirs[name][:2] if name == "work" else ours[name] == theirs[name], name
    for name in ("groups", "v1", "no_v1"):
        assert getattr(ours["summary"], name) == getattr(theirs["summary"], name)
    for name in ("parked", "drift"):
        assert ours[name].counts == theirs[name].counts
    assert set(ours["drift"].counts) == {DriftState.UNKNOWN, DriftState.UNMOVED}
    assert ours["drift"].counts[DriftState.UNMOVED] == 0


def _renamed(engine: str) -> Iterator[str]:
    quote = "`" if engine == "mariadb" else '"'
    for table, columns in EXPECTED.items():
        for column in sorted(columns.difference(_KEPT.get(table, ()))):
            yield f"ALTER TABLE {table} RENAME COLUMN {quote}{column}{quote} TO {quote}x_{column}{quote}"


def _still(run: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in run.items() if name not in _CLOCKWORK}


@pytest.mark.parametrize("table", EXPECTED)
def test_no_command_crashes(table: str, sample: Path, capsys: Capture, tmp_path: Path) -> None:
    for column, path in _without(table, sample, tmp_path):
        url = f"sqlite:///{path}"
        more = ((), ("--csv",), ("--summary",)) if column is None else ((),) if table == "workflow_runs" else ()
        for options in (("--json", "--deep"), *more):
            code, out, err = command(capsys, "embedded", "inventory", "--database-url", url, *options)
            assert "Traceback" not in err, f"{table}.{column} {options}"
            assert code in (0, 5), f"{table}.{column} {options}: {err}"
            if options and options[0] == "--json" and code == 0:
                assert document(out, "embedded-inventory")["gaps"], f"{table}.{column}"
        code, out, err = command(capsys, "embedded", "check", "--database-url", url, "--json")
        assert code == 1, f"{table}.{column}: {err}"
        document(out, "embedded-check")
