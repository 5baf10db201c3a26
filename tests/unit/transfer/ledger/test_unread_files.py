"""Files that gave no run: kept, told, and settled by nothing but a run that is read from them, or a person's word."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from dwctl.bundle.verify import RunFacts
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.memory import read_in, unread_in
from dwctl.transfer.ledger.unread import UnreadFile
from dwctl.transfer.plans.plan import Plan, PlanAction, PlannedBundle, PlanOptions
from ledgers import START, edit, opened, rows

RUN = RunFacts("order-1", "01RUN", 1, "orders.process", None, "waiting", True, False, "key", "orders")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger of two bundles."""
    made = tmp_path / "ledger.db"
    with opened(made) as ledger:
        ledger.plan(rows(2))
    return made


def unread(file: str, **changes: str | None) -> UnreadFile:
    """A file without a run."""
    return replace(
        UnreadFile(place=str(Path(file).absolute()), file=file, reason="unreadable", text="cut", file_sha256="a" * 64),
        **changes,  # type: ignore[arg-type]
    )


def bundle(file: str, *, run: RunFacts | None = None, sha256: str = "a" * 64) -> PlannedBundle:
    """A bundle of a plan, with a run or without."""
    return PlannedBundle(0, file, 1, sha256, sha256, PlanAction.REFUSE, settled=run, problem="cut")


def plan(*bundles: PlannedBundle) -> Plan:
    """A plan of them."""
    return Plan("", "", None, None, None, PlanOptions("default"), bundles)


def names(found: Iterable[UnreadFile]) -> list[str]:
    """The names of files."""
    return [one.file for one in found]


def test_a_plan_names_the_files_that_gave_no_run_and_why() -> None:
    found = list(unread_in(plan(bundle("a.json"), bundle("b.json", run=RUN), bundle("c.json", sha256=""))))
    assert [(one.file, one.place, one.reason, one.text, one.file_sha256) for one in found] == [
        ("a.json", str(Path("a.json").absolute()), "unreadable", "cut", "a" * 64),
        ("c.json", str(Path("c.json").absolute()), "unreadable", "cut", None),
    ]


def test_the_same_file_is_known_by_every_spelling_and_a_standard_input_only_by_its_content() -> None:
    before = list(unread_in(plan(bundle("a.json"), bundle("-", sha256="1"))))
    later = plan(bundle("./x/../a.json", run=RUN), bundle("-", run=RUN, sha256="2"))
    assert read_in(later, before) == {str(Path("a.json").absolute())}
    assert before[0].is_named(str(Path("a.json").absolute()))
    assert before[1].is_named("-")
    assert not before[1].is_named("a.json")


def test_an_unread_file_stays_until_a_run_is_read_from_it(path: Path) -> None:
    with opened(path) as ledger:
        ledger.note_files([unread("a.json"), unread("b.json", text=None), unread("r\udcff.json")])
        before = ledger.head()
        ledger.note_files([unread("a.json")])
        assert ledger.head() == before, "nothing new was said"
        ledger.note_files([unread("a.json", text="cut elsewhere")])
        assert names(ledger.status().unread) == ["b.json", "r\udcff.json", "a.json"]
        assert ledger.status().total == 2
        ledger.note_files([], [unread("b.json").place, unread("never.json").place])
        assert ledger.audit().ok
    with Ledger.view(path) as view:
        assert names(view.unread()) == ["r\udcff.json", "a.json"]
        assert str(view.unread()[1].when).startswith(f"{START:%Y-%m-%d}")


def test_a_person_lets_go_of_a_file_and_the_log_says_why(path: Path) -> None:
    with opened(path) as ledger:
        ledger.note_files([unread("a.json")])
        ledger.let_go([unread("a.json").place], "a copy\nof another")
        assert ledger.unread() == ()
        assert [event.facts for event in ledger.events() if event.kind == "file_let_go"] == [
            {"place": unread("a.json").place, "reason": "a copy of another"}
        ]
        assert ledger.audit().ok


@pytest.mark.parametrize(
    "statement", ["DELETE FROM unread", "UPDATE unread SET reason = 'ok'", "UPDATE unread SET place = '/elsewhere'"]
)
def test_an_edited_table_of_files_is_found_by_the_audit(path: Path, statement: str) -> None:
    with opened(path) as ledger:
        ledger.note_files([unread("a.json")])
    edit(path, statement)
    with Ledger.view(path) as view:
        assert [one.what for one in view.audit().findings] == [
            "the files that gave no run are not those that its events say"
        ]


def test_a_ledger_from_before_is_read_as_it_is_and_taken_on_by_a_writer(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript("DROP TABLE unread; PRAGMA user_version = 2;")
    connection.close()
    before = path.read_bytes()
    with Ledger.view(path) as view:
        assert (view.unread(), view.status().total, view.audit().ok) == ((), 2, True)
    assert path.read_bytes() == before
    with opened(path) as ledger:
        ledger.note_files([unread("a.json")])
    with Ledger.view(path) as view:
        assert names(view.unread()) == ["a.json"]
        assert view.audit().ok
