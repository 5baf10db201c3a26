"""The reports of a real gate: an import on the rehearsal server, told in four formats that say what the JSON says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from dwctl.render.html_gate import ALL
from headless_browser import LEFT_OUT, browser
from html_claims import Page, missing_claims
from output_schemas import document
from rehearsal_server import CONTROL, on_a_socket
from sample_bundles import LEASED, ORDER, WAITING
from server_cli import command

Capture = pytest.CaptureFixture[str]
FORMATS = {"html": "gate.html", "junit": "gate.xml", "markdown": "gate.md", "github": "gate.txt"}
TOML = """
[cutover]
name = "orders"
import_id = "orders-1"
[server]
url = "{url}"
namespace = "production"
[bundles]
paths = ["exports"]
[[family]]
name = "orders"
task_queue = "orders"
workflow_types = ["orders.process"]
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with on_a_socket() as address:
        httpx.post(f"{address}/api/namespaces", json={"name": "production"}, headers=CONTROL)
        yield address


@pytest.fixture
def told(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> tuple[int, dict[str, Any], dict[str, str]]:
    """The exit code of the gate after an import, its JSON, and the reports by format."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    Path("exports").mkdir()
    for source in (ORDER, WAITING, LEASED):
        shutil.copy(source, "exports")
    Path("cutover.toml").write_text(TOML.format(url=url), encoding="utf-8")
    command(capsys, "history-import", "exports")
    wanted = [word for name, path in FORMATS.items() for word in ("--report", f"{name}={path}")]
    code, out, _ = command(capsys, "checklist", "--json", *wanted)
    texts = {name: Path(path).read_text(encoding="utf-8") for name, path in FORMATS.items()}
    return code, document(out, "checklist"), texts


def test_every_format_says_what_the_json_says(told: tuple[int, dict[str, Any], dict[str, str]]) -> None:
    code, found, texts = told
    assert code == 1
    page = Page(texts["html"])
    pieces = found["transfer"]["timeline"]
    ends = [str(sum(piece[what] for piece in pieces)) for what in ("there", "not_there", "compared")]
    assert missing_claims(page, found, [ALL, *ends]) == []
    assert found["transfer"]["imported"] == found["transfer"]["compared"] == 2
    assert {row["queue"] for row in found["coverage"]["rows"]} >= {"orders", "default"}
    assert "nobody polls queue orders" in page.words()

    cases = ElementTree.fromstring(texts["junit"]).iter("testcase")  # noqa: S314 - our own
    verdicts = {case.get("name"): {child.tag for child in case} for case in cases}
    by_state = {"fail": "failure", "unknown": "error", "skipped": "skipped"}
    for check in found["checks"]:
        if check["severity"] == "required" and check["state"] in by_state:
            assert by_state[check["state"]] in verdicts[check["id"]]
        if check["state"] == "pass":
            assert not verdicts[check["id"]] & {"failure", "error", "skipped"}
    assert len(verdicts) == len(found["checks"])

    for name in found["in_the_way"]:
        assert f"`{name}`" in texts["markdown"]
    assert texts["github"].startswith("::error title=dwctl checklist::The gate is shut.")
    for path in FORMATS.values():
        assert Path(path).stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(LEFT_OUT, reason="no Chromium is installed, so no page can be opened")
def test_a_browser_opens_the_page_without_a_request_or_a_complaint(
    told: tuple[int, dict[str, Any], dict[str, str]], tmp_path: Path
) -> None:
    page = Path(FORMATS["html"]).resolve()
    with browser(tmp_path / "profile") as opened:
        for width in (390, 1280):
            opened.shows(width)
            opened.open(page)
            assert opened.value("document.documentElement.scrollWidth") == width
        assert set(opened.requests) <= {page.as_uri(), "data:,"}
        assert opened.complaints == []
