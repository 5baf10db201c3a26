"""`--report FORMAT=PATH`: what is refused before any work, and how a report is written."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from dwctl.cli import report_options
from dwctl.cli.report_options import WantedReport, explained, wanted_reports, write_reports
from dwctl.errors import RequestNotPossible
from dwctl.render.reports import FORMATS
from dwctl.transfer.report.standing import Standing
from told_transfers import bundle, report_of

REPORT = report_of([bundle(1, Standing.ARRIVED)])


def refused(*given: str) -> RequestNotPossible:
    with pytest.raises(RequestNotPossible) as caught:
        wanted_reports(given)
    assert caught.value.next_step
    return caught.value


def test_the_help_names_the_formats_of_the_table() -> None:
    said = report_options.ReportOption.__metadata__[0].help  # type: ignore[attr-defined]
    assert re.findall(r"\b(?:junit|markdown|html|github)\b(?=[,.( ])", said)[: len(FORMATS)] == list(FORMATS)


def test_a_format_that_there_is_not_is_refused_with_the_nearest(tmp_path: Path) -> None:
    error = refused(f"htlm={tmp_path / 'x'}")
    assert error.reason == "report_format"
    assert "Did you mean html?" in str(error.next_step)
    assert "junit, markdown, html, github" in str(refused("pdf=x").next_step)


@pytest.mark.parametrize("text", ["html", "html=", "=x", ""])
def test_half_a_wish_is_refused(text: str) -> None:
    assert refused(text).reason == "report_format"


def test_a_path_that_cannot_be_written_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path, tmp_path / "none" / "x.html", tmp_path / "file" / "x.html", tmp_path / "a\0b"):
        assert refused(f"html={path}").reason == "report_path"
    assert refused("html=-").reason == "report_path"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert refused(f"html={tmp_path / 'x.html'}").reason == "report_path"


def test_two_reports_never_go_to_one_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "x")
    assert refused(f"html={tmp_path / 'x'}", f"junit={tmp_path / 'link'}").reason == "report_path_twice"
    assert len(wanted_reports([f"html={tmp_path / 'x'}", f"html={tmp_path / 'y'}", "github=-"])) == 3
    assert wanted_reports(None) == ()


@pytest.mark.parametrize("name", FORMATS)
def test_a_report_replaces_only_a_report_of_its_format(name: str, tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_text("[server]\n")
    assert refused(f"{name}={path}").reason == "report_path_taken"
    assert path.read_text() == "[server]\n"
    path.write_text("")
    for _ in range(2):
        write_reports(wanted_reports([f"{name}={path}"]), lambda one: FORMATS[one].transfer(REPORT))
    assert path.read_text(encoding="utf-8") == FORMATS[name].transfer(REPORT)
    other = next(one for one in FORMATS if one != name)
    assert refused(f"{other}={path}").reason == "report_path_taken"


def test_a_report_is_private_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    write_reports(wanted_reports([f"html={tmp_path / 'r.html'}"]), lambda name: "text")
    assert stat.S_IMODE((tmp_path / "r.html").stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["r.html"]


def test_a_report_goes_through_a_link_and_into_a_device(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_reports([WantedReport("html", str(tmp_path / "link")), WantedReport("junit", os.devnull)], lambda name: name)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "html"
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
    assert wanted_reports([f"junit={os.devnull}"])


def test_what_fails_while_writing_is_a_sentence_and_leaves_the_old_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r.html"
    path.write_text("old")

    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dwctl.transfer.files.private.os.fsync", full)
    with pytest.raises(RequestNotPossible, match="No space left on device"):
        write_reports([WantedReport("html", str(path))], lambda name: "new")
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["r.html"]


def test_annotations_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    write_reports([WantedReport("github", "-")], lambda name: FORMATS[name].transfer(REPORT))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("::notice title=dwctl transfer::Complete. ")


def test_ids_are_explained_by_the_tables_of_explain() -> None:
    found = explained("tasks.leased_task_present")
    assert found is not None
    assert found.fix.startswith("Pause embedded workers")
    assert explained("no.such.id") is None
    assert explained("") is None
