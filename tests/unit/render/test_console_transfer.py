"""The report of a transfer on a terminal: folded, but for what is to be copied."""

from __future__ import annotations

from pathlib import Path

import pytest

from dwctl.render.console_transfer import show_report
from terminals import Terminal
from told_transfers import everything, reported


def test_a_command_is_never_folded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    everything(tmp_path / "ledger.db")
    report, stream = reported(tmp_path / "ledger.db"), Terminal()
    show_report(report, stream)
    commands = [step.command for step in report.steps if step.command is not None]
    assert any(len(command) > 40 for command in commands)
    for command in commands:
        assert f"  $ {command}" in stream.seen
