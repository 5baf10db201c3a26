"""An object store: whole objects, a manifest of parts that are folded, a lock with a name, and no credential shown."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from dwctl.errors import DwctlError, ExitCode, LocalStateError, RequestNotPossible, UnreadableInput
from dwctl.transfer.storage import object_store
from dwctl.transfer.storage.object_store import ObjectStore
from dwctl.transfer.storage.store import LOCK, Digest, Stored, open_store

SECRET = "wJalrXUtnFEMI"
ME = f"process {os.getpid()} on {socket.gethostname()}"


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    """The store over fsspec's memory, and over its files, which know no conditional put."""
    if request.param == "file":
        files = fsspec.filesystem("file", auto_mkdir=True, skip_instance_cache=True)
        yield ObjectStore(files, str(tmp_path / "bucket"), "s3://bucket/exports", creates=False)
        return
    opened = open_store("memory://bucket/exports/")
    assert isinstance(opened, ObjectStore)
    yield opened
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]


def parts(store: ObjectStore) -> list[str]:
    """What was appended and is not folded yet."""
    return store._listed_parts("manifest.jsonl")


def test_an_empty_place_is_empty(store: ObjectStore) -> None:
    assert list(store.files()) == []
    assert not store.exists("a/b.json")
    assert store.size("a/b.json") is None
    assert store.writer() is None
    store.remove("a/b.json")
    with pytest.raises(UnreadableInput) as caught:
        store.read("a/b.json")
    assert caught.value.reason == "no_file"


def test_an_object_is_put_read_listed_and_removed(store: ObjectStore) -> None:
    store.put("a/b.json", b"one", replace=False)
    store.put("é %/c.json", b"", replace=False)
    assert list(store.files()) == [Stored("a/b.json", 3), Stored("é %/c.json", 0)]
    assert (store.size("a/b.json"), store.size("a")) == (3, None)
    assert store.digest("a/b.json") == Digest(3, "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed")
    with pytest.raises(LocalStateError) as caught:
        store.put("a/b.json", b"two", replace=False)
    assert caught.value.reason == "name_taken"
    store.put("a/b.json", b"two", replace=True)
    assert store.read("a/b.json", 3) == b"two"
    with pytest.raises(UnreadableInput) as too_large:
        store.read("a/b.json", 2)
    assert too_large.value.reason == "too_large"
    store.remove("a/b.json")
    assert list(store.names()) == ["é %/c.json"]


@pytest.mark.parametrize("name", ["", "../x", "/x", "a//b"])
def test_a_name_never_leads_out(store: ObjectStore, name: str) -> None:
    with pytest.raises(RequestNotPossible):
        store.put(name, b"", replace=True)


def test_lines_are_there_at_once_and_read_as_one_file(store: ObjectStore) -> None:
    for number in range(3):
        store.append("manifest.jsonl", b"%d" % number)
        assert store.read("manifest.jsonl").split() == [b"%d" % one for one in range(number + 1)]
    assert len(parts(store)) == 3
    assert list(store.files()) == [Stored("manifest.jsonl", 6)]
    assert store.exists("manifest.jsonl")


def test_parts_are_folded_now_and_then_and_at_the_end(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store, "_FOLDED_FROM", 4)
    with store.lock():
        for number in range(10):
            store.append("manifest.jsonl", b"%d" % number)
            assert store.read("manifest.jsonl").split() == [b"%d" % one for one in range(number + 1)]
        assert len(parts(store)) == 2
    assert parts(store) == []
    assert store.read("manifest.jsonl") == b"0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n"


@pytest.mark.parametrize("removed", [0, 1, 2])
def test_a_fold_that_was_cut_off_gives_no_line_twice_and_loses_none(store: ObjectStore, removed: int) -> None:
    for line in (b"a1", b"b1", b"a2"):
        store.append("manifest.jsonl", line)
    store.put("manifest.jsonl", store.read("manifest.jsonl"), replace=True)
    for part in parts(store)[:removed]:
        store.remove(part)
    assert store.read("manifest.jsonl") == b"a1\nb1\na2\n"
    later = ObjectStore(store._fs, store._root, "s3://bucket", creates=False)
    with later.lock():
        later.append("manifest.jsonl", b"c1")
    assert later.read("manifest.jsonl") == b"a1\nb1\na2\nc1\n"
    assert parts(later) == []


