"""What may happen to a ledger: another process, a kill, a full disk, a closed door, damage. Nothing is lost by it."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dwctl.errors import DwctlError, LocalStateError, UnreadableInput
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.lock import holder_of
from dwctl.transfer.ledger.rows import LedgerState
from ledger_kills import TESTS, campaign, wait_ready, writer
from ledgers import edit, opened, row, rows, run_id

S = LedgerState
SEED = 20261123


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger with ten planned bundles."""
    made = tmp_path / "ledger.db"
    with opened(made) as ledger:
        ledger.plan(rows(10))
    return made


# --- other processes ---


def test_the_second_writer_is_told_who_the_first_is_and_readers_are_not_in_the_way(path: Path) -> None:
    process = writer(path, "hold")
    try:
        wait_ready(process)
        with pytest.raises(LocalStateError) as caught:
            opened(path)
        assert caught.value.reason == "ledger_locked"
        assert f"process {process.pid} on {os.uname().nodename} (history-import, since 20" in caught.value.message
        with Ledger.view(path) as view:
            assert view.status().writer == holder_of(path)
            assert view.counts()[S.PLANNED] == 10
            assert view.audit().ok
    finally:
        process.kill()
        process.communicate()


def test_two_in_one_process_are_two(path: Path) -> None:
    with opened(path):
        with pytest.raises(LocalStateError) as caught:
            opened(path)
        assert f"process {os.getpid()} " in caught.value.message
    opened(path).close()


def test_a_dead_writers_lock_is_no_obstacle(path: Path) -> None:
    process = writer(path, "hold")
    wait_ready(process)
    process.kill()
    process.communicate()
    assert holder_of(path) is None
    assert json.loads(path.with_name("ledger.db.lock").read_bytes())["pid"] == process.pid
    opened(path).close()


def test_a_forked_child_does_not_keep_its_dead_parents_lock(path: Path) -> None:
    process = writer(path, "fork")
    child = 0
    try:
        lines = wait_ready(process)
        while child == 0:
            assert process.stdout is not None
            child = next((int(line.split()[1]) for line in lines if line.startswith(b"child")), 0)
            lines = [] if child else [process.stdout.readline()]
        process.kill()
        process.wait()
        os.kill(child, 0)
        opened(path).close()
    finally:
        process.kill()
        if child:
            os.kill(child, signal.SIGKILL)
        process.communicate()


def test_somebody_who_looks_at_the_moment_of_opening_is_no_obstacle(path: Path) -> None:
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(0.001):
            holder_of(path)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        for _ in range(20):
            opened(path).close()
    finally:
        stop.set()
        watcher.join()


def test_a_writer_killed_at_random_moments_loses_nothing_that_it_was_told(tmp_path: Path) -> None:
    # How many kills fit in before all is written is the machine's affair; what must hold, holds after each.
    assert campaign(tmp_path / "ledger.db", 10, 900, SEED) >= 3


def test_a_writer_that_got_past_the_lock_is_stopped_before_it_can_spoil_the_log(path: Path) -> None:
    """Whoever deletes the file of the lock lets a second writer in; then one of them finds the other's events."""
    ledger = opened(path)
    path.with_name("ledger.db.lock").unlink()
    with opened(path) as other:
        other.sending(run_id(0))
        with pytest.raises(LocalStateError) as caught:
            ledger.sending(run_id(1))
        assert caught.value.reason == "ledger_locked"
        other.sending(run_id(2))
    ledger.close()
    with Ledger.view(path) as view:
        assert view.counts()[S.SENDING] == 2
        assert view.audit().ok


