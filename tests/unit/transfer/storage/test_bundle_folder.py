"""Keeping exports: file and line together, whatever ends the writer in between."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import fsspec
import pytest

from dwctl.bundle.verify import Outcome, verify_bundle
from dwctl.errors import AnswerIsNo, LocalStateError
from dwctl.transfer.files.compression import Compression, compress, expand
from dwctl.transfer.files.private import UNFINISHED
from dwctl.transfer.storage.archive_check import check_archive
from dwctl.transfer.storage.bundle_folder import BundleFolder, Opening
from dwctl.transfer.storage.manifest import Manifest, ManifestEntry, Replaced
from dwctl.transfer.storage.object_store import ObjectStore
from dwctl.transfer.storage.store import LOCK, Store, open_store
from kept_exports import NOW, export, keep
from sample_bundles import LEASED, LOST_FRACTION, recorded_checksum


class Killed(BaseException):
    """As if the process had been killed: nothing that it would do at its end is done in these tests."""


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store of each kind: all of them keep the same promises."""
    if request.param == "folder":
        yield open_store(str(tmp_path / "exports"), create=True)
        return
    memory = fsspec.filesystem("memory")
    yield open_store("memory://exports/cutover")
    with suppress(FileNotFoundError):
        memory.rm("/exports", recursive=True)


def write(store: Store, *contents: bytes, how: Compression = Compression.NONE) -> Opening:
    """One run of a writer that ends in order."""
    folder = BundleFolder(store, how)
    with folder.writing("a later run", lambda: NOW) as opening:
        for content in contents:
            keep(folder, content)
    return opening


def killed_writing(
    store: Store, content: bytes, method: str, monkeypatch: pytest.MonkeyPatch, how: Compression = Compression.NONE
) -> None:
    """A writer that is killed when it has come to a method of the store."""

    def kill(*arguments: object, **options: object) -> None:
        raise Killed

    folder = BundleFolder(store, how)
    with monkeypatch.context() as patched, suppress(Killed), folder.writing("killed", lambda: NOW):
        patched.setattr(type(store), method, kill)
        keep(folder, content)
        pytest.fail("it was not killed")
    if isinstance(store, ObjectStore):
        # There the lock of a killed process stays; this one lives on, so another one is named in its place.
        store.put(LOCK, f"process 999999999 on {socket.gethostname()}".encode(), replace=True)


def assert_whole(store: Store, *contents: bytes, how: Compression = Compression.NONE) -> None:
    """The store is proven by its manifest, and holds these exports."""
    assert check_archive(store, deep=True).proven
    kept = [expand(store.read(entry.file), entry.file, 1 << 20) for entry in Manifest(store).entries().values()]
    assert sorted(kept) == sorted(contents)
    assert all(entry.file.endswith(how.suffix) for entry in Manifest(store).entries().values())


@pytest.mark.parametrize("how", list(Compression))
def test_an_export_is_a_file_and_a_line(store: Store, how: Compression) -> None:
    content = export(7)
    folder = BundleFolder(store, how)
    with folder.writing("dwctl, over HTTP", lambda: NOW):
        entry = keep(folder, content)
    stored = compress(content, how)
    assert entry == ManifestEntry(
        "order-1", "run-7", "orders.process", "waiting", "run-7:2:2026-11-22T22:11:34.036225Z",
        f"order-1/run-7{how.suffix}", len(stored), hashlib.sha256(stored).hexdigest(), recorded_checksum(content),
        Outcome.OK, (), "a test", NOW, None,
    )  # fmt: skip
    assert store.read(entry.file) == stored
    assert Manifest(store).entries() == {"run-7": entry}
    assert_whole(store, content, how=how)


def test_the_findings_of_an_export_stand_in_its_line(store: Store) -> None:
    write(store, LEASED.read_bytes())
    (entry,) = Manifest(store).entries().values()
    assert (entry.verdict, entry.rules) == (Outcome.REFUSED, ("tasks.leased_task_present",))


