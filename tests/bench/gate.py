"""The gate: all of `dwctl checklist` where the runs are imported, and the bundles were verified earlier."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from many_bundles import SMALL, write_many
from rows_of_bundles import put_bundle, sample_database

from .measurement import Reading, Workplace

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TEN_THOUSAND, ROUNDS = 10_000, 3

_CUTOVER = """
[cutover]
name = "bench"
runs = "import"

[server]
url = "{url}"
namespace = "default"
auth = "none"

[embedded]
database_url = "sqlite:///{database}"

[[family]]
name = "approvals"
task_queue = "orders"
workflow_types = ["orders.approval"]

[bundles]
paths = ["bundles"]

[retention]
closed_runs = "none"
"""


def whole_gate(place: Workplace) -> Reading:
    """Seconds of the command against a rehearsal server: 10,000 imported runs, 10,000 bundles, the SQLite sample."""
    folder = place.folder / "gate"
    bundles = write_many(folder / "bundles", TEN_THOUSAND, SMALL)
    database = _database(folder, bundles[0])
    (folder / "seed.toml").write_text('[[bundle]]\npath = "bundles/*.json"\n', encoding="utf-8")
    with _serving(place, folder) as url:
        ledger = folder / ".dwctl" / "ledger.db"
        settle: list[str | Path] = ["-m", "tests.bench.planned_files", folder / "bundles", "settle", ledger, url]
        _run(place, folder, [place.python, *settle])
        (folder / "cutover.toml").write_text(_CUTOVER.format(url=url, database=database), encoding="utf-8")
        _gate(place, folder)  # verifies the bundles, and records it
        seconds = [_gate(place, folder) for _ in range(ROUNDS)]
    return Reading(tuple(seconds), f"seconds: {TEN_THOUSAND:,} runs and bundles, start of the program included")


def _database(folder: Path, bundle: Path) -> Path:
    """The sample, with the row of every run: that of the first bundle, as often as it was copied."""
    path = sample_database(folder)
    run_id = put_bundle(path, bundle.read_bytes())
    with closing(sqlite3.connect(path)) as database, database:
        database.row_factory = sqlite3.Row
        (run,) = database.execute("SELECT * FROM workflow_runs WHERE id = ?", (run_id,))
        columns = run.keys()
        statement = f"INSERT INTO workflow_runs VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 - marks
        for file in sorted(folder.glob("bundles/*.json")):
            workflow = json.loads(file.read_bytes())["workflow"]
            own = {"id": workflow["run_id"], "workflow_instance_id": workflow["instance_id"]}
            if workflow["run_id"] != run_id:
                database.execute(statement, [own.get(name, run[name]) for name in columns])
    return path


@contextmanager
def _serving(place: Workplace, folder: Path) -> Iterator[str]:
    """A rehearsal server in a process of its own, into which every bundle is imported before it answers."""
    command: list[str | Path] = [
        place.dwctl,
        "rehearsal",
        "serve",
        "--port",
        "0",
        "--seed",
        folder / "seed.toml",
        "--output",
        "jsonl",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield str(json.loads(process.stdout.readline())["url"])
        finally:
            process.terminate()


def _gate(place: Workplace, folder: Path) -> float:
    """One run: the seconds, if it measured what it should."""
    begun = time.perf_counter()
    out = _run(place, folder, [place.dwctl, "checklist", "--json"], code=1)
    seconds = time.perf_counter() - begun
    states = {check["id"]: check["state"] for check in json.loads(out)["checks"]}
    measured = ("exports.verified", "exports.dry_run", "exports.drift", "imports.present", "types.bundles")
    assert {states[name] for name in measured} == {"pass"}, states
    return seconds


def _run(place: Workplace, folder: Path, words: list[str | Path], code: int = 0) -> str:
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environment = {**os.environ, "NO_PROXY": "127.0.0.1", "PYTHONPATH": path, "DW_CONFIG_HOME": str(folder)}
    environment = {name: value for name, value in environment.items() if not name.startswith("DURABLE_")}
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=folder, env=environment)
    assert done.returncode == code, done.stderr
    return done.stdout
