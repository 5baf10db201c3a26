"""How far an export is, where nobody watches a terminal: a line now and then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from dwctl.cli import export_progress
from dwctl.cli.export_progress import ExportProgress
from dwctl.transfer.exports.outcomes import ExportTally


@dataclass
class Watched:
    """What a progress asks of an export."""

    current: str = "order-7"
    added: int = 0
    waiting: int = 0


def lines(capsys: pytest.CaptureFixture[str], tally: ExportTally, watched: Any) -> list[str]:
    """What is said when it is shown once."""
    with ExportProgress(tally, quiet=False) as progress:
        progress.show(watched)
    return capsys.readouterr().err.splitlines()


def test_a_line_has_count_bytes_rate_time_left_and_the_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_progress, "_BETWEEN_LINES", 0.0)
    (line,) = lines(capsys, ExportTally(100, finished=25, bytes=2_000_000), Watched(waiting=2))
    assert line.startswith("dwctl: 25 of 100 runs, 2.0 MB, ")
    assert "runs/s" in line
    assert "s left" in line
    assert "waiting for workers to let go of 2" in line
    assert line.endswith("; now order-7")


def test_nothing_is_said_too_often_or_of_one_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lines(capsys, ExportTally(100, finished=25), Watched()) == []
    monkeypatch.setattr(export_progress, "_BETWEEN_LINES", 0.0)
    assert lines(capsys, ExportTally(1), Watched()) == []
