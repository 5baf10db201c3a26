"""Start-up time is a feature: what a command may load before it answers, seen in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dwctl import __version__

EXAMPLES = Path(__file__).parents[2] / "examples" / "orders" / "bundles"
ORDER = str(EXAMPLES / "completed-order-1001.json")
OFFLINE = ("history-import", ORDER, "--dry-run", "--offline", "--namespace", "production")

CHILD = """
import json, sys
before = set(sys.modules)
from dwctl.cli.main import run
code = run(sys.argv[1:])
json.dump([code, sorted(set(sys.modules) - before)], sys.stderr)
"""

COMMAND_LINE = {"typer", "annotated_doc", "shellingham", "typing_extensions"}
FAST_PATH = {"msgspec", "orjson"}
"""All that an offline dry run loads, but for rich, which draws the table."""

OTHER_WORK = {"httpx", "fastavro", "jsonschema", "pydantic"}
"""What talks to servers, decodes payloads and checks schemas: no work of an offline dry run."""


def test_the_version_loads_next_to_nothing() -> None:
    out, loaded = run("--version")
    assert out == f"dwctl {__version__}\n"
    assert {name for name in loaded if name.startswith("dwctl")} == {
        "dwctl",
        "dwctl.cli",
        "dwctl.cli.main",
        "dwctl.errors",
    }
    assert third_parties(loaded) == set()


def test_help_loads_the_commands_but_nothing_that_they_call() -> None:
    out, loaded = run("--help")
    assert "history-import" in out
    layers = {name.split(".")[1] for name in loaded if name.startswith("dwctl.")}
    assert layers <= {"cli", "errors", "render"}
    assert not third_parties(loaded) & {*OTHER_WORK, "orjson", "msgspec"}


@pytest.mark.parametrize("output", [(), ("--json",), ("--output", "jsonl")], ids=["table", "json", "jsonl"])
def test_an_offline_dry_run_loads_only_what_it_needs(output: tuple[str, ...]) -> None:
    out, loaded = run(*OFFLINE, *output)
    assert "order-1001" in out
    assert third_parties(loaded) == COMMAND_LINE | FAST_PATH | (set() if output else {"rich"})
    assert not third_parties(loaded) & OTHER_WORK
    assert not {name for name in loaded if name.split(".")[:2] in (["dwctl", "server"], ["dwctl", "embedded"])}


def test_a_loaded_package_would_be_seen() -> None:
    assert third_parties(["json", "httpx", "httpx._client", "dwctl.cli", "_hidden"]) == {"httpx"}


def run(*arguments: str) -> tuple[str, list[str]]:
    """Run a command line in a fresh interpreter: what it printed, and the modules that it loaded."""
    done = subprocess.run([sys.executable, "-c", CHILD, *arguments], capture_output=True, text=True, check=True)
    _, _, report = done.stderr.rpartition("[0, ")
    assert report, f"exit code is not 0: {done.stderr}"
    return done.stdout, json.loads(f"[0, {report}")[1]


def third_parties(loaded: list[str]) -> set[str]:
    """The packages among these modules that are neither Python's nor ours."""
    tops = {name.split(".")[0] for name in loaded}
    return {name for name in tops if name not in sys.stdlib_module_names and name != "dwctl" and name[0] != "_"}
