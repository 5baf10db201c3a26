"""A ledger as lines for other programs: CSV with a heading, or a JSON line a run."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from dwctl.transfer.files.private import file_exists, private_file
from dwctl.transfer.ledger.rows import LedgerRow


class ExportFormat(StrEnum):
    """How rows are written."""

    CSV = "csv"
    JSONL = "jsonl"


FIELDS: Final = tuple(field.name for field in fields(LedgerRow))
"""The facts of a row in the order in which they are shown: the columns of the CSV."""


def row_item(row: LedgerRow) -> dict[str, Any]:
    """A row as JSON (schemas/ledger-list.schema.json, `run`)."""
    item = {name: getattr(row, name) for name in FIELDS}
    item["state"] = row.state.value
    for name in ("rules", "removed_links", "differences"):
        item[name] = list(item[name])
    return item


def lines(rows: Iterable[LedgerRow], how: ExportFormat) -> Iterator[str]:
    """The lines of an export, each with its end. In CSV, structured facts are JSON texts."""
    if how is ExportFormat.JSONL:
        for row in rows:
            yield json.dumps(row_item(row), ensure_ascii=True, separators=(",", ":")) + "\n"
        return
    yield _csv_line(FIELDS)
    for row in rows:
        yield _csv_line([_cell(value) for value in row_item(row).values()])


def _cell(value: Any) -> str:
    if value is None or value == []:
        return ""
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    text = str(value)
    # Names that are no UTF-8 cannot be written as they are, and a spreadsheet would run a formula.
    text = text.encode("utf-8", "backslashreplace").decode()
    return f"'{text}" if text[:1] in _FORMULA else text


_FORMULA: Final = frozenset("=+-@\t\r")


def _csv_line(cells: Iterable[str]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow(cells)
    return stream.getvalue()


def write_export(name: str, content: Iterable[str], *, replace: bool) -> int:
    """Write lines to a file (0600), whole or not at all; returns how many there were.

    Raises `RequestNotPossible` if the file is there and `replace` is not set, or if it cannot be written.
    """
    if not replace and Path(name).exists():
        raise file_exists(name)  # before the ledger is read for nothing
    count = 0
    with private_file(name, replace=replace) as file:
        for line in content:
            file.write(line.encode("utf-8"))
            count += 1
    return count
