"""The gate's HTML in a real browser: nothing is asked for, nothing is complained of, it fits, and it prints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dwctl.render.html_gate import gate_html
from headless_browser import LEFT_OUT, Browser, browser
from told_gates import green_report, hostile_report, large_report, mixed_report

pytestmark = pytest.mark.skipif(LEFT_OUT, reason="no Chromium is installed, so no page can be opened")

REPORTS = {"mixed": mixed_report, "green": green_report, "hostile": hostile_report, "large": large_report}
WIDTHS = (390, 1280)

UNREADABLE = """
(() => {
  const seen = text => text.match(/[\\d.]+/g).slice(0, 4).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => (c /= 255) <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, at) => sum + c * [.2126, .7152, .0722][at], 0);
  const ground = element => {
    for (let one = element; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      if (colour.startsWith("rgb(")) return seen(colour);
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const one of document.querySelectorAll("main *")) {
    const own = [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!own || one.closest("svg") || !one.getClientRects().length) continue;
    const [a, b] = [light(seen(getComputedStyle(one).color)), light(ground(one))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) low.push(one.tagName + "." + one.className + ": " + one.textContent.slice(0, 40));
  }
  return [...new Set(low)];
})()
"""
"""Elements whose text stands out less than the accessibility guidelines ask for (4.5 to 1)."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The reports as files."""
    folder = tmp_path_factory.mktemp("pages")
    for name, make in REPORTS.items():
        (folder / f"{name}.html").write_text(gate_html(make()), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in REPORTS}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests."""
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(autouse=True)
def _quiet(opened: Browser) -> Iterator[None]:
    """Whatever a test does, the page asks for nothing but itself, and the browser complains of nothing."""
    opened.requests.clear()
    opened.complaints.clear()
    yield
    assert [url for url in opened.requests if not re.fullmatch(r"file://.*/\w+\.html|data:,", url)] == []
    assert opened.complaints == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", REPORTS)
def test_a_page_fits_its_window_in_light_and_dark(
    opened: Browser, pages: dict[str, Path], name: str, width: int, dark: bool
) -> None:
    opened.shows(width, dark=dark)
    opened.open(pages[name])
    assert opened.value("document.documentElement.scrollWidth") == width
    ground = opened.value("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(20, 23, 28)" if dark else "rgb(255, 255, 255)")
    assert opened.value("document.scripts.length") == 0
    assert opened.value("[...document.querySelectorAll('symbol')].length") == 6
    if name != "large":
        assert opened.picture().startswith(b"\x89PNG")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_stands_out_from_its_ground(opened: Browser, pages: dict[str, Path], dark: bool) -> None:
    opened.shows(1280, dark=dark)
    opened.open(pages["mixed"])
    opened.value("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert opened.value(UNREADABLE) == []


def test_evidence_is_folded_on_the_screen_and_open_on_paper(opened: Browser, pages: dict[str, Path]) -> None:
    row = "document.querySelector('.check details table').getClientRects().length"
    opened.shows(1280)
    opened.open(pages["mixed"])
    hidden = "document.querySelector('.check details table').checkVisibility({contentVisibilityAuto: true})"
    assert opened.value(hidden) is False
    assert opened.value("getComputedStyle(document.querySelector('.sign')).display") == "none"
    opened.shows(794, dark=True, media="print")
    assert opened.value(row) == 1
    assert opened.value(hidden) is True
    assert opened.value("getComputedStyle(document.querySelector('.sign')).display") == "block"
    assert opened.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    paper = opened.printed()
    assert paper.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", paper)) <= 14


def test_a_tile_leads_to_its_item(opened: Browser, pages: dict[str, Path]) -> None:
    opened.shows(390)
    opened.open(pages["mixed"])
    opened.value("document.querySelector('a[href=\"#item-7\"]').click()")
    assert opened.value("location.hash") == "#item-7"
    assert opened.value("Math.abs(document.querySelector('#item-7').getBoundingClientRect().top) < 60") is True
