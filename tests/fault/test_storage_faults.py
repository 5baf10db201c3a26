"""Storage under fire: kill -9, full and read-only disks, two writers. Nothing half, nothing lost, always resumable."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dwctl.bundle.verify import Outcome
from dwctl.errors import ExitCode, LocalStateError
from dwctl.transfer.files.compression import Compression
from dwctl.transfer.storage.archive_check import FileState, check_archive
from dwctl.transfer.storage.bundle_folder import BundleFolder
from dwctl.transfer.storage.folder_store import FolderStore
from dwctl.transfer.storage.kept_bundle import is_whole, judge_kept
from dwctl.transfer.storage.manifest import MANIFEST, Manifest
from dwctl.transfer.storage.store import LOCK, open_store
from kept_exports import NOW, export, keep

RUNS = 60
KILLS = 8

WRITER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from dwctl.transfer.storage.bundle_folder import BundleFolder
from dwctl.transfer.files.compression import Compression
from dwctl.transfer.storage.store import open_store
from kept_exports import NOW, export, keep

where, how, sequence, runs = sys.argv[1], Compression(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
folder = BundleFolder(open_store(where, create=True), how)

def work(run):
    content = export(run, instance=f"order-{run % 7}", sequence=sequence)
    key = f"run-{run}:{sequence}:2026-11-22T22:11:34.036225Z"
    if not folder.is_saved(f"run-{run}", key):
        keep(folder, content)
        print(run, flush=True)

with folder.writing("a killed writer", lambda: NOW), ThreadPoolExecutor(4) as pool:
    print("begun", flush=True)
    list(pool.map(work, range(runs)))
print("done", flush=True)
"""


def writer(where: Path, how: Compression, sequence: int) -> subprocess.Popen[str]:
    """A process that exports `RUNS` runs, four at a time."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(where), how.value, str(sequence), str(RUNS)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )


def killed_after(process: subprocess.Popen[str], lines: int, pause: float) -> bool:
    """Kill the process -9 when it has printed so many lines, and a moment later; whether that was before its end."""
    with process:
        assert process.stdout is not None
        for _ in range(lines):
            process.stdout.readline()
        time.sleep(pause)  # only to hit another moment, nothing waits for it
        process.kill()
        return "done" not in process.stdout.read()


def assert_nothing_half(store: FolderStore) -> None:
    """Every file is a whole bundle, every line but a torn last one is whole, and its file is there."""
    bundles = [name for name in store.names() if name != MANIFEST]
    for name in bundles:
        verdict = judge_kept(store, name)
        assert verdict.outcome is Outcome.OK
        assert is_whole(verdict)
    lines = list(Manifest(store).lines())
    assert [line for line in lines[:-1] if line.entry is None] == []
    assert {entry.file for entry in Manifest(store).entries().values()} <= set(bundles)


def test_killed_at_any_moment_the_folder_holds_only_whole_bundles_and_the_same_command_completes_it(
    tmp_path: Path,
) -> None:
    chance = random.Random(20_261_123)
    where = tmp_path / "exports"
    kills = 0
    for sequence, how in ((2, Compression.NONE), (3, Compression.NONE), (4, Compression.GZIP)):
        for _ in range(KILLS // 3 + 1):
            kills += killed_after(writer(where, how, sequence), chance.randrange(1, 25), chance.uniform(0, 0.01))
            assert_nothing_half(FolderStore.open(str(where)))
        with writer(where, how, sequence) as process:
            assert process.wait() == 0
        store = FolderStore.open(str(where))
        report = check_archive(store, deep=True)
        assert report.proven
        assert len(report.files) == RUNS
        assert {file.file.partition(".")[2] for file in report.files} == {how.suffix.removeprefix(".")}
        entries = Manifest(store).entries().values()
        assert {entry.dedupe_key for entry in entries} == {
            f"run-{run}:{sequence}:2026-11-22T22:11:34.036225Z" for run in range(RUNS)
        }
        assert list(store.leftovers()) == []
    assert kills >= KILLS // 2


# --- two writers -------------------------------------------------------------------------------------------

HOLDER = """
import sys
from dwctl.transfer.storage.store import open_store
with open_store(sys.argv[1]).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_writer_is_told_who_is_first_and_a_killed_one_holds_nothing(tmp_path: Path) -> None:
    store = FolderStore.open(str(tmp_path))
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LocalStateError) as caught, BundleFolder(store).writing("second", lambda: NOW):
            pass
        assert caught.value.exit_code is ExitCode.LOCAL_STATE
        assert f"process {holder.pid} on " in caught.value.message
        assert caught.value.where == str(tmp_path)
        holder.kill()
    with store.lock() as hold:
        assert not hold.clean


