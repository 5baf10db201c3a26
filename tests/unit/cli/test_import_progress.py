"""How far an import is: what a line says of bundles that are under way, and of those that came to nothing."""

from __future__ import annotations

from typing import Any, cast

import pytest

from dwctl.cli import import_progress
from dwctl.cli.import_progress import ImportProgress
from dwctl.transfer.files.verification import FileVerdict
from dwctl.transfer.imports.outcomes import ImportResult, ImportState, ImportTally


class Watched:
    """What a progress asks of an execution."""

    in_flight = 15


def result(state: ImportState) -> ImportResult:
    """What became of a bundle; what was imported is not proven."""
    return ImportResult(FileVerdict("a.json", None), state)


def line(capsys: pytest.CaptureFixture[str], *states: ImportState) -> str:
    """The last line that is said."""
    tally = ImportTally()
    progress = ImportProgress(cast(Any, Watched()), tally, 10, already=0, quiet=False)
    with progress:
        assert len(list(progress.watching(tally.counting(map(result, states))))) == len(states)
    return capsys.readouterr().err.splitlines()[-1]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_progress, "_BETWEEN_LINES", 0.0)


def test_those_that_wait_for_a_lane_are_under_way_and_not_in_flight(capsys: pytest.CaptureFixture[str]) -> None:
    said = line(capsys, ImportState.SKIPPED)
    assert "1 of 10 bundles" in said
    assert "15 under way" in said
    assert "not" not in said


def test_what_is_there_and_not_proven_was_imported_and_what_is_unknown_may_have_been(
    capsys: pytest.CaptureFixture[str],
) -> None:
    there = line(capsys, ImportState.IMPORTED, ImportState.ALREADY_IMPORTED)
    assert "2 not proven" in there
    assert "not imported" not in there
    said = line(capsys, ImportState.REFUSED, ImportState.MOVED, ImportState.UNKNOWN)
    assert "2 not imported, 1 unknown" in said
