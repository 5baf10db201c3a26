"""What is asked of rows in more than one place, as conditions of a statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dwctl.bundle import vocabulary

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from dwctl.embedded.snapshot import Snapshot


def is_open(snapshot: Snapshot) -> ColumnElement[bool]:
    """Whether a run is not finished; an unknown status counts as open."""
    return snapshot.table("workflow_runs").c.status.not_in(sorted(vocabulary.TERMINAL_STATUSES))


def begun(snapshot: Snapshot) -> ColumnElement[Any]:
    """When a run began: its start, or its creation where it has no start. Raises where neither can be read."""
    from sqlalchemy import func

    runs = snapshot.table("workflow_runs")
    there = [name for name in ("started_at", "created_at") if snapshot.has("workflow_runs", name)]
    columns = [runs.c[name] for name in there or ("started_at",)]
    return func.coalesce(*columns) if len(columns) > 1 else columns[0]


def has_no_begin(snapshot: Snapshot) -> ColumnElement[bool]:
    """Whether nothing says when a run began: such a one may be new. Raises as `begun` does."""
    return begun(snapshot).is_(None)


def is_foreign(codec: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a codec column names another codec than Avro; null and the empty text name none."""
    return codec.not_in(["", vocabulary.CODEC])


def looks_like_class(type_key: ColumnElement[Any], class_name: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a type key is a PHP class name: it holds a backslash, or is the class."""
    from sqlalchemy import or_

    return or_(type_key.contains("\\", autoescape=True), type_key == class_name)
