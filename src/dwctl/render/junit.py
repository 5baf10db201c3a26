"""Cases as JUnit XML, which CI systems read; every character that XML does not allow is shown as an escape."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from dwctl.render.cases import Case, Cases, CaseState
from dwctl.render.text import one_line, printable

if TYPE_CHECKING:
    from junitparser import TestCase


def junit(cases: Cases) -> str:
    """One document with one suite."""
    from junitparser import JUnitXml, TestSuite

    suite = TestSuite(one_line(cases.name))
    suite.timestamp = one_line(cases.made_at)
    for name, value in (*cases.facts.items(), ("summary", cases.summary)):
        suite.add_property(name, one_line(value))
    suite.add_testcases([_testcase(case) for case in cases.cases])
    document = JUnitXml(one_line(cases.name))
    document.add_testsuite(suite)
    document.update_statistics()  # type: ignore[no-untyped-call]
    stream = io.BytesIO()
    document.write(stream, pretty=False)
    return stream.getvalue().decode("utf-8") + "\n"


def _testcase(case: Case) -> TestCase:
    from junitparser import TestCase

    made = TestCase(one_line(case.name), classname=one_line(case.group), time=round(case.seconds or 0.0, 6))
    if case.file is not None:
        made._elem.set("file", one_line(case.file))  # the library has no attribute for it; GitLab and GitHub read it
    text = printable("\n".join([one_line(line) for line in case.details]))
    result = _result(case, text)
    if result is not None:
        made.result = [result]
    elif text:
        made.system_out = text
    return made


def _result(case: Case, text: str) -> Any:
    from junitparser import Error, Failure, Skipped

    kinds = {CaseState.FAILED: Failure, CaseState.ERROR: Error, CaseState.SKIPPED: Skipped}
    if case.state not in kinds:
        return None
    result = kinds[case.state](one_line(case.message), one_line(case.kind))
    if text:
        result.text = text
    return result
