"""The gate as a person runs it: `cutover.toml`, `dwctl checklist`, and its JSON by the id of the check."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from dwctl.cli.app import app
from server_cli import command, document

Json = dict[str, Any]

COMMAND: Any = typer.main.get_command(app)
"""The real command line, as typer builds it; its class is private to typer."""


def describe(folder: Path, url: str, more: str = "", *, server: str = "") -> None:
    """Write a `cutover.toml` for the namespace `production` of this server."""
    text = f'[server]\nurl = "{url}"\nnamespace = "production"\n{server}\n{more}\n'
    (folder / "cutover.toml").write_text(text, encoding="utf-8")


def gate(capsys: pytest.CaptureFixture[str], *only: str) -> tuple[int, dict[str, Json]]:
    """The exit code, and each check that was asked for; its document is what the schema says.

    Whatever a check gives as the next command can be typed.
    """
    words = [word for one in only for word in ("--only", one)]
    code, found = document(capsys, "checklist", *words)
    assert (code == 0) is found["green"]
    assert code == found["exit_code"]
    given = [check["command"] for check in found["checks"] if check["command"]]
    assert [(line, why) for line in given if (why := not_taken(line)) is not None] == []
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


def not_taken(line: str) -> str | None:
    """Why dwctl does not take a line of the shell, which is not carried out; None where it does, or it is another's."""
    calls = [call.partition(" > ")[0] for call in line.split(" && ")]
    return next((why for call in calls if (why := _refusal(*shlex.split(call))) is not None), None)


def _refusal(program: str, *given: str) -> str | None:
    if program != "dwctl" or "--help" in given:
        return None
    found, context, words = COMMAND, None, list(given)
    while True:
        try:
            context = found.make_context(program, words, parent=context)
        except typer.TyperException as error:
            return str(error.format_message())
        words = [*context._protected_args, *context.args]
        if not words or not hasattr(found, "commands"):
            return None
        program = words.pop(0)
        if program not in found.commands:
            return f"no command {program}"
        found = found.commands[program]
