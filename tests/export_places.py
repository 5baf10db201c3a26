"""A cutover for the checks of items 10 and 12: exports, an archive, the application that they are from, a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from dwctl.transfer.storage.bundle_folder import BundleFolder
from dwctl.transfer.storage.folder_store import FolderStore
from gate_runs import describe, gate
from kept_exports import NOW, keep
from rehearsal_server import CONTROL, on_a_socket
from rows_of_bundles import empty_database, put_bundle
from sample_bundles import EXAMPLES, ORDER, WAITING

Capture = pytest.CaptureFixture[str]

OPEN: Final = (
    WAITING, EXAMPLES / "running-mid-history-order-2003.json", EXAMPLES / "waiting-for-timer-reminder-2.json",
)  # fmt: skip
CLOSED: Final = (ORDER, EXAMPLES / "cancelled-reminder-1.json")


@dataclass
class Place:
    """A cutover: open runs exported to be imported, closed ones archived, and the application that they are from."""

    folder: Path
    url: str
    database: Path
    capsys: Capture

    @property
    def exports(self) -> Path:
        """The folder of what is to be imported."""
        return self.folder / "exports"

    @property
    def archive(self) -> Path:
        """The folder of what is only kept."""
        return self.folder / "archive"

    def keep(self, folder: Path, *contents: bytes) -> list[Path]:
        """Keep exports as history-export does, with a line of the manifest each."""
        bundles = BundleFolder(FolderStore.open(str(folder), create=True))
        with bundles.writing("a test", lambda: NOW):
            return [folder / keep(bundles, content).file for content in contents]

    def describe(self, more: str = "", *, server: bool = True, embedded: bool = True, bundles: bool = True) -> None:
        """Write cutover.toml; each source may be left out of it."""
        tables = [more]
        tables += [f'[embedded]\ndatabase_url = "sqlite:///{self.database}"'] if embedded else []
        tables += ['[bundles]\npaths = ["exports"]'] if bundles else []
        if "[retention]" not in more:
            tables.append('[retention]\narchives = ["archive"]')
        describe(self.folder, self.url, "\n".join(tables), server='auth = "none"')
        if not server:
            text = (self.folder / "cutover.toml").read_text()
            (self.folder / "cutover.toml").write_text(text[text.index('auth = "none"') + len('auth = "none"') :])

    def ask(self, check_id: str) -> tuple[str, dict[str, Any]]:
        """The state of one check alone, and all of it; the exit code is that of its state."""
        code, found = gate(self.capsys, check_id)
        check = found[check_id]
        shut = check["severity"] == "required" and check["state"] in ("fail", "unknown")
        # Advice alone, or what was left out alone, measures nothing that a gate could be opened by.
        assert code == (1 if shut or check["state"] == "skipped" or _only_doubt(check) else 0)
        if check["state"] in ("fail", "unknown", "warn"):
            assert check["next_step"]
            assert check["command"].startswith("dwctl ")
        return check["state"], check

    def state(self, check_id: str) -> str:
        """Its state alone."""
        return self.ask(check_id)[0]

    def first(self) -> Path:
        """One of the bundles to import."""
        return min(self.exports.glob("*/*.json"))

    def post(self, where: str, **body: Any) -> None:
        """Call the server as an operator does."""
        headers = CONTROL | {"X-Namespace": "production"}
        answer = httpx.post(f"{self.url}/api/{where}", json=body, headers=headers)
        assert answer.status_code in (200, 201), answer.text


def _only_doubt(check: dict[str, Any]) -> bool:
    return check["severity"] == "advice" and check["state"] in ("fail", "unknown")


@contextmanager
def cutover(folder: Path, capsys: Capture) -> Iterator[Place]:
    """A cutover that items 10 and 12 have nothing against."""
    with on_a_socket() as url:
        made = Place(folder, url, empty_database(folder), capsys)
        made.post("namespaces", name="production", retention_days=365)
        made.keep(made.exports, *(path.read_bytes() for path in OPEN))
        made.keep(made.archive, *(path.read_bytes() for path in CLOSED))
        for path in (*OPEN, *CLOSED):
            put_bundle(made.database, path.read_bytes())
        made.describe()
        yield made
