"""A bar on the terminal never takes the data that goes to a file."""

from __future__ import annotations

import os
import pty
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from embedded_doubles import write_small_bundles
from export_doubles import cutover
from output_schemas import document, lines
from rows_of_bundles import empty_database

MANY = 250
"""More than what is worth a bar."""


def test_lines_reach_the_file_while_a_bar_is_on_the_terminal(tmp_path: Path) -> None:
    path = empty_database(tmp_path)
    database = sqlite3.connect(path)
    with database:
        database.executemany(
            "INSERT INTO workflow_runs (id, workflow_instance_id, run_number, workflow_class, workflow_type, status) "
            "VALUES (?, ?, 1, 'App', 't', 'waiting')",
            [(f"run-{number:03}", f"order-{number:03}") for number in range(MANY)],
        )
    database.close()
    words = ["embedded", "inventory", "--database-url", f"sqlite:///{path}", "--output", "jsonl"]
    said = _shown_on_a_terminal(words, tmp_path / "out.jsonl")
    found = lines((tmp_path / "out.jsonl").read_text(), "embedded-inventory", "line")
    assert [item["run_id"] for item in found] == [f"run-{number:03}" for number in range(MANY)]
    assert b"reading runs" in said
    assert b'"run_id"' not in said


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_every_run_of_an_export_reaches_the_file_while_a_bar_is_on_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_small_bundles(tmp_path / "application", 5)
    cutover(tmp_path / "application")
    ids = [f"order-{number}" for number in range(1, 6)]
    words = ["history-export", *ids, "--source", "embedded", "--output-dir", "exports", "--output", form]
    said = _shown_on_a_terminal(words, tmp_path / "out")
    text = (tmp_path / "out").read_text()
    found = lines(text, "export", "run") if form == "jsonl" else document(text, "export")["runs"]
    assert [item["instance_id"] for item in found] == ids
    assert b"exporting" in said
    assert b'"run_id"' not in said


def _shown_on_a_terminal(words: list[str], into: Path) -> bytes:
    """Run dwctl with stderr on a terminal and stdout in a file; what the terminal got."""
    terminal, slave = pty.openpty()
    shown: list[bytes] = []
    reader = threading.Thread(target=_read_all, args=(terminal, shown))
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    with into.open("wb") as out, subprocess.Popen(
        [sys.executable, "-m", "dwctl", *words], stdout=out, stderr=slave, stdin=subprocess.DEVNULL, cwd=into.parent,
        env=environment,
    ) as process:  # fmt: skip
        reader.start()
        os.close(slave)
        assert process.wait(timeout=120) == 0
    reader.join()
    os.close(terminal)
    return b"".join(shown)


def _read_all(terminal: int, shown: list[bytes]) -> None:
    try:
        while piece := os.read(terminal, 65536):
            shown.append(piece)
    except OSError:  # the other end has closed: Linux says so with EIO
        return
