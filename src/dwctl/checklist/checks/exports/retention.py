"""Item 12: closed runs that are only kept lie in durable storage, and every file there is proven."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dwctl.bundle.vocabulary import TERMINAL_STATUSES
from dwctl.checklist.checks.exports.asking import imported
from dwctl.checklist.checks.findings import listed, seen
from dwctl.checklist.checks.imports.asking import import_command
from dwctl.checklist.checks.server.asking import refusable
from dwctl.checklist.facts.facts import ArchiveFact
from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import Evidence, Finding, Need, State
from dwctl.counted import counted
from dwctl.server.endpoints import show_namespace
from dwctl.typed_commands import command_line

_TROUBLES: Final = (
    ("changed", "changed since the export"),
    ("missing", "missing"),
    ("unsound", "not readable, or not what the manifest says"),
    ("damaged", "lines of the manifest damaged"),
    ("extra", "of which no manifest tells"),
)
"""What an archive may suffer from, the worst first: the field of its fact, and in words."""


_MEND = (
    "Export what is missing or changed again (history-export --refresh), and move what belongs to nobody out of the "
    "folder."
)
_UNREAD = "Export the closed runs into it, or mend what keeps it from being read."


def proven(world: World) -> Finding:
    """Whether every archive agrees with its manifest, file by file."""
    archives = world.archives()
    evidence = tuple(_of_archive(world, one) for one in archives)
    bad = [one for one in archives if _said(one)]
    if bad:
        first = bad[0]
        names = tuple(f"{one.where}: {name}" for one in bad for name in _names(one))
        return Finding.of(
            State.FAIL, "; ".join(f"{one.where}: {_said(one)}" for one in bad), names, "files", evidence=evidence,
            next_step=_UNREAD if first.problem else _MEND,
            command=_export_closed(world) if first.problem else command_line("dwctl", "archive", "check", first.where),
        )  # fmt: skip
    writing = [one for one in archives if one.writer is not None]
    if writing:
        return Finding.of(
            State.WARN, f"an export writes to {listed(one.where for one in writing)}, or was killed while it wrote: "
            f"{writing[0].writer}", tuple(one.where for one in writing), "places", evidence=evidence,
            next_step="Run that export to its end, then look again.",
            command=command_line("dwctl", "archive", "check", writing[0].where),
        )  # fmt: skip
    count = sum(len(one.run_ids) for one in archives)
    said = f"{counted(count, 'export')} in {counted(len(archives), 'archive')}, each as its manifest says"
    return Finding.of(State.PASS, said, evidence=evidence)


def _export_closed(world: World, *, refresh: bool = False) -> str:
    """Both halves of an export of all closed runs, as one line of a shell."""
    again = ("--refresh",) if refresh else ()
    listing = command_line("dwctl", "embedded", "inventory", "--status", "closed", "--select")
    export = command_line("dwctl", "history-export", "--source", "embedded", "--ids-file", "closed-runs.txt", *again,
                   "--output-dir", world.described.archives[0])  # fmt: skip
    return f"{listing} > closed-runs.txt && {export}"


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
    return seen(world, f"the archive {archive.where}, against its manifest", came)


def exported(world: World) -> Finding:
    """Whether every closed embedded run that was not imported lies in an archive, proven and with its end."""
    runs, archives = world.application(), world.archives()
    closed, done = runs.closed, imported(world)
    kept = frozenset(run for one in archives for run in one.run_ids - one.open_then)
    lacking = sorted(closed - done - kept)
    evidence = (
        Evidence(runs.asked, f"{counted(len(closed), 'closed run')}, {len(runs.open):,} open", runs.at),
        *(_of_archive(world, one) for one in archives),
        _of_ledger(world, len(closed & done)),
    )
    if not closed and not runs.open:
        return Finding.of(
            State.UNKNOWN, "the embedded application's database has no run at all", evidence=evidence,
            next_step='See whether it is the right database; where there never was a run, write closed_runs = "none".',
            command=command_line("dwctl", "embedded", "inventory", "--summary"),
        )  # fmt: skip
    if lacking:
        early = frozenset(run for one in archives for run in one.open_then).intersection(lacking)
        told = f" ({len(early):,} only as they were before their end)" if early else ""
        return Finding.of(
            State.FAIL, f"{counted(len(lacking), 'closed run')} neither imported nor in an archive, of "
            f"{len(closed):,}{told}", lacking, "runs", evidence=evidence,
            next_step="Export them into the archive.", command=_export_closed(world, refresh=bool(early)),
        )  # fmt: skip
    if not closed:
        return Finding.of(State.PASS, "the embedded application has no closed run", evidence=evidence)
    said = f"{counted(len(closed), 'closed run')}: {len(closed & done):,} imported, the others kept"
    return Finding.of(State.PASS, said, evidence=evidence)


def _of_ledger(world: World, count: int) -> Evidence:
    if Need.LEDGER in world.missing:
        return seen(world, "the ledger", f"none: {world.missing[Need.LEDGER].why}")
    return seen(world, f"the ledger {world.described.ledger}", f"{count:,} of them are on the server")


@refusable
def archived(world: World) -> Finding:
    """Whether closed runs that were imported are archived on the server, where its retention would prune them."""
    namespace = show_namespace(world.server(), world.namespace)
    days = None if namespace.retention_mode == "forever" else namespace.retention_days
    asked = Evidence(
        f"GET /api/namespaces/{world.namespace}",
        "nothing is pruned" if days is None else f"closed runs are pruned after {counted(days, 'day')}", world.now(),
    )  # fmt: skip
    ledger = world.ledger()
    closed = [row for row in ledger.there if row.status in TERMINAL_STATUSES]
    bare = [row.run_id for row in closed if row.archived_at is None]
    evidence = (asked, _of_ledger(world, len(closed)))
    if days is not None and bare:
        return Finding.of(
            State.WARN, f"{counted(len(bare), 'closed run')} imported and not archived: the server prunes each "
            f"{counted(days, 'day')} after its end", bare, "runs", evidence=evidence,
            next_step="Archive them on the server, if it is to keep them. Of a chain it archives the newest run only.",
            command=import_command(world, ledger, "--archive-terminal"),
        )  # fmt: skip
    said = "closed runs that were imported are archived" if closed else "no closed run was imported"
    return Finding.of(State.PASS, said if days is not None else "the server prunes nothing", evidence=evidence)
