"""What a person reads, kept as text under tests/snapshots; spaces at the ends of lines do not count.

After a change that is meant: DWCTL_UPDATE_SNAPSHOTS=1 pytest tests/functional/test_screens.py, and read the diff.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from dwctl.cli.main import run
from dwctl.errors import ExitCode
from sample_bundles import EXAMPLES, LEASED, LOST_FRACTION, ORDER, WAITING, with_top_level_key

SNAPSHOTS = Path(__file__).parents[1] / "snapshots"
UPDATE = bool(os.environ.get("DWCTL_UPDATE_SNAPSHOTS"))
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in a folder of its own, without settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    Path("exports").mkdir()


def export(source: Path, name: str | None = None) -> None:
    """Put a bundle into the folder that is judged."""
    shutil.copy(source, Path("exports", name or source.name))


def assert_screen(name: str, printed: str) -> None:
    """What was printed is what the snapshot shows."""
    shown = "\n".join(line.rstrip() for line in printed.splitlines()) + "\n"
    snapshot = SNAPSHOTS / f"{name}.txt"
    if UPDATE:
        snapshot.write_text(shown, encoding="utf-8")
    assert shown == snapshot.read_text(encoding="utf-8")


def test_a_green_folder(capsys: Capture) -> None:
    for path in EXAMPLES.glob("*.json"):
        if path != LEASED:
            export(path)
    assert run(["bundle", "verify", "exports"]) == ExitCode.DONE
    assert_screen("green-folder", capsys.readouterr().out)


def test_a_refused_bundle_with_its_fix(capsys: Capture) -> None:
    export(ORDER)
    export(LEASED)
    assert run(["bundle", "verify", "exports"]) == ExitCode.NO
    assert_screen("refused-bundle", capsys.readouterr().out)


def test_a_damaged_file_beside_one_that_can_be_repaired(capsys: Capture) -> None:
    export(WAITING, "edited.json")
    edited = Path("exports/edited.json")
    edited.write_bytes(edited.read_bytes().replace(b"approval-1", b"approval-2", 1))
    export(LOST_FRACTION, "lost-fraction.json")
    Path("exports/namespace-added.json").write_bytes(with_top_level_key(WAITING.read_bytes(), b'"namespace":"default"'))
    Path("exports/truncated.json").write_bytes(ORDER.read_bytes()[:50_000])
    Path("exports/gone.json").symlink_to("nowhere")
    assert run(["bundle", "verify", "exports"]) == ExitCode.NO
    assert_screen("damaged-files", capsys.readouterr().out)


def test_a_repair_that_is_proven_and_one_that_is_not(capsys: Capture) -> None:
    export(LOST_FRACTION, "lost-fraction.json")
    assert run(["bundle", "repair", "exports/lost-fraction.json", "repaired.json"]) == ExitCode.DONE
    Path("exports/edited.json").write_bytes(LEASED.read_bytes().replace(b"leased-1", b"leased-2", 1))
    assert run(["bundle", "repair", "exports/edited.json", "other.json"]) == ExitCode.NO
    printed = capsys.readouterr()
    assert printed.out == ""
    assert_screen("repair", printed.err)


def test_a_set_with_members_of_a_chain(capsys: Capture) -> None:
    for number in (1, 2, 3):
        export(EXAMPLES / f"chain-sub-1-run-{number}.json")
    assert run(["history-import", "exports", "--dry-run", "--offline", "--namespace", "production"]) == ExitCode.NO
    assert_screen("chain-in-a-set", capsys.readouterr().out)


def test_an_explanation(capsys: Capture) -> None:
    assert run(["explain", "tasks.leased_task_present"]) == ExitCode.DONE
    assert run(["explain", "9"]) == ExitCode.DONE
    assert_screen("explain", capsys.readouterr().out)


def test_failures_of_the_command_line(capsys: Capture) -> None:
    for arguments in (
        ["bundle", "verify", "exports"],
        ["bundle", "verify", "exports", "--jobs", "none"],
        ["bundle", "canonical", "nowhere.json"],
        ["explain", "checksum_mismatch"],
    ):
        assert run(arguments) in {ExitCode.USAGE, ExitCode.NOT_FOUND}
    assert_screen("failures", capsys.readouterr().err)
