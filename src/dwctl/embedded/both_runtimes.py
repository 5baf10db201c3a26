"""What the embedded application knows of workflows that the server has too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from dwctl.embedded.check_queries import or_null

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from dwctl.embedded.snapshot import Snapshot

_TOGETHER = 500
"""Ids, or business keys, that one query asks for."""


class EmbeddedTwin(NamedTuple):
    """A run of the embedded application; `begun_at` is UTC."""

    run_id: str
    instance_id: str
    business_key: str | None
    status: str
    begun_at: str | None


def runs_of_instances(snapshot: Snapshot, instance_ids: Iterable[str]) -> Iterator[EmbeddedTwin]:
    """The embedded runs of these instances."""
    yield from _runs(snapshot, "workflow_instance_id", instance_ids)


def runs_of_business_keys(snapshot: Snapshot, keys: Iterable[str]) -> Iterator[EmbeddedTwin]:
    """The embedded runs with these business keys; none where this version of the library keeps no keys."""
    if snapshot.has("workflow_runs", "business_key"):
        yield from _runs(snapshot, "business_key", keys)


def _runs(snapshot: Snapshot, column: str, values: Iterable[str]) -> Iterator[EmbeddedTwin]:
    from sqlalchemy import func, select

    runs = snapshot.table("workflow_runs")
    started, created = (or_null(snapshot, "workflow_runs", name) for name in ("started_at", "created_at"))
    key = or_null(snapshot, "workflow_runs", "business_key")
    wanted = [runs.c.id, runs.c.workflow_instance_id, key, runs.c.status, func.coalesce(started, created)]
    there: ColumnElement[str] = runs.c[column]
    left = iter(values)
    while some := _some(left):
        for run_id, instance, business_key, status, begun in snapshot.all(
            select(*wanted).where(there.in_(some)).order_by(runs.c.id)
        ):
            yield EmbeddedTwin(run_id, instance, business_key, status, snapshot.instant(begun))


def _some(values: Iterator[str]) -> Sequence[str]:
    return list(islice(values, _TOGETHER))
