"""Files that hold business data are private, and written whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from dwctl.errors import ExitCode, RequestNotPossible
from dwctl.transfer.files.private import write_private


def refused(name: Path, content: bytes = b"new", *, replace: bool = False) -> RequestNotPossible:
    """How writing this file is refused."""
    with pytest.raises(RequestNotPossible) as caught:
        write_private(str(name), content, replace=replace)
    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.where == str(name)
    assert caught.value.next_step
    return caught.value


def mode(file: Path) -> int:
    """Who may do what with a file."""
    return stat.S_IMODE(file.stat().st_mode)


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_new_file_has_its_content_and_is_for_its_owner_alone(tmp_path: Path, replace: bool, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_private(str(tmp_path / "a.json"), b"content\x00\xff", replace=replace)
    finally:
        os.umask(before)
    assert (tmp_path / "a.json").read_bytes() == b"content\x00\xff"
    assert mode(tmp_path / "a.json") == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_a_name_in_the_working_directory_needs_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_private("a.json", b"x")
    assert (tmp_path / "a.json").read_bytes() == b"x"


def test_a_file_that_is_there_is_kept_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b"old")
    error = refused(file)
    assert error.reason == "file_exists"
    assert "--force" in str(error.next_step)
    assert file.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]


def test_a_dangling_link_is_not_written_through(tmp_path: Path) -> None:
    link = tmp_path / "a.json"
    link.symlink_to(tmp_path / "elsewhere")
    assert refused(link).reason == "file_exists"
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_is_replaced_on_demand_and_becomes_private(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b"old")
    file.chmod(0o644)
    write_private(str(file), b"new", replace=True)
    assert file.read_bytes() == b"new"
    assert mode(file) == 0o600


def test_a_replaced_link_leaves_what_it_pointed_to(tmp_path: Path) -> None:
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_private(str(link), b"new", replace=True)
    assert (target.read_bytes(), link.read_bytes()) == (b"old", b"new")


@pytest.mark.parametrize("replace", [False, True])
def test_a_full_disk_leaves_nothing_behind_and_what_was_there_untouched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replace: bool
) -> None:
    if replace:
        (tmp_path / "a.json").write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    error = refused(tmp_path / "a.json", replace=replace)
    assert error.reason == "unwritable"
    assert "No space left on device" in error.message
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == ([("a.json", b"old")] if replace else [])


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_private(str(tmp_path / "a.json"), b"new")
    assert list(tmp_path.iterdir()) == []


def test_the_content_is_on_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    sync, link = os.fsync, os.link

    def noted_sync(descriptor: int) -> None:
        events.append("sync")
        sync(descriptor)

    def noted_link(source: str, target: Path) -> None:
        events.append("name")
        link(source, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "link", noted_link)
    write_private(str(tmp_path / "a.json"), b"new")
    assert events == ["sync", "name", "sync"]


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("name", ["none/a.json", "file/a.json", "x" * 300])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, name: str, replace: bool) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert refused(tmp_path / name, replace=replace).reason == "unwritable"
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_a_folder_is_neither_written_nor_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    assert refused(tmp_path / "a.json").reason == "file_exists"
    assert refused(tmp_path / "a.json", replace=True).reason == "unwritable"
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("name", ["a" * 255, "é" * 127, "😀" * 63])
def test_a_name_as_long_as_the_system_allows_is_written(tmp_path: Path, name: str) -> None:
    write_private(str(tmp_path / name), b"x")
    assert [file.name for file in tmp_path.iterdir()] == [name]
