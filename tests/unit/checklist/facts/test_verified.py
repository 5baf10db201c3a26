"""The record of what was read: what it gives back, and when it is not believed."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import NamedTuple

import pytest

from dwctl.checklist.facts import verified
from dwctl.checklist.facts.verified import Row, VerifiedFiles


class Fact(NamedTuple):
    """A fact for the tests."""

    size: int
    name: str


ROWS = {"/a/1.json": Row("mark-1", Fact(1, "one")), "/a/ü.json": Row("mark-2", Fact(2, "zwei\n"))}


class Record:
    """A record in a folder, and what was told about it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / ".dwctl" / "verified.jsonl"
        self.told: list[str] = []

    def files(self, of: str = "tests") -> VerifiedFiles[Fact]:
        """The record, as a process opens it."""
        return VerifiedFiles(self.path, Fact, of, self.told.append)

    def read(self) -> dict[str, Row[Fact]]:
        """What a later process is given."""
        return self.files().read()


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """A record of two files."""
    made = Record(tmp_path)
    made.files().write(ROWS)
    return made


def test_gives_back_what_was_recorded(record: Record) -> None:
    assert record.read() == ROWS
    assert record.told == []


def test_is_private_and_leaves_nothing_beside_it(record: Record) -> None:
    assert record.path.stat().st_mode & 0o777 == 0o600
    assert record.path.parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in record.path.parent.iterdir()] == ["verified.jsonl"]


def test_an_empty_record_and_none_know_nothing(record: Record) -> None:
    record.files().write({})
    assert record.read() == {}
    record.path.unlink()
    assert record.read() == {}
    assert record.told == []


def _cut_short(content: bytes) -> bytes:
    return content[:-3]


def _a_line_less(content: bytes) -> bytes:
    return content[: content.rindex(b"\n")]


def _another_mark(content: bytes) -> bytes:
    return content.replace(b"mark-1", b"mark-9")


def _another_kind(content: bytes) -> bytes:
    return _resealed(content.replace(b'[1,"one"]', b'["x",1]'))


def _the_same_file_twice(content: bytes) -> bytes:
    return _resealed(content.replace("ü".encode(), b"1"))


def _another_schema(content: bytes) -> bytes:
    return content.replace(b"dwctl.verified", b"dwctl.elsewise")


def _nothing(content: bytes) -> bytes:
    return b""


def _no_text(content: bytes) -> bytes:
    return b"\xff\xfe" + content


def _resealed(content: bytes) -> bytes:
    head, _, lines = content.partition(b"\n")
    return json.dumps(json.loads(head) | {"sha256": hashlib.sha256(lines).hexdigest()}).encode() + b"\n" + lines


@pytest.mark.parametrize(
    "damage",
    [
        _cut_short, _a_line_less, _another_mark, _another_kind, _the_same_file_twice, _another_schema, _nothing,
        _no_text,
    ],
)  # fmt: skip
def test_a_damaged_record_is_thrown_away_and_said(record: Record, damage) -> None:  # type: ignore[no-untyped-def]
    record.path.write_bytes(damage(record.path.read_bytes()))

    assert record.read() == {}
    assert len(record.told) == 1
    assert "it is damaged; all is read again" in record.told[0]


def test_every_changed_byte_is_noticed(record: Record) -> None:
    content = record.path.read_bytes()
    for at in range(len(content)):
        record.path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert record.read() in ({}, ROWS), at
    changed_lines = content[content.index(b"\n") + 1 :]
    assert len(record.told) > len(changed_lines)


def test_another_version_of_dwctl_reads_again(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verified, "__version__", "99.0")

    assert record.read() == {}
    assert record.told == []


def test_other_options_read_again(record: Record) -> None:
    assert record.files("tests with a key").read() == {}


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_what_others_may_write_to_is_not_believed(record: Record, mode: int) -> None:
    record.path.chmod(mode)

    assert record.read() == {}
    assert "others may write to it" in record.told[0]


def test_a_link_is_not_followed(record: Record, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.jsonl"
    record.path.rename(elsewhere)
    record.path.symlink_to(elsewhere)

    assert record.read() == {}
    assert "it cannot be read" in record.told[0]


def test_a_folder_in_its_place_costs_time_and_nothing_else(tmp_path: Path) -> None:
    record = Record(tmp_path)
    record.path.mkdir(parents=True)

    record.files().write(ROWS)

    assert record.read() == {}
    assert "what was verified is not recorded" in record.told[0]
    assert record.path.is_dir()


def test_a_name_that_is_no_text_is_left_out(record: Record) -> None:
    record.files().write({**ROWS, os.fsdecode(b"/a/\xff.json"): Row("mark-3", Fact(3, "three"))})

    assert record.read() == ROWS


def test_what_was_recorded_before_is_replaced(record: Record) -> None:
    record.files().write({"/a/3.json": Row("mark-3", Fact(3, "three"))})

    assert list(record.read()) == ["/a/3.json"]
