"""What a cutover needs of workers: the open work of its bundles, its families, and its shadow workflows."""

from __future__ import annotations

from collections.abc import Iterable

from dwctl.bundle.demand import Demand
from dwctl.checklist.coverage.coverage import family_demands, needs_of
from dwctl.checklist.coverage.rows import Demanded
from dwctl.checklist.description.described import Described
from dwctl.checklist.facts.facts import BundleFact


def cutover_needs(described: Described, bundles: Iterable[BundleFact]) -> tuple[Demanded, ...]:
    """Everything that is needed, each once; of bundles that could not be read nobody knows what."""
    sound = ((one.file, one.demands) for one in bundles if one.problem is None)
    return needs_of(sound, _described_demands(described))


def _described_demands(described: Described) -> Iterable[Demand]:
    for family in described.families:
        builds = () if family.compatibility is None else (family.compatibility,)
        yield from family_demands((family.task_queue,), family.workflow_types, family.activity_types, builds)
    for shadow in described.shadows:
        yield from family_demands((shadow.task_queue,), (shadow.workflow_type,), (), ())
