"""The ledger for people: rates, ages, and what a terminal must not be told."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from dwctl.render.console_ledger import show_audit, show_rows, show_status, status_line
from dwctl.transfer.ledger.audit import AuditFinding, AuditReport
from dwctl.transfer.ledger.lock import Holder
from dwctl.transfer.ledger.log import Head
from dwctl.transfer.ledger.rows import LedgerState, LedgerTarget
from dwctl.transfer.ledger.view import LedgerFacts, LedgerStatus
from ledgers import row

STATUS = LedgerStatus(
    LedgerTarget("https://dw.example.com", "production", "orders-1"),
    dict.fromkeys(LedgerState, 0) | {LedgerState.PLANNED: 900, LedgerState.IMPORTED: 100},
    LedgerFacts(compared=90),
    Head(300, "ab" * 32),
    "2026-11-23T10:00:00.000000Z",
    12.5,
    Holder(4711, "ops-1", "2026-11-23T09:00:00.000000Z", "history-import"),
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


@pytest.mark.parametrize(
    ("age", "said"),
    [(0.4, "(0 s ago)"), (119, "(119 s ago)"), (600, "(10 min ago)"), (90_000, "(25 h ago)"), (864_000, "(10 d ago)")],
)
def test_the_age_of_the_last_event_is_in_the_fitting_unit(age: float, said: str) -> None:
    assert said in shown(STATUS, age)


def test_an_event_after_now_is_said_and_no_time_is_no_age() -> None:
    assert "a clock was set" in shown(STATUS, -5.0)
    assert "ago" not in shown(replace(STATUS, last_event_at=None), None)


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


def test_an_audit_says_how_many_findings_are_not_shown() -> None:
    stream = io.StringIO()
    findings = (AuditFinding("edited\x1b", 7, "r"), AuditFinding("the file is damaged"))
    show_audit("ledger.db", AuditReport(Head(9, "ab" * 32), 9, 3, findings, 12), stream)
    text = stream.getvalue()
    assert "event 7 (run r): edited\\x1b" in text
    assert "ledger: the file is damaged" in text
    assert "… and 10 more findings" in text
    assert "NO: the ledger is not as its writer left it (12 findings)." in text
