"""Item 11 by how imported runs end: what was open when it came must not fail there, or be ended by somebody, unseen."""

from __future__ import annotations

from collections import Counter
from typing import Final

from dwctl.bundle.vocabulary import TERMINAL_STATUSES
from dwctl.checklist.checks.findings import seen
from dwctl.checklist.checks.imports.asking import nothing_imported, of_ledger, of_list, on_target
from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import Finding, State
from dwctl.counted import counted
from dwctl.server.results import RunRow

_BAD: Final = ("failed", "terminated")
_ASKED_FOR: Final = "cancelled"


def ended(world: World) -> Finding:
    """Whether none of the runs that were open at the import, or of what they go on as, has failed since."""
    ledger = world.ledger()
    rows = ledger.there
    if not rows:
        return nothing_imported(world, ledger)
    came_open = {row.run_id for row in rows if row.status not in TERMINAL_STATUSES}
    ended_before = {row.run_id for row in rows} - came_open
    instances = {row.instance_id for row in rows if row.run_id in came_open}
    theirs = [row for row in world.runs().rows if row.workflow_id in instances and row.run_id not in ended_before]
    statuses = Counter(row.status for row in theirs)
    told = ", ".join(f"{name} {count:,}" for name, count in sorted(statuses.items())) or "none listed"
    evidence = (of_ledger(world, ledger), of_list(world),
                seen(world, "runs that were open at the import, and those that they went on as", told))  # fmt: skip
    bad = [row for row in theirs if row.status in _BAD]
    if bad:
        words = " and ".join(f"{statuses[status]:,} {status}" for status in _BAD if statuses[status])
        return Finding.of(
            State.FAIL, f"ended on the server since the import: {words}, of {counted(len(came_open), 'open run')}",
            _ids(bad), evidence=evidence,
            next_step="See why: a worker whose code does not fit fails every run that it takes. Waive this for those "
            "that were to end so.",
            command=on_target(ledger, "workflow", "show", bad[0].workflow_id),
        )  # fmt: skip
    if asked_for := [row for row in theirs if row.status == _ASKED_FOR]:
        return Finding.of(
            State.WARN, f"cancelled on the server since the import: {counted(len(asked_for), 'run')}", _ids(asked_for),
            evidence=evidence, next_step="See whether that was meant.",
            command=on_target(ledger, "workflow", "show", asked_for[0].workflow_id),
        )  # fmt: skip
    if not world.runs().complete:
        return Finding.of(
            State.UNKNOWN, "the list changed while it was read, so not all that these runs went on as was seen",
            evidence=evidence, next_step="Ask again when fewer runs come and go.",
        )  # fmt: skip
    said = f"none of {counted(len(came_open), 'run')} that came open has failed or was terminated"
    return Finding.of(State.PASS, said, evidence=evidence)


def _ids(rows: list[RunRow]) -> list[str]:
    return [row.run_id for row in rows]