def test_a_signal_that_interrupts_the_main_thread_holds_up_no_other(path: Path) -> None:
    """A handler raises in the middle of the main thread's call, wherever that is; jobs go on, and nothing is lost."""
    chance, interrupted = random.Random(SEED), 0
    with opened(path) as ledger:
        ledger.plan(rows(400))

        def job() -> None:
            for number in range(200):
                ledger.sending(run_id(number))
                ledger.settle(run_id(number), S.IMPORTED, wait=number % 3 == 0)

        thread = threading.Thread(target=job, daemon=True)
        before = signal.signal(signal.SIGALRM, interrupt)
        try:
            thread.start()
            for number in range(200, 400):
                interrupted += was_interrupted(ledger, run_id(number), chance)
        finally:
            signal.signal(signal.SIGALRM, before)
        thread.join(60)
        assert not thread.is_alive()
        ledger.flush()
        assert interrupted > 0
        assert ledger.counts()[S.IMPORTED] == 200
        assert ledger.audit().ok


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def was_interrupted(ledger: Ledger, run: str, chance: random.Random) -> bool:
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-6, 0.001))
            if chance.random() < 0.7:
                ledger.sending(run)
            else:
                ledger.settle(run, S.BLOCKED, wait=False)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        return True
    return False


# --- full disks ---


def fill_up(ledger: Ledger) -> None:
    """From now on the database may not grow: SQLite itself says that the disk is full."""
    ledger._change(lambda pen: pen.connection.execute("PRAGMA max_page_count = 1").fetchall())


def test_a_full_disk_stops_with_10_and_nothing_of_the_commit_is_there(path: Path) -> None:
    ledger = opened(path)
    fill_up(ledger)
    with pytest.raises(LocalStateError) as caught:
        ledger.plan([row(number) for number in range(100, 400)])
    assert caught.value.reason == "ledger_disk_full"
    assert "run the same command again" in str(caught.value.next_step)
    assert sum(ledger.counts().values()) == 10
    ledger.close()
    with opened(path) as ledger:
        assert ledger.audit().ok
        ledger.plan([row(number) for number in range(100, 400)])
        assert ledger.counts()[S.PLANNED] == 310


