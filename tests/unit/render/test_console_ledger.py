"""The ledger for people: rates, ages, and what a terminal must not be told."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest

from dwctl.render.console_ledger import WatchedStatus, show_audit, show_row, show_rows, show_status, status_line
from dwctl.transfer.ledger.audit import AuditFinding, AuditReport
from dwctl.transfer.ledger.differences import NOT_SHOWN, PRUNED
from dwctl.transfer.ledger.lock import Holder
from dwctl.transfer.ledger.log import Head
from dwctl.transfer.ledger.rows import LedgerState, LedgerTarget
from dwctl.transfer.ledger.unread import UnreadFile
from dwctl.transfer.ledger.view import LedgerFacts, LedgerStatus
from ledgers import row
from terminals import Terminal
from told_transfers import RESEALED, RESTORED

WRITER = Holder(4711, "ops-1", "2026-11-23T09:00:00.000000Z", "history-import")
STATUS = LedgerStatus(
    LedgerTarget("https://dw.example.com", "production", "orders-1"),
    dict.fromkeys(LedgerState, 0) | {LedgerState.PLANNED: 900, LedgerState.IMPORTED: 100},
    LedgerFacts(compared=90),
    Head(300, "ab" * 32),
    "2026-11-23T10:00:00.000000Z",
    12.5,
    WRITER,
)


def shown(status: LedgerStatus, age: float | None = 1.0) -> str:
    stream = io.StringIO()
    show_status("ledger.db", status, age, stream)
    return stream.getvalue()


def test_the_rate_and_what_is_left_are_said_while_somebody_writes() -> None:
    assert "12.5 bundles/s of late, about 72 s left" in shown(STATUS)
    assert "bundles/s" not in shown(replace(STATUS, writer=None))
    assert "bundles/s" not in shown(replace(STATUS, rate=None))
    done = dict.fromkeys(LedgerState, 0) | {LedgerState.IMPORTED: 1000}
    assert "left" not in shown(replace(STATUS, counts=done))


def test_a_run_that_the_server_does_not_show_is_not_counted_as_on_the_server() -> None:
    text = shown(replace(STATUS, facts=LedgerFacts(compared=90, differs=41, not_shown=40)))
    assert "1,000 bundles: 60 on the server" in text
    assert "40 runs imported, and not shown by the server in this namespace: dwctl explain run_not_shown" in text
    assert "1 run on the server not as in the bundle" in text
    only = shown(replace(STATUS, facts=LedgerFacts(compared=90, differs=40, not_shown=40)))
    assert "not as in the bundle" not in only


@pytest.mark.parametrize(
    ("differences", "why"),
    [
        ((NOT_SHOWN,), "run_not_shown"),
        ((PRUNED,), "target.run_pruned"),
        (("status: the bundle says waiting; the server: completed", "history: x"), "status, history"),
    ],
)
def test_the_list_says_why_a_run_differs(differences: tuple[str, ...], why: str) -> None:
    stream = io.StringIO()
    state = {"state": LedgerState.IMPORTED, "compared_at": "x", "differs_at": "x", "rules": ("bundle.warned",)}
    show_rows([row(1, **state, differences=differences)], stream)
    assert stream.getvalue().splitlines()[1].endswith(f"  {why}")


@pytest.mark.parametrize(
    ("age", "said"),
    [(0.4, "(0 s ago)"), (119, "(119 s ago)"), (600, "(10 min ago)"), (90_000, "(25 h ago)"), (864_000, "(10 d ago)")],
)
def test_the_age_of_the_last_event_is_in_the_fitting_unit(age: float, said: str) -> None:
    assert said in shown(STATUS, age)


def test_an_event_after_now_is_said_and_no_time_is_no_age() -> None:
    assert "a clock was set" in shown(STATUS, -5.0)
    assert "ago" not in shown(replace(STATUS, last_event_at=None), None)


def test_a_status_that_is_watched_is_folded_under_its_own_indentation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    with WatchedStatus("ledger.db", stream) as screen:
        screen.show(replace(STATUS, writer=replace(WRITER, command="dwctl history-import", host="ops-1.example")), 1.0)
    drawn = re.sub("\x1b\\[[?0-9;]*[A-Za-z]", "", stream.getvalue()).splitlines()
    assert max(map(len, drawn)) <= 80
    assert f"  {'ab' * 32}" in drawn
    writer = next(number for number, line in enumerate(drawn) if "process 4711" in line)
    assert drawn[writer + 1].startswith("  2026-11-23T09:00:00")


def test_files_without_a_run_are_trouble_and_the_first_are_named() -> None:
    files = tuple(UnreadFile(place=f"/x/{n}", file=f"exports/{n}\x1b.json", reason="unreadable") for n in range(12))
    text = shown(replace(STATUS, unread=files))
    assert "12 files gave no run, so nothing of that was imported:" in text
    assert "  exports/9\\x1b.json: unreadable\n" in text
    assert "exports/10" not in text
    assert "… and 2 more" in text
    assert "unread=12" in status_line(replace(STATUS, unread=files))


def test_a_line_for_a_log_names_what_changes() -> None:
    line = status_line(STATUS)
    assert line.startswith("2026-11-23T10:00:00.000000Z planned=900 imported=100 compared=90 ")
    assert line.endswith("rate=12.5/s writer=4711")
    assert status_line(replace(STATUS, rate=None, writer=None)).endswith("rate=- writer=none")


def test_text_from_outside_steers_no_terminal_and_no_table() -> None:
    stream = io.StringIO()
    hostile = row(1, instance_id="\x1b[2Jo\nrder", workflow_type="[red]x[/red]", error_reason="a\tb")
    assert show_rows([hostile, row(2)], stream) == 2
    text = stream.getvalue()
    assert "\x1b" not in text
    assert "\\x1b[2Jo\\nrder" in text
    assert "[red]x[/red]" in text
    assert len(text.splitlines()) == 4
    places = [line.index("orders.process") if "orders.process" in line else line.index("[red]") for line in
              text.splitlines()[1:3]]  # fmt: skip
    assert places[0] == places[1]


def test_on_a_terminal_a_row_is_a_line_without_trailing_blanks(monkeypatch: pytest.MonkeyPatch) -> None:
    for width in (80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        stream = Terminal()
        assert show_rows([row(1), row(2, rules=("tasks.leased_task_present",))], stream) == 2
        assert "" not in stream.seen
        assert max(map(len, stream.seen)) <= width
        assert stream.seen[2].endswith("tasks.leased_task_present")


def test_what_was_done_to_a_bundle_is_told_in_words() -> None:
    link = {"parent_run_id": "p", "child_run_id": "c", "link_type": "continue_as_new"}
    stream = io.StringIO()
    show_row(row(1, repair={**RESTORED, **RESEALED}, removed_links=(link,)), [], stream)
    text = stream.getvalue()
    assert "cause: lost_zero_fractions; proof: the recorded checksum" in text
    assert "restored paths: workflow.search_attributes.amount" in text
    assert "resealed" in text
    assert "continue_as_new: p to c" in text
    assert "{" not in text


def test_an_audit_says_how_many_findings_are_not_shown() -> None:
    stream = io.StringIO()
    findings = (AuditFinding("edited\x1b", 7, "r"), AuditFinding("the file is damaged"))
    show_audit("ledger.db", AuditReport(Head(9, "ab" * 32), 9, 3, findings, 12), stream)
    text = stream.getvalue()
    assert "event 7 (run r): edited\\x1b" in text
    assert "ledger: the file is damaged" in text
    assert "… and 10 more findings" in text
    assert "NO: the ledger is not as its writer left it (12 findings)." in text
