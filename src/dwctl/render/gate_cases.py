"""The checks of the gate as cases: none is red in CI unless it shuts the gate, and the gate is never shut without one.

A waived check is skipped, not passed: CI shows that somebody decided to go on. What is only advice, and what
only warns, passes with a note. In a strict run all of these fail, since they shut the gate.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dwctl.checklist.gate.check import Severity, State
from dwctl.checklist.gate.report import GateReport
from dwctl.checklist.gate.results import Result
from dwctl.render import gate_wording as wording
from dwctl.render.cases import Case, Cases, CaseState

NAME: Final = "dwctl checklist"
_GROUP: Final = "dwctl.checklist"

_LISTED: Final = 20
"""Ids, and pieces of evidence, of one case; the JSON has more."""

_STATES: Final = {
    State.PASS: CaseState.PASSED,
    State.WARN: CaseState.PASSED,
    State.FAIL: CaseState.FAILED,
    State.UNKNOWN: CaseState.ERROR,
    State.WAIVED: CaseState.SKIPPED,
    State.SKIPPED: CaseState.SKIPPED,
}


def gate_cases(report: GateReport) -> Cases:
    """A case a check, after those for the gate itself: complaints, an interruption, nothing that was measured."""
    result = report.result
    facts = {
        "cutover": result.name, "server": result.server, "namespace": result.namespace,
        "dwctl_version": report.dwctl_version, "strict": str(result.strict),
        "verdict": wording.verdict_word(result),
    }  # fmt: skip
    return Cases(
        NAME, wording.headline(result), result.green, report.made_at, tuple(_cases(report)),
        {name: value for name, value in facts.items() if value is not None},
    )  # fmt: skip


def _cases(report: GateReport) -> Iterator[Case]:
    result = report.result
    checks = [gate_case(report, one) for one in result.results]
    for complaint in result.complaints:
        yield Case("attestations and waivers", _GROUP, CaseState.FAILED, "complaint", complaint)
    if result.interrupted:
        yield Case("the run", _GROUP, CaseState.ERROR, "interrupted", wording.headline(result))
    elif not result.green and not result.complaints and all(one.state in _GREEN for one in checks):
        yield Case("the run", _GROUP, CaseState.ERROR, "nothing_measured", wording.headline(result))
    yield from checks


_GREEN: Final = (CaseState.PASSED, CaseState.SKIPPED)


def gate_case(report: GateReport, one: Result) -> Case:
    """One check as a case."""
    finding = one.finding
    return Case(
        one.check.id, f"{_GROUP}.item-{one.check.item:02}.{one.check.of.name.replace(' ', '-')}",
        _state(report, one), finding.state.value, _message(one), tuple(_details(one)), seconds=one.seconds,
    )  # fmt: skip


def _state(report: GateReport, one: Result) -> CaseState:
    """Advice that has no answer is skipped: nothing passed."""
    state = one.finding.state
    if one in report.result.in_the_way:
        return CaseState.ERROR if state is State.UNKNOWN else CaseState.FAILED
    if one.check.severity is Severity.ADVICE and state is State.FAIL:
        return CaseState.PASSED
    if one.check.severity is Severity.ADVICE and state is State.UNKNOWN:
        return CaseState.SKIPPED
    return _STATES[state]


def _message(one: Result) -> str:
    decided = wording.waived(one.waived) if one.waived and one.finding.state is State.WAIVED else None
    return one.finding.said if decided is None else f"{decided} ({one.finding.said})"


def _details(one: Result) -> Iterator[str]:
    finding = one.finding
    yield f"state: {finding.state.value}"
    if one.measured is not finding.state:
        yield f"measured: {one.measured.value}"
    if one.check.severity is Severity.ADVICE:
        yield "severity: advice"
    yield f"item {one.check.item}: {one.check.of.meaning}"
    yield f"said: {finding.said}"
    if one.attested is not None:
        yield wording.attested(one.attested)
    if one.waived is not None:
        yield wording.waived(one.waived)
    yield from [f"{finding.ids_are}: {text}" for text in finding.ids[:_LISTED]]
    if (more := wording.more_ids(one, _LISTED)) > 0:
        yield f"{finding.ids_are}: and {more:,} more"
    yield from [f"asked: {each.asked}; came: {each.came}; at: {each.at}" for each in finding.evidence[:_LISTED]]
    if finding.next_step:
        yield f"next: {finding.next_step}"
    if finding.command:
        yield f"type: {finding.command}"
