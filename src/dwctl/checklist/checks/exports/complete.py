"""Item 10 by the application's database: no open run of the cutover is left behind without anybody's word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from dwctl.bundle.additions import is_class_name
from dwctl.checklist.checks.exports.asking import imported, of_bundles
from dwctl.checklist.checks.findings import listed
from dwctl.checklist.description.described import Described, Runs
from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import Evidence, Finding, State
from dwctl.counted import counted
from dwctl.typed_commands import command_line

if TYPE_CHECKING:
    from dwctl.embedded.open_runs import OpenRun


def complete(world: World) -> Finding:
    """Whether every open run of the families is among the bundles, or on the server already."""
    described = world.described
    if described.runs is Runs.DRAIN:
        return Finding.of(State.SKIPPED, "open runs drain in the embedded application, as cutover.toml says")
    runs, bundles = world.application(), world.bundles()
    is_ours = _is_of(described)
    ours = [run for run in runs.open if is_ours(run)]
    known = {one.run_id for one in bundles.bundles if one.problem is None} | imported(world)
    left = [run for run in ours if run.run_id not in known]
    others = len(runs.open) - len(ours)
    told = f"{counted(len(ours), 'open run')} of this cutover, {others:,} that no family names"
    evidence = (Evidence(runs.asked, told, runs.at), of_bundles(world, bundles))
    look = command_line("dwctl", "embedded", "inventory", "--status", "open", "--select")
    if not runs.open and not runs.closed:
        return Finding.of(
            State.UNKNOWN, "the embedded application's database has no run at all", evidence=evidence,
            next_step="See whether it is the right database: that of the application whose runs are imported.",
            command=command_line("dwctl", "embedded", "inventory", "--summary"),
        )  # fmt: skip
    if left:
        types = Counter(run.workflow_type or "without a type" for run in left)
        return Finding.of(
            State.FAIL, f"{len(left):,} of {counted(len(ours), 'open run')} in no bundle, and not imported "
            f"({listed(f'{name}: {count:,}' for name, count in types.most_common())})",
            [run.run_id for run in left], "runs", evidence=evidence, command=look,
            next_step="Export them too; what is to drain in the embedded application needs a person's word, a waiver: "
            "`dwctl checklist waive --help`.",
        )  # fmt: skip
    rest = f"; {counted(others, 'open run')} of other types stay where they are" if others else ""
    return Finding.of(
        State.PASS, f"{counted(len(ours), 'open run')}, each exported or imported{rest}", evidence=evidence
    )


def _is_of(described: Described) -> Callable[[OpenRun], bool]:
    """Whether a run is of this cutover: by its type or its queue; every one is, where no family names workflows.

    A run that still has a class name for its type is told by the queue of a family.
    """
    types = {name for family in described.families for name in family.workflow_types}
    if not types:
        return lambda run: True
    queues, theirs = set(described.queues), {family.task_queue for family in described.families}

    def is_ours(run: OpenRun) -> bool:
        name = run.workflow_type
        is_unnamed = name is None or is_class_name(name, None)
        return name in types or run.queue in queues or (is_unnamed and run.queue in theirs)

    return is_ours
