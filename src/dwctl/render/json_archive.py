"""A check of an archive as JSON (schemas/archive-check.schema.json)."""

from __future__ import annotations

from typing import Any

from dwctl.transfer.storage.archive_check import ArchiveReport, FileResult

SCHEMA = "dwctl.archive-check"


def archive_document(report: ArchiveReport) -> dict[str, Any]:
    """The document of `archive check --json`."""
    return {
        "schema": SCHEMA,
        "schema_version": 1,
        "location": report.location,
        "deep": report.deep,
        "files": [file_item(file) for file in report.files],
        "manifest": {
            "replaced_lines": report.replaced,
            "damaged_lines": [{"line": line.number, "problem": line.problem} for line in report.damaged],
        },
        "writer": report.writer,
        "summary": {
            "total": len(report.files),
            **{state.value: count for state, count in report.counts.items()},
            "bytes": report.bytes,
            "proven": report.proven,
            "exit_code": int(report.exit_code),
        },
    }


def file_item(file: FileResult) -> dict[str, Any]:
    """One file: what was found, beside what the manifest says."""
    entry = file.entry
    return {
        "file": file.file,
        "state": file.state.value,
        "problem": file.problem,
        "bytes": file.size,
        "sha256": file.sha256,
        "instance_id": None if entry is None else entry.instance_id,
        "run_id": None if entry is None else entry.run_id,
        "recorded": None if entry is None else {"bytes": entry.bytes, "sha256": entry.sha256},
    }
