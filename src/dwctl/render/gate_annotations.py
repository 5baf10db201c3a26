"""The gate as annotations of GitHub Actions: errors shut it, warnings are to be looked at, notices are to be known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from dwctl.checklist.gate.check import State
from dwctl.checklist.gate.report import GateReport
from dwctl.checklist.gate.results import Result
from dwctl.render.cases import Case, CaseState
from dwctl.render.gate_cases import gate_case, gate_cases
from dwctl.render.github import SHOWN, annotation, at_most

_LEVELS: Final = {State.SKIPPED: "notice", State.PASS: None}
"""Of a check that does not shut the gate; any other state is a warning then."""


def gate_annotations(report: GateReport) -> str:
    """The lines, of each level at most as many as the runner keeps; the first is the verdict."""
    return "".join([f"{line}\n" for line in _lines(report)])


def _lines(report: GateReport) -> Iterator[str]:
    cases = gate_cases(report)
    levels: dict[str | None, list[Case]] = {"error": [], "warning": [], "notice": []}
    checks = [(one, gate_case(report, one)) for one in report.result.results]
    about_the_run = cases.cases[: len(cases.cases) - len(checks)]
    levels["error"] += about_the_run
    for one, case in checks:
        levels.setdefault(_level(one, case), []).append(_with_next_step(one, case))
    verdict = "notice" if cases.good else "error"
    yield annotation(verdict, cases.summary, title=cases.name)
    levels["error"].sort(key=lambda case: case.state is CaseState.ERROR)  # few are kept: the answers no come first
    for level in ("error", "warning", "notice"):
        yield from at_most(level, levels[level], SHOWN - (level == verdict))


def _level(one: Result, case: Case) -> str | None:
    if case.state in {CaseState.FAILED, CaseState.ERROR}:
        return "error"
    return _LEVELS.get(one.finding.state, "warning")


def _with_next_step(one: Result, case: Case) -> Case:
    step = one.finding.next_step
    return case if step is None else replace(case, message=f"{case.message.rstrip('.')}. Next: {step}")