def test_all_that_share_a_commit_are_told_that_the_disk_is_full(path: Path) -> None:
    ledger = opened(path)
    fill_up(ledger)
    told: list[DwctlError] = []

    def job(number: int) -> None:
        try:
            ledger.plan([row(number * 100 + more) for more in range(20, 90)])
        except LocalStateError as error:
            told.append(error)

    threads = [threading.Thread(target=job, args=(number,)) for number in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [error.reason for error in told] == ["ledger_disk_full"] * 6
    assert len({id(error) for error in told}) == 6
    ledger.close()
    with Ledger.view(path) as view:
        assert view.audit().ok


FILL = """
import resource, signal, sys
from pathlib import Path
from dwctl.errors import LocalStateError
from ledgers import opened, row, run_id
from dwctl.transfer.ledger.rows import LedgerState

path = Path(sys.argv[1])
ledger = opened(path)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
size = max(path.stat().st_size, path.with_name(path.name + "-wal").stat().st_size)
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20_000, size + 20_000))
sent = []
try:
    for number in range(10):
        ledger.sending(run_id(number)); sent.append(number)
        ledger.settle(run_id(number), LedgerState.FAILED, error_text="x" * 500)
        ledger.retry([run_id(number)])
except LocalStateError as error:
    print(error.reason, len(sent))
ledger.close()
"""


def test_a_disk_that_takes_no_more_in_the_middle_keeps_what_was_told(path: Path) -> None:
    """The system refuses to let a file grow: the real error of a real write, without another file system."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    command = [sys.executable, "-c", FILL, str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    reason, sent = done.stdout.split()
    assert reason in {"ledger_disk_full", "ledger_disk_error"}
    assert 0 < int(sent) < 10
    with opened(path) as ledger:
        assert ledger.audit().ok
        found = [one.attempts for one in ledger.rows()]
        assert found[: int(sent)] == [1] * int(sent)
        assert found[int(sent) + 1 :] == [0] * (9 - int(sent))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of eight megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this user cannot mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True, capture_output=True)


def test_a_real_disk_that_fills_up_is_said_and_can_be_resumed(small_disk: Path) -> None:
    path = small_disk / "ledger.db"
    ledger = opened(path)
    ledger.plan(rows(50))
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass
    sent, reason = sent_until_refused(ledger, 50)
    assert reason == "ledger_disk_full"
    ledger.close()
    with Ledger.view(path) as view:
        assert view.counts()[S.SENDING] == sent
    with pytest.raises(LocalStateError) as caught:
        opened(small_disk / "another.db")
    assert caught.value.exit_code == 10
    filler.unlink()
    with opened(path) as ledger:
        assert ledger.audit().ok
        for number in range(50):
            ledger.sending(run_id(number))


def sent_until_refused(ledger: Ledger, bundles: int) -> tuple[int, str | None]:
    """How many runs were marked, and why no more."""
    for number in range(bundles):
        try:
            ledger.sending(run_id(number))
        except LocalStateError as error:
            return number, error.reason
    return bundles, None


# --- closed doors ---


@pytest.fixture
def public(path: Path) -> Iterator[Path]:
    """The ledger in a folder that everybody may look into, and nobody write to."""
    folder = Path(tempfile.mkdtemp(prefix="dwctl-test-"))
    shutil.copy(path, folder)
    (folder / path.name).chmod(0o644)
    folder.chmod(0o555)
    yield folder / path.name
    folder.chmod(0o755)
    shutil.rmtree(folder)


def as_an_ordinary_user(question: Callable[[], str]) -> str:
    """The answer that somebody without special rights gets: root may write everywhere."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            answer = question()
        except BaseException as error:
            answer = f"{getattr(error, 'reason', None) or type(error).__name__}: {error}"
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read().decode()
    os.waitpid(child, 0)
    return answer


def counted(path: Path) -> str:
    with Ledger.view(path) as view:
        return f"{view.counts()[S.PLANNED]} planned, audit {view.audit().ok}"


def test_a_ledger_in_a_read_only_folder_can_be_read(public: Path) -> None:
    assert as_an_ordinary_user(lambda: counted(public)) == "10 planned, audit True"


def test_a_read_only_copy_that_was_made_while_it_was_written_to_can_be_read(path: Path, public: Path) -> None:
    with opened(path) as ledger:
        ledger.plan([row(number) for number in range(50, 60)])
        public.parent.chmod(0o755)
        for name in (public.name, f"{public.name}-wal"):
            shutil.copy(path.with_name(name), public.with_name(name))
            public.with_name(name).chmod(0o444)
        public.parent.chmod(0o555)
    assert public.with_name(f"{public.name}-wal").stat().st_size > 0
    assert as_an_ordinary_user(lambda: counted(public)) == "20 planned, audit True"


def test_a_read_only_folder_refuses_a_writer_with_10(public: Path) -> None:
    answer = as_an_ordinary_user(lambda: opened(public).import_id)
    assert answer.startswith("ledger_unwritable: the ledger cannot be written to")
    answer = as_an_ordinary_user(lambda: opened(public.with_name("new.db")).import_id)
    assert answer.startswith("ledger_unwritable: ")


def test_a_ledger_that_may_not_be_read_is_said(public: Path) -> None:
    public.chmod(0o600)
    if os.getuid() != 0:
        public.chmod(0)
    answer = as_an_ordinary_user(lambda: counted(public))
    assert answer.startswith("ledger_unreadable: ")
    assert "cannot be read" in answer


@pytest.mark.parametrize("name", ["a-file/ledger.db", "."])
def test_a_place_where_no_file_can_be_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "a-file").touch()
    with pytest.raises(LocalStateError) as caught:
        opened(tmp_path / name)
    assert caught.value.exit_code == 10


