"""`dwctl archive check`: what has become of a folder of exports, for people and for programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from dwctl.cli.main import run
from dwctl.errors import ExitCode
from dwctl.transfer.files.compression import Compression
from dwctl.transfer.storage.store import LOCK, open_store
from kept_exports import export, keep_all
from output_schemas import document, lines
from sample_bundles import ORDER

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve exports in `exports`, the working directory's."""
    monkeypatch.chdir(tmp_path)
    keep_all(open_store("exports", create=True), 12)
    return Path("exports")


def check(capsys: Capture, *options: str, where: str = "exports") -> tuple[int, str]:
    """Run the command; its exit code, and what it printed to stdout."""
    code = run(["archive", "check", where, *options])
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    return code, printed.out


def states(capsys: Capture, *options: str) -> dict[str, str]:
    """The files that are not ok, with their states, from the JSON document."""
    code, printed = check(capsys, "--json", *options)
    found = document(printed, "archive-check")
    assert found["summary"]["exit_code"] == code
    assert found["summary"]["total"] == len(found["files"])
    return {file["file"]: file["state"] for file in found["files"] if file["state"] != "ok"}


def flip(path: Path, place: int) -> None:
    """Flip one bit of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_a_folder_as_it_was_written_is_proven(exports: Path, capsys: Capture) -> None:
    for options in ([], ["--deep"], ["--jobs", "1"]):
        code, printed = check(capsys, *options)
        assert code == ExitCode.DONE
        assert "12 files" in printed
        assert "PROVEN" in printed
        assert ("Not opened: the bundles (--deep)" in printed) == ("--deep" not in options)
    assert states(capsys) == {}
    _, printed = check(capsys, "--output", "jsonl")
    assert [one["state"] for one in lines(printed, "archive-check", "file")] == ["ok"] * 12


def test_among_a_thousand_one_flipped_bit_one_missing_and_one_foreign_file_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    keep_all(open_store("exports", create=True), 1_000)
    assert check(capsys)[0] == ExitCode.DONE
    flip(Path("exports/order-2/run-777.json"), 1_234)
    Path("exports/order-3/run-333.json").unlink()
    Path("exports/order-4/notes.txt").write_text("mine", encoding="utf-8")
    code, printed = check(capsys)
    assert code == ExitCode.NO
    assert "1,000 files" not in printed
    assert "1,001 files" in printed
    assert "998 ok, 1 missing, 1 changed, 1 extra. NO" in printed
    assert "next: Take missing and changed files from a copy" in printed
    assert "next: Move extra files out of the folder" in printed
    rows = [line.split() for line in printed.splitlines() if line.startswith(("missing", "changed", "extra"))]
    assert sorted(row[:2] for row in rows) == [
        ["changed", "order-2/run-777.json"],
        ["extra", "order-4/notes.txt"],
        ["missing", "order-3/run-333.json"],
    ]
    assert states(capsys) == {
        "order-2/run-777.json": "changed",
        "order-3/run-333.json": "missing",
        "order-4/notes.txt": "extra",
    }


@pytest.mark.parametrize("place", [0, 1, 2_000, -1])
def test_a_flipped_bit_is_found_wherever_it_is(exports: Path, capsys: Capture, place: int) -> None:
    flip(exports / "order-1/run-6.json", place)
    assert states(capsys) == {"order-1/run-6.json": "changed"}


def test_of_very_many_files_the_screen_shows_the_first_and_a_count(exports: Path, capsys: Capture) -> None:
    for number in range(130):
        (exports / f"note-{number:03}").write_bytes(b"")
    _, printed = check(capsys)
    assert "note-099" in printed
    assert "note-100" not in printed
    assert "... and 30 files more; --json lists all" in printed
    assert len(states(capsys)) == 130


def test_another_size_is_said_with_both(exports: Path, capsys: Capture) -> None:
    (exports / "order-1/run-6.json").write_bytes(b"{}")
    assert "it has 2 bytes instead of " in check(capsys)[1]


def test_what_is_no_file_is_unknown_and_no_pass(exports: Path, capsys: Capture) -> None:
    for name in ("order-1/run-1.json", "order-2/run-2.json", "order-3/run-3.json"):
        (exports / name).rename(exports / f"{name}.away")
    (exports / "order-1/run-1.json").symlink_to("run-1.json.away")
    (exports / "order-2/run-2.json").mkdir()
    os.mkfifo(exports / "order-3/run-3.json")
    found = states(capsys)
    assert [found.pop(f"order-{one}/run-{one}.json") for one in (1, 2, 3)] == ["unreadable"] * 3
    assert set(found.values()) == {"extra"}


def test_names_from_a_disk_cannot_steer_the_terminal(exports: Path, capsys: Capture) -> None:
    (exports / "a\x1b[2Jb\n").write_bytes(b"")
    (exports / os.fsdecode(b"\xff[red]")).write_bytes(b"")
    _, printed = check(capsys)
    assert "\x1b" not in printed
    assert "a\\x1b[2Jb\\n" in printed
    assert "[red]" in printed
    assert set(states(capsys).values()) == {"extra"}


# --- the manifest ------------------------------------------------------------------------------------------


def test_damaged_lines_are_said_with_their_numbers(exports: Path, capsys: Capture) -> None:
    manifest = exports / "manifest.jsonl"
    text = manifest.read_bytes().splitlines(keepends=True)
    manifest.write_bytes(b"".join([*text[:3], b"{broken\n", *text[3:], text[0][:40]]))
    code, printed = check(capsys)
    assert code == ExitCode.NO
    assert "manifest.jsonl, line 4: the line is damaged" in printed
    assert "manifest.jsonl, line 14: the line was torn" in printed
    assert "12 ok; 2 damaged lines of the manifest. NO" in printed
    _, printed = check(capsys, "--json")
    assert [one["line"] for one in document(printed, "archive-check")["manifest"]["damaged_lines"]] == [4, 14]
    assert run(["archive", "check", "exports", "--output", "jsonl"]) == ExitCode.NO
    assert "manifest.jsonl, line 4: " in capsys.readouterr().err


def test_a_line_that_was_lost_makes_its_file_extra(exports: Path, capsys: Capture) -> None:
    manifest = exports / "manifest.jsonl"
    lost, *kept = manifest.read_bytes().splitlines(keepends=True)
    manifest.write_bytes(b"".join(kept))
    assert states(capsys) == {json.loads(lost)["file"]: "extra"}


@pytest.mark.parametrize("content", [None, b""])
def test_without_a_manifest_nothing_is_proven(exports: Path, capsys: Capture, content: bytes | None) -> None:
    (exports / "manifest.jsonl").unlink()
    if content is not None:
        (exports / "manifest.jsonl").write_bytes(content)
    for options in (["--json"], ["--output", "jsonl"]):
        code, printed = check(capsys, *options)
        assert code == ExitCode.USAGE
        assert document(printed, "error")["reason"] == "no_manifest"
    assert run(["archive", "check", "exports"]) == ExitCode.USAGE
    assert "nothing can be proven" in capsys.readouterr().err


def test_an_empty_folder_one_that_is_not_there_and_a_file_are_no_pass(exports: Path, capsys: Capture) -> None:
    Path("empty").mkdir()
    for where, reason in (
        ("empty", "no_manifest"), ("none", "no_folder"), ("exports/manifest.jsonl", "no_folder"),
        ("memory://nowhere", "no_manifest"), ("sftp://host/x", "store_not_supported"),
    ):  # fmt: skip
        code, printed = check(capsys, "--json", where=where)
        assert code == ExitCode.USAGE
        assert document(printed, "error")["reason"] == reason


def test_a_manifest_whose_every_line_is_damaged_is_no_pass(exports: Path, capsys: Capture) -> None:
    (exports / "manifest.jsonl").write_bytes(b"x\n")
    assert check(capsys)[0] == ExitCode.NO
    assert set(states(capsys).values()) == {"extra"}


def test_an_older_line_counts_as_history(exports: Path, capsys: Capture) -> None:
    manifest = exports / "manifest.jsonl"
    first = manifest.read_bytes().splitlines(keepends=True)[0]
    manifest.write_bytes(first.replace(b'"sha256":"', b'"sha256":"0')[:-1] + b"\n" + manifest.read_bytes())
    code, printed = check(capsys)
    assert code == ExitCode.DONE
    assert "1 older line: their runs were exported again." in printed


def test_what_a_running_or_killed_export_has_not_recorded_is_extra_and_explained(
    exports: Path, capsys: Capture
) -> None:
    (exports / LOCK).write_text("process 12 on somewhere", encoding="utf-8")
    (exports / "order-1/.dwctl-unfinished-x").write_bytes(b"half")
    code, printed = check(capsys)
    assert code == ExitCode.NO
    assert "An export writes there, or was killed (process 12 on somewhere)" in printed
    assert states(capsys) == {"order-1/.dwctl-unfinished-x": "extra"}


# --- deep --------------------------------------------------------------------------------------------------


def test_deep_finds_a_bundle_that_was_changed_together_with_its_line(exports: Path, capsys: Capture) -> None:
    import hashlib

    path, manifest = exports / "order-1/run-6.json", exports / "manifest.jsonl"
    before, changed = path.read_bytes(), path.read_bytes().replace(b"orders.charge", b"orders.refund")
    path.write_bytes(changed)
    old, new = (hashlib.sha256(content).hexdigest().encode() for content in (before, changed))
    manifest.write_bytes(manifest.read_bytes().replace(old, new))
    assert states(capsys) == {}
    assert states(capsys, "--deep") == {"order-1/run-6.json": "unsound"}
    assert "its own checksum does not prove its content" in check(capsys, "--deep")[1]


@pytest.mark.parametrize(
    ("said", "instead", "told"),
    [
        (b'"dedupe_key":"run-6:2:', b'"dedupe_key":"run-6:9:', "dedupe key"),
        (b'"run_id":"run-6"', b'"run_id":"run-x"', "run id"),
        (b'"order-1","run_id":"run-6"', b'"order-x","run_id":"run-6"', "instance id"),
    ],
)
def test_deep_finds_a_line_that_its_bundle_does_not_bear_out(
    exports: Path, capsys: Capture, said: bytes, instead: bytes, told: str
) -> None:
    manifest = exports / "manifest.jsonl"
    assert said in manifest.read_bytes()
    manifest.write_bytes(manifest.read_bytes().replace(said, instead))
    assert states(capsys) == {}
    assert states(capsys, "--deep") == {"order-1/run-6.json": "unsound"}
    assert f"its {told} is " in check(capsys, "--deep")[1]


@pytest.mark.parametrize("how", [Compression.GZIP, Compression.ZSTD])
def test_deep_opens_compressed_bundles_as_far_as_the_limit(
    how: Compression, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    keep_all(open_store("exports", create=True), 3, how)
    assert check(capsys, "--deep")[0] == ExitCode.DONE
    assert set(states(capsys, "--deep", "--max-bundle-size", "2k").values()) == {"unreadable"}


# --- elsewhere ---------------------------------------------------------------------------------------------


@pytest.fixture
def bucket() -> Iterator[str]:
    """An archive in fsspec's memory."""
    keep_all(open_store("memory://bucket/exports"), 3)
    yield "memory://bucket/exports"
    fsspec.filesystem("memory").rm("/bucket", recursive=True)


