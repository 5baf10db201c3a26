"""Which runs of the inventory are wanted: conditions on rows, and what can only be asked of a foreseen run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from dwctl.bundle import vocabulary
from dwctl.embedded.instants import bound, parsed
from dwctl.embedded.row_conditions import begun
from dwctl.errors import RequestNotPossible

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Table

    from dwctl.embedded.inventory_runs import InventoryRun
    from dwctl.embedded.snapshot import Snapshot

OPEN, CLOSED = "open", "closed"
"""Words of `--status` for every status that is not final, and for every one that is."""

NO_QUEUE = ""
"""The word of `--queue` for runs without a queue."""


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Every condition must hold; of the values of one condition, one. Ages are seconds before the snapshot.

    `eligible` and `quiesce` are None where either answer will do.
    """

    statuses: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    compatibilities: tuple[str, ...] = ()
    older_than: float | None = None
    newer_than: float | None = None
    idle_for: float | None = None
    eligible: bool | None = None
    quiesce: bool | None = None

    @property
    def looks_at_rows(self) -> bool:
        """Whether the database leaves runs out, so that the runs of a page do not lie side by side."""
        ages = (self.older_than, self.newer_than, self.idle_for)
        return bool(
            self.statuses or self.types or self.queues or self.instances or self.runs or self.compatibilities
            or any(age is not None for age in ages)
        )  # fmt: skip

    @property
    def looks_at_foresight(self) -> bool:
        """Whether a run must be judged before it is known to be wanted: grouped SQL cannot answer that."""
        return self.eligible is not None or self.quiesce is not None

    @property
    def takes_v1(self) -> bool:
        """Whether the open workflows of v1 belong to the answer: they have no queue, and cannot be exported."""
        return not self.looks_at_rows and self.eligible is not True and self.quiesce is not True

    def wants(self, run: InventoryRun) -> bool:
        """The part of the filter that rows alone do not answer."""
        if self.eligible is not None and run.eligible is not self.eligible:
            return False
        return self.quiesce is None or run.must_be_quiesced is self.quiesce


def conditions(wanted: RunFilter, snapshot: Snapshot, runs: Table) -> list[ColumnElement[bool]]:
    """The part of the filter that the database answers. Raises RequestNotPossible where a column is missing."""
    found: list[ColumnElement[bool]] = []
    for column, values in (
        ("workflow_type", wanted.types),
        ("queue", wanted.queues),
        ("workflow_instance_id", wanted.instances),
        ("id", wanted.runs),
        ("compatibility", wanted.compatibilities),
    ):
        if values:
            found.append(_one_of(snapshot, runs, column, values))
    if wanted.statuses:
        found.append(_statuses(_column(snapshot, runs, "status"), wanted.statuses))
    return [*found, *_ages(wanted, snapshot, runs)]


def _one_of(snapshot: Snapshot, runs: Table, column: str, values: tuple[str, ...]) -> ColumnElement[bool]:
    from sqlalchemy import or_

    there = _column(snapshot, runs, column)
    named = there.in_([value for value in values if value])
    return or_(named, there.is_(None), there == "") if NO_QUEUE in values else named


def _statuses(status: ColumnElement[str], wanted: tuple[str, ...]) -> ColumnElement[bool]:
    from sqlalchemy import or_

    final = sorted(vocabulary.TERMINAL_STATUSES)
    said = [status == word for word in wanted if word not in (OPEN, CLOSED)]
    if OPEN in wanted:
        said.append(status.not_in(final))
    if CLOSED in wanted:
        said.append(status.in_(final))
    return or_(*said)


def _ages(wanted: RunFilter, snapshot: Snapshot, runs: Table) -> list[ColumnElement[bool]]:
    from sqlalchemy import func

    now = parsed(snapshot.as_of)
    found: list[ColumnElement[bool]] = []
    if wanted.older_than is not None or wanted.newer_than is not None:
        if not snapshot.has("workflow_runs", "started_at"):
            _column(snapshot, runs, "created_at")
        start = begun(snapshot)
        if wanted.older_than is not None:
            found.append(start < bound(snapshot, now - timedelta(seconds=wanted.older_than)))
        if wanted.newer_than is not None:
            found.append(start >= bound(snapshot, now - timedelta(seconds=wanted.newer_than)))
    if wanted.idle_for is not None:
        progress = func.coalesce(_column(snapshot, runs, "last_progress_at"), _column(snapshot, runs, "updated_at"))
        found.append(progress < bound(snapshot, now - timedelta(seconds=wanted.idle_for)))
    return found


def _column(snapshot: Snapshot, runs: Table, name: str) -> ColumnElement[str]:
    if not snapshot.has("workflow_runs", name):
        raise RequestNotPossible(
            f"this database cannot answer the filter: its table workflow_runs has no column {name} that may be read",
            next_step="Leave the filter out, or look at the gaps that dwctl embedded inventory names.",
            reason="database_column_missing",
        )
    return runs.c[name]
