"""The report as Markdown: as it was looked at and approved, and what a hostile name cannot do in it."""

from __future__ import annotations

import os
import re
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from dwctl import __version__
from dwctl.render.markdown import code
from dwctl.render.markdown_transfer import LARGEST, markdown
from dwctl.render.text import one_line
from dwctl.transfer.report.standing import Standing
from dwctl.transfer.report.transfer_report import Scope
from told_transfers import HOSTILE, bundle, everything, hostile, report_of, reported

SNAPSHOTS = Path(__file__).parents[2] / "snapshots" / "transfer-report"
UPDATE = bool(os.environ.get("DWCTL_UPDATE_SNAPSHOTS"))
PARSER = MarkdownIt("commonmark", {"html": True}).enable("table")
OUR_TAGS = re.compile(r"</?(?:details|summary|code)>|<br>|<!-- dwctl report -->")


def snapshot(name: str, text: str) -> None:
    path = SNAPSHOTS / f"{name}.md"
    text = re.sub(r"\b[0-9a-f]{64}\b", lambda found: found[0] if len(set(found[0])) == 1 else "<digest>", text)
    text = text.replace(f"`{__version__}`", "`<version>`").replace(f"`{os.uname().nodename}`", "`<host>`")
    if UPDATE:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_a_transfer_that_met_everything(tmp_path: Path) -> None:
    everything(tmp_path / "ledger.db")
    snapshot("everything", markdown(reported(tmp_path / "ledger.db")))


def test_a_dry_run_and_a_complete_transfer() -> None:
    good = [bundle(1, Standing.WOULD_ARRIVE), bundle(2, Standing.REFUSED, ("tasks.leased_task_present",))]
    snapshot("dry-run", markdown(report_of(good, Scope.DRY_RUN)))
    snapshot("complete", markdown(report_of([bundle(1, Standing.ARRIVED, compared_at="x")])))


def test_a_report_of_very_many_stays_small_enough_for_a_comment_and_says_where_the_rest_is() -> None:
    many = [
        bundle(number, Standing.REFUSED, ("tasks.leased_task_present",), instance_id="i" * 191, file="f" * 300)
        for number in range(3000)
    ]
    text = markdown(report_of(many))
    assert len(text) <= LARGEST
    assert "of 3,000; all of them: `dwctl transfer report --json`" in text


@pytest.mark.parametrize("text", [*HOSTILE, "plain-1", "`", "", " a ", "a\\|b", "_x_", "<b>"])
def test_code_is_one_cell_of_a_table_and_shows_the_text_and_nothing_else(text: str) -> None:
    tokens = PARSER.parse(f"| a | b |\n| --- | --- |\n| {code(text)} | end |\n")
    cells = [token for before, token in pairwise(tokens) if before.type == "td_open"]
    assert len(cells) == 2
    shown = "".join(
        child.content for child in cells[0].children or [] if child.type in {"text", "code_inline", "text_special"}
    )
    assert shown == one_line(text)
    tags = [child.content for child in cells[0].children or [] if child.type == "html_inline"]
    assert set(tags) <= {"<code>", "</code>"}


def test_hostile_names_bring_no_tag_link_picture_or_further_cell_into_a_report() -> None:
    text = markdown(hostile())
    assert "\x1b" not in text
    assert "\u202e" not in text
    for token in PARSER.parse(text):
        if token.type == "html_block":
            assert OUR_TAGS.sub("", token.content).strip() == re.sub(r"<[^>]*>", "", token.content).strip()
        for child in token.children or []:
            assert child.type not in {"link_open", "image"}
            assert child.type != "html_inline" or OUR_TAGS.fullmatch(child.content)
    lines = text.splitlines()
    widths: list[int] = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if re.fullmatch(r"\|(?: --- \|)+", following):
            widths.append(line.count(" | "))
        if line.startswith("| ") and not following.startswith("| ---"):
            assert line.count(" | ") == widths[-1]
    assert len(widths) > 4


def test_it_is_recognised_as_ours_by_its_first_line() -> None:
    from dwctl.render.reports import FORMATS

    for name, form in FORMATS.items():
        for report in (hostile(), report_of([bundle(1, Standing.ARRIVED)]), report_of([])):
            assert any(mark in form.transfer(report)[:4096] for mark in form.marks), name
