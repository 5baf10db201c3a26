"""JUnit, read back with the parser of the standard library and with the library that others use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase

from dwctl.render.junit import junit
from dwctl.render.text import one_line
from dwctl.render.transfer_cases import cases_of
from dwctl.transfer.report.standing import STANDINGS, Kind, Standing
from dwctl.transfer.report.transfer_report import TransferReport
from ledgers import edit, opened, rows, run_id
from told_transfers import HOSTILE, bundle, everything, hostile, report_of, reported


def parsed(report: TransferReport) -> list[TestCase]:
    text = junit(cases_of(report))
    root = ElementTree.fromstring(text)  # noqa: S314 - our own
    (suite,) = root
    cases = suite.findall("testcase")
    assert (root.tag, suite.get("tests")) == ("testsuites", str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert suite.get(attribute) == root.get(attribute) == str(len(suite.findall(f"testcase/{tag}")))
    (again,) = JUnitXml.fromstring(text.encode())
    found = list(again)
    assert len(found) == len(cases)
    return found


@pytest.mark.parametrize("standing", STANDINGS)
def test_only_what_is_good_passes_and_only_a_choice_is_skipped(standing: Standing) -> None:
    (case,) = [one for one in parsed(report_of([bundle(1, standing)])) if "order-1" in one.name]
    kinds = {Kind.GOOD: [], Kind.LEFT_OUT: [Skipped]}
    found = [type(one) for one in case.result]
    if STANDINGS[standing].kind in kinds:
        assert found == kinds[STANDINGS[standing].kind]
    else:
        assert found in ([Failure], [Error])
        assert case.result[0].message.startswith(STANDINGS[standing].title)
        assert "fix: " in case.result[0].text


def test_no_answer_is_an_error_and_the_answer_no_a_failure() -> None:
    assert type(parsed(report_of([bundle(1, Standing.FAILED)]))[0].result[0]) is Error
    assert type(parsed(report_of([bundle(1, Standing.UNKNOWN)]))[0].result[0]) is Error
    assert type(parsed(report_of([bundle(1, Standing.REFUSED)]))[0].result[0]) is Failure
    assert type(parsed(report_of([]))[0].result[0]) is Error


def test_a_bundle_is_a_case_with_file_time_reason_and_what_was_done_to_it(tmp_path: Path) -> None:
    everything(tmp_path / "ledger.db")
    cases = {case.name: case for case in parsed(reported(tmp_path / "ledger.db"))}
    assert cases["the ledger is what its writer left"].is_passed
    assert not cases["archiving"].is_passed
    imported = cases[f"order-0 {run_id(0)}"]
    assert imported.time == pytest.approx(0.001)
    assert imported._elem.get("file") == "exports/order-0.json"
    assert imported.classname == "dwctl.transfer.orders.process"
    refused = cases[f"order-11 {run_id(11)}"].result[0]
    assert refused.type == "tasks.leased_task_present"
    assert "repaired, proven by the recorded checksum" in str(cases[f"order-3 {run_id(3)}"].system_out)
    resealed = str(cases[f"order-4 {run_id(4)}"].system_out)
    assert f"checksum {'b' * 64} before, {'d' * 64} after; because: cut by hand" in resealed
    assert "verified" not in resealed


def test_a_damaged_ledger_and_one_that_is_written_to_do_not_pass(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with opened(path) as ledger:
        ledger.plan(rows(1))
        writing = {case.name: case for case in parsed(reported(path))}
    assert type(writing["nobody is writing"].result[0]) is Error
    edit(path, "UPDATE runs SET state = 'imported'")
    damaged = {case.name: case for case in parsed(reported(path))}
    assert type(damaged["the ledger is what its writer left"].result[0]) is Failure


def test_hostile_texts_come_back_as_escapes() -> None:
    report = hostile()
    names = [case.name for case in parsed(report)]
    assert names == [one_line(f"{number}{text} run{number}{text}") for number, text in enumerate(HOSTILE)]
    assert parsed(replace(report, bundles=()))
