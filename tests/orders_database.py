"""The database of the application that the bundles of examples/orders came from, as SQL: its schema and their rows.

    python tests/orders_database.py > examples/orders/embedded.sql

The schema is that of the recorded application; rows are what the bundles say of their runs, without payloads: of
the first event of each run the moment of its start is kept, which tells the application's clock.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rows_of_bundles import change, empty_database, insert, put_bundle
from sample_bundles import ROOT

ORDERS = ROOT / "examples" / "orders"
HEADING = (
    "-- The database of the application that the bundles of this folder came from: written by tests/orders_database.py."
)


def orders_database(folder: Path) -> Path:
    """Make the database in a folder; the newest run of a chain first, since older bundles only tell its id."""
    path = empty_database(folder)
    documents = [bundle.read_bytes() for bundle in sorted((ORDERS / "bundles").glob("*.json"), reverse=True)]
    for document in documents:
        put_bundle(path, document)
    links = {
        link["id"]: link for document in documents for some in ("parents", "children")
        for link in json.loads(document)["links"].get(some) or ()
    }  # fmt: skip
    for link in links.values():
        insert(path, "workflow_links", **{**link, "link_type": link["type"], "created_at": None})
    change(
        path,
        "UPDATE workflow_instances SET created_at ="
        " (SELECT min(created_at) FROM workflow_runs WHERE workflow_instance_id = workflow_instances.id)",
    )
    return path


def orders_sql() -> str:
    """The same as text, a row a line."""
    with TemporaryDirectory() as folder:
        database = sqlite3.connect(orders_database(Path(folder)))
        lines = [line for line in database.iterdump() if "sqlite_sequence" not in line]
        database.close()
    return "\n".join([HEADING, *lines, ""])


if __name__ == "__main__":
    sys.stdout.write(orders_sql())
