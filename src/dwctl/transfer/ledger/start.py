"""How a ledger begins, and what is looked at before anything is added to one: its target, and the end of its log."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from dwctl.errors import LocalStateError, UnreadableInput
from dwctl.transfer.ledger.changes import Pen
from dwctl.transfer.ledger.log import EventKind, Head
from dwctl.transfer.ledger.rows import LedgerTarget
from dwctl.transfer.ledger.schema import connect_reader, no_ledger
from dwctl.transfer.ledger.view import LedgerView


def same_target(server: str | None, namespace: str | None) -> tuple[str, str] | None:
    """Server and namespace as ledgers compare them; None where neither is named."""
    if server is None or namespace is None:
        return None
    parts = urlsplit(server.rstrip("/"))
    return parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower()).geturl(), namespace.lower()


def target_of(path: Path) -> LedgerTarget | None:
    """What the ledger in this place belongs to, whatever its version; None where none was begun."""
    try:
        connection = connect_reader(path, older=True)
    except UnreadableInput:
        return None
    with LedgerView(connection, path) as view:
        return view.target


def check_target(found: LedgerTarget, wanted: tuple[str, str] | None, path: Path) -> None:
    """Raise `LocalStateError` if a ledger is of another server or namespace, and say of which."""
    if wanted is None or (found.server, found.namespace) == wanted:
        return
    what = "server" if found.server != wanted[0] else "namespace"
    raise LocalStateError(
        f"the ledger belongs to another {what}: to namespace {found.namespace} of {found.server} "
        f"(asked for: namespace {wanted[1]} of {wanted[0]})",
        where=str(path), next_step="Name the server and namespace that it belongs to, or another file with --ledger.",
        reason="ledger_of_another_target",
    )  # fmt: skip


def first_import_id(moment: datetime) -> str:
    """A new import id, where the person gave none. A clock before 1970, which no id can show, counts as 1970."""
    from ulid import ULID

    return f"dwctl-{ULID.from_datetime(max(moment, _EPOCH))}".lower()


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def begin(target: LedgerTarget | None, path: Path, connection: sqlite3.Connection) -> None:
    """Fill the tables of a new ledger, in the transaction that made them."""
    if target is None:
        raise no_ledger(path)
    connection.execute(
        "INSERT INTO ledger (one, server, namespace, import_id, ledger_id, created_at, head_seq, head_hash) "
        "VALUES (1, ?, ?, ?, ?, ?, 0, '')",
        (target.server, target.namespace, target.import_id, target.ledger_id, target.created_at),
    )
    pen = Pen(connection, Head(0, ""), None, target.created_at, target.import_id)
    pen.log(EventKind.CREATED, None, target_facts(target))
    pen.note_head()


def target_facts(target: LedgerTarget) -> dict[str, str]:
    """What the first event of the log says of the target."""
    return {
        "server": target.server, "namespace": target.namespace, "import_id": target.import_id,
        "ledger_id": target.ledger_id,
    }  # fmt: skip


def end_of_log(connection: sqlite3.Connection, path: Path) -> Head:
    """The end of the log. Raises `LocalStateError` if it is not the one that was noted with the last commit."""
    noted = connection.execute("SELECT head_seq, head_hash FROM ledger").fetchone()
    found = connection.execute("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1").fetchone()
    if noted is None or found != noted:
        raise LocalStateError(
            "the end of the ledger's log is missing or was edited", where=str(path),
            next_step="Look at it with 'dwctl ledger audit'; put back a copy, or start a new ledger.",
            reason="ledger_log_broken",
        )  # fmt: skip
    return Head(*found)
