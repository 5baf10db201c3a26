"""Worlds for the checks of exports and archives: real files, and facts that a test makes up."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from dwctl.bundle.verify import Outcome
from dwctl.checklist.description.described import Described
from dwctl.checklist.facts.archives import ArchiveReading, Hashed, archive_facts
from dwctl.checklist.facts.bundles import Reading, bundle_facts
from dwctl.checklist.facts.facts import (
    ApplicationRuns,
    ArchiveFact,
    BundleFact,
    BundleSet,
    DriftFacts,
    LedgerFact,
    LedgerFacts,
    Recorded,
)
from dwctl.checklist.facts.verified import VerifiedFiles
from dwctl.checklist.facts.world import Fact, Missing, World
from dwctl.checklist.gate.check import Need
from dwctl.embedded.open_runs import OpenRun
from unasked_worlds import world_of

T = TypeVar("T")

NOW: Final = "2026-11-23T20:00:00.000000Z"
LATER_NS: Final = 3600 * 1_000_000_000
"""How long after this moment a look is taken: files that were touched just now get no mark."""


@dataclass
class Looks:
    """Looks at the same files, one after the other, with one record; `told` is what a person was told."""

    folder: Path
    told: list[str] = field(default_factory=list)

    @property
    def record(self) -> Path:
        """The record of the bundles."""
        return self.folder / "verified-bundles.jsonl"

    def bundles(self, *places: Path | str, rehash: bool = False, later_ns: int = LATER_NS) -> BundleSet:
        """What a look finds in the bundles."""
        record = VerifiedFiles(self.record, BundleFact, "bundles", self.told.append)
        now_ns = time.time_ns() + later_ns
        return bundle_facts([str(place) for place in places], Reading(record, NOW, now_ns, rehash, jobs=1))

    def archive(self, place: Path | str, *, rehash: bool = False, deep: bool = False) -> ArchiveFact:
        """What a look finds in an archive."""
        record = VerifiedFiles(self.folder / "verified-archives.jsonl", Hashed, "archives", self.told.append)
        reading = ArchiveReading(record, time.time_ns() + LATER_NS, rehash, deep)
        (fact,) = archive_facts([str(place)], reading)
        return fact


def bundle(number: int, **changes: Any) -> BundleFact:
    """The fact of a sound bundle with a manifest beside it."""
    facts: dict[str, Any] = {
        "run_id": f"run-{number}", "instance_id": f"order-{number}", "status": "waiting", "outcome": Outcome.OK,
        "dedupe_key": f"run-{number}:2:", "recorded": Recorded.SAME, "exported_at": NOW,
    }  # fmt: skip
    return BundleFact(f"/exports/order-{number}/run-{number}.json", "0" * 64, 100, NOW, **{**facts, **changes})


def row(number: int, state: str = "imported", **changes: Any) -> LedgerFact:
    """A row of the ledger."""
    facts: dict[str, Any] = {
        "workflow_type": "orders", "task_queue": "orders", "status": "completed", "import_id": "cutover-1",
        "compared_at": NOW, "differs_at": None, "drift": None, "drift_at": None, "archived_at": None,
    }  # fmt: skip
    return LedgerFact(f"run-{number}", f"order-{number}", state=state, **{**facts, **changes})


def ledger(*rows: LedgerFact) -> LedgerFacts:
    """A sound ledger of these rows."""
    return LedgerFacts("ledger.db", "http://localhost", "default", "cutover-1", rows, "a" * 64, True)


def application(*closed: str, is_open: tuple[OpenRun, ...] = ()) -> ApplicationRuns:
    """What the embedded database says has ended, and what is open."""
    return ApplicationRuns("database sqlite:///app.db", NOW, frozenset(closed), is_open)


def open_run(number: int, workflow_type: str | None = "orders.process", queue: str = "orders") -> OpenRun:
    """An open run of the application; that of the bundle of this number."""
    return OpenRun(f"run-{number}", f"order-{number}", workflow_type, queue)


def fact(value: T) -> Fact[T]:
    """A fact that is known."""
    return Fact(lambda: value)


def world(*bundles: BundleFact, missing: Mapping[Need, Missing] | None = None, **given: Any) -> World:
    """A world of these bundles and of the facts that are given; every other fact fails the test that asks for it.

    Without a ledger, the need of one is missing.
    """
    facts: dict[str, Fact[Any]] = {name: fact(value) for name, value in given.items() if name not in _PLAIN}
    facts.setdefault("bundles", fact(BundleSet(bundles, 0)))
    missing = dict(missing or {})
    if "ledger" not in given:
        missing.setdefault(Need.LEDGER, Missing("there is no ledger"))
    described = given.get("described") or Described(
        None, "orders", bundles=("/exports",), archives=("/archive",), ledger=Path("/nowhere/ledger.db")
    )
    namespace, deep = given.get("namespace", "default"), given.get("deep", False)
    return world_of(described, NOW, missing, facts, namespace=namespace, deep=deep)


_PLAIN: Final = frozenset({"described", "namespace", "deep"})


def drifted(**found: Any) -> DriftFacts:
    """What the embedded side answers."""
    return DriftFacts("database sqlite:///app.db", NOW, **found)