def test_saved_is_what_is_recorded_there_and_unmoved(store: Store) -> None:
    write(store, export(1))
    folder = BundleFolder(store)
    key = "run-1:2:2026-11-22T22:11:34.036225Z"
    assert folder.is_saved("run-1")
    assert folder.is_saved("run-1", key)
    assert not folder.is_saved("run-1", "run-1:3:2026-11-22T22:11:34.036225Z")
    assert not folder.is_saved("run-2")
    assert folder.entry("run-2") is None
    store.put("order-1/run-1.json", b"shorter", replace=True)
    assert not BundleFolder(store).is_saved("run-1")
    store.remove("order-1/run-1.json")
    assert not BundleFolder(store).is_saved("run-1")


def test_a_refresh_takes_the_place_of_the_older_export_and_names_it(store: Store) -> None:
    write(store, export(1))
    older = Manifest(store).entries()["run-1"]
    write(store, export(1, sequence=3))
    newer = Manifest(store).entries()["run-1"]
    assert newer.replaced == Replaced(older.file, older.sha256)
    assert [line.entry for line in Manifest(store).lines()] == [older, newer]
    assert_whole(store, export(1, sequence=3))


def test_a_refresh_with_another_compression_leaves_one_file(store: Store) -> None:
    write(store, export(1))
    write(store, export(1, sequence=3), how=Compression.GZIP)
    assert list(store.names()) == ["manifest.jsonl", "order-1/run-1.json.gz"]
    assert_whole(store, export(1, sequence=3), how=Compression.GZIP)


def test_many_threads_keep_every_export(store: Store) -> None:
    contents = [export(run, instance=f"order-{run % 7}") for run in range(80)]
    folder = BundleFolder(store)
    with folder.writing("threads", lambda: NOW), ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: keep(folder, content), contents))
    assert len(folder.entries()) == 80
    assert_whole(store, *contents)


def test_an_export_that_names_no_run_is_refused(store: Store) -> None:
    for content in (b"hello", b"{}", b'{"workflow":{"run_id":"x"}}'):
        with pytest.raises(AnswerIsNo) as caught:
            BundleFolder(store).save(content, verify_bundle(content), "a test", NOW)
        assert caught.value.reason == "no_run_in_export"
    assert list(store.names()) == []


def test_a_foreign_file_in_the_way_is_left_alone(store: Store) -> None:
    for foreign in (b"my notes", export(2)):
        store.put("order-1/run-1.json", foreign, replace=True)
        with pytest.raises(LocalStateError) as caught:
            write(store, export(1))
        assert caught.value.reason == "name_taken"
        assert store.read("order-1/run-1.json") == foreign


# --- an end in the middle ----------------------------------------------------------------------------------

BEFORE: list[Callable[[], bytes] | None] = [None, lambda: export(1)]


@pytest.mark.parametrize("before", BEFORE, ids=["new", "refresh"])
def test_killed_before_the_file_the_older_one_is_there(
    store: Store, monkeypatch: pytest.MonkeyPatch, before: Callable[[], bytes] | None
) -> None:
    earlier = [] if before is None else [before()]
    write(store, *earlier)
    killed_writing(store, export(1, sequence=3), "put", monkeypatch)
    assert BundleFolder(store).is_saved("run-1", "run-1:3:2026-11-22T22:11:34.036225Z") is False
    assert [store.read(entry.file) for entry in Manifest(store).entries().values()] == earlier
    opening = write(store, export(1, sequence=3))
    assert (opening.adopted, opening.doubtful) == ((), ())
    assert_whole(store, export(1, sequence=3))


@pytest.mark.parametrize("how", list(Compression))
@pytest.mark.parametrize("before", BEFORE, ids=["new", "refresh"])
def test_killed_between_file_and_line_the_file_is_adopted(
    store: Store, monkeypatch: pytest.MonkeyPatch, before: Callable[[], bytes] | None, how: Compression
) -> None:
    earlier = [] if before is None else [before()]
    write(store, *earlier)
    killed_writing(store, export(1, sequence=3), "append", monkeypatch, how)
    assert check_archive(store).proven is False if earlier else list(Manifest(store).lines()) == []
    opening = write(store)
    (entry,) = opening.adopted
    assert (entry.run_id, entry.exporter, entry.exported_at) == ("run-1", "a later run", NOW)
    assert BundleFolder(store).is_saved("run-1", "run-1:3:2026-11-22T22:11:34.036225Z")
    assert_whole(store, export(1, sequence=3), how=how)
    assert write(store) == Opening()


