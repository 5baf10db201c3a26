"""A folder as a store: private, whole or not there, durable, locked, and never led astray by a name."""

from __future__ import annotations

import errno
import hashlib
import os
import pickle
import socket
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from dwctl.errors import DwctlError, ExitCode, LocalStateError, RequestNotPossible, UnreadableInput
from dwctl.transfer.files.private import UNFINISHED
from dwctl.transfer.storage.folder_store import FolderStore
from dwctl.transfer.storage.store import LOCK, Stored, open_store


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """A store in a folder that is not there yet."""
    return FolderStore.open(str(tmp_path / "exports"), create=True)


@pytest.fixture
def folder(store: FolderStore) -> Path:
    """The folder of the store."""
    return Path(store.location)


def local_state(act: Callable[[], object]) -> LocalStateError:
    """How an act fails for reasons of this machine."""
    with pytest.raises(LocalStateError) as caught:
        act()
    assert caught.value.exit_code is ExitCode.LOCAL_STATE
    assert caught.value.where
    assert caught.value.next_step
    return caught.value


def mode(path: Path) -> int:
    """Who may do what."""
    return stat.S_IMODE(path.lstat().st_mode)


# --- opening -----------------------------------------------------------------------------------------------


def test_a_folder_is_made_private_with_those_above_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = FolderStore.open(str(tmp_path / "a/b/c"), create=True)
    finally:
        os.umask(before)
    assert [mode(tmp_path / path) for path in ("a", "a/b", "a/b/c")] == [0o700] * 3
    assert store.location == str(tmp_path / "a/b/c")


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    FolderStore.open(str(tmp_path), create=True)
    assert mode(tmp_path) == 0o755


@pytest.mark.parametrize("name", ["none", "", "file", "file/below", "x" * 300, "a\0b"])
def test_what_is_no_folder_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_bytes(b"")
    with pytest.raises(DwctlError) as caught:
        open_store(name)
    assert caught.value.exit_code in {ExitCode.USAGE, ExitCode.LOCAL_STATE}
    assert caught.value.next_step


def test_a_file_url_is_that_folder(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}/a", create=True)
    assert isinstance(store, FolderStore)
    store.put("x/y.json", b"{}", replace=False)
    assert (tmp_path / "a/x/y.json").read_bytes() == b"{}"


# --- putting -----------------------------------------------------------------------------------------------


def test_files_and_folders_are_private_whatever_the_umask(store: FolderStore, folder: Path) -> None:
    before = os.umask(0)
    try:
        store.put("order-1/run-1.json", b"content", replace=False)
        store.append("manifest.jsonl", b"{}")
        with store.lock():
            assert mode(folder / LOCK) == 0o600
    finally:
        os.umask(before)
    assert (mode(folder / "order-1"), mode(folder / "order-1/run-1.json")) == (0o700, 0o600)
    assert mode(folder / "manifest.jsonl") == 0o600
    assert sorted(path.name for path in folder.iterdir()) == [LOCK, "manifest.jsonl", "order-1"]


def test_a_file_is_replaced_only_on_demand(store: FolderStore) -> None:
    store.put("a/b.json", b"one", replace=False)
    assert local_state(lambda: store.put("a/b.json", b"two", replace=False)).reason == "name_taken"
    assert store.read("a/b.json") == b"one"
    store.put("a/b.json", b"two", replace=True)
    assert store.read("a/b.json") == b"two"


def test_content_folder_and_name_are_synced_in_this_order(
    store: FolderStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    sync, rename = os.fsync, Path.replace

    def noted_sync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}")
        events.append(f"sync {path.readlink().relative_to(folder.parent).as_posix().partition(UNFINISHED)[0]}")
        sync(descriptor)

    def noted_rename(self: Path, target: Path) -> Path:
        events.append("rename")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(Path, "replace", noted_rename)
    store.put("a/b.json", b"one", replace=True)
    assert events == ["sync exports", "sync exports/a/", "rename", "sync exports/a"]


OUTSIDE = ["", "/etc/x", "../x", "a/../../x", "a//b", "./a", "a/", "a\0b", "\ud800", "a/."]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_never_leads_out_of_the_folder(store: FolderStore, name: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"outside")
    for act in (
        lambda: store.put(name, b"", replace=True),
        lambda: store.read(name),
        lambda: store.remove(name),
        lambda: store.append(name, b""),
        lambda: store.exists(name),
        lambda: store.size(name),
    ):
        with pytest.raises(RequestNotPossible) as caught:
            act()
        assert caught.value.reason == "foreign_name"
    assert (tmp_path / "x").read_bytes() == b"outside"


# --- reading -----------------------------------------------------------------------------------------------


def unreadable(act: Callable[[], object]) -> UnreadableInput:
    """How reading fails."""
    with pytest.raises(UnreadableInput) as caught:
        act()
    assert caught.value.next_step
    return caught.value


