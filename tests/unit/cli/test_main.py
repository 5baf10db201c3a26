"""The one error boundary: every failure becomes a sentence and an exit code."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from dwctl import __version__
from dwctl.cli import app as tree
from dwctl.cli.main import run
from dwctl.errors import (
    DwctlError,
    ExitCode,
    IncompatibleServer,
    Interrupted,
    LocalStateError,
    NotAuthorized,
    NotFound,
    NotRepairable,
    PartlyDone,
    RequestNotPossible,
    ServerFailed,
    ServerTimedOut,
    ServerUnreachable,
    UndecodableDocument,
    UnreadableInput,
)

Capture = pytest.CaptureFixture[str]
SECRET = "business data"


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Let every command fail like this."""

    def fail_with(error: BaseException) -> None:
        def fail(**_: Any) -> int:
            raise error

        monkeypatch.setattr(tree, "app", fail)

    return fail_with


@pytest.fixture
def returns(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Let every command return this."""
    return lambda value: monkeypatch.setattr(tree, "app", lambda **_: value)


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_is_printed(option: str, capsys: Capture) -> None:
    assert run([option]) == ExitCode.DONE
    assert capsys.readouterr().out == f"dwctl {__version__}\n"
    assert run([option, "--help"]) == ExitCode.DONE


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DwctlError, 1),
        (NotRepairable, 1),
        (UndecodableDocument, 1),
        (RequestNotPossible, 2),
        (UnreadableInput, 2),
        (ServerUnreachable, 3),
        (NotAuthorized, 4),
        (NotFound, 5),
        (ServerFailed, 6),
        (ServerTimedOut, 7),
        (IncompatibleServer, 8),
        (PartlyDone, 9),
        (LocalStateError, 10),
        (Interrupted, 130),
    ],
)
def test_an_error_of_ours_is_said_with_place_reason_and_next_step(
    error: type[DwctlError], code: int, fails: Callable[[BaseException], None], capsys: Capture
) -> None:
    fails(error("it went wrong", where="a.json", next_step="Look there.", reason="a_reason"))
    assert run(["bundle", "verify", "x"]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "dwctl: it went wrong\n  where: a.json\n  reason: a_reason\n  next: Look there.\n"
    assert run(["bundle", "verify", "x", "--json"]) == code
    printed = capsys.readouterr()
    assert printed.err == ""
    assert json.loads(printed.out) == {
        "schema": "dwctl.error", "schema_version": 1,
        "error": "it went wrong", "exit_code": code, "command": "bundle verify", "where": "a.json",
        "reason": "a_reason", "next_step": "Look there.",
    }  # fmt: skip


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (typer.Abort(), 130), (SystemExit(7), 7)])
def test_an_interruption_ends_in_130_and_an_exit_in_its_code(
    error: BaseException, code: int, fails: Callable[[BaseException], None]
) -> None:
    fails(error)
    assert run(["explain"]) == code


def test_an_interruption_while_the_program_is_still_being_loaded_ends_in_130(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.__import__", interrupted)
    code = run(["explain"])
    monkeypatch.undo()
    assert (code, capsys.readouterr().err) == (130, "dwctl: interrupted.\n")


@pytest.mark.parametrize("output", [[], ["--json"]])
def test_an_output_that_is_full_is_no_bug_and_is_said_on_stderr(
    output: list[str], fails: Callable[[BaseException], None], capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(os, "dup2", lambda *_: None)
    fails(OSError(errno.ENOSPC, "No space left on device"))
    assert run(["explain", *output]) == ExitCode.LOCAL_STATE
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "the output cannot be written: No space left on device" in printed.err


def test_a_file_of_ours_that_cannot_be_written_is_not_taken_for_the_output(
    fails: Callable[[BaseException], None], capsys: Capture
) -> None:
    fails(OSError(errno.ENOSPC, "No space left on device", "a.json"))
    assert run(["explain"]) == ExitCode.NO
    assert "this is a bug in dwctl" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("arguments", [["--version"], ["explain"], ["explain", "--json"]])
def test_a_full_disk_behind_the_output_is_said(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "dwctl", *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )  # fmt: skip
    assert done.returncode == ExitCode.LOCAL_STATE, done.stderr
    assert done.stderr.startswith("dwctl: the output cannot be written: No space left on device\n")
    assert "Exception ignored" not in done.stderr


def test_an_exit_without_a_code_is_no_success(fails: Callable[[BaseException], None]) -> None:
    fails(SystemExit("a message"))
    assert run(["explain"]) == ExitCode.NO


@pytest.mark.parametrize("output", [[], ["--json"]])
def test_a_bug_is_owned_up_to_without_a_traceback_and_without_data(
    output: list[str], fails: Callable[[BaseException], None], capsys: Capture
) -> None:
    fails(ValueError(SECRET))
    assert run(["explain", *output]) == ExitCode.NO
    printed = capsys.readouterr()
    text = printed.out + printed.err
    assert "this is a bug in dwctl: ValueError at dwctl.cli.main:" in text
    assert "DWCTL_TRACEBACK=1" in text
    assert SECRET not in text
    assert "Traceback" not in text


def test_the_traceback_of_a_bug_is_shown_on_demand(
    fails: Callable[[BaseException], None], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DWCTL_TRACEBACK", "1")
    fails(ValueError(SECRET))
    assert run(["explain"]) == ExitCode.NO
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(("value", "code"), [(0, 0), (None, 0), (ExitCode.PARTLY, 9), (1, 1)])
def test_the_exit_code_is_what_the_command_returns(value: Any, code: int, returns: Callable[[Any], None]) -> None:
    returns(value)
    assert run(["explain"]) == code


def test_no_command_shows_help_and_is_no_success(capsys: Capture) -> None:
    for arguments in ([], ["bundle"]):
        assert run(arguments) == ExitCode.USAGE
        printed = capsys.readouterr()
        assert "Usage" in printed.out + printed.err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nonsense"], "nonsense"),
        (["bundle", "verify", "x", "--nonsense"], "--nonsense"),
        (["bundle", "verify"], "PATHS"),
        (["bundle", "verify", "x", "--output", "xml"], "xml"),
    ],
)
def test_a_command_line_that_cannot_be_parsed_is_a_usage_error_in_one_line(
    arguments: list[str], complaint: str, capsys: Capture
) -> None:
    assert run(arguments) == ExitCode.USAGE
    first, *rest = capsys.readouterr().err.splitlines()
    assert complaint in first
    assert [line.split(":")[0] for line in rest] == ["  reason", "  next"]
    assert "--help" in rest[-1]


def test_the_module_runs_as_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dwctl", "explain", "nothing.like.this"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (ExitCode.NOT_FOUND, "")
    assert done.stderr.startswith("dwctl: there is no")
