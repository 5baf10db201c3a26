"""The end of `make rehearse`: a cutover by the commands of an operator, to a green checklist and its reports."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest
from junitparser import JUnitXml

from orders_database import ORDERS, orders_database

EXAMPLES = ORDERS.parent
BUNDLE = Path("bundles", "running-ready-workflow-task-order-2001.json")


class Played(NamedTuple):
    """A play that has ended: where, and what it printed."""

    root: Path
    code: int
    out: str
    err: str

    @property
    def state(self) -> Path:
        return self.root / ".rehearsal"


def checkout(folder: Path) -> Path:
    """As much of a clone as the script needs."""
    shutil.copytree(EXAMPLES, folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def surroundings() -> Mapping[str, str]:
    """As `make rehearse` has them, with settings and tokens of somebody's own that must not matter."""
    own = Path(sys.executable).parent
    return {
        **os.environ, "PATH": f"{own}{os.pathsep}{os.environ['PATH']}", "DW_AUTH_TOKEN": "tok-own",
        "DURABLE_WORKFLOW_SERVER_URL": "https://127.0.0.1:1", "DURABLE_WORKFLOW_NAMESPACE": "own",
        "DURABLE_WORKFLOW_AUTH_TOKEN": "tok-own", "HTTP_PROXY": "http://127.0.0.1:1",
    }  # fmt: skip


def play(root: Path) -> Played:
    done = subprocess.run(
        ["bash", "examples/orders/gate.sh"], cwd=root, env=surroundings(), capture_output=True, text=True, check=False,
        timeout=240,
    )  # fmt: skip
    return Played(root, done.returncode, done.stdout, done.stderr)


def nothing_runs(played: Played) -> None:
    """Nobody listens where its server was, and no process has its folder as its own."""
    place = (played.state / "server.url").read_text(encoding="utf-8").strip()
    assert urlsplit(place).hostname == "127.0.0.1"
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{place}/api/health", trust_env=False)
    processes = Path("/proc")
    if processes.is_dir():
        assert [one for one in processes.glob("[0-9]*/cwd") if _is_in(one, played.root)] == []


def _is_in(link: Path, root: Path) -> bool:
    try:
        return link.readlink().is_relative_to(root)
    except OSError:  # it has ended, or is somebody else's
        return False


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    found = play(checkout(tmp_path_factory.mktemp("clone")))
    assert found.code == 0, found.out + found.err
    return found


def test_the_checklist_is_shut_at_first_and_green_at_the_end(played: Played) -> None:
    verdicts = [line.strip() for line in played.out.splitlines() if line.startswith("  The gate is ")]
    assert len(verdicts) == 7
    assert all(one.startswith("The gate is open") for one in verdicts)
    assert re.search(r"as expected, it is shut: \d+ pass, \d+ fail, \d+ unknown", played.out)
    assert re.fullmatch(r"The gate is open: \d+ of \d+ checks pass; 1 warn, 1 waived, 1 skipped\.", verdicts[-1])
    assert played.out.splitlines()[-1].endswith(".rehearsal/checklist.html")
    assert "Traceback" not in played.out + played.err


def test_the_whole_checklist_was_asked(played: Played) -> None:
    final = played.out.split("The whole gate again", 1)[1]
    items = re.findall(r"^    (pass|warn|fail|unknown|waived|skipped) +(\d+) ", final, re.MULTILINE)
    assert sorted(int(number) for _, number in items) == list(range(1, 13))
    assert {(state, number) for state, number in items if state != "pass"} == {("waived", "10"), ("warn", "11")}
    assert "left out by" not in final
    assert "waived   exports.complete  1 of 6 open runs" in final


def test_the_page_is_whole_private_small_and_asks_nobody(played: Played) -> None:
    page = played.state / "checklist.html"
    assert (played.state.stat().st_mode & 0o777, page.stat().st_mode & 0o777) == (0o700, 0o600)
    text = page.read_text(encoding="utf-8")
    assert 10_000 < len(text.encode()) < 1_000_000
    assert text.rstrip().endswith("</html>")
    assert re.findall(r"""(?:src|href|action|poster|data)\s*=\s*["']?\s*(?:https?:)?//""", text) == []
    assert re.findall(r"url\(|@import", text) == []
    assert "workers.coverage" in text


