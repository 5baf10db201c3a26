"""The gate as a person runs it: `cutover.toml`, `dwctl checklist`, and its JSON by the id of the check."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from server_cli import command, document

Json = dict[str, Any]


def describe(folder: Path, url: str, more: str = "", *, server: str = "") -> None:
    """Write a `cutover.toml` for the namespace `production` of this server."""
    text = f'[server]\nurl = "{url}"\nnamespace = "production"\n{server}\n{more}\n'
    (folder / "cutover.toml").write_text(text, encoding="utf-8")


def gate(capsys: pytest.CaptureFixture[str], *only: str) -> tuple[int, dict[str, Json]]:
    """The exit code, and each check that was asked for; its document is what the schema says."""
    words = [word for one in only for word in ("--only", one)]
    code, found = document(capsys, "checklist", *words)
    assert (code == 0) is found["green"]
    assert code == found["exit_code"]
    return code, {check["id"]: check for check in found["checks"] if not check["left_out"]}


def one(capsys: pytest.CaptureFixture[str], check_id: str) -> tuple[int, str, str]:
    """Exit code, state and sentence of a single check; a state that wants something done says what."""
    code, found = gate(capsys, check_id)
    (check,) = found.values()
    assert check["id"] == check_id
    if check["state"] in ("fail", "unknown", "warn"):
        assert check["next_step"]
    return code, check["state"], check["said"]


def typed(capsys: pytest.CaptureFixture[str], check_id: str) -> int:
    """Type the command that a check gives as the next one; its exit code."""
    return run(capsys, gate(capsys, check_id)[1][check_id]["command"])


def run(capsys: pytest.CaptureFixture[str], line: str) -> int:
    """Type a command line of dwctl; its exit code."""
    words = shlex.split(line)
    assert words[0] == "dwctl"
    return command(capsys, *words[1:])[0]
