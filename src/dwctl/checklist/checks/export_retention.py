"""Item 12: closed runs that are only kept lie in durable storage, and every file there is proven."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dwctl.bundle.vocabulary import TERMINAL_STATUSES
from dwctl.checklist.checks.export_asking import command, found
from dwctl.checklist.checks.server_asking import counted, listed, refusable, typed
from dwctl.checklist.facts.facts import ArchiveFact
from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import Evidence, Finding, Need, State
from dwctl.server.endpoints import show_namespace
from dwctl.transfer.ledger.rows import THERE

_TROUBLES: Final = (
    ("changed", "changed since the export"),
    ("missing", "missing"),
    ("unsound", "not readable, or not what the manifest says"),
    ("damaged", "lines of the manifest damaged"),
    ("extra", "of which no manifest tells"),
)
"""What an archive may suffer from, the worst first: the field of its fact, and in words."""


def proven(world: World) -> Finding:
    """Whether every archive agrees with its manifest, file by file."""
    archives = world.archives()
    evidence = tuple(_of_archive(world, one) for one in archives)
    bad = [one for one in archives if _said(one)]
    if bad:
        first = bad[0]
        names = tuple(f"{one.where}: {name}" for one in bad for name in _names(one))
        return found(
            State.FAIL, "; ".join(f"{one.where}: {_said(one)}" for one in bad), names, "files", evidence=evidence,
            next_step="Export what is missing or changed again (history-export --refresh), and move what belongs to "
            "nobody out of the folder.",
            command=command("dwctl", "archive", "check", first.where),
        )  # fmt: skip
    writing = [one for one in archives if one.writer is not None]
    if writing:
        return found(
            State.WARN, f"an export writes to {listed(one.where for one in writing)}, or was killed while it wrote: "
            f"{writing[0].writer}", tuple(one.where for one in writing), "places", evidence=evidence,
            next_step="Run that export to its end, then look again.",
            command=command("dwctl", "archive", "check", writing[0].where),
        )  # fmt: skip
    count = sum(len(one.run_ids) for one in archives)
    said = f"{counted(count, 'export')} in {counted(len(archives), 'archive')}, each as its manifest says"
    return found(State.PASS, said, evidence=evidence)


def _said(archive: ArchiveFact) -> str:
    """What is wrong with an archive, in words; nothing where it is proven."""
    if archive.problem is not None:
        return archive.problem
    return ", ".join(f"{len(names):,} {said}" for name, said in _TROUBLES if (names := getattr(archive, name)))


def _names(archive: ArchiveFact) -> Sequence[str]:
    return [one for name, _ in _TROUBLES for one in getattr(archive, name)]


def _of_archive(world: World, archive: ArchiveFact) -> Evidence:
    """What was held against the manifest, and how much of it was read now."""
    total = len(archive.run_ids)
    came = archive.problem or (
        f"{total:,} proven, {archive.read:,} files read now, the others as when they were read (size, times and inode "
        "are the same)"
    )
    return Evidence(f"the archive {archive.where}, against its manifest", came, world.now())


def exported(world: World) -> Finding:
    """Whether every closed embedded run that was not imported lies in an archive, proven."""
    closed, archives = world.closed(), world.archives()
    imported = _imported(world)
    kept = frozenset(run for one in archives for run in one.run_ids)
    lacking = sorted(closed.run_ids - imported - kept)
    evidence = (
        Evidence(closed.asked, f"{counted(len(closed.run_ids), 'closed run')}", closed.at),
        *(_of_archive(world, one) for one in archives),
        _of_ledger(world, len(closed.run_ids & imported)),
    )
    if lacking:
        folder = world.described.archives[0]
        return found(
            State.FAIL, f"{counted(len(lacking), 'closed run')} neither imported nor in an archive, of "
            f"{len(closed.run_ids):,}", lacking, "runs", evidence=evidence,
            next_step="Export them into the archive.", command=command(
                "dwctl", "history-export", "--source", "embedded", "--ids-file", "closed-runs.txt", "--output-dir",
                folder,
            ),
        )  # fmt: skip
    if not closed.run_ids:
        return found(State.PASS, "the embedded application has no closed run", evidence=evidence)
    said = f"{counted(len(closed.run_ids), 'closed run')}: {len(closed.run_ids & imported):,} imported, the others kept"
    return found(State.PASS, said, evidence=evidence)


def _imported(world: World) -> frozenset[str]:
    if Need.LEDGER in world.missing:
        return frozenset()
    return frozenset(row.run_id for row in world.ledger().rows if row.state in THERE)


def _of_ledger(world: World, count: int) -> Evidence:
    if Need.LEDGER in world.missing:
        return Evidence("the ledger", f"none: {world.missing[Need.LEDGER].why}", world.now())
    return Evidence(f"the ledger {world.described.ledger}", f"{count:,} of them are on the server", world.now())


@refusable
def archived(world: World) -> Finding:
    """Whether closed runs that were imported are archived on the server, where its retention would prune them."""
    namespace = show_namespace(world.server(), world.namespace)
    days = None if namespace.retention_mode == "forever" else namespace.retention_days
    asked = Evidence(
        f"GET /api/namespaces/{world.namespace}",
        "nothing is pruned" if days is None else f"closed runs are pruned after {counted(days, 'day')}", world.now(),
    )  # fmt: skip
    closed = [row for row in world.ledger().rows if row.state in THERE and row.status in TERMINAL_STATUSES]
    bare = [row.run_id for row in closed if row.archived_at is None]
    evidence = (asked, _of_ledger(world, len(closed)))
    if days is not None and bare:
        return found(
            State.WARN, f"{counted(len(bare), 'closed run')} imported and not archived: the server prunes each "
            f"{counted(days, 'day')} after its end", bare, "runs", evidence=evidence,
            next_step="Archive them on the server, if it is to keep them: `dwctl workflow archive`.",
            command=typed(world, "dwctl", "workflow", "archive", "--help"),
        )  # fmt: skip
    said = "closed runs that were imported are archived" if closed else "no closed run was imported"
    return found(State.PASS, said if days is not None else "the server prunes nothing", evidence=evidence)
