"""Exports under test: an embedded application that the stand-in serves, a rehearsal server, and what they left."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from embedded_doubles import standin_words
from output_schemas import document
from server_cli import command

Capture = pytest.CaptureFixture[str]


def cutover(bundles: Path, *, both: bool = True, pause: Any = None, resume: Any = None, **options: Any) -> None:
    """`cutover.toml` of the current folder, whose embedded application is the stand-in; `timeout` is the setting's."""
    timeout = options.pop("timeout", "20s")
    rows = {"artisan": standin_words("artisan", bundles, **options), "timeout": timeout}
    if both:
        rows |= {"php": standin_words("php", bundles, **options), "path": "/app"}
    rows |= {name: words for name, words in (("pause", pause), ("resume", resume)) if words}
    text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in rows.items())
    Path("cutover.toml").write_text(f"[embedded]\n{text}")


def export(capsys: Capture, *arguments: object) -> tuple[int, dict[str, Any]]:
    """Exit code and document of one export, held against its schema."""
    code, out, _ = command(capsys, "history-export", *map(str, arguments), "--json")
    found = document(out, "export")
    assert found["summary"]["exit_code"] == code
    return code, found


def error(capsys: Capture, *arguments: object) -> tuple[int, dict[str, Any]]:
    """Exit code and the error document of an export that was not begun, or that ended with one."""
    code, out, _ = command(capsys, "history-export", *map(str, arguments), "--json")
    found = document(out, "error")
    assert found["exit_code"] == code
    return code, found


def manifest(folder: Path) -> dict[str, dict[str, Any]]:
    """The latest line of each run."""
    text = (folder / "manifest.jsonl").read_text()
    lines = [json.loads(line) for line in text.split("\n") if line]
    return {line["run_id"]: line for line in lines}


def bundles_in(folder: Path) -> dict[str, bytes]:
    """Every file that is a bundle, expanded, by its name; anything else that does not belong fails."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or name in {"manifest.jsonl", "export-log.jsonl", ".dwctl-lock"}:
            continue
        assert re.search(r"\.json(\.gz)?$", name), f"{name} does not belong here"
        content = path.read_bytes()
        found[name] = gzip.decompress(content) if name.endswith(".gz") else content
    return found


def agree(folder: Path) -> dict[str, dict[str, Any]]:
    """Hold a folder against its manifest: every file has its line and every line its file, byte for byte."""
    entries = manifest(folder)
    assert set(bundles_in(folder)) == {entry["file"] for entry in entries.values()}
    for entry in entries.values():
        stored = (folder / entry["file"]).read_bytes()
        assert (len(stored), hashlib.sha256(stored).hexdigest()) == (entry["bytes"], entry["sha256"])
    return entries


def log_lines(folder: Path) -> list[tuple[str, str]]:
    """The calls of hooks that are on record, each line held against its schema."""
    lines = [document(line, "export-log-line") for line in (folder / "export-log.jsonl").read_text().splitlines()]
    return [(line["hook"], line["outcome"]) for line in lines]