# --- damage, and what is no ledger ---


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    edit(path, "CREATE TABLE orders (id INTEGER)")
    path.chmod(0o644)
    before = path.read_bytes(), path.stat().st_mode
    attempts: list[Callable[[], object]] = [lambda: opened(path), lambda: Ledger.view(path)]
    for attempt in attempts:
        with pytest.raises(LocalStateError) as caught:
            attempt()
        assert caught.value.reason == "not_a_ledger"
    assert (path.read_bytes(), path.stat().st_mode) == before
    assert [file.name for file in tmp_path.iterdir()] == ["shop.db"]


def test_a_newer_ledger_is_refused_and_left_alone(path: Path) -> None:
    edit(path, "PRAGMA user_version = 99")
    before = path.read_bytes()
    attempts: list[Callable[[], object]] = [lambda: opened(path), lambda: Ledger.view(path)]
    for attempt in attempts:
        with pytest.raises(LocalStateError) as caught:
            attempt()
        assert caught.value.reason == "ledger_newer"
    assert path.read_bytes() == before


def test_no_ledger_is_made_by_looking(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput) as caught:
        Ledger.view(tmp_path / "ledger.db")
    assert caught.value.reason == "no_ledger"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"not a database at all" * 300, b"SQLite format 3\0" + b"\xff" * 5000, b"x"])
def test_a_file_of_something_else_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(content)
    attempts: list[Callable[[], object]] = [lambda: opened(path), lambda: Ledger.view(path)]
    for attempt in attempts:
        with pytest.raises(LocalStateError) as caught:
            attempt()
        assert caught.value.reason == "ledger_damaged"
    assert path.read_bytes() == content


def test_damage_anywhere_in_the_file_is_found_or_said(tmp_path: Path) -> None:
    """A seeded sample: a page overwritten, or the file cut. Never a traceback of SQLite, never a clean audit."""
    path = tmp_path / "ledger.db"
    with opened(path) as ledger:
        ledger.plan(rows(60))
    whole, chance = path.read_bytes(), random.Random(SEED)
    pages = len(whole) // 4096
    for number in range(pages):
        damaged = bytearray(whole)
        if chance.random() < 0.2:
            del damaged[number * 4096 :]
        else:
            damaged[number * 4096 : number * 4096 + 4096] = chance.randbytes(4096)
        copy = tmp_path / "damaged.db"
        copy.write_bytes(damaged)
        said = verdict_on(copy)
        assert said in {"not ok", "ledger_damaged", "not_a_ledger", "no_ledger", "ledger_newer"}, f"page {number}"


def verdict_on(path: Path) -> str | None:
    """What an audit of a damaged file comes to: a finding, or the reason why it cannot be read."""
    try:
        with Ledger.view(path) as view:
            return "ok" if view.audit().ok else "not ok"
    except (LocalStateError, UnreadableInput) as error:
        return error.reason


def test_a_log_of_sqlite_that_was_cut_loses_only_its_tail(path: Path, tmp_path: Path) -> None:
    """After a crash of the machine the last commits may be missing; what is there is whole."""
    ledger = opened(path)
    for number in range(10):
        ledger.sending(run_id(number))
    log = path.with_name("ledger.db-wal").read_bytes()
    database = path.read_bytes()
    ledger.close()
    chance = random.Random(SEED)
    for number in range(12):
        copy = tmp_path / f"cut-{number}.db"
        copy.write_bytes(database)
        copy.with_name(f"{copy.name}-wal").write_bytes(log[: chance.randrange(len(log))])
        with opened(copy) as again:
            assert again.audit().ok
            assert again.counts()[S.SENDING] + again.counts()[S.PLANNED] == 10


def test_the_file_is_never_left_without_its_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while a new ledger is made: either there is none, or a whole one."""
    from dwctl.transfer.ledger.changes import Pen

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Pen, "note_head", dies)
    with pytest.raises(KeyboardInterrupt):
        opened(tmp_path / "ledger.db")
    monkeypatch.undo()
    with pytest.raises(UnreadableInput):
        Ledger.view(tmp_path / "ledger.db")
    with opened(tmp_path / "ledger.db") as ledger:
        assert ledger.audit().ok
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
