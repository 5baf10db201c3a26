"""Planning in a process of its own: `planned_files.py FOLDER verify|plan|settle|remember [LEDGER URL]`.

`verify` and `plan` print the seconds that verifying the files takes, and the offline part of a plan. `settle` makes
a ledger in which every bundle is imported and compared. `remember` takes up a ledger of 100,000 such rows.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from dwctl.bundle.verify import VerifyOptions
from dwctl.transfer.files.marks import mark_of
from dwctl.transfer.files.sources import find_bundles
from dwctl.transfer.files.verification import verify_files
from dwctl.transfer.imports.execution import Execution, RunOptions
from dwctl.transfer.imports.outcomes import ImportTally
from dwctl.transfer.imports.passage import Passage
from dwctl.transfer.lanes import Stop
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.memory import LedgerMemory, rows_of
from dwctl.transfer.ledger.rows import LedgerRow
from dwctl.transfer.plans.plan import Plan, PlanOptions
from dwctl.transfer.plans.planning import Sources, plan_bundles
from dwctl.transfer.plans.verdicts import JudgeOptions, judge_files, judge_unsettled

from .ledger import carry_out

LAKH = 100_000
OPTIONS = PlanOptions("default")


def verified(folder: Path) -> float:
    """Seconds of `bundle verify`, without its output; with every core, as it would take them."""
    begun = time.perf_counter()
    assert all(one.verdict is not None for one in verify_files(find_bundles([str(folder)]), VerifyOptions()))
    return time.perf_counter() - begun


def planned(folder: Path) -> float:
    """Seconds of the offline part of a plan."""
    begun = time.perf_counter()
    judged = list(judge_files(find_bundles([str(folder)]), JudgeOptions(VerifyOptions(), now_ns=time.time_ns())))
    assert all(one.verdict is not None for one in plan_bundles(judged, OPTIONS, Sources()))
    return time.perf_counter() - begun


def opened(path: Path, url: str) -> Ledger:
    """A ledger of the namespace `default`."""
    return Ledger.open(path, server=url, namespace="default", who="bench", clock=lambda: datetime.now(UTC))


def settle(folder: Path, path: Path, url: str) -> None:
    """Take the files up in a ledger as if every one had been imported and compared."""
    time.sleep(max(0.0, folder.stat().st_mtime + 3 - time.time()))  # files touched just now would get no mark
    judged = list(judge_files(find_bundles([str(folder)]), JudgeOptions(VerifyOptions(), now_ns=time.time_ns())))
    bundles = plan_bundles(judged, OPTIONS, Sources())
    with opened(path, url) as ledger:
        _settle(ledger, list(rows_of(Plan("", "", url, None, None, OPTIONS, bundles))))


def _settle(ledger: Ledger, rows: list[LedgerRow]) -> None:
    assert all(row.file_mark for row in rows)
    ledger.plan(rows)
    carry_out(ledger, [row.run_id for row in rows], compared=True)


def remembered(folder: Path) -> None:
    """Take a ledger of 100,000 rows up again, plan, and tell of every bundle. The ledger is made by a child."""
    path = folder.with_suffix(".db")
    child = os.fork()
    if child == 0:
        _hundred_thousand(folder, path)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    options = JudgeOptions(VerifyOptions(), now_ns=time.time_ns())
    with opened(path, "http://bench") as ledger:
        memory = LedgerMemory(ledger.rows())
        judged = list(judge_unsettled(find_bundles([str(folder)]), options, memory.settled))
        assert all(one.settled is not None for one in judged)
        bundles = plan_bundles(judged, OPTIONS, Sources(known=memory.known))
        passage = Passage({}, ledger, memory, cast(Any, None), cast(Any, None), cast(Any, None), datetime.now)
        plan = Plan("", "", "http://bench", None, None, OPTIONS, bundles)
        tally = ImportTally()
        assert sum(1 for _ in tally.counting(Execution(plan, passage, RunOptions(), Stop()))) == LAKH


def _hundred_thousand(folder: Path, path: Path) -> None:
    """Files and rows; what the files hold does not matter, since they are not read."""
    folder.mkdir()
    for number in range(LAKH):
        (folder / f"run-{number:06}.json").write_bytes(b"{}")
    time.sleep(3)
    now = time.time_ns()
    with opened(path, "http://bench") as ledger:
        ledger.plan(_row(f"{folder}/run-{number:06}.json", number, now) for number in range(LAKH))
    # Not by way of the log, which would take minutes: here only the reading is measured.
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE runs SET state = 'imported', import_id = 'bench', compared_at = at")


def _row(file: str, number: int, now: int) -> LedgerRow:
    run = f"01RUN{number:021d}"
    return LedgerRow(
        run_id=run, instance_id=f"order-{number}", run_number=1, workflow_type="orders.process", task_queue="orders",
        status="waiting", dedupe_key=f"{run}:12:2026-01-01T00:00:00.000000Z", file=file, file_sha256="a" * 64,
        sent_sha256="a" * 64, checksum="b" * 64, bytes=60_000, verdict="ok", file_mark=mark_of(file, now_ns=now),
    )  # fmt: skip


def main(words: list[str]) -> None:
    """See the module."""
    folder = Path(words[0])
    if words[1] == "settle":
        settle(folder, Path(words[2]), words[3])
    elif words[1] == "remember":
        remembered(folder)
    else:
        print(verified(folder) if words[1] == "verify" else planned(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
