"""Imports against a rehearsal server on which faults strike by chance, and what has to hold at the end."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dwctl.rehearsal.app import create_app
from dwctl.rehearsal.faults import FaultBox, parse_fault
from dwctl.rehearsal.state import Settings
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.rows import LedgerState
from many_bundles import SMALL, write_many
from output_schemas import document
from rehearsal_server import served
from server_cli import command

IMPORT = "POST /api/workflows/import"
KINDS = (
    *("latency=0.02", "429=0", "500", "503=backend_lock_pressure", "reset-before", "reset-after", "truncate"),
    "locked=0",
)
"""One strike of each; a server that dies is the matter of the kill campaigns."""

_MOST_STARTS = 15
"""A question before the first bundle that fails ends a run; a person would begin it again."""

REQUESTS_PER_BUNDLE = 5
SHARE = 0.1


@dataclass
class Faulty:
    """A server with faults: its URL, and the import requests that came, dry runs apart."""

    url: str
    app: Any
    posts: int = 0
    asked: int = 0

    @property
    def runs(self) -> list[str]:
        """The runs that its database has."""
        with self.app.state.rehearsal.database.read() as connection:
            return [row[0] for row in connection.execute("SELECT id FROM workflow_runs").fetchall()]


def by_chance(kinds: Sequence[str], requests: int, share: float, chance: random.Random, on: str = "") -> list[str]:
    """Rules by which each request is struck with this likelihood, by one of the kinds."""
    struck = [number for number in range(requests) if chance.random() < share]
    return [f"{chance.choice(kinds)}{f',on={on}' if on else ''},after={number},times=1" for number in struck]


@contextmanager
def faulty(rules: Sequence[str]) -> Iterator[Faulty]:
    """A rehearsal server on a socket that strikes by these rules, and counts what comes."""
    app = create_app(settings=Settings(poll_timeout=1.0), faults=FaultBox([parse_fault(rule) for rule in rules]))
    found = Faulty("", app)

    async def counting(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if f"{scope.get('method')} {scope.get('path')}".startswith(IMPORT):
            dry = b"dry_run=1" in scope.get("query_string", b"")
            found.posts, found.asked = found.posts + (not dry), found.asked + dry
        await app(scope, receive, send)

    with served(counting) as url:  # type: ignore[arg-type]
        found.url = url
        yield found


def put(*files: Path) -> None:
    """Put these bundles into the folder that `import_folder` imports."""
    Path("bundles").mkdir(exist_ok=True)
    for file in files:
        shutil.copy(file, "bundles")


def import_folder(capsys: pytest.CaptureFixture[str], server: Faulty, *more: str) -> tuple[int, dict[str, Any]]:
    """Import the folder `bundles`; the exit code and the document."""
    words = ("bundles", "--server", server.url, "--namespace", "default", "--ledger", "ledger.db", "--json")
    code, out, _ = command(capsys, "history-import", *words, *more)
    found = json.loads(out)
    if found["schema"] == "dwctl.error":
        return code, found
    return code, document(out, "history-import")


def hold(server: Faulty, bundles: int) -> None:
    """Everything is on the server, once, and the ledger says so, as imported by us and compared."""
    assert len(server.runs) == len(set(server.runs)) == bundles
    with Ledger.view(Path("ledger.db")) as ledger:
        assert ledger.audit().ok
        rows = list(ledger.rows())
    assert {row.run_id for row in rows} == set(server.runs)
    assert {row.state for row in rows} == {LedgerState.IMPORTED}
    assert all(row.compared_at is not None and row.differs_at is None for row in rows)


def play(capsys: pytest.CaptureFixture[str], kinds: Sequence[str], bundles: int, seed: int) -> float:
    """One import while a tenth of all requests is struck; returns import requests a bundle.

    It may be begun again, as a person would; nothing is refused on the way.
    """
    chance = random.Random(seed)
    write_many(Path("bundles"), bundles, SMALL)
    rules = by_chance(kinds, REQUESTS_PER_BUNDLE * bundles, SHARE, chance)
    with faulty(rules) as server:
        for _ in range(_MOST_STARTS):
            code, found = import_folder(capsys, server)
            if code == 0:
                break
            assert found.get("summary", {}).get("refused", 0) == 0, f"seed {seed}: {found['summary']}"
        assert code == 0, f"seed {seed}: {found.get('summary', found)}"
        hold(server, bundles)
        struck = sum(rule.struck for rule in server.app.state.rehearsal.faults.rules)
        assert struck >= bundles * SHARE / 2, "the faults did not strike"
        assert server.posts <= 1.5 * bundles, f"seed {seed}: {server.posts} import requests"
        return server.posts / bundles
