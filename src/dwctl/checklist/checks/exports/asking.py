"""What the checks of exports and archives share: how bundles are known, and which runs are imported already."""

from __future__ import annotations

from collections.abc import Iterable

from dwctl.checklist.checks.findings import listed, seen
from dwctl.checklist.facts.facts import BundleFact, BundleSet, LedgerFact
from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import Evidence, Need
from dwctl.counted import counted
from dwctl.typed_commands import command_line


def of_bundles(world: World, bundles: BundleSet) -> Evidence:
    """How the bundles are known: read now, or trusted as they lie."""
    count, read = len(bundles.bundles), bundles.read
    came = f"{counted(count, 'bundle')}: {read:,} read now"
    if read < count:
        oldest = min(one.read_at for one in bundles.bundles)
        came += f", {count - read:,} as when they were read (size, times and inode are the same; the first at {oldest})"
    return seen(world, f"the files of {listed(world.described.bundles)}", came)


def files(bundles: Iterable[BundleFact]) -> tuple[str, ...]:
    """Their files."""
    return tuple(one.file for one in bundles)


def rows_there(world: World) -> tuple[LedgerFact, ...]:
    """The ledger's rows whose runs are on the server; none where there is no ledger."""
    return () if Need.LEDGER in world.missing else world.ledger().there


def imported(world: World) -> frozenset[str]:
    """The runs that the ledger has on the server."""
    return frozenset(row.run_id for row in rows_there(world))


def on_bundles(world: World, *words: str) -> str:
    """A command on all described bundles."""
    return command_line("dwctl", *words, *world.described.bundles)
