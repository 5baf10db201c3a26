"""What lies in an archive: proven, or what is wrong with it; and what is not read again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dwctl.checklist.facts.facts import ArchiveFact
from dwctl.transfer.files.compression import Compression
from dwctl.transfer.storage.folder_store import FolderStore
from export_worlds import Looks
from kept_exports import keep_all


@pytest.fixture
def looks(tmp_path: Path) -> Looks:
    """Looks with a record of their own."""
    return Looks(tmp_path / "state")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An archive of five runs."""
    keep_all(FolderStore.open(str(tmp_path / "archive"), create=True), 5, Compression.GZIP)
    return tmp_path / "archive"


def some_file(archive: Path) -> Path:
    """One of its bundles."""
    return min(archive.glob("*/*.json.gz"))


def test_is_proven_and_not_read_again(looks: Looks, archive: Path) -> None:
    first, second = looks.archive(archive), looks.archive(archive)

    assert first.run_ids == {f"run-{number}" for number in range(5)}
    assert (first.read, second.read) == (5, 0)
    assert second == ArchiveFact(str(archive), first.run_ids, open_then=first.run_ids)
    assert looks.archive(archive, rehash=True).read == 5


def _removed(archive: Path) -> None:
    some_file(archive).unlink()


def _changed(archive: Path) -> None:
    file = some_file(archive)
    was = file.stat()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    with file.open("r+b") as opened:
        opened.write(content)
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))


def _added(archive: Path) -> None:
    (archive / "notes.txt").write_text("remember the milk")


def _replaced_by_a_link(archive: Path) -> None:
    file = some_file(archive)
    elsewhere = archive.parent / "elsewhere.json.gz"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)


def _a_line_damaged(archive: Path) -> None:
    manifest = archive / "manifest.jsonl"
    first, *rest = manifest.read_bytes().splitlines(keepends=True)
    manifest.write_bytes(b"".join([first.replace(b'"sha256"', b'"sha999"'), *rest]))


@pytest.mark.parametrize(
    ("harm", "what"),
    [
        (_removed, "missing"), (_changed, "changed"), (_added, "extra"), (_replaced_by_a_link, "unsound"),
        (_a_line_damaged, "damaged"),
    ],
)  # fmt: skip
def test_tells_what_is_wrong_also_where_it_was_proven_before(
    looks: Looks, archive: Path, harm: Callable[[Path], None], what: str
) -> None:
    looks.archive(archive)
    harm(archive)

    found = looks.archive(archive)

    assert len(getattr(found, what)) == 1
    assert len(found.run_ids) == (5 if harm is _added else 4)


def test_a_manifest_that_was_forged_is_no_proof(looks: Looks, archive: Path) -> None:
    """A digest in the manifest is held against the file's, also where the file was read before."""
    looks.archive(archive)
    manifest = archive / "manifest.jsonl"
    text = manifest.read_text()
    digest = text.split('"sha256":"')[1][:64]
    manifest.write_text(text.replace(digest, "0" * 64))

    found = looks.archive(archive)

    assert (found.read, len(found.changed)) == (0, 1)


def test_deep_opens_every_bundle(looks: Looks, archive: Path) -> None:
    assert looks.archive(archive, deep=True).unsound == ()
    manifest = archive / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace('"instance_id":"order-1"', '"instance_id":"order-9"'))

    assert looks.archive(archive).unsound == ()
    assert len(looks.archive(archive, deep=True).unsound) == 1


@pytest.mark.parametrize(
    ("place", "said"), [("nowhere", "there is no such folder"), ("empty", "there is no manifest.jsonl")]
)
def test_what_cannot_be_looked_at_has_a_problem(looks: Looks, tmp_path: Path, place: str, said: str) -> None:
    (tmp_path / "empty").mkdir()

    assert said in str(looks.archive(tmp_path / place).problem)


def test_an_object_store_is_read_each_time(looks: Looks, archive: Path) -> None:
    pytest.importorskip("fsspec")
    import fsspec

    memory = fsspec.filesystem("memory")
    for file in archive.rglob("*"):
        if file.is_file() and not file.name.startswith("."):
            memory.pipe_file(f"/kept/{file.relative_to(archive)}", file.read_bytes())
    try:
        assert [looks.archive("memory://kept").read for _ in range(2)] == [5, 5]
        assert looks.archive("memory://kept").run_ids == looks.archive(archive).run_ids
    finally:
        memory.rm("/kept", recursive=True)
