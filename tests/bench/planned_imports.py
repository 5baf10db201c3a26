"""dwctl's own imports of the same bundles, planned beforehand: `planned_imports.py URL FOLDER JOBS compare|alone`.

Prints the seconds of the run. With `compare` it is the whole run: a ledger on the disk, and each run compared with its
bundle. With `alone` only the sending: nothing is kept, nothing compared.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from dwctl.bundle.verify import VerifyOptions
from dwctl.server.target import Target
from dwctl.server.transport import Server
from dwctl.settings import Auth
from dwctl.transfer.files.sources import find_bundles
from dwctl.transfer.imports.carrier import HttpCarrier, TargetFacts
from dwctl.transfer.imports.execution import Execution, RunOptions
from dwctl.transfer.imports.importing import ImportOptions
from dwctl.transfer.imports.outcomes import ImportState
from dwctl.transfer.imports.pace import Pace, Turns
from dwctl.transfer.imports.passage import Item, Passage
from dwctl.transfer.imports.way import Way
from dwctl.transfer.lanes import Stop
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.memory import LedgerMemory
from dwctl.transfer.ledger.rows import Planned
from dwctl.transfer.plans.plan import Plan, PlanOptions
from dwctl.transfer.plans.planning import Sources, plan_bundles
from dwctl.transfer.plans.verdicts import JudgeOptions, judge_files


class _Nothing:
    """A ledger that keeps nothing."""

    def plan(self, rows: Iterable[Any]) -> Planned:
        return Planned()

    def rows(self, **conditions: Any) -> Iterator[Any]:
        return iter(())

    def unread(self) -> tuple[Any, ...]:
        return ()

    def note_files(self, unread: Iterable[Any], read: Iterable[str]) -> None:
        """Nothing is kept."""

    def sending(self, run_id: str, **facts: Any) -> None:
        """Nothing is kept."""

    def settle(self, run_id: str, state: Any, **facts: Any) -> None:
        """Nothing is kept."""


class _Sending(Passage):
    """A passage that ends when a bundle is imported."""

    def send(self, item: Item) -> Item:
        """Send, and leave nothing to compare."""
        return replace(Passage.send(self, item), content=b"")


def plan_of(folder: Path, url: str) -> Plan:
    """What is to be sent."""
    options = PlanOptions("default")
    judged = list(judge_files(find_bundles([str(folder)]), JudgeOptions(VerifyOptions())))
    bundles = plan_bundles(judged, options, Sources())
    return Plan("2026-11-23T00:00:00Z", "bench", url, "0.2.9", "bench", options, bundles)


def main(url: str, folder: Path, jobs: int, *, compare: bool) -> None:
    """Carry the plan out, and print the seconds."""
    plan, turns = plan_of(folder, url), Turns()
    with Server(Target(url, auth=Auth.NONE), on_attempt=turns.saw) as server:
        carrier = HttpCarrier(server, TargetFacts(2 << 20, None))
        carrier.way()
        ledger = _ledger(folder, url) if compare else cast(Ledger, _Nothing())
        passage = (Passage if compare else _Sending)(
            {Way.BYTE_EXACT: carrier}, ledger, LedgerMemory(), ImportOptions("default", "bench"),
            Pace(jobs), turns, lambda: datetime.now(UTC),
        )  # fmt: skip
        begun = time.perf_counter()
        results = list(Execution(plan, passage, RunOptions(jobs), Stop()))
        seconds = time.perf_counter() - begun
        assert all(one.state is ImportState.IMPORTED for one in results), results[0].state
        assert not compare or all(one.proven for one in results), results[0].state
        if compare:
            ledger.close()
    print(seconds)


def _ledger(folder: Path, url: str) -> Ledger:
    path = folder.with_name(f"{folder.name}-{time.time_ns()}.db")
    return Ledger.open(path, server=url, namespace="default", who="bench", clock=lambda: datetime.now(UTC))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), compare=sys.argv[4] == "compare")
