"""Imports whose client or server is killed with -9 at random moments, and what has to hold at the end."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.rows import LedgerState
from many_bundles import SMALL, write_many

PATIENCE = 120.0
"""Seconds after which something that has not happened will not happen."""

_MOST_STARTS = 60


@dataclass
class Cutover:
    """A folder with bundles, a rehearsal server in a process of its own, and an import that may be killed at any time.

    `victims` are what is killed: client, server, or both in turn.
    """

    folder: Path
    bundles: int
    chance: random.Random
    jobs: int = 8
    kills: Counter[str] = field(default_factory=Counter)
    port: int = 0
    _server: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.files = write_many(self.folder / "bundles", self.bundles, SMALL)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    @property
    def url(self) -> str:
        """The server's address, the same after each of its deaths."""
        return f"http://127.0.0.1:{self.port}"

    def go(self, kills: int, victims: tuple[str, ...] = ("client", "server")) -> None:
        """Kill so often, at moments of chance, then let it end; hold client, ledger and server against each other."""
        self.start_server()
        try:
            for _ in range(kills):
                if self._kill(self.chance.choice(victims)):
                    break
            self._finish()
        finally:
            self.stop_server()

    # --- processes ---

    def start_server(self) -> None:
        """Start the server, or start it again on the database that its last life left."""
        with (self.folder / "server.log").open("ab") as log:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "dwctl", "rehearsal", "serve", "--port", str(self.port), "--db", "server.db"],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert self._server.poll() is None, (self.folder / "server.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/health", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def stop_server(self) -> None:
        """Kill the server."""
        if self._server is not None:
            self._server.kill()
            self._server.wait(PATIENCE)
            self._server = None

    def start_client(self, *more: str) -> subprocess.Popen[bytes]:
        """An import of the folder, as a person would start it again and again."""
        words = ["history-import", "bundles", "--server", self.url, "--namespace", "default", "--ledger", "ledger.db"]
        with (self.folder / "client.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dwctl", *words, "--jobs", str(self.jobs), "--json", *more],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "DW_CONFIG_HOME": str(self.folder)},
            )  # fmt: skip

    # --- killing ---

    def _kill(self, victim: str) -> bool:
        """Let an import go until some moment, and kill; true where it was done before."""
        client = self.start_client()
        try:
            self._wait_for_a_moment(client)
            if victim == "server":
                self.stop_server()
                self.kills["server"] += 1
                # Sometimes it is back at once, and sometimes the client has given up before.
                if self.chance.random() < 0.3:
                    client.wait(PATIENCE)
                self.start_server()
            if victim == "client" and client.poll() is None:
                client.send_signal(signal.SIGKILL)
                self.kills["client"] += 1
            code = client.wait(PATIENCE)
        finally:
            client.kill()
            client.wait(PATIENCE)
        assert code in _EXPECTED, f"exit code {code}: {(self.folder / 'client.log').read_text()[-3000:]}"
        self.hold()
        return code == 0

    def _wait_for_a_moment(self, client: subprocess.Popen[bytes]) -> None:
        """Until the server has some more runs, or only for a while; and a little longer."""
        before = self.rows_on_the_server()
        wanted = before + self.chance.randrange(max(1, self.bundles // 6))
        deadline = time.monotonic() + (self.chance.uniform(0.0, 1.5) if self.chance.random() < 0.25 else PATIENCE)
        while self.rows_on_the_server() < wanted and client.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(self.chance.uniform(0.0, 0.05))

    def _finish(self) -> None:
        for _ in range(_MOST_STARTS):
            client = self.start_client()
            code = client.wait(PATIENCE)
            if code == 0:
                break
            assert code in _EXPECTED, f"exit code {code}: {(self.folder / 'client.log').read_text()[-3000:]}"
        else:
            raise AssertionError("it never ended")
        self.hold(at_the_end=True)

    # --- what has to hold ---

    def rows_on_the_server(self) -> int:
        """How many runs the server's database has."""
        try:
            with closing(self._database()) as database:
                return int(database.execute("SELECT count(*) FROM workflow_runs").fetchone()[0])
        except sqlite3.Error:
            return 0

    def _database(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self.folder / 'server.db'}?mode=ro", uri=True, timeout=10)

    def hold(self, *, at_the_end: bool = False) -> None:
        """The audit passes, and what the ledger calls imported is on the server; at the end all, exactly once."""
        if not (self.folder / "ledger.db").exists():
            assert not at_the_end
            return
        with Ledger.view(self.folder / "ledger.db") as ledger:
            assert ledger.audit().ok
            rows = {row.run_id: row for row in ledger.rows()}
        with closing(self._database()) as database:
            there = [run for (run,) in database.execute("SELECT id FROM workflow_runs")]
            events = dict(database.execute("SELECT workflow_run_id, count(*) FROM workflow_history_events GROUP BY 1"))
        assert len(there) == len(set(there))
        said = {run for run, row in rows.items() if row.there}
        assert said <= set(there), "the ledger says imported, and the server does not have it"
        nobody_knows = set(there) - said
        assert {rows[run].state for run in nobody_knows} <= _MAY_BE_THERE
        if not at_the_end:
            return
        wanted = {}
        for file in self.files:
            bundle = json.loads(file.read_bytes())
            wanted[bundle["workflow"]["run_id"]] = len(bundle["history_events"])
        assert set(there) == wanted.keys()
        assert {run: events[run] for run in wanted} == wanted, "a run has another number of events than its bundle"
        assert {row.state for row in rows.values()} == {LedgerState.IMPORTED}
        assert all(row.compared_at is not None and row.differs_at is None for row in rows.values())
        assert len({row.import_id for row in rows.values()}) == 1


_MAY_BE_THERE = {LedgerState.SENDING, LedgerState.UNKNOWN}
_EXPECTED = {0, 3, 6, 7, 9, -signal.SIGKILL}
"""Done, not reached, failed, too slow, partly done; or killed."""
