"""Exports: the ways out of the embedded application against each other, a server against bare httpx, and memory.

The stand-in for artisan takes 0.35 s a boot and 50 ms a run: the costs that were measured on a real application.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from .bundles import EXAMPLES, resealed
from .measurement import Reading, Workplace
from .peak import peak_of

BOOT, RUN = 0.35, 0.05
STANDIN = Path(__file__).parents[1] / "artisan_standin.py"
BARE = Path(__file__).with_name("bare_gets.py")
JOBS = 4
ROUNDS = 3
SERVER_ROUNDS = 7
SERVED = 400
FEW, MANY = 1_000, 10_000
Words = Sequence[str | Path]
_HEADERS = {"X-Durable-Workflow-Control-Plane-Version": "2", "Content-Type": "application/JSON"}


def batch(place: Workplace) -> Reading:
    """Runs a second in one PHP process; one by one is 1."""
    return _ways(place, ("--batch",), 120)


def jobs_with_batch(place: Workplace) -> Reading:
    """Runs a second in four PHP processes; one by one is 1."""
    return _ways(place, ("--batch", "--jobs", str(JOBS)), 400)


def jobs_without_batch(place: Workplace) -> Reading:
    """Runs a second with four calls at once; one by one is 1."""
    return _ways(place, ("--no-batch", "--jobs", str(JOBS)), 40)


def from_a_server(place: Workplace) -> Reading:
    """Runs a second from the rehearsal server; the same keep-alive GETs with httpx, written and not verified, are 1."""
    bundles = _bundles(place, SERVED)
    with _rehearsal(place, bundles) as url:
        words: Words = [
            place.dwctl,
            "history-export",
            "--source",
            "server",
            "--server",
            url,
            "--all",
            "--jobs",
            str(JOBS),
        ]
        listing: Words = [place.dwctl, "workflow", "list", "--server", url, "--output", "jsonl"]
        listed = _run(place, listing).splitlines()
        ids = place.folder / "served.txt"
        ids.write_text("\n".join("{workflow_id}/{run_id}".format(**json.loads(line)) for line in listed))
        ratios, rates = [], []
        for number in range(SERVER_ROUNDS):
            bare: Words = [place.python, BARE, url, "default", ids, place.folder / f"bare-{number}", str(JOBS)]
            seconds = float(_run(place, bare))
            ours = _summary(place, [*words, "--output-dir", f"served-{number}"], SERVED)
            ratios.append(seconds / ours)
            rates.append(SERVED / ours)
    return Reading(
        tuple(ratios), f"{SERVED} runs of 20 kB, {JOBS} at once, {max(rates):.0f} runs/s verified and durable"
    )


def memory(place: Workplace) -> Reading:
    """The largest resident set over 10,000 runs; over 1,000 runs it is 1."""
    few, many = (_peak(place, count) for count in (FEW, MANY))
    return Reading((many / few,), f"{few / 1e6:.0f} MB for {FEW:,}, {many / 1e6:.0f} MB for {MANY:,} runs")


def _ways(place: Workplace, way: tuple[str, ...], count: int) -> Reading:
    """The rate of a way, as a multiple of one by one; the interpreter's start is not counted in either."""
    folder = _bundles(place, max(count, 20))
    _settings(place, folder, BOOT, RUN)
    ratios = []
    for number in range(ROUNDS):
        name = f"{'-'.join(way)}-{number}"
        alone = 20 / _exported(place, folder, 20, ("--no-batch",), f"alone{name}")
        ratios.append(count / _exported(place, folder, count, way, f"way{name}") / alone)
    return Reading(tuple(ratios), f"{count} runs against 20 one by one; {alone:.2f} runs/s one by one")


def _exported(place: Workplace, folder: Path, count: int, way: tuple[str, ...], name: str) -> float:
    ids = place.folder / f"ids-{name}.txt"
    ids.write_text("\n".join(sorted(path.stem for path in folder.glob("*.current"))[:count]))
    words: Words = [
        place.dwctl,
        "history-export",
        "--source",
        "embedded",
        "--ids-file",
        ids,
        *way,
        "--output-dir",
        name,
    ]
    return _summary(place, words, count)


def _summary(place: Workplace, words: Words, count: int) -> float:
    """Seconds of an export, by its own account."""
    summary = json.loads(_run(place, [*words, "--json"]))["summary"]
    assert summary["exported"] == count, summary
    return float(summary["seconds"])


def _run(place: Workplace, words: Words) -> str:
    return subprocess.run(
        words, check=True, capture_output=True, text=True, cwd=place.folder, env=_environment()
    ).stdout  # fmt: skip


def _environment() -> dict[str, str]:
    return {**os.environ, "NO_PROXY": "127.0.0.1"}


def _bundles(place: Workplace, count: int) -> Path:
    """A folder as the stand-in reads it: so many runs of 20 kB, each of its own instance."""
    folder = place.folder / f"application-{count}"
    if not folder.is_dir():
        folder.mkdir()
        model = (EXAMPLES / "waiting-for-timer-reminder-2.json").read_bytes()
        workflow = json.loads(model)["workflow"]
        ids = {part for part in model.split(b'"') if len(part) == 26 and part[:2].lower() == b"01"}
        for number in range(count):
            document = model.replace(workflow["instance_id"].encode(), b"run-%05d" % number)
            for one in ids:
                document = document.replace(one, one[:18] + b"%08d" % number)
            document = resealed(document)
            run_id = json.loads(document)["workflow"]["run_id"]
            (folder / f"{run_id}.json").write_bytes(document)
            (folder / f"run-{number:05}.current").write_text(run_id)
    return folder


def _settings(place: Workplace, folder: Path, boot: float, run: float) -> None:
    words = [sys.executable, "-I", "-S", str(STANDIN), f"--bundles={folder}", f"--boot={boot}", f"--run={run}"]
    (place.folder / "cutover.toml").write_text(
        f'[embedded]\nartisan = {json.dumps([*words, "artisan"])}\nphp = {json.dumps([*words, "php"])}\npath = "/app"\n'
    )


@contextmanager
def _rehearsal(place: Workplace, bundles: Path) -> Iterator[str]:
    """A rehearsal server with these runs, in a process of its own."""
    command: Words = [place.dwctl, "rehearsal", "serve", "--port", "0", "--output", "jsonl"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            url = str(json.loads(process.stdout.readline())["url"])
            with httpx.Client(base_url=url, headers=_HEADERS, trust_env=False) as client:
                for path in sorted(bundles.glob("*.json")):
                    answer = client.post("/api/workflows/import/embedded-v2", content=path.read_bytes())
                    assert answer.status_code == 201, answer.text[:300]
            yield url
        finally:
            process.terminate()


def _peak(place: Workplace, count: int) -> int:
    folder = _bundles(place, count)
    _settings(place, folder, 0, 0)
    ids = place.folder / f"peak-{count}.txt"
    ids.write_text("\n".join(path.stem for path in folder.glob("*.current")))
    words: Words = [
        "history-export",
        "--source",
        "embedded",
        "--ids-file",
        ids,
        "--batch",
        "--output-dir",
        f"peak-{count}",
    ]
    command: Words = [place.dwctl, *words, "--jobs", "2", "--output", "jsonl"]
    return peak_of(command, cwd=place.folder, env=_environment())
