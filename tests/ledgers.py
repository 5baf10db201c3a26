"""Ledgers for tests: a clock that ticks, rows, and a ledger opened with them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.rows import LedgerRow

SERVER, NAMESPACE = "https://dw.example.com", "production"
START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def ticking(start: datetime = START, step: float = 0.001) -> Callable[[], datetime]:
    """A clock that shows a millisecond more every time."""
    moments: Iterator[datetime] = (start + timedelta(seconds=step * count) for count in range(10**9))
    return lambda: next(moments)


def opened(path: Path, **changes: Any) -> Ledger:
    """A ledger to write to."""
    given: dict[str, Any] = {
        "server": SERVER, "namespace": NAMESPACE, "import_id": "orders-1", "who": "ana", "clock": ticking(),
        "command": "history-import",
    }  # fmt: skip
    return Ledger.open(path, **(given | changes))


def run_id(number: int) -> str:
    """The id of a run."""
    return f"01RUN{number:08d}"


def row(number: int, **changes: Any) -> LedgerRow:
    """A planned bundle."""
    given: dict[str, Any] = {
        "run_id": run_id(number), "instance_id": f"order-{number}", "run_number": 1, "workflow_type": "orders.process",
        "task_queue": "orders", "status": "waiting", "dedupe_key": f"{run_id(number)}:12:2026-01-01T00:00:00.000000Z",
        "file": f"exports/order-{number}.json", "file_sha256": "a" * 64, "checksum": "b" * 64, "bytes": 60_000,
        "verdict": "ok",
    }  # fmt: skip
    return LedgerRow(**(given | changes))


def rows(count: int) -> list[LedgerRow]:
    """The first planned bundles."""
    return [row(number) for number in range(count)]


def edit(path: Path, statement: str, *parameters: object) -> int:
    """Change the file behind the ledger's back; returns how many rows were changed."""
    with sqlite3.connect(path) as connection:
        count = connection.execute(statement, parameters).rowcount
    connection.close()
    return count