def test_a_fold_while_somebody_reads_hides_no_line(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for line in (b"a", b"b"):
        store.append("manifest.jsonl", line)
    writer = ObjectStore(store._fs, store._root, "s3://bucket", creates=False)
    read = store._content

    def read_after_a_fold(name: str) -> bytes | None:
        if parts(writer):
            writer._fold("manifest.jsonl")
        return read(name)

    monkeypatch.setattr(store, "_content", read_after_a_fold)
    assert store.read("manifest.jsonl") == b"a\nb\n"


def test_only_one_holds_the_lock(store: ObjectStore) -> None:
    with store.lock() as hold:
        assert hold.clean
        assert store.writer() == ME
        assert list(store.names()) == []
        with pytest.raises(LocalStateError) as caught, store.lock():
            pass
        assert caught.value.reason == "store_locked"
        assert ME in caught.value.message
        assert f"remove the object {store.location.rstrip('/')}/{LOCK}" in str(caught.value.next_step)
    assert store.writer() is None


def test_a_writer_that_ended_in_the_middle_leaves_word_and_no_lock(store: ObjectStore) -> None:
    with pytest.raises(KeyboardInterrupt), store.lock():
        raise KeyboardInterrupt
    with store.lock() as hold:
        assert not hold.clean
    with store.lock() as hold:
        assert hold.clean


def test_the_lock_of_a_process_that_has_died_here_is_taken_over_and_one_of_elsewhere_is_not(
    store: ObjectStore,
) -> None:
    store.put(LOCK, f"process 999999999 on {socket.gethostname()}".encode(), replace=True)
    with store.lock() as hold:
        assert not hold.clean
    for holder in ("process 999999999 on another-host", "what is this", ME):
        store.put(LOCK, holder.encode(), replace=True)
        with pytest.raises(LocalStateError), store.lock():
            pass


# --- opening, and what a library raises --------------------------------------------------------------------


def refused(url: str) -> DwctlError:
    """How a URL is refused."""
    with pytest.raises(DwctlError) as caught:
        open_store(url)
    assert caught.value.next_step
    assert SECRET not in f"{caught.value.message} {caught.value.where} {caught.value.next_step}"
    return caught.value


@pytest.mark.parametrize(
    "url", ["sftp://host/x", "ftp://host/x", "https://host/x", "simplecache::s3://b/x", "x://y", "s3://a::file://b"]
)
def test_where_puts_are_not_whole_is_refused(url: str) -> None:
    error = refused(url)
    assert (error.exit_code, error.reason) == (ExitCode.USAGE, "store_not_supported")


@pytest.mark.parametrize(
    "url", [f"s3://AKIA:{SECRET}@bucket/x", f"s3://bucket/x?secret={SECRET}", f"az://c/x#{SECRET}"]
)
def test_a_credential_in_a_url_is_refused_and_not_shown(url: str) -> None:
    assert refused(url).reason == "credential_in_url"


def test_a_missing_library_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    assert "pip install 'dwctl[objects]'" in str(refused("s3://bucket/x").next_step)
    error = refused("gs://bucket/x")
    assert (error.exit_code, error.reason) == (ExitCode.USAGE, "extra_missing")
    assert "pip install 'gcsfs'" in str(error.next_step)
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    assert "pip install 'dwctl[objects]'" in str(refused("memory://x").next_step)


class NoCredentialsError(Exception):
    """As botocore names it."""


class EndpointConnectionError(Exception):
    """As botocore names it."""


class ReadTimeoutError(Exception):
    """As botocore names it."""


class Breaking:
    """A file system that raises, with a secret in its words."""

    def __init__(self, error: type[Exception]) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        def fail(*arguments: object, **options: object) -> None:
            raise self._error(f"GET https://bucket?X-Amz-Signature={SECRET}")

        return fail


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PermissionError, ExitCode.AUTH), (NoCredentialsError, ExitCode.AUTH),
        (ConnectionError, ExitCode.NETWORK), (EndpointConnectionError, ExitCode.NETWORK),
        (TimeoutError, ExitCode.TIMEOUT), (ReadTimeoutError, ExitCode.TIMEOUT),
        (OSError, ExitCode.SERVER), (KeyError, ExitCode.SERVER), (RuntimeError, ExitCode.SERVER),
    ],
)  # fmt: skip
def test_what_a_library_raises_is_told_in_our_words_and_without_its_own(error: type[Exception], code: ExitCode) -> None:
    store = ObjectStore(Breaking(error), "bucket", "s3://bucket", creates=True)
    for act in (
        lambda: store.put("a", b"", replace=True),
        lambda: store.read("a"),
        lambda: store.exists("a"),
        lambda: list(store.files()),
        lambda: store.append("m.jsonl", b""),
        lambda: store.remove("a"),
        lambda: store.lock().__enter__(),
    ):
        with pytest.raises(DwctlError) as caught:
            act()
        assert caught.value.exit_code is code
        assert caught.value.next_step
        assert SECRET not in f"{caught.value.message} {caught.value.where} {caught.value.next_step}"
        assert caught.value.__cause__ is None


def test_a_bucket_that_is_not_there_is_said() -> None:
    store = ObjectStore(Breaking(FileNotFoundError), "bucket", "s3://bucket", creates=True)
    with pytest.raises(RequestNotPossible) as caught:
        store.put("a", b"", replace=True)
    assert caught.value.reason == "no_folder"
