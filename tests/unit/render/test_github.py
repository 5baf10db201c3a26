"""Annotations of GitHub Actions: read back as the runner reads them."""

from __future__ import annotations

import re

import pytest

from dwctl.render.cases import Case, Cases, CaseState
from dwctl.render.github import SHOWN, annotated
from dwctl.render.text import one_line
from dwctl.render.transfer_cases import cases_of
from dwctl.transfer.report.standing import Standing
from told_transfers import HOSTILE, bundle, hostile, report_of

LINE = re.compile(r"::(?P<level>error|warning|notice)(?: (?P<properties>[^:]*))?::(?P<message>.*)")


def read(text: str) -> list[tuple[str, dict[str, str], str]]:
    """Level, properties and message of each line, unescaped as the runner does it."""
    found = []
    for line in text.splitlines():
        match = LINE.fullmatch(line)
        assert match is not None, line
        properties = dict(pair.split("=", 1) for pair in (match["properties"] or "").split(",") if pair)
        for escape, sign in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
            properties = {name: value.replace(escape, sign) for name, value in properties.items()}
        message = match["message"].replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
        found.append((match["level"], properties, message))
    return found


def cases(good: bool, *made: Case) -> Cases:
    return Cases("dwctl transfer", "said", good, "now", made)


def test_what_failed_is_an_error_what_was_skipped_a_warning_and_the_rest_a_notice() -> None:
    arrived, refused = bundle(1, Standing.ARRIVED), bundle(2, Standing.REFUSED, ("tasks.leased_task_present",))
    found = read(annotated(cases_of(report_of([arrived, refused, bundle(3, Standing.LEFT_OUT)]))))
    assert [level for level, _, _ in found] == ["error", "error", "warning"]
    assert found[1][1]["file"] == "exports/order-2.json"
    assert "tasks.leased_task_present" in found[1][1]["title"]
    assert found[1][2].startswith("refused: A worker of the embedded application holds a lease")
    ((level, _, said),) = read(annotated(cases_of(report_of([arrived]))))
    assert (level, said) == ("notice", "Complete. 1 bundle arrived: on the server, compared, and the same.")


def test_a_report_that_is_not_good_has_an_error_even_without_a_bad_case() -> None:
    assert [level for level, _, _ in read(annotated(cases(False)))] == ["error"]
    assert [level for level, _, _ in read(annotated(cases(True)))] == ["notice"]


@pytest.mark.parametrize("count", [SHOWN - 2, SHOWN - 1, SHOWN, 500])
def test_no_more_annotations_than_the_runner_keeps_and_the_last_says_how_many_there_are(count: int) -> None:
    made = [Case(f"{number}", "g", CaseState.FAILED, "k", "m") for number in range(count)]
    found = read(annotated(cases(False, *made)))
    assert len(found) == min(count + 1, SHOWN)
    if count + 1 > SHOWN:
        assert found[-1][2] == f"and {count - (SHOWN - 2):,} more; see the whole report"


@pytest.mark.parametrize("text", [*HOSTILE, "100%", "%0A::error::x", "a=b"])
def test_a_hostile_text_stays_in_its_place(text: str) -> None:
    case = Case(text, "g", CaseState.FAILED, "", text, file=text)
    _, (level, properties, message) = read(annotated(cases(False, case)))
    assert level == "error"
    assert message == one_line(text)
    assert properties == {"file": one_line(text), "title": one_line(text)}


def test_a_hostile_report_is_only_annotations() -> None:
    assert len(read(annotated(cases_of(hostile())))) == 1 + len(HOSTILE)
