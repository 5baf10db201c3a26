"""The text of a difference: the answer first, then what it is made of."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dwctl.bundle.canonical import decode
from dwctl.bundle.diff import DiffVerdict, diff_bundles
from dwctl.render.console_diff import write_diff
from terminals import Terminal

TESTS = Path(__file__).parents[2]
DATA = TESTS / "data" / "bundles"
SNAPSHOTS = TESTS / "snapshots" / "diff"


def bundle(number: str) -> Any:
    """A fresh copy of a recorded bundle."""
    (path,) = DATA.glob(f"{number}-*.json")
    return json.loads(path.read_bytes())


def shown(first: Any, second: Any) -> str:
    """The text that a difference is shown as."""
    documents = [decode(json.dumps(value).encode()) for value in (first, second)]
    stream = io.StringIO()
    write_diff(("a.json", "b.json"), diff_bundles(*documents), stream)
    return stream.getvalue()


def earlier() -> Any:
    """The bundle 01 as it may have been exported before its last event."""
    value = bundle("01")
    value["history_events"].pop()
    value["workflow"].update(status="waiting", closed_at=None, last_history_sequence=5)
    value["tasks"][2].update(status="ready")
    return value


def rewritten() -> Any:
    """The bundle 01 with another third event."""
    value = bundle("01")
    value["history_events"][2]["payload"]["activity_type"] = "orders.other"
    return value


SITUATIONS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "moved": (earlier, lambda: bundle("01")),
    "history-changed": (lambda: bundle("01"), rewritten),
    "another-run": (lambda: bundle("01"), lambda: bundle("06")),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_on_a_narrow_terminal_each_fact_stands_once_or_twice(situation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    first, second = (decode(json.dumps(make()).encode()) for make in SITUATIONS[situation])
    write_diff(("exports/a.json", "exports/b.json"), diff_bundles(first, second), stream)
    lines = stream.seen
    assert max(map(len, lines)) <= 80
    facts = lines[lines.index("Exports") + 1 :]
    runs = {make()["workflow"]["run_id"] for make in SITUATIONS[situation]}
    assert all(sum(run in line for line in facts[:12]) == 1 for run in runs)
    assert [line.split()[-1] for line in facts[:2]] == ["exports/a.json", "exports/b.json"]


@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_difference_is_shown_as_it_was(situation: str) -> None:
    first, second = SITUATIONS[situation]
    expected = (SNAPSHOTS / f"{situation}.txt").read_text(encoding="utf-8")
    assert shown(first(), second()) == expected


def test_an_alarm_is_the_first_word() -> None:
    assert shown(bundle("01"), rewritten()).startswith("ALARM: recorded history was changed.")


def test_the_same_content_is_said_in_one_line() -> None:
    assert shown(bundle("01"), bundle("01")).splitlines()[0].startswith("The two files are the same")


def test_what_stands_differently_is_shown_before_and_after() -> None:
    leased = bundle("76")
    leased["tasks"][0].update(status="leased", lease_owner="w1", lease_expires_at="2026")
    text = shown(bundle("76"), leased)
    assert "~  task  workflow  ready" in text
    assert "leased by w1 until 2026" in text


def test_the_later_export_is_named() -> None:
    assert "b.json (later)" in shown(earlier(), bundle("01"))
    assert "a.json (later)" in shown(bundle("01"), earlier())


def test_payloads_that_were_not_compared_are_said() -> None:
    masked = bundle("01")
    masked["redaction"]["applied"] = True
    assert "Not compared" in shown(bundle("01"), masked)


def test_a_number_written_differently_points_to_the_repair() -> None:
    value = bundle("37")
    value["workflow"]["search_attributes"]["whole_float"] = 12.0
    assert "`dwctl bundle repair`" in shown(bundle("37"), value)


def test_no_payload_is_shown() -> None:
    value = bundle("01")
    value["history_events"][4]["payload"]["result"] = "SECRET-RESULT"
    value["payloads"]["arguments"]["data"] = "SECRET-ARGUMENT"
    assert "SECRET" not in shown(bundle("01"), value)


@pytest.mark.parametrize("verdict", DiffVerdict)
def test_every_verdict_has_a_sentence(verdict: DiffVerdict) -> None:
    from dwctl.render.console_diff import _ANSWERS

    assert _ANSWERS[verdict][1].endswith(".")
