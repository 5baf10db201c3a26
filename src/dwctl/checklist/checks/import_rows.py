"""What the checks of imported runs share: which rows they look at, a sample of them, and the findings they give."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from dwctl.bundle.vocabulary import TERMINAL_STATUSES
from dwctl.checklist.checks.server_asking import counted
from dwctl.checklist.facts.facts import LedgerFact, LedgerFacts
from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import KEPT_IDS, Evidence, Finding, State
from dwctl.server.results import RunRow
from dwctl.transfer.ledger.rows import THERE

_ONE_IN: Final = 100
_FEWEST: Final = 20
"""Of so few runs each is asked about: that takes no time, and leaves nothing open."""
_AT_ONCE: Final = 8

T = TypeVar("T")


def there(ledger: LedgerFacts) -> tuple[LedgerFact, ...]:
    """The rows whose runs are on the server, as its importer said."""
    return tuple(row for row in ledger.rows if row.state in THERE)


def listed(world: World) -> dict[str, RunRow]:
    """The runs of the namespace by id, as the server lists them."""
    return {row.run_id: row for row in world.runs().rows}


def still_open(rows: Sequence[LedgerFact], on_server: dict[str, RunRow]) -> tuple[LedgerFact, ...]:
    """Those that the server lists, and not as closed."""
    return tuple(row for row in rows if row.run_id in on_server and not is_closed(on_server[row.run_id]))


def is_closed(row: RunRow) -> bool:
    """Whether a listed run has ended."""
    return row.is_terminal if row.is_terminal is not None else row.status in TERMINAL_STATUSES


def sample(rows: Sequence[LedgerFact], world: World) -> tuple[LedgerFact, ...]:
    """About one in a hundred, the same ones every time; all of a few, and all where the world is to be seen deeply."""
    if world.deep or len(rows) <= _FEWEST:
        return tuple(rows)
    by_hash = sorted(rows, key=lambda row: hashlib.sha256(row.run_id.encode("utf-8", "surrogatepass")).digest())
    return tuple(by_hash[: max(_FEWEST, len(rows) // _ONE_IN)])


def asked_at_once(ask: Callable[[LedgerFact], T], rows: Sequence[LedgerFact]) -> list[T]:
    """What each answered, in their order, some asked at a time. Raises what the first failure raised."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(ask, rows))


def found(
    state: State,
    said: str,
    ids: Sequence[str] = (),
    *evidence: Evidence,
    next_step: str | None = None,
    command: str | None = None,
) -> Finding:
    """A finding on runs, with as many ids as are kept."""
    return Finding(state, said, tuple(ids[:KEPT_IDS]), "runs", len(ids), evidence, next_step, command)


def nothing_imported(world: World, ledger: LedgerFacts) -> Finding:
    """The finding where the ledger knows of no run on the server: there is nothing to look at, which is no pass."""
    return found(
        State.UNKNOWN, "the ledger knows of no run that is on the server", (), of_ledger(world, ledger),
        next_step="Import the bundles of this cutover.", command=import_command(world, ledger),
    )  # fmt: skip


def of_ledger(world: World, ledger: LedgerFacts) -> Evidence:
    """What the ledger said."""
    count = len(there(ledger))
    came = f"{counted(len(ledger.rows), 'row')}, {count:,} on the server; head {ledger.head[:12]}"
    return Evidence(f"ledger {ledger.path}", came, world.now())


def of_list(world: World) -> Evidence:
    """What the server's list said."""
    walk = world.runs()
    whole = "the whole list" if walk.complete else "the list changed while it was read, rows may be missing"
    came = f"{counted(len(walk.rows), 'run')} in {counted(walk.pages, 'page')}; {whole}"
    return Evidence(f"GET /api/workflows of namespace {world.namespace}", came, world.now())


def typed(*words: str) -> str:
    """A command line to type; what cannot be typed is a word to fill in."""
    return " ".join(shlex.quote(word) if word.isprintable() else "…" for word in words)


def on_target(ledger: LedgerFacts, *words: str) -> str:
    """A command against the server and namespace that the ledger is bound to; the gate may have them from flags."""
    return typed("dwctl", *words, "--server", ledger.server, "--namespace", ledger.namespace)


def import_command(world: World, ledger: LedgerFacts, *options: str) -> str:
    """The import of the cutover's bundles once more: it goes on where it stopped."""
    words = ("history-import", *(world.described.bundles or ("BUNDLES",)), *options)
    return on_target(ledger, *words, "--import-id", ledger.import_id, "--ledger", str(world.described.ledger))


def of_file(world: World, *words: str) -> str:
    """A command that looks into the cutover's ledger."""
    return typed("dwctl", *words, "--ledger", str(world.described.ledger))
