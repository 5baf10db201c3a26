"""Where CI's example commands are run: a clean clone of this repository, and a team's repository with its server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from dwctl.rehearsal.app import create_app
from dwctl.rehearsal.state import Settings
from rehearsal_server import CONTROL, served
from rows_of_bundles import empty_database, put_bundle
from sample_bundles import ROOT, sealed

Json = dict[str, Any]

TOKENS = {"admin": "ci-admin-4711", "operator": "ci-operator-4711", "worker": "ci-worker-4711"}

BUNDLES = (
    "running-ready-workflow-task-order-2001.json",
    "running-ready-activity-task-order-2002.json",
    "running-mid-history-order-2003.json",
    "waiting-for-timer-reminder-2.json",
)
"""What the team moves: open runs that can be imported, and that the example's worker takes."""

TOML = """
[cutover]
name = "orders"
v1 = "drain"
avro_since = 2020-01-01T00:00:00Z
starters_paused_since = 2021-01-01T00:00:00Z

[server]
url = "{url}"
namespace = "production"

[embedded]
database_url_env = "EMBEDDED_DATABASE_URL"

[[family]]
name = "orders"
task_queue = "default"
workflow_types = ["orders.process", "orders.reminder"]
activity_types = ["orders.reserve-inventory", "orders.capture-payment"]

[[shadow]]
workflow_type = "orders.process"
input = ["shadow-1", [], 12.5]

[bundles]
paths = ["exports"]

[retention]
days = 30
"""


