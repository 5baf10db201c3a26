"""The gate as HTML: one file without network or script, whose every claim stands in the JSON."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from dwctl.checklist.gate.check import State
from dwctl.checklist.gate.items import ITEMS
from dwctl.checklist.gate.report import GateReport
from dwctl.render.html_gate import ALL, gate_html
from dwctl.render.json_checklist import checklist_document
from dwctl.render.json_gate_pictures import gate_pictures
from dwctl.render.text import one_line
from html_claims import Page, missing_claims
from told_gates import (
    ATTESTATION,
    BUNDLES,
    LEDGER,
    NAMES,
    fact,
    failing,
    gate,
    green_report,
    hostile_report,
    large_report,
    mixed_gate,
    mixed_report,
    passing,
    report_of,
    world,
)
from told_transfers import HOSTILE
from unasked_worlds import unasked

LIMIT = 1_000_000
REPORTS = [mixed_report, green_report, hostile_report]


def claims_missing(page: Page, report: GateReport) -> list[str]:
    """What the page says and the JSON of the same gate does not. The end of a curve is the sum of its pieces."""
    document = checklist_document(report.result, gate_pictures(report))
    pieces = document["transfer"].get("timeline", [])
    ends = [str(sum(piece[what] for piece in pieces)) for what in ("there", "not_there", "compared")]
    return missing_claims(page, document, [ALL, *ends])


@pytest.mark.parametrize("make", REPORTS)
def test_it_needs_no_network_and_no_script(make: Callable[[], GateReport]) -> None:
    text = gate_html(make())
    page = Page(text)
    assert not {"script", "iframe", "object", "embed", "img", "form", "base"} & {tag for tag, _ in page.tags}
    anchors = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") or name in {"src", "action", "style"} for name in attributes)
        if "href" in attributes and tag in {"a", "use"}:
            assert attributes["href"].removeprefix("#") in anchors
        else:
            assert attributes.get("href", "data:,") == "data:,"
        if attributes.get("http-equiv"):
            assert attributes["content"].startswith("default-src 'none'")
    assert not re.search(r"url\(|@import", text)
    for said in ("prefers-color-scheme:dark", "@media print", "max-width:760px", 'name="viewport"'):
        assert said in text


@pytest.mark.parametrize("make", [*REPORTS, large_report])
def test_every_claim_of_the_page_stands_in_the_json(make: Callable[[], GateReport]) -> None:
    report = make()
    assert claims_missing(Page(gate_html(report)), report) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<b>12</b>", "<b>4242</b>"), ("nobody polls queue billing", "somebody polls queue billing"),
        ("w-php-1", "w-php-7"), ("894 of 1,000", "895 of 1,000"), ("2026-11-24 08:00:00", "2027-11-24 08:00:00"),
        ("2026-12-01", "2036-12-01"), ("0.41 s", "0.42 s"), ("ticket 4711", "ticket 4712"), ("3 fail", "5555 fail"),
    ],
)  # fmt: skip
def test_a_claim_that_is_not_in_the_json_would_be_found(old: str, new: str) -> None:
    report = mixed_report()
    page = gate_html(report)
    assert old in page
    assert claims_missing(Page(page.replace(old, new)), report)


def test_the_twelve_items_stand_in_the_order_of_the_guide_with_state_sentence_evidence_and_next_step() -> None:
    report = mixed_report()
    text = gate_html(report)
    page = Page(text)
    places = [text.index(f'id="item-{item.number}"') for item in ITEMS]
    assert places == sorted(places)
    ids = [said for tag, kind, said in page.texts if tag == "code" and kind == "id"]
    assert {name for names in NAMES.values() for name in names} <= set(ids)
    for one in report.result.results:
        assert one.finding.said.partition("`")[0] in page.words()
    item = text[places[1] : places[2]]
    for said in ("fail", "types.workers", "w-php-2", "GET /api/health", "200, status ok", "2026-11-24 08:00:00 UTC",
                 "Register the type key in place of the class.", "dwctl worker show w-php-1", "<details>"):  # fmt: skip
        assert said in item


def test_the_state_is_said_in_words_wherever_it_is_shown_in_colour() -> None:
    page = Page(gate_html(mixed_report()))
    tags = [text for tag, kind, text in page.texts if tag == "span" and kind.split(" ")[0] == "state"]
    assert set(tags) >= set(State)
    cells = [text for tag, kind, text in page.texts if tag == "td" and kind.startswith("cell")]
    assert len(cells) > 10
    assert set(cells) >= {"takes it", "stale", "draining", "other build", "type missing, other build"}
    pictures = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert all(one.get("aria-label") or one.get("aria-hidden") for one in pictures)
    lanes = [one["aria-label"] for one in pictures if one.get("class") == "lane"]
    assert all(re.match(rf"({'|'.join(State)}), asked ", label) for label in lanes)


def test_the_pictures_are_true_to_their_numbers() -> None:
    report = mixed_report()
    page = Page(gate_html(report))
    bars = [one for tag, one in page.tags if tag == "rect" and one.get("height") == "10" and one.get("y") == "0"]
    states = [one for one in bars if one["class"].removeprefix("fill ") in set(State)]
    checks = [one for one in report.result.results if not one.left_out and one.seconds]
    assert len(states) == len(checks) + sum(count > 0 for count in report.result.counts.values())
    whole = states[: len(states) - len(checks)]
    assert sum(float(one["width"]) for one in whole) == pytest.approx(1000, abs=0.5)
    for one in states:
        assert 0 <= float(one["x"]) <= float(one["x"]) + float(one["width"]) <= 1000.5
    meters = [float(one["width"]) for tag, one in page.tags if one.get("class") == "fill good" and one.get("x") == "0"
              and one.get("height") == "10"]  # fmt: skip
    assert meters == [894.0, 880.0]
    line = next(one for tag, one in page.tags if tag == "polyline" and one["class"] == "line there")
    assert float(line["points"].split(",")[-1]) == pytest.approx(240 * (1 - 894 / 1000), abs=0.1)
    late = next(one for one in report.timeline if one.result.check.id == "imports.compared")
    assert late.offset > 2.5


def test_the_verdict_complaints_and_decisions_are_said() -> None:
    shut = Page(gate_html(mixed_report())).words()
    assert "The gate is shut." in shut
    assert "Items 2, 6, 7 and 11 keep it shut." in shut
    assert "the waiver of server.health by ana ended on 2026-11-01" in shut
    assert "the waiver of codec.avro is not needed" in shut
    assert ATTESTATION.file is not None
    for said in ("ticket 4711", "2026-12-01", "jörg", ATTESTATION.file, "e" * 64, "measured: fail"):
        assert said in shut
    green = Page(gate_html(green_report())).words()
    assert "The gate is open." in green
    assert "All 20 checks pass." in green
    assert "Nothing was attested or waived: what passed was measured." in green


def test_what_nobody_asked_for_is_said_to_be_absent_and_is_not_asked_for() -> None:
    report = report_of(gate(passing()), world())
    page = Page(gate_html(report))
    words = page.words()
    assert "Not shown:  No check of this run asked for the workers." in words
    assert "Not shown:  No check of this run asked for the ledger." in words
    assert not {"transfer", "matrix"} & {one.get("class") for _, one in page.tags}
    assert claims_missing(page, report) == []


def test_a_gate_of_nothing_is_a_page_too_and_never_open() -> None:
    report = report_of(gate([]), world())
    page = Page(gate_html(report))
    assert "The gate is shut." in page.words()
    assert "nothing to check is no pass" in page.words()
    assert claims_missing(page, report) == []
    assert "Interrupted." in Page(gate_html(report_of(replace(mixed_gate(), interrupted=True)))).words()


def test_a_ledger_that_is_not_sound_is_said_and_its_log_is_not_read() -> None:
    broken = fact(replace(LEDGER, sound=False, trouble="event 7: its hash is another"))
    report = report_of(gate(passing()), world(bundles=fact(BUNDLES), workers=unasked(), ledger=broken))
    words = Page(gate_html(report)).words()
    assert "The ledger is not sound:" in words
    assert "event 7: its hash is another" in words
    assert "The ledger tells of no session." in words


def test_hostile_texts_stay_texts() -> None:
    report = hostile_report()
    page = Page(gate_html(report))
    plain = {tag for tag, _ in Page(gate_html(mixed_report())).tags}
    assert {tag for tag, _ in page.tags} <= plain
    shown = page.words()
    for text in HOSTILE:
        assert one_line(text).split("`")[0] in shown
    assert "\x1b" not in gate_html(report)
    assert "\u202e" not in gate_html(report)


def test_ten_thousand_runs_with_everything_full_stay_below_a_megabyte() -> None:
    text = gate_html(large_report())
    assert len(text.encode()) < LIMIT
    assert f"<kbd>{ALL}</kbd>" in text
    assert text.count('<li class="check') == 90


def test_a_usual_gate_with_ten_thousand_runs_is_shown_in_full() -> None:
    ids = tuple(f"01RUN{number:08d}" for number in range(100))
    results = [replace(one, finding=replace(one.finding, ids=ids, count=10_000)) for one in passing()]
    ledger = replace(LEDGER, rows=LEDGER.rows * 10)
    text = gate_html(report_of(gate(results), world(ledger=fact(ledger))))
    assert len(text.encode()) < 300_000
    assert text.count("01RUN00000099") == len(results)


def test_a_failure_to_gather_is_the_reason_of_the_absence() -> None:
    from dwctl.checklist.facts.world import Fact
    from dwctl.errors import ServerUnreachable

    workers = Fact(failing(ServerUnreachable("nobody answers at https://dw.example.com")))
    with pytest.raises(ServerUnreachable):
        workers()
    words = Page(gate_html(report_of(gate(passing()), world(workers=workers)))).words()
    assert "nobody answers at https://dw.example.com" in words
