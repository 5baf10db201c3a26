"""Cases as annotations of GitHub Actions: a line each, which the runner shows beside the run.

The runner keeps ten errors and ten warnings of a step; so the last of ours says how many more there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from dwctl.render.cases import Case, Cases, CaseState
from dwctl.render.text import one_line

SHOWN: Final = 10
"""Annotations of one level that the runner keeps of a step."""


def annotated(cases: Cases) -> str:
    """The lines: errors for what failed or has no answer, warnings for what was skipped, and the summary."""
    return "".join([f"{line}\n" for line in _lines(cases)])


def _lines(cases: Cases) -> Iterator[str]:
    bad = [case for case in cases.cases if case.state in {CaseState.FAILED, CaseState.ERROR}]
    skipped = [case for case in cases.cases if case.state is CaseState.SKIPPED]
    # A report that is not good always has an error, also where no single case says why.
    summary = [] if cases.good else [annotation("error", cases.summary, title=cases.name)]
    yield from summary
    yield from at_most("error", bad, SHOWN - len(summary))
    yield from at_most("warning", skipped, SHOWN)
    if cases.good:
        yield annotation("notice", cases.summary, title=cases.name)


def at_most(level: str, cases: Sequence[Case], most: int) -> Iterator[str]:
    """An annotation a case; where there are too many, the last says how many more."""
    shown = cases if len(cases) <= most else cases[: most - 1]
    for case in shown:
        title = f"{case.name} ({case.kind})" if case.kind else case.name
        yield annotation(level, case.message, title=title, file=case.file)
    if len(cases) > len(shown):
        yield annotation(level, f"and {len(cases) - len(shown):,} more; see the whole report")


def annotation(level: str, message: str, *, title: str | None = None, file: str | None = None) -> str:
    """One line: `level` is error, warning or notice; texts are escaped as the runner unescapes them."""
    properties = {"file": file, "title": title}
    told = ",".join([f"{name}={_property(value)}" for name, value in properties.items() if value])
    return f"::{level}{' ' if told else ''}{told}::{_message(message)}"


def _message(text: str) -> str:
    """Escaped as the runner unescapes it; line ends and other controls are shown as escapes before."""
    return one_line(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