def test_the_other_reports_are_read_by_others(played: Played) -> None:
    suites = JUnitXml.fromfile(str(played.state / "checklist.xml"))
    assert (suites.failures, suites.errors) == (0, 0)
    assert suites.tests > 40
    assert "**The gate is open.**" in (played.state / "checklist.md").read_text(encoding="utf-8")


def test_nothing_is_left_running_and_no_token_is_written(played: Played) -> None:
    nothing_runs(played)
    text = played.out + (played.state / "gate.log").read_text(encoding="utf-8")
    assert "tok-own" not in text
    assert "Bearer" not in text


def test_a_byte_of_an_export_changed_afterwards_shuts_the_gate(played: Played) -> None:
    (export,) = (played.state / "exports" / "order-2001").glob("*.json")
    content = export.read_bytes()
    export.write_bytes(content.replace(b'"order-2001"', b'"order-2009"', 1))
    try:
        shut = asked(
            played.state, "--only", "exports.manifest", "--only", "exports.verified", "--only", "exports.there"
        )
    finally:
        export.write_bytes(content)
    assert shut.returncode == 1
    assert "1 file changed since the export" in shut.stdout
    assert "The gate is shut" in shut.stdout
    again = asked(played.state, "--only", "exports.manifest", "--only", "exports.verified", "--only", "exports.there")
    assert (again.returncode, "The gate is open" in again.stdout) == (0, True), again.stdout


def asked(state: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The checklist once more, in the folder of the play; its server has ended."""
    return subprocess.run(
        [sys.executable, "-m", "dwctl", "checklist", *options], cwd=state, capture_output=True, text=True, check=False,
        env={**os.environ, "DW_CONFIG_HOME": str(state)},
    )  # fmt: skip


def test_a_broken_bundle_ends_the_play_with_a_sentence(tmp_path: Path) -> None:
    root = checkout(tmp_path)
    old = root / ".rehearsal" / "checklist.html"
    old.parent.mkdir()
    old.write_text("of an earlier play", encoding="utf-8")
    bundle = root / "examples" / "orders" / BUNDLE
    bundle.write_bytes(bundle.read_bytes().replace(b'"order-2001"', b'"order-2009"', 1))
    broken = play(root)
    assert broken.code == 1, broken.out
    assert "The gate is NOT rehearsed: " in broken.err
    assert "dwctl history-export" in broken.err.split("The gate is NOT rehearsed: ", 1)[1]
    assert "Rehearsal passed" not in broken.out
    assert not old.exists()
    nothing_runs(broken)


def test_an_interruption_leaves_nothing_running(tmp_path: Path) -> None:
    root = checkout(tmp_path)
    process = subprocess.Popen(
        ["bash", "examples/orders/gate.sh"], cwd=root, env=surroundings(), text=True, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if "orders-1 is started" in line:
            process.send_signal(signal.SIGTERM)
            break
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Rehearsal passed" not in rest
    nothing_runs(Played(root, 130, rest, ""))


def test_the_database_is_that_of_the_bundles(tmp_path: Path) -> None:
    """`python tests/orders_database.py > examples/orders/embedded.sql` writes it again."""
    with closing(sqlite3.connect(tmp_path / "kept.sqlite")) as kept:
        kept.executescript((ORDERS / "embedded.sql").read_text(encoding="utf-8"))
        found = _content(kept)
    with closing(sqlite3.connect(orders_database(tmp_path))) as made:
        assert found == _content(made)
    assert len(found["workflow_runs"]) == 13


def _content(database: sqlite3.Connection) -> dict[str, Any]:
    tables = dict(
        database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    )
    rows = {name: sorted(database.execute(f'SELECT * FROM "{name}"'), key=repr) for name in tables}  # noqa: S608
    return rows | {"schema": tables}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["workflow:v2:doctor", "--json"], "is not defined"),
        (["workflow:v2:history-export", "--", "no-such-order"], "[no-such-order] not found"),
        ([], "is not defined"),
    ],
)
def test_the_stand_in_of_artisan_refuses_what_it_does_not_know(words: list[str], said: str) -> None:
    done = subprocess.run(
        [sys.executable, str(ORDERS / "artisan.py"), *words], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
