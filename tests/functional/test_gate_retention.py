"""Item 12 of `dwctl checklist` turned red and green by changing the world: archives, closed runs, the ledger."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from export_places import Capture, Place, cutover
from gate_runs import one, run
from many_bundles import Model
from rows_of_bundles import put_bundle
from sample_bundles import ORDER

Harm = Callable[[Place], None]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Iterator[Place]:
    """A cutover that both items have nothing against, in the folder of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    with cutover(tmp_path, capsys) as made:
        yield made


def _a_closed_run_more(place: Place) -> bytes:
    content = Model(ORDER).copy(7)
    put_bundle(place.database, content)
    return content


def test_a_closed_run_that_nobody_kept_turns_item_12_red(place: Place) -> None:
    assert place.state("retention.exported") == "pass"
    content = _a_closed_run_more(place)

    state, check = place.ask("retention.exported")
    assert (state, check["count"]) == ("fail", 1)

    place.keep(place.archive, content)
    assert place.state("retention.exported") == "pass"
    assert place.state("retention.proven") == "pass"


def test_a_closed_run_that_was_imported_needs_no_archive(place: Place) -> None:
    content = _a_closed_run_more(place)
    place.keep(place.exports, content)
    assert place.state("retention.exported") == "fail"

    assert run(place.capsys, "dwctl history-import exports") == 0
    assert place.state("retention.exported") == "pass"
    state, check = place.ask("retention.archived")
    assert (state, check["count"]) == ("warn", 1)

    assert run(place.capsys, check["command"]) == 0
    assert place.state("retention.archived") == "pass"


def _kept_file(place: Place) -> Path:
    return min(place.archive.glob("*/*.json"))


def _archive_removed(place: Place) -> None:
    _kept_file(place).unlink()


def _archive_changed(place: Place) -> None:
    file = _kept_file(place)
    was, content = file.stat(), bytearray(file.read_bytes())
    content[1000] ^= 1
    with file.open("r+b") as opened:
        opened.write(content)
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))


def _archive_extra(place: Place) -> None:
    (place.archive / "notes.txt").write_text("not ours")


def _archive_line(place: Place) -> None:
    manifest = place.archive / "manifest.jsonl"
    manifest.write_bytes(manifest.read_bytes().replace(b'"bytes":', b'"bites":', 1))


def _archive_gone(place: Place) -> None:
    shutil.rmtree(place.archive)


@pytest.mark.parametrize(
    ("harm", "said", "lost"),
    [
        (_archive_removed, "1 missing", True),
        (_archive_changed, "1 changed since the export", True),
        (_archive_extra, "1 of which no manifest tells", False),
        (_archive_line, "1 lines of the manifest damaged", True),
        (_archive_gone, "there is no such folder", True),
    ],
)
@pytest.mark.parametrize("trusted", [False, True], ids=["read", "trusted-before"])
def test_files_turn_the_archive(
    place: Place, harm: Harm, said: str, lost: bool, trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if trusted:
        monkeypatch.setattr("dwctl.transfer.files.marks.SETTLED_SECONDS", -3600)
    shutil.copytree(place.archive, place.folder / "before")
    assert place.state("retention.proven") == "pass"

    harm(place)
    state, check = place.ask("retention.proven")
    assert state == "fail"
    assert said in check["said"]
    assert place.state("retention.exported") == ("fail" if lost else "pass")

    shutil.rmtree(place.archive, ignore_errors=True)
    (place.folder / "before").rename(place.archive)
    assert place.state("retention.proven") == "pass"
    assert place.state("retention.exported") == "pass"


def test_no_archive_is_unknown_unless_nothing_has_to_be_kept(place: Place) -> None:
    place.describe("[retention]\ndays = 30")
    assert one(place.capsys, "retention.proven")[:2] == (1, "unknown")

    place.describe('[retention]\nclosed_runs = "none"')
    assert place.state("retention.proven") == "skipped"
    assert place.state("retention.exported") == "skipped"
