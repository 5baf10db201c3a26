"""What the checks of imported runs share: which rows they look at, what others say of those, and commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from dwctl.bundle.vocabulary import TERMINAL_STATUSES
from dwctl.checklist.checks.findings import seen
from dwctl.checklist.checks.samples import asked_at_once, sample
from dwctl.checklist.facts.facts import LedgerFact, LedgerFacts
from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import Evidence, Finding, State
from dwctl.counted import counted
from dwctl.server.results import RunRow
from dwctl.typed_commands import command_line

_FEWEST: Final = 20
"""Of so few runs each is asked about: that takes no time, and leaves nothing open."""
_AT_ONCE: Final = 8

T = TypeVar("T")


def runs_listed(world: World) -> dict[str, RunRow]:
    """The runs of the namespace by id, as the server lists them."""
    return {row.run_id: row for row in world.runs().rows}


def still_open(rows: Sequence[LedgerFact], on_server: dict[str, RunRow]) -> tuple[LedgerFact, ...]:
    """Those that the server lists, and not as closed."""
    return tuple(row for row in rows if row.run_id in on_server and not _is_closed(on_server[row.run_id]))


def _is_closed(row: RunRow) -> bool:
    """Whether a listed run has ended."""
    return row.is_terminal if row.is_terminal is not None else row.status in TERMINAL_STATUSES


def sampled(rows: Sequence[LedgerFact], world: World) -> tuple[LedgerFact, ...]:
    """Those that are asked about; all where the world is to be seen deeply."""
    return sample(rows, lambda row: row.run_id, fewest=_FEWEST, deep=world.deep)


def answers_of(
    world: World, rows: Sequence[LedgerFact], ask: Callable[[LedgerFact], T]
) -> Iterator[tuple[LedgerFact, T]]:
    """Each row with its answer. Raises what the first failure raised."""
    return zip(rows, asked_at_once(ask, rows, world.stop, at_once=_AT_ONCE), strict=True)


def nothing_imported(world: World, ledger: LedgerFacts) -> Finding:
    """The finding where the ledger knows of no run on the server: there is nothing to look at, which is no pass."""
    return Finding.of(
        State.UNKNOWN, "the ledger knows of no run that is on the server", evidence=(of_ledger(world, ledger),),
        next_step="Import the bundles of this cutover.", command=import_command(world, ledger),
    )  # fmt: skip


def of_ledger(world: World, ledger: LedgerFacts) -> Evidence:
    """What the ledger said."""
    count = len(ledger.there)
    came = f"{counted(len(ledger.rows), 'row')}, {count:,} on the server; head {ledger.head[:12]}"
    return seen(world, f"ledger {ledger.path}", came)


def of_list(world: World) -> Evidence:
    """What the server's list said."""
    walk = world.runs()
    whole = "the whole list" if walk.complete else "the list changed while it was read, rows may be missing"
    came = f"{counted(len(walk.rows), 'run')} in {counted(walk.pages, 'page')}; {whole}"
    return seen(world, f"GET /api/workflows of namespace {world.namespace}", came)


def on_target(ledger: LedgerFacts, *words: str) -> str:
    """A command against the server and namespace that the ledger is bound to; the gate may have them from flags."""
    return command_line("dwctl", *words, "--server", ledger.server, "--namespace", ledger.namespace)


def import_command(world: World, ledger: LedgerFacts, *options: str) -> str:
    """The import of the cutover's bundles once more: it goes on where it stopped."""
    words = ("history-import", *(world.described.bundles or ("BUNDLES",)), *options)
    return on_target(ledger, *words, "--import-id", ledger.import_id, "--ledger", str(world.described.ledger))


def of_file(world: World, *words: str) -> str:
    """A command that looks into the cutover's ledger."""
    return command_line("dwctl", *words, "--ledger", str(world.described.ledger))
