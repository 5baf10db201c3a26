"""The text of a summary: snapshots of recorded bundles, and what a damaged one shows."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from dwctl import schema_files
from dwctl.bundle.canonical import decode
from dwctl.bundle.summary import summarize
from dwctl.render.console_show import write_summary

TESTS = Path(__file__).parents[2]
DATA = TESTS / "data" / "bundles"
SNAPSHOTS = TESTS / "snapshots" / "show"


def shown(document: bytes, *, schema: bool = True) -> str:
    """The text that a bundle is shown as."""
    stream = io.StringIO()
    summary = summarize(decode(document), schema_files.load("history-export") if schema else None)
    write_summary("bundle.json", summary, stream)
    return stream.getvalue()


def changed(number: str, **sections: Any) -> bytes:
    """A recorded bundle with other sections."""
    (path,) = DATA.glob(f"{number}-*.json")
    return json.dumps({**json.loads(path.read_bytes()), **sections}).encode()


@pytest.mark.parametrize("number", ["01", "22", "57", "64", "76"])
def test_a_recorded_bundle_is_shown_as_it_was(number: str) -> None:
    (path,) = DATA.glob(f"{number}-*.json")
    assert shown(path.read_bytes()) == (SNAPSHOTS / f"{path.stem}.txt").read_text(encoding="utf-8")


def test_no_payload_is_shown() -> None:
    (path,) = DATA.glob("01-*.json")
    assert "wwHioz3" in path.read_text(encoding="utf-8")
    assert "wwHioz3" not in shown(path.read_bytes())


def test_a_lease_says_who_has_it_and_until_when() -> None:
    text = shown(changed("57"))
    assert "1 of 1 held by a worker: the importer refuses the bundle" in text
    assert "leased by embedded-worker-1 until 2026-11-22T22:14:20.030754Z" in text


def test_an_older_run_says_which_is_the_current_one() -> None:
    assert "not the current run, which is 01m82n16vp00qd8z0me2xk4kz9" in shown(changed("28"))


def test_a_redacted_bundle_says_so() -> None:
    text = shown(changed("61"))
    assert "yes: the exporter masked payloads" in text
    assert "7 payloads, 6 without a value, 7 redacted" in text


def test_what_is_damaged_is_said() -> None:
    text = shown(changed("01", workflow="gone", tasks=[1, 2], integrity=None))
    damaged = text.split("Damaged")[1]
    assert "workflow" in damaged
    assert "an integer stands where a row belongs, as in 1 more rows of this section" in damaged
    assert "not said" in text.split("State")[0]


def test_the_first_differences_from_the_schema_are_shown_and_the_rest_counted() -> None:
    text = shown(changed("01", timeline=[{}] * 3))
    assert "Schema  9 differences, as warnings" in text
    assert text.rstrip().endswith("and 4 more: see --json")


def test_a_schema_that_was_not_asked_is_shown_as_skipped() -> None:
    assert shown(changed("01"), schema=False).rstrip().endswith("Schema  not checked")


def test_many_places_of_one_kind_are_counted() -> None:
    timers = [{"id": str(index), "status": "pending"} for index in range(12)]
    assert "timers.0, timers.1, timers.2 and 9 more" in shown(changed("76", timers=timers))


def test_a_hostile_name_cannot_steer_the_terminal() -> None:
    workflow = {"instance_id": "x\x1b]0;title\x07", "workflow_type": "[red]a[/red]\nb"}
    text = shown(changed("01", workflow=workflow))
    assert "\x1b" not in text
    assert "x\\x1b]0;title\\x07" in text
    assert "[red]a[/red]\\nb" in text
