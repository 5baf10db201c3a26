"""Where exports go: a folder that is gone on with, a file, a stream."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from dwctl.bundle.verify import verify_bundle
from dwctl.errors import LocalStateError, RequestNotPossible
from dwctl.transfer.exports.keeping import FileKeeper, FolderKeeper, StreamKeeper, compression_for
from dwctl.transfer.files.compression import Compression
from dwctl.transfer.storage.bundle_folder import BundleFolder
from dwctl.transfer.storage.folder_store import FolderStore
from sample_bundles import WAITING, sealed, small_bundle

NOW = "2026-11-23T00:00:00.000000Z"


def bundle(run: int, *, current: bool = True) -> bytes:
    """A run of `order-1`."""
    return sealed(
        small_bundle({"workflow.run_id": f"run-{run}", "workflow.run_number": run, "workflow.is_current_run": current})
    )


def test_a_folder_is_gone_on_with_and_knows_the_newest_run(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    for _ in range(2):
        folder = BundleFolder(store)
        with folder.writing("test", lambda: NOW):
            keeper = FolderKeeper(folder, lambda: NOW)
            if keeper.is_empty:
                for content in (bundle(1, current=False), bundle(2), bundle(3, current=False)):
                    made = keeper.save(content, verify_bundle(content), "test")
                    # Asked for in the same export, it is there too.
                    assert keeper.entry(made.run_id) == made
                    assert keeper.content(made) == content
                continue
            newest = keeper.newest_of("order-1")
            assert newest is not None
            assert newest.run_id == "run-2"
            assert keeper.newest_of("order-2") is None
            assert keeper.entry("run-9") is None
            (tmp_path / newest.file).write_bytes(bundle(4))
            with pytest.raises(LocalStateError) as caught:
                keeper.content(newest)
            assert caught.value.reason == "kept_file_changed"


def test_a_file_that_is_not_there_is_no_export(tmp_path: Path) -> None:
    folder = BundleFolder(FolderStore(tmp_path))
    with folder.writing("test", lambda: NOW):
        FolderKeeper(folder, lambda: NOW).save(bundle(1), verify_bundle(bundle(1)), "test")
    (tmp_path / "order-1" / "run-1.json").unlink()
    again = BundleFolder(FolderStore(tmp_path))
    with again.writing("test", lambda: NOW):
        keeper = FolderKeeper(again, lambda: NOW)
        assert keeper.entry("run-1") is None
        assert keeper.newest_of("order-1") is None
        assert not keeper.is_empty


def test_a_stream_takes_the_bundle_and_nothing_else() -> None:
    content, stream = WAITING.read_bytes(), io.BytesIO()
    keeper = StreamKeeper(stream, lambda: NOW)
    entry = keeper.save(content, verify_bundle(content), "test")
    assert stream.getvalue() == content
    assert (entry.file, entry.bytes, entry.instance_id) == ("-", len(content), "approval-1")
    assert (keeper.entry(entry.run_id), keeper.newest_of("approval-1")) == (None, None)


@pytest.mark.parametrize("how", list(Compression))
def test_a_file_is_written_as_its_name_says(tmp_path: Path, how: Compression) -> None:
    name = str(tmp_path / f"one{how.suffix}")
    assert compression_for(name, None) is how
    content = WAITING.read_bytes()
    entry = FileKeeper(name, how, lambda: NOW, replace=False).save(content, verify_bundle(content), "test")
    assert (entry.file, entry.bytes) == (name, Path(name).stat().st_size)
    from dwctl.transfer.files.sources import read_bundle

    assert read_bundle(name) == content


@pytest.mark.parametrize(
    ("name", "wanted"), [("x.json", Compression.GZIP), ("x.json.gz", Compression.ZSTD), ("x", Compression.ZSTD)]
)
def test_a_name_that_says_something_else_is_refused(name: str, wanted: Compression) -> None:
    with pytest.raises(RequestNotPossible) as caught:
        compression_for(name, wanted)
    assert caught.value.reason == "wrong_suffix"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_stream_that_cannot_be_written_is_said() -> None:
    content = WAITING.read_bytes()
    stream = open("/dev/full", "wb", buffering=0)  # noqa: PTH123, SIM115 - closed below, with what it could not take
    try:
        with pytest.raises(LocalStateError) as caught:
            StreamKeeper(stream, lambda: NOW).save(content, verify_bundle(content), "test")
    finally:
        stream.close()
    assert caught.value.reason == "write_failed"
