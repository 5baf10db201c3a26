"""The manifest: a line an export, read back whole, with every damaged line named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dwctl.bundle.verify import Outcome
from dwctl.transfer.storage.folder_store import FolderStore
from dwctl.transfer.storage.manifest import MANIFEST, Manifest, ManifestEntry, Replaced
from output_schemas import is_valid

ENTRY = ManifestEntry(
    "order-1", "run-1", "orders.process", "waiting", "run-1:2:x", "order-1/run-1.json", 17, "0" * 64, "1" * 64,
    Outcome.WARNING, ("timers.due", "integrity.unsigned"), "a test", "2026-11-23T04:05:06.000007Z",
    Replaced("order-1/run-1.json.gz", "2" * 64),
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """An empty folder."""
    return FolderStore.open(str(tmp_path))


def line(**changes: Any) -> bytes:
    """A line with other values; `...` leaves one out."""
    item = ENTRY.as_item() | changes
    return json.dumps({name: value for name, value in item.items() if value is not ...}).encode() + b"\n"


def write(store: FolderStore, *lines: bytes) -> Manifest:
    """A manifest of these lines."""
    Path(store.location, MANIFEST).write_bytes(b"".join(lines))
    return Manifest(store)


def test_an_entry_comes_back_as_it_was(store: FolderStore) -> None:
    manifest = Manifest(store)
    assert (manifest.exists, manifest.entries(), list(manifest.lines())) == (False, {}, [])
    manifest.append(ENTRY)
    assert manifest.exists
    assert manifest.entries() == {"run-1": ENTRY}


def test_a_line_is_json_of_its_schema(store: FolderStore) -> None:
    Manifest(store).append(ENTRY)
    (text,) = store.read(MANIFEST).splitlines()
    assert is_valid("manifest-entry", json.loads(text))
    assert not is_valid("manifest-entry", json.loads(line(sha256="x")))


@pytest.mark.parametrize("identifier", ["é\u2028\n\0", "\U0001f600", '"\\'])
def test_any_id_is_kept_on_one_line(store: FolderStore, identifier: str) -> None:
    manifest = write(store, line(run_id=identifier))
    assert list(manifest.entries()) == [identifier]
    manifest.append(manifest.entries()[identifier])
    assert store.read(MANIFEST).count(b"\n") == 2
    assert list(manifest.entries()) == [identifier]


def test_the_latest_line_of_a_run_counts(store: FolderStore) -> None:
    manifest = write(store, line(), line(run_id="run-2"), line(bytes=18))
    assert [(entry.run_id, entry.bytes) for entry in manifest.entries().values()] == [("run-1", 18), ("run-2", 17)]
    assert [one.number for one in manifest.lines()] == [1, 2, 3]


def test_what_a_later_version_adds_is_passed_over(store: FolderStore) -> None:
    assert write(store, line(more=1)).entries() == {"run-1": ENTRY}


DAMAGED = {
    "no JSON": b"hello\n",
    "empty": b"\n",
    "half": line()[:50] + b"\n",
    "not UTF-8": line()[:-3] + b'\xff"}\n',
    "a list": b"[]\n",
    "another schema": line(schema="dwctl.error"),
    "another version": line(schema_version=2),
    "a field too few": line(sha256=...),
    "a wrong type": line(bytes="17"),
    "no verdict": line(verdict="fine"),
    "outside": line(file="../x"),
    "absolute": line(file="/etc/passwd"),
    "unspeakable": line(file="\ud800"),
}


@pytest.mark.parametrize("damaged", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_line_is_passed_over_and_named(store: FolderStore, damaged: bytes) -> None:
    manifest = write(store, line(), damaged, line(run_id="run-3"))
    assert list(manifest.entries()) == ["run-1", "run-3"]
    (bad,) = [one for one in manifest.lines() if one.entry is None]
    assert bad.number == 2
    assert bad.problem


def test_a_torn_last_line_is_passed_over_named_and_mended(store: FolderStore) -> None:
    for torn in (line(run_id="run-2")[:-20], line(run_id="run-2")[:-1]):
        manifest = write(store, line(), torn)
        assert list(manifest.entries()) == ["run-1"]
        assert [one.number for one in manifest.lines() if one.problem] == [2]
        manifest.append(ENTRY)
        assert [one.problem for one in manifest.lines()] == [None, None]