def test_an_object_store_is_checked_in_the_same_way(bucket: str, capsys: Capture) -> None:
    code, printed = check(capsys, where=bucket)
    assert code == ExitCode.DONE
    assert "3 files" in printed
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/bucket/exports/order-1/run-1.json", ORDER.read_bytes())
    memory.pipe_file("/bucket/exports/notes.txt", b"mine")
    memory.rm_file("/bucket/exports/order-2/run-2.json")
    code, printed = check(capsys, "--json", where=bucket)
    assert code == ExitCode.NO
    found = document(printed, "archive-check")
    assert found["location"] == bucket
    assert {file["file"]: file["state"] for file in found["files"]} == {
        "order-0/run-0.json": "ok",
        "order-1/run-1.json": "changed",
        "order-2/run-2.json": "missing",
        "notes.txt": "extra",
    }


def test_the_real_command_reads_a_folder_that_nobody_may_write(exports: Path) -> None:
    for path in [exports, *exports.rglob("*")]:
        path.chmod(0o500 if path.is_dir() else 0o400)
    command = [sys.executable, "-m", "dwctl", "archive", "check", "exports"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for path in [exports, *exports.rglob("*")]:
        path.chmod(0o700)
    assert (done.returncode, done.stderr) == (ExitCode.DONE, "")
    assert "PROVEN" in done.stdout


@pytest.mark.parametrize("how", [Compression.GZIP, Compression.ZSTD])
def test_every_reading_command_understands_compressed_bundles(
    how: Compression, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    from dwctl.transfer.files.compression import compress

    monkeypatch.chdir(tmp_path)
    Path("exports").mkdir()
    for content, name in ((ORDER.read_bytes(), "a"), (export(), "b")):
        Path("exports", f"{name}{how.suffix}").write_bytes(compress(content, how))
    plain, packed = str(ORDER), f"exports/a{how.suffix}"
    for words in (
        ["bundle", "show"], ["bundle", "decode"], ["bundle", "canonical"], ["bundle", "verify", "--json"],
    ):  # fmt: skip
        assert run([*words, plain]) == ExitCode.DONE
        expected = capsys.readouterr().out.replace(plain, packed)
        assert run([*words, packed]) == ExitCode.DONE
        assert capsys.readouterr().out == expected
    assert run(["bundle", "diff", plain, packed]) == ExitCode.DONE
    assert run(["bundle", "repair", packed, "out.json"]) == ExitCode.NO
    assert "the checksum matches" in capsys.readouterr().err
    assert run(["bundle", "verify", "exports"]) == ExitCode.DONE
    assert "2 bundles: 2 ok" in capsys.readouterr().out
    assert run(["history-import", "exports", "--dry-run", "--offline", "--namespace", "production"]) == ExitCode.DONE
    assert run(["bundle", "verify", packed, "--max-bundle-size", "100k"]) == ExitCode.USAGE
    assert "it expands to more than the limit of 102,400 bytes" in capsys.readouterr().out
