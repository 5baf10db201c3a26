"""The gate as JUnit, annotations and Markdown, each read back by something that did not write it."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from dwctl.checklist.gate.check import Severity, State
from dwctl.checklist.gate.items import ITEMS
from dwctl.checklist.gate.report import GateReport
from dwctl.checklist.gate.results import GateResult
from dwctl.render import gate_wording as wording
from dwctl.render.github import SHOWN
from dwctl.render.markdown import sentence
from dwctl.render.markdown_transfer import LARGEST
from dwctl.render.reports import FORMATS
from dwctl.render.text import one_line
from told_gates import (
    ATTESTATION,
    WAIVER,
    gate,
    green_report,
    hostile_report,
    large_report,
    mixed,
    mixed_report,
    passing,
    report_of,
    result,
    world,
)

LINE = re.compile(r"::(?P<level>error|warning|notice)(?: (?P<properties>[^:]*))?::(?P<message>.*)")
VERDICTS = {"failure", "error", "skipped"}


def junit(report: GateReport) -> dict[str, ElementTree.Element]:
    """Test cases by name, read by the standard library; the counts of the suite are held against them."""
    root = ElementTree.fromstring(FORMATS["junit"].gate(report))  # noqa: S314 - our own
    (suite,) = root
    cases = suite.findall("testcase")
    assert (root.tag, suite.get("name"), suite.get("tests")) == ("testsuites", "dwctl checklist", str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert suite.get(attribute) == root.get(attribute) == str(len(suite.findall(f"testcase/{tag}")))
    return {str(case.get("name")): case for case in cases}


def verdict(case: ElementTree.Element) -> str:
    """passed, failure, error or skipped."""
    return next((child.tag for child in case if child.tag in VERDICTS), "passed")


def told(case: ElementTree.Element) -> str:
    """Everything that a case says."""
    return " ".join([*case.itertext(), *(child.get("message", "") for child in case)])


def annotated(report: GateReport) -> list[tuple[str, str, str]]:
    """Level, title and message of each line, unescaped as the runner does it."""
    found = []
    for line in FORMATS["github"].gate(report).splitlines():
        match = LINE.fullmatch(line)
        assert match is not None, line
        title, message = match["properties"] or "", match["message"]
        for escape, sign in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
            title, message = title.replace(escape, sign), message.replace(escape, sign)
        found.append((match["level"], title.removeprefix("title="), message))
    return found


def of(*results: object, **changes: object) -> GateReport:
    return report_of(gate(list(results), **changes), world())  # type: ignore[arg-type]


# --- JUnit ---


@pytest.mark.parametrize(
    ("state", "severity", "strict", "expected"),
    [
        (State.PASS, Severity.REQUIRED, False, "passed"), (State.PASS, Severity.REQUIRED, True, "passed"),
        (State.WARN, Severity.REQUIRED, False, "passed"), (State.WARN, Severity.REQUIRED, True, "failure"),
        (State.FAIL, Severity.REQUIRED, False, "failure"), (State.UNKNOWN, Severity.REQUIRED, False, "error"),
        (State.UNKNOWN, Severity.REQUIRED, True, "error"), (State.WAIVED, Severity.REQUIRED, False, "skipped"),
        (State.WAIVED, Severity.REQUIRED, True, "failure"), (State.SKIPPED, Severity.REQUIRED, False, "skipped"),
        (State.SKIPPED, Severity.REQUIRED, True, "skipped"), (State.FAIL, Severity.ADVICE, False, "passed"),
        (State.UNKNOWN, Severity.ADVICE, False, "skipped"), (State.FAIL, Severity.ADVICE, True, "failure"),
    ],
)  # fmt: skip
def test_a_state_is_a_verdict_of_ci(state: State, severity: Severity, strict: bool, expected: str) -> None:
    cases = junit(of(result("v1.drained", 1), result("a.b", state=state, severity=severity), strict=strict))
    assert verdict(cases["a.b"]) == expected
    assert verdict(cases["v1.drained"]) == "passed"
    assert f"state: {state.value}" in told(cases["a.b"])


def test_what_this_run_left_out_is_skipped_and_stops_a_strict_one() -> None:
    left = result("a.b", state=State.SKIPPED, left_out=True, said="left out by --skip")
    for strict, expected in ((False, "skipped"), (True, "failure")):
        case = junit(of(result("v1.drained", 1), left, strict=strict))["a.b"]
        assert verdict(case) == expected
        assert "left out by --skip" in told(case)


def test_ci_is_red_exactly_where_the_gate_is_shut() -> None:
    chance = random.Random(8)
    greens = 0
    for _ in range(300):
        results = [
            result(f"c.{number}", chance.randint(1, 12), chance.choice([State.PASS, State.PASS, *State]),
                   severity=chance.choice([Severity.REQUIRED, Severity.ADVICE]), left_out=chance.random() < 0.05)
            for number in range(chance.randint(0, 4))
        ]  # fmt: skip
        changes = {"strict": chance.random() < 0.3, "interrupted": chance.random() < 0.1,
                   "complaints": ("one",) if chance.random() < 0.1 else ()}  # fmt: skip
        report = of(*results, **changes)
        red = {verdict(case) for case in junit(report).values()} & {"failure", "error"}
        assert bool(red) is not report.result.green
        levels = [level for level, _, _ in annotated(report)]
        assert ("error" in levels) is not report.result.green
        greens += report.result.green
    assert 30 < greens < 270


def test_a_case_says_all_that_is_known_of_its_check() -> None:
    cases = junit(mixed_report())
    failed = cases["types.workers"]
    assert failed.get("classname") == "dwctl.checklist.item-02.type-keys"
    assert float(str(failed.get("time"))) == pytest.approx(0.29)
    for said in ("PHP class names", "workers: w-php-2", "asked: GET /api/health; came: 200, status ok; at: 2026-11-24",
                 "next: Register the type key", "type: dwctl worker show w-php-1"):  # fmt: skip
        assert said in told(failed)
    assert wording.waived(WAIVER) in told(cases["server.certificate"])
    assert verdict(cases["server.certificate"]) == "skipped"
    assert wording.attested(ATTESTATION) in told(cases["starters.paused"])
    assert verdict(cases["starters.paused"]) == "passed"
    assert "measured: unknown" in told(cases["starters.paused"])
    assert verdict(cases["attestations and waivers"]) == "failure"
    assert len(cases) == len(mixed()) + 1


def test_a_run_that_settles_nothing_or_was_interrupted_has_a_case_of_its_own() -> None:
    assert verdict(junit(of())["the run"]) == "error"
    assert verdict(junit(of(result(state=State.SKIPPED)))["the run"]) == "error"
    assert verdict(junit(of(result(), interrupted=True))["the run"]) == "error"
    assert "the run" not in junit(green_report())


def test_hostile_texts_come_back_from_junit_as_escapes() -> None:
    report = hostile_report()
    cases = junit(report)
    assert {one.check.id for one in report.result.results} <= set(cases)
    for one in report.result.results:
        assert one_line(one.finding.said) in told(cases[one.check.id])


# --- annotations ---


def test_errors_shut_the_gate_warnings_are_to_be_looked_at_and_notices_to_be_known() -> None:
    found = annotated(mixed_report())
    assert found[0][:2] == ("error", "dwctl checklist")
    assert found[0][2].startswith("The gate is shut. 12 of 21 checks pass; 3 fail, 2 unknown")
    assert [title for level, title, _ in found if level == "error"][-1] == "shadow.completed (unknown)"
    levels = {title.partition(" (")[0]: level for level, title, _ in found}
    assert levels == {
        "dwctl checklist": "error", "attestations and waivers": "error", "types.workers": "error",
        "workers.coverage": "error", "shadow.completed": "error", "imports.compared": "error",
        "server.certificate": "warning", "namespace.retention": "warning", "server.clock": "warning",
        "v1.drained": "notice", "retention.exported": "notice",
    }  # fmt: skip
    (workers,) = [message for _, title, message in found if title == "types.workers (fail)"]
    assert workers.endswith("Next: Register the type key in place of the class.")
    assert annotated(green_report()) == [("notice", "dwctl checklist", "The gate is open. All 20 checks pass.")]


@pytest.mark.parametrize("make", [hostile_report, large_report])
def test_no_more_annotations_than_the_runner_keeps_and_each_in_its_place(make: Callable[[], GateReport]) -> None:
    report = make()
    levels = [level for level, _, _ in annotated(report)]
    assert max(levels.count(level) for level in set(levels)) <= SHOWN
    assert levels[0] == "error"


# --- Markdown ---


def test_markdown_has_the_verdict_the_twelve_items_what_is_no_pass_and_the_next_commands() -> None:
    text = FORMATS["markdown"].gate(mixed_report())
    lines = text.splitlines()
    assert lines[0] == "<!-- dwctl report -->"
    assert lines[3].startswith("**The gate is shut.** 12 of 21 checks pass;")
    rows = [line.split(" | ") for line in lines if re.match(r"\| \d+ \|", line)]
    assert [row[0] for row in rows] == [f"| {item.number}" for item in ITEMS]
    assert [row[2].split(" ", 1)[1] for row in rows][:6] == ["skipped", "fail", "pass", "warn", "warn", "fail"]
    assert "- **❌ fail** `types.workers` (item 2)" in text
    assert "`w-php-1`, `w-php-2`" in text
    assert "   ```sh\n   dwctl worker show w-php-1\n   ```" in text
    assert "Waived by ana on 2026-11-20, until 2026-12-01: the new certificate is ordered, ticket 4711" in text
    assert "Skipped: 2 checks" in text
    assert "> the waiver of server.health by ana ended on 2026-11-01" in text
    assert "880 arrived" in text
    green = FORMATS["markdown"].gate(green_report())
    assert "**The gate is open.** All 20 checks pass." in green
    assert "## Next" not in green
    assert "## What is no pass" not in green


def test_markdown_of_hostile_texts_has_no_mark_of_theirs() -> None:
    text = FORMATS["markdown"].gate(hostile_report())
    outside = re.sub(r"^ *(`{3,})sh\n.*?\n *\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    outside = re.sub(r"<code>.*?</code>|`[^`\n]*`", "", outside)
    for sign in ("<script", "<img", "](", "@", "www.", "://", "\x1b", "\u202e"):
        assert sign not in outside
    assert set(re.findall(r"</?\w+", outside)) <= {"<details", "</details", "<summary", "</summary"}
    assert all(line.count("|") in (0, 5, 6) for line in outside.splitlines() if not line.startswith("|-"))


def test_markdown_fits_a_comment() -> None:
    assert len(FORMATS["markdown"].gate(large_report())) <= LARGEST


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nobody polls queue order_lines (2 of 3)", "nobody polls queue order_lines (2 of 3)"),
        ("Look at `dwctl worker list`.", "Look at `dwctl worker list`."),
        ("at https://x.example", "`at https://x.example`"), ("see www.x.example", "`see www.x.example`"),
        ("by @ana", "`by @ana`"), ("see #12", "`see #12`"), ("GH-12", "`GH-12`"), ("_a_", "`_a_`"),
        ("a*b*", "`a*b*`"), ("one ` alone", "<code>one&#32;&#96;&#32;alone</code>"),
    ],
)  # fmt: skip
def test_a_sentence_is_prose_only_where_no_sign_in_it_means_anything(text: str, shown: str) -> None:
    assert sentence(text) == shown


# --- the sentences ---


def test_the_verdict_counts_names_the_items_and_says_why() -> None:
    def said(**changes: object) -> str:
        made = gate([result("a.b", 6, State.FAIL), result("c.d", 7, State.WARN), result("e.f", 1)])
        changed: GateResult = replace(made, **changes)  # type: ignore[arg-type]
        return wording.headline(changed)

    assert said() == "The gate is shut. 1 of 3 checks pass; 1 fail, 1 warn. Item 6 keeps it shut."
    assert "Items 6 and 7 keep it shut. Strict:" in said(strict=True)
    assert said(interrupted=True).startswith("Interrupted. ")
    assert "2 complaints about attestations and waivers keep it shut." in said(complaints=("x", "y"))
    assert said(results=()) == "The gate is shut. No check was chosen, and nothing to check is no pass."
    skipped = (result("a.b", state=State.SKIPPED),)
    assert said(results=skipped).endswith("Nothing was measured, and nothing to check is no pass.")
    assert said(results=(result(),)) == "The gate is open. The one check passes."


def test_the_next_steps_begin_with_what_keeps_the_gate_shut_and_say_each_once() -> None:
    report = mixed_report()
    names = [one.check.id for one, _, _ in wording.next_steps(report.result)]
    assert names == ["types.workers", "workers.coverage", "imports.compared", "shadow.completed", "namespace.retention"]
    twice = [replace(one, check=replace(one.check, id=f"{one.check.id}.again")) for one in mixed()]
    assert len(wording.next_steps(gate([*mixed(), *twice]))) == len(names)


@pytest.mark.parametrize("name", FORMATS)
def test_every_file_of_a_format_is_recognised_so_that_the_next_run_may_replace_it(name: str) -> None:
    for report in (mixed_report(), green_report(), of(), hostile_report(), report_of(gate(passing()))):
        start = FORMATS[name].gate(report)[:4096]
        assert any(mark in start for mark in FORMATS[name].marks)