# --- disks -------------------------------------------------------------------------------------------------


def keep_runs(folder: BundleFolder, runs: range) -> None:
    """Export the runs that are not saved, as an export does."""
    with folder.writing("a test", lambda: NOW):
        for run in runs:
            if not folder.is_saved(f"run-{run}"):
                keep(folder, export(run, instance=f"order-{run % 3}"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 200 kB, where this user may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k,nr_inodes=1k", "dwctl-test", str(disk)],
        capture_output=True, text=True, check=False,
    ) if os.geteuid() == 0 and sys.platform == "linux" else None  # fmt: skip
    if mounted is None or mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip() if mounted else 'not root'}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def remount(disk: Path, options: str) -> None:
    """Change the file system under the folder."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(disk)], check=True)


def test_a_disk_that_fills_up_damages_nothing_and_the_same_command_goes_on_when_there_is_room(
    small_disk: Path,
) -> None:
    store = FolderStore.open(str(small_disk / "exports"), create=True)
    with pytest.raises(LocalStateError) as caught:
        keep_runs(BundleFolder(store), range(200))
    assert (caught.value.reason, caught.value.exit_code) == ("disk_full", ExitCode.LOCAL_STATE)
    assert "Make room" in str(caught.value.next_step)
    assert_nothing_half(store)
    before = Manifest(store).entries()
    assert 5 < len(before) < 60
    assert list(store.leftovers()) == []
    with pytest.raises(LocalStateError):
        keep_runs(BundleFolder(store), range(200))
    assert Manifest(store).entries() == before
    remount(small_disk, "size=20m")
    keep_runs(BundleFolder(store), range(200))
    report = check_archive(store, deep=True)
    assert (report.proven, report.counts[FileState.OK]) == (True, 200)


def test_a_read_only_disk_is_said_and_can_still_be_checked(small_disk: Path) -> None:
    store = FolderStore.open(str(small_disk / "exports"), create=True)
    keep_runs(BundleFolder(store), range(2))
    remount(small_disk, "ro")
    with pytest.raises(LocalStateError) as caught:
        keep_runs(BundleFolder(store), range(3))
    assert caught.value.reason == "not_writable"
    with pytest.raises(LocalStateError):
        open_store(str(small_disk / "another"), create=True)
    assert check_archive(store, deep=True).proven


class _Failing:
    """Lets a number of calls pass and fails ever after, as a disk does that is full."""

    def __init__(self, call: Callable[..., object], passing: int) -> None:
        self._call, self._passing = call, passing

    def __call__(self, *arguments: object) -> object:
        self._passing -= 1
        if self._passing < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._call(*arguments)


def is_full(folder: BundleFolder, runs: range) -> bool:
    """Whether an export of the runs finds the disk full; any other failure is raised."""
    try:
        keep_runs(folder, runs)
    except LocalStateError as error:
        if error.reason != "disk_full":
            raise
        return True
    return False


@pytest.mark.parametrize("call", ["fsync", "write"])
def test_wherever_the_disk_is_found_full_nothing_is_damaged_and_all_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    failures = 0
    for passing in range(30):
        store = FolderStore.open(str(tmp_path / f"exports-{passing}"), create=True)
        keep_runs(BundleFolder(store), range(1))
        with monkeypatch.context() as patched:
            patched.setattr(os, call, _Failing(getattr(os, call), passing))
            failures += is_full(BundleFolder(store), range(3))
        assert_nothing_half(store)
        keep_runs(BundleFolder(store), range(3))
        report = check_archive(store, deep=True)
        assert (report.proven, len(report.files)) == (True, 3)
        if call == "write" and passing > 4:
            break
    assert failures >= 2


def test_a_folder_that_vanishes_under_an_export_is_said_and_not_made_again(tmp_path: Path) -> None:
    store = FolderStore.open(str(tmp_path / "exports"), create=True)
    folder = BundleFolder(store)
    with folder.writing("a test", lambda: NOW):
        keep(folder, export(1))
        (tmp_path / "exports").rename(tmp_path / "moved")
        with pytest.raises(LocalStateError) as caught:
            keep(folder, export(2))
    assert caught.value.reason == "store_gone"
    assert not (tmp_path / "exports").exists()
    (tmp_path / "moved").rename(tmp_path / "exports")
    keep_runs(BundleFolder(store), range(3))
    assert check_archive(store, deep=True).counts[FileState.OK] == 3


def test_a_lock_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / LOCK).mkdir()
    with pytest.raises(LocalStateError) as caught, FolderStore.open(str(tmp_path)).lock():
        pass
    assert caught.value.reason == "write_failed"