def clean_clone(folder: Path) -> Path:
    """A clone of this repository as a commit of all that lies in the working tree would leave it."""
    clone = folder / "dwctl"
    git(folder, "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone))
    for name in listed("--modified", "--others", "--exclude-standard"):
        source, target = ROOT / name, clone / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
        else:
            target.unlink(missing_ok=True)
    return clone


def listed(*options: str) -> list[str]:
    """Files of this repository, as git lists them."""
    return [name for name in git(ROOT, "ls-files", "-z", *options).split("\0") if name]


GIT = {"GIT_CONFIG_GLOBAL": str(ROOT / "tests" / "data" / "git.config"), "GIT_CONFIG_NOSYSTEM": "1"}
"""The environment of a call of git: the settings of nobody."""


def git(folder: Path, *words: str) -> str:
    """What a call of git prints. Raises where it fails."""
    env = GIT | {"PATH": os.environ["PATH"]}
    done = subprocess.run(["git", *words], cwd=folder, env=env, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"git {' '.join(words)}: {done.stderr}")
    return done.stdout


@dataclass(frozen=True)
class Ran:
    """A script that CI ran: how it ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def annotations(self) -> list[str]:
        """The lines that the runner of GitHub Actions takes for commands."""
        return [line for line in (self.out + self.err).splitlines() if line.startswith("::")]


@dataclass
class Place:
    """The team's checkout, with the `dwctl` of the clone on its PATH; `secrets` are CI's own."""

    clone: Path
    checkout: Path
    bin: Path
    secrets: Mapping[str, str]
    summary: Path
    outputs: list[str] = field(default_factory=list)

    def run(self, script: str, named: Mapping[str, str]) -> Ran:
        """Run a script as a runner does, with these variables besides those that every job has."""
        done = subprocess.run(
            ["bash", "-e", "-c", script], cwd=self.checkout, env=self.environment | dict(named), capture_output=True,
            text=True, timeout=120,
        )  # fmt: skip
        self.outputs += [done.stdout, done.stderr]
        return Ran(done.returncode, done.stdout, done.stderr)

    @property
    def environment(self) -> dict[str, str]:
        """What every job has: nothing of the machine that the tests run on."""
        return GIT | {
            "PATH": f"{self.bin}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.bin.parent),
            "PYTHONPATH": str(self.clone / "src"),
            "GITHUB_STEP_SUMMARY": str(self.summary),
        }

    def told(self) -> str:
        """Everything that came out so far: what was printed, the summary, and every report."""
        reports = [file.read_text(encoding="utf-8") for file in sorted((self.checkout / "reports").glob("*"))]
        return "\n".join([*self.outputs, *reports, self.summary.read_text(encoding="utf-8")])


def example(clone: Path, name: str) -> Json:
    """A YAML file of examples/ci. YAML 1.1 reads the key `on` as true; here it is what it is for GitHub."""
    document: dict[Any, Any] = yaml.safe_load((clone / "examples" / "ci" / name).read_text(encoding="utf-8"))
    return {("on" if key is True else key): value for key, value in document.items()}


def team(folder: Path, clone: Path, url: str) -> Place:
    """A team's repository, committed and cloned, with the examples where they belong; its exports are of long ago."""
    origin = folder / "origin"
    for source, target in {
        "github-workflow.yml": ".github/workflows/cutover.yml",
        "gitlab-ci.yml": ".gitlab-ci.yml",
        "pre-commit-config.yaml": ".pre-commit-config.yaml",
    }.items():
        put(origin / target, (clone / "examples" / "ci" / source).read_bytes())
    put(origin / "cutover.toml", TOML.format(url=url).encode())
    put(origin / ".gitignore", b"reports/\n")
    for name in BUNDLES:
        put(origin / "exports" / name, long_ago(clone, name))
    commit(origin)
    checkout = folder / "checkout"
    git(folder, "clone", "--quiet", str(origin), str(checkout))
    put(folder / "home" / "bin" / "dwctl", f'#!/bin/sh\nexec "{sys.executable}" -m dwctl "$@"\n'.encode())
    (folder / "home" / "bin" / "dwctl").chmod(0o755)
    put(folder / "summary.md", b"")
    secrets = {
        "DW_ADMIN_TOKEN": TOKENS["admin"],
        "DW_OPERATOR_TOKEN": TOKENS["operator"],
        "EMBEDDED_DATABASE_URL": f"sqlite:///{application(folder, origin / 'exports')}",
    }
    return Place(clone, checkout, folder / "home" / "bin", secrets, folder / "summary.md")


def put(path: Path, content: bytes) -> None:
    """Write a file, and the folders that lead to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def commit(folder: Path) -> None:
    """Make a repository of a folder, with one commit."""
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "The cutover")


def long_ago(clone: Path, name: str) -> bytes:
    """An example as if it had been exported years ago, so that no test depends on today's date."""
    text = (clone / "examples" / "orders" / "bundles" / name).read_text(encoding="utf-8")
    return sealed(json.loads(text.replace("2026-11-2", "2020-11-2")))


def application(folder: Path, exports: Path) -> Path:
    """The embedded application's database, with the runs that were exported."""
    database = empty_database(folder)
    for file in sorted(exports.glob("*.json")):
        put_bundle(database, file.read_bytes())
    return database


@contextmanager
def server_with_tokens() -> Iterator[str]:
    """A rehearsal server on a real socket that asks for tokens, with the namespace of the cutover."""
    settings = Settings(poll_timeout=1.0, protocol="1.20", auth="token", tokens=TOKENS)
    with served(create_app(settings=settings)) as url:
        headers = CONTROL | {"Authorization": f"Bearer {TOKENS['admin']}"}
        answer = httpx.post(f"{url}/api/namespaces", json={"name": "production", "retention_days": 90}, headers=headers)
        assert answer.status_code == 201, answer.text
        yield url


@contextmanager
def working(clone: Path, url: str) -> Iterator[None]:
    """The example's real worker."""
    words = [sys.executable, str(clone / "examples" / "workers" / "orders_worker.py"), "--url", url,
             "--namespace", "production", "--task-queue", "default", "--worker-id", "ci-1",
             "--poll-timeout", "1"]  # fmt: skip
    env = {"PATH": os.environ["PATH"], "DW_WORKER_TOKEN": TOKENS["worker"]}
    with subprocess.Popen(words, stderr=subprocess.DEVNULL, env=env) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
