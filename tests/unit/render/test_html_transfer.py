"""The HTML report: one file without network or script, whose every claim stands in the JSON."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from dwctl.render.html_transfer import html
from dwctl.render.json_transfer import bundle_item, report_head
from dwctl.render.text import one_line
from dwctl.transfer.ledger.lock import Holder
from dwctl.transfer.report.standing import STANDINGS, Standing
from dwctl.transfer.report.transfer_report import ReportedBundle, Scope, TransferReport
from html_claims import Page, missing_claims
from ledgers import edit
from told_transfers import HOSTILE, bundle, everything, hostile, report_of, reported


def claims_missing(page: Page, report: TransferReport) -> list[str]:
    """Numbers, code and sentences of the page that the JSON does not have."""
    document = report_head(report) | {"bundles": [bundle_item(one) for one in report.bundles]}
    return missing_claims(page, document, ["dwctl transfer report --json"])


@pytest.fixture
def told(tmp_path: Path) -> TransferReport:
    """A transfer that met everything."""
    everything(tmp_path / "ledger.db")
    return reported(tmp_path / "ledger.db")


def test_it_needs_no_network_and_no_script(told: TransferReport) -> None:
    page = Page(html(told))
    tags = [tag for tag, _ in page.tags]
    assert not {"script", "iframe", "object", "embed", "img", "form", "base"} & set(tags)
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") or name in {"src", "action", "style"} for name in attributes)
        assert tag != "a"
        assert attributes.get("href", "data:,") == "data:,"
        if attributes.get("http-equiv"):
            assert attributes["content"].startswith("default-src 'none'")
    text = html(told)
    assert not re.search(r"url\(|@import", text)
    for said in ("prefers-color-scheme:dark", "@media print", "max-width:760px", "max-width:1000px", 'name="viewport"'):
        assert said in text


def test_every_claim_of_the_page_stands_in_the_json(told: TransferReport) -> None:
    assert claims_missing(Page(html(told)), told) == []


def test_a_claim_that_is_not_in_the_json_would_be_found(told: TransferReport) -> None:
    page = html(told)
    for old, new in (("<b>4</b>", "<b>4711</b>"), ("order-11", "order-x"), ("no answer", "an answer"),
                     ("2026-11-23 10:00:00", "2027-11-23 10:00:00")):  # fmt: skip
        assert old in page
        assert claims_missing(Page(page.replace(old, new)), told)


def test_every_section_is_there_and_pictures_have_words(told: TransferReport) -> None:
    page = Page(html(told))
    headings = [text.strip() for tag, _, text in page.texts if tag == "h2"]
    assert headings == [
        "Where the bundles stand", "Next steps", "How it went", "What did not arrive as it should, and why",
        "What is still open", "Left out by choice", "Repaired, proven by the recorded checksum: 1",
        "Resealed by dwctl: 1", "What does not travel", "Proof",
    ]  # fmt: skip
    pictures = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert all(one.get("aria-label") or one.get("aria-hidden") for one in pictures)
    widths = [
        float(one["width"]) for tag, one in page.tags if tag == "rect" and one.get("height") == "10" and "x" in one
    ]
    assert sum(widths) == pytest.approx(1000, abs=0.5)
    cells = [attributes for tag, attributes in page.tags if tag == "td" and "class" not in attributes]
    assert sum("data-label" in one for one in cells) > 100
    assert "verified" not in page.words()


def test_the_curves_end_where_the_counts_say(told: TransferReport) -> None:
    page = Page(html(told))
    there = next(one for tag, one in page.tags if tag == "polyline" and one["class"] == "line there")
    x, y = (float(one) for one in there["points"].split()[-1].split(","))
    assert x == 1000.0
    assert y == pytest.approx(240 * (1 - 7 / 14), abs=0.1)


def test_a_moment_s_picture_and_a_damaged_ledger_are_said_at_the_top(told: TransferReport, tmp_path: Path) -> None:
    assert told.ledger is not None
    writing = replace(told, ledger=replace(told.ledger, writer=Holder(7, "h\x1b", "2026-11-23T10:00:00.000000Z", "c")))
    page = Page(html(writing))
    assert "A moment's picture" in page.words()
    assert "h\\x1b" in page.words()
    edit(tmp_path / "ledger.db", "DELETE FROM runs WHERE run_id = '01RUN00000001'")
    damaged = reported(tmp_path / "ledger.db")
    page = Page(html(damaged))
    words = page.words()
    assert words.index("The ledger is damaged") < words.index("its row is missing") < words.index("Where the bundles")
    assert claims_missing(page, damaged) == []


def test_hostile_texts_stay_texts() -> None:
    report = hostile()
    page = Page(html(report))
    assert claims_missing(page, report) == []
    plain = Page(html(replace(report_of([bundle(number, one.standing) for number, one in enumerate(report.bundles)]))))
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in plain.tags} | {
        "article",
        "pre",
        "details",
        "summary",
        "br",
        "ul",
    }
    shown = page.words()
    for text in HOSTILE:
        assert one_line(text) in shown
    assert "49" not in re.findall(r"\b49\b", shown)
    assert "\x1b" not in html(report)


def test_ten_thousand_bundles_with_long_names_in_trouble_stay_below_a_megabyte() -> None:
    bundles = [
        ReportedBundle(
            replace(bundle(number, Standing.REFUSED).row, instance_id=f"{number}" + "ü" * 186, file="f" * 4000,
                    workflow_type="t" * 191),
            list(STANDINGS)[number % len(STANDINGS)], (f"rule.{number % 90}",), "x" * 500,
        )
        for number in range(10_000)
    ]  # fmt: skip
    text = html(report_of(bundles))
    assert len(text.encode()) < 1_000_000
    assert "of 10,000; all of them" in Page(text).words()


@pytest.mark.parametrize("scope", Scope)
def test_a_report_of_nothing_is_a_page_too(scope: Scope) -> None:
    report = report_of([], scope)
    page = Page(html(report))
    assert "Nothing arrived" in page.words()
    assert claims_missing(page, report) == []
