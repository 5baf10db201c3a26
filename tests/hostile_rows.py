"""Rows as an application may well have them, and the recorded one has not: every engine must answer the same of them.

Two spellings of a type, of a queue, of a marker and of a key that differ by case alone; and a table that is a view.
"""

# ruff: noqa: S608
from __future__ import annotations

from embedded_databases import TestDatabase

TYPES = ("zz.shipping", "ZZ.Shipping")
QUEUES = ("shipping", "Shipping")
MARKERS = ("b7", "B7")
KEYS = ("order-7", "ORDER-7")
CLASS = "LegacyReport"
"""Of runs whose type key is the same word in small letters: a type key of its own, and no class name."""
VIEW = "workflow_tasks"

_LEASED = "SELECT workflow_run_id FROM workflow_tasks WHERE status = 'leased'"
_SPELT = (f"workflow_type = 'orders.approval' AND id NOT IN ({_LEASED})", f"id IN ({_LEASED})")


def make_hostile(database: TestDatabase) -> None:
    """Spell the runs with a leased task in the second way and others in the first; put a view before the tasks."""
    for where, type_key, queue, marker, key in zip(_SPELT, TYPES, QUEUES, MARKERS, KEYS, strict=True):
        database.run(
            f"UPDATE workflow_runs SET workflow_type = '{type_key}', queue = '{queue}', status = 'waiting', "
            f"compatibility = '{marker}', business_key = '{key}' WHERE {where}"
        )
    database.run(
        f"UPDATE workflow_runs SET workflow_type = '{CLASS.lower()}', workflow_class = '{CLASS}' "
        "WHERE workflow_type = 'orders.process'",
        f"ALTER TABLE {VIEW} RENAME TO kept_{VIEW}",
        f"CREATE VIEW {VIEW} AS SELECT * FROM kept_{VIEW}",
    )
