"""The hooks around an export: recorded before and after, and the pause outlives the export."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from dwctl.embedded.calls import Caller
from dwctl.errors import DwctlError, ExitCode
from dwctl.transfer.exports.hooks import HookCall, HookName, HookOutcome, Hooks


def python(text: str) -> list[str]:
    """The words of a small program."""
    return [sys.executable, "-I", "-S", "-c", text]


def hooks(pause: list[str] | None, resume: list[str] | None, *, timeout: float = 60.0) -> Hooks:
    """Hooks whose calls are kept in `calls` alone."""
    return Hooks(pause, resume, lambda call: None, lambda: "now", timeout)


FINE = python("pass")
BAD = python("import sys; sys.exit('no way')")


def outcomes(made: Hooks) -> list[tuple[str, str]]:
    """The calls, as hook and outcome."""
    return [(call.hook.value, call.outcome.value) for call in made.calls]


def test_without_hooks_nothing_is_called_and_nobody_is_paused() -> None:
    made = hooks(None, None)
    made.pause()
    assert (made.calls, made.paused) == ([], False)
    assert made.settle(exported=False, resume_after_export=False) is None


@pytest.mark.parametrize(
    ("exported", "resume_after_export", "paused"),
    [(True, False, True), (True, True, False), (False, False, False), (False, True, False)],
)
def test_workers_go_on_only_when_nothing_can_move_that_was_exported(
    exported: bool, resume_after_export: bool, paused: bool
) -> None:
    made = hooks(FINE, FINE)
    made.pause()
    assert made.settle(exported=exported, resume_after_export=resume_after_export) is None
    assert made.paused is paused
    wanted = [("pause", "called"), ("pause", "done")]
    assert outcomes(made) == (wanted if paused else [*wanted, ("resume", "called"), ("resume", "done")])


def test_a_call_is_recorded_before_it_is_made() -> None:
    recorded: list[HookCall] = []

    def record(call: HookCall) -> None:
        recorded.append(call)
        if call.outcome is HookOutcome.CALLED:
            raise KeyboardInterrupt

    made = Hooks(["never-started"], None, record, lambda: "now")
    with pytest.raises(KeyboardInterrupt):
        made.pause()
    assert recorded == [HookCall(HookName.PAUSE, HookOutcome.CALLED, "now")]
    assert made.paused is False


@pytest.mark.parametrize(
    ("words", "outcome", "code", "reason", "paused"),
    [
        (BAD, "failed", ExitCode.SERVER, "hook_failed", True),
        (["no-such-command-at-all"], "not_started", ExitCode.USAGE, "hook_not_started", False),
        (python("import time; time.sleep(600)"), "timed_out", ExitCode.TIMEOUT, "hook_timed_out", True),
    ],
)
def test_a_pause_that_did_not_end_well_is_said_and_may_have_paused(
    words: list[str], outcome: str, code: ExitCode, reason: str, paused: bool
) -> None:
    made = hooks(words, None, timeout=0.2 if outcome == "timed_out" else 60.0)
    with pytest.raises(DwctlError) as caught:
        made.pause()
    assert (caught.value.exit_code, caught.value.reason) == (code, reason)
    assert caught.value.where == "embedded.pause"
    assert outcomes(made) == [("pause", "called"), ("pause", outcome)]
    assert made.paused is paused


def test_a_resume_that_fails_leaves_the_workers_paused() -> None:
    made = hooks(FINE, BAD)
    made.pause()
    problem = made.settle(exported=False, resume_after_export=False)
    assert problem is not None
    assert "no way" in problem.message
    assert made.paused


def test_a_resume_that_is_wanted_and_not_set_is_a_problem() -> None:
    made = hooks(FINE, None)
    made.pause()
    assert made.settle(exported=False, resume_after_export=False) is None
    problem = made.settle(exported=True, resume_after_export=True)
    assert problem is not None
    assert problem.reason == "hook_not_set"
    assert made.paused


def test_what_a_hook_leaves_behind_is_not_waited_for_and_may_stay(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    starts = (
        "import pathlib, subprocess, sys; left = subprocess.Popen([sys.executable, '-I', '-S', '-c', "
        f"'import time; time.sleep(600)']); pathlib.Path({str(told)!r}).write_text(str(left.pid))"
    )
    made = hooks([sys.executable, "-I", "-c", starts], None)
    made.pause()
    assert outcomes(made) == [("pause", "called"), ("pause", "done")]
    os.kill(int(told.read_text()), signal.SIGKILL)  # raises where it is gone: then it did not stay


def test_an_interrupted_hook_is_on_record_and_may_have_paused() -> None:
    made = hooks(FINE, None)
    with patch.object(Caller, "call", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        made.pause()
    assert outcomes(made) == [("pause", "called"), ("pause", "interrupted")]
    assert made.paused