def test_killed_before_the_older_file_is_removed_it_is_removed_next_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store, export(1))
    killed_writing(store, export(1, sequence=3), "remove", monkeypatch, Compression.GZIP)
    assert list(store.names()) == ["manifest.jsonl", "order-1/run-1.json", "order-1/run-1.json.gz"]
    assert write(store).adopted == ()
    assert_whole(store, export(1, sequence=3), how=Compression.GZIP)


def test_a_bundle_that_lost_a_fraction_is_adopted_as_its_checksum_proves_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_writing(store, LOST_FRACTION.read_bytes(), "append", monkeypatch)
    assert len(write(store).adopted) == 1
    assert_whole(store, LOST_FRACTION.read_bytes())


def test_what_changed_while_nobody_wrote_is_doubted_and_exported_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store, export(1), export(2))
    killed_writing(store, export(3), "put", monkeypatch)
    damaged = export(1).replace(b"orders.process", b"orders.protest")
    store.put("order-1/run-1.json", damaged, replace=True)
    folder = BundleFolder(store)
    with folder.writing("a later run", lambda: NOW) as opening:
        assert opening == Opening(0, (), ("order-1/run-1.json",))
        assert not folder.is_saved("run-1")
        assert folder.is_saved("run-2")
        keep(folder, export(1))
        assert folder.is_saved("run-1")
    assert_whole(store, export(1), export(2))


def test_what_is_not_ours_is_never_adopted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_writing(store, export(1), "put", monkeypatch)
    store.put("notes.txt", b"mine", replace=True)
    store.put("order-1/run-9.json", export(1), replace=True)
    store.put("order-1/run-8.json", b"{}", replace=True)
    assert write(store).adopted == ()
    assert store.read("notes.txt") == b"mine"


def test_leftovers_are_swept_and_the_empty_folder_is_no_trouble(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    (tmp_path / "order-1").mkdir()
    (tmp_path / "order-1" / f"{UNFINISHED}abc").write_bytes(b"half")
    assert write(store, export(1)).swept == 1
    assert_whole(store, export(1))


def test_a_line_that_failed_is_mended_by_the_next_writer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, say: the writer goes on to its end in order, and yet the next one looks twice."""

    def fail(*arguments: object) -> None:
        raise LocalStateError("the disk is full")

    folder = BundleFolder(store)
    with monkeypatch.context() as patched, folder.writing("a test", lambda: NOW):
        keep(folder, export(1))
        patched.setattr(type(store), "append", fail)
        with pytest.raises(LocalStateError):
            keep(folder, export(2))
        assert not folder.is_saved("run-2")
    assert [entry.run_id for entry in write(store).adopted] == ["run-2"]
    assert_whole(store, export(1), export(2))


def test_a_save_that_is_not_over_when_the_writer_ends_is_looked_at_by_the_next(store: Store) -> None:
    """Interrupted twice, an export ends while a thread of it may be between a file and its line."""
    begun, over = threading.Event(), threading.Event()

    class Slow(BundleFolder):
        def _record(self, entry: ManifestEntry) -> None:
            begun.set()
            over.wait()
            super()._record(entry)

    folder = Slow(store)
    saving = threading.Thread(target=keep, args=(folder, export(1)))
    with folder.writing("first", lambda: NOW):
        saving.start()
        begun.wait()
    with store.lock() as hold:
        assert hold.clean is False
        hold.in_order = False
    opening = write(store)
    assert [entry.run_id for entry in opening.adopted] == [verify_bundle(export(1)).bundle.workflow_run_id]
    over.set()
    saving.join()