def test_what_is_no_file_is_neither_read_nor_waited_for(store: FolderStore, folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    (folder / "link").symlink_to("/etc/hostname")
    (folder / "folder").mkdir()
    for name in ("fifo", "link", "folder"):
        assert unreadable(partial(store.read, name)).reason == "not_a_file"
        assert unreadable(partial(store.digest, name)).reason == "not_a_file"
        assert store.size(name) is None
        assert store.exists(name)
    assert unreadable(lambda: store.read("none")).reason == "no_file"
    assert (store.size("none"), store.exists("none")) == (None, False)


def test_reading_is_bounded(store: FolderStore) -> None:
    store.put("a", b"12345", replace=False)
    assert store.read("a", 5) == b"12345"
    assert unreadable(lambda: store.read("a", 4)).reason == "too_large"


def test_a_digest_is_that_of_the_file(store: FolderStore) -> None:
    store.put("a", b"abc" * 1_000_000, replace=False)
    assert store.digest("a") == (3_000_000, hashlib.sha256(b"abc" * 1_000_000).hexdigest())


def test_everything_below_is_listed_but_the_lock_and_what_is_unfinished(store: FolderStore, folder: Path) -> None:
    store.put("b/c.json", b"123", replace=False)
    (folder / ".hidden").write_bytes(b"1")
    (folder / "b" / f"{UNFINISHED}x").write_bytes(b"half")
    (folder / "b" / "link").symlink_to("nowhere")
    (folder / os.fsdecode(b"\xff")).write_bytes(b"")
    with store.lock():
        assert list(store.files()) == [
            Stored(".hidden", 1),
            Stored("b/c.json", 3),
            Stored("b/link", 7, regular=False),
            Stored("\udcff", 0),
        ]
        assert list(store.names()) == [".hidden", "b/c.json", "b/link", "\udcff"]
        assert list(store.leftovers()) == [f"b/{UNFINISHED}x"]
        assert store.sweep() == 1
    assert list(store.leftovers()) == []
    assert store.read("b/c.json") == b"123"


def test_a_store_travels_to_another_process_as_its_folder(store: FolderStore) -> None:
    store.append("a.jsonl", b"1")
    copy = pickle.loads(pickle.dumps(store))  # noqa: S301 - our own
    copy.append("a.jsonl", b"2")
    assert store.read("a.jsonl") == b"1\n2\n"


# --- appending ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("torn", [b"to", b"x" * 10_000])
def test_a_torn_last_line_is_cut_off_before_the_next_one(store: FolderStore, folder: Path, torn: bytes) -> None:
    for before in (b"", b"one\ntwo\n"):
        (folder / "a.jsonl").write_bytes(before + torn)
        store.append("a.jsonl", b"next")
        assert store.read("a.jsonl") == before + b"next\n"


def test_a_line_that_could_not_be_written_whole_is_taken_back(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.append("a.jsonl", b"one")
    write = os.write

    def half(descriptor: int, content: memoryview) -> int:
        write(descriptor, content[:2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", half)
        assert local_state(lambda: store.append("a.jsonl", b"two")).reason == "disk_full"
    assert store.read("a.jsonl") == b"one\n"
    store.append("a.jsonl", b"three")
    assert store.read("a.jsonl") == b"one\nthree\n"


def test_a_short_write_is_gone_on_with(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, content[:3]))
    store.append("a.jsonl", b"0123456789")
    assert store.read("a.jsonl") == b"0123456789\n"


# --- the lock ----------------------------------------------------------------------------------------------


def test_only_one_holds_the_lock_and_the_other_is_told_who(store: FolderStore) -> None:
    other = FolderStore.open(store.location)
    with store.lock() as hold:
        assert hold.clean
        error = local_state(lambda: other.lock().__enter__())
        assert error.reason == "store_locked"
        assert f"process {os.getpid()} on " in error.message
        assert other.writer() == error.message.partition(": ")[2]
    assert other.writer() is None
    with other.lock() as hold:
        assert hold.clean


def test_the_next_holder_is_told_of_an_end_in_the_middle(store: FolderStore) -> None:
    with pytest.raises(KeyboardInterrupt), store.lock():
        raise KeyboardInterrupt
    assert store.writer() is not None
    with store.lock() as hold:
        assert not hold.clean
        hold.in_order = False
    with store.lock() as hold:
        assert not hold.clean
    with store.lock() as hold:
        assert hold.clean


def test_a_full_disk_does_not_make_an_end_in_the_middle_forgotten(
    store: FolderStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / LOCK).write_text("process 1 on a host with a name that is longer than that of this one", "utf-8")

    def full(*arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        assert local_state(lambda: store.lock().__enter__()).reason == "disk_full"
    with store.lock() as hold:
        assert not hold.clean
        assert store.writer() == f"process {os.getpid()} on {socket.gethostname()}"


def test_a_file_system_without_locks_is_refused(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def no_locks(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    assert local_state(lambda: store.lock().__enter__()).reason == "no_locks"


# --- what can go wrong -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "disk_full"), (errno.EDQUOT, "disk_full"), (errno.EROFS, "not_writable"),
        (errno.EACCES, "not_writable"), (errno.EIO, "write_failed"), (errno.ENOENT, "write_failed"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("replace", [False, True])
def test_a_failed_write_is_told_by_its_cause_and_leaves_what_was_there(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch, number: int, reason: str, replace: bool
) -> None:
    store.put("a/b.json", b"old", replace=False)

    def failing(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing)
        name = "a/b.json" if replace else "a/c.json"
        assert local_state(lambda: store.put(name, b"new", replace=replace)).reason == reason
        assert local_state(lambda: store.append("m.jsonl", b"new")).reason == reason
    assert store.read("a/b.json") == b"old"
    assert [(one.name, one.size) for one in store.files()] == [("a/b.json", 3), ("m.jsonl", 0)]
    assert list(store.leftovers()) == []


def test_a_folder_that_has_gone_is_not_made_again(store: FolderStore, folder: Path) -> None:
    folder.rename(folder.with_name("moved"))
    for act in (
        lambda: store.put("a/b.json", b"", replace=True),
        lambda: store.append("m.jsonl", b""),
        lambda: store.lock().__enter__(),
    ):
        assert local_state(act).reason == "store_gone"
    assert not folder.exists()


def test_a_file_where_a_folder_should_be_is_said(store: FolderStore, folder: Path) -> None:
    (folder / "order-1").write_bytes(b"")
    assert local_state(lambda: store.put("order-1/run.json", b"", replace=True)).reason == "write_failed"
    assert (folder / "order-1").read_bytes() == b""
