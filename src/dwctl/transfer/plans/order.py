"""The order of a transfer: a chain by run number, parents before their children, else as the files were named.

So the bundle that writes a shared link row first is always the same one, and the instance counts its runs in
the order in which they were made.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from dwctl.bundle.verify import Verdict


def in_order(verdicts: Sequence[Verdict | None]) -> list[int]:
    """The positions of the verdicts in the order of the transfer; what has no run keeps its place among the rest.

    Links that contradict each other leave the bundles concerned in the order of their files.
    """
    before = _edges(verdicts)
    waits_for = {position: len(earlier) for position, earlier in before.items()}
    releases: defaultdict[int, list[int]] = defaultdict(list)
    for later, earlier in before.items():
        for position in earlier:
            releases[position].append(later)
    free = [position for position in range(len(verdicts)) if not waits_for.get(position)]
    heapq.heapify(free)
    ordered: list[int] = []
    while free:
        position = heapq.heappop(free)
        ordered.append(position)
        for later in releases[position]:
            waits_for[later] -= 1
            if not waits_for[later]:
                heapq.heappush(free, later)
    placed = set(ordered)
    return [*ordered, *(position for position in range(len(verdicts)) if position not in placed)]


def _edges(verdicts: Sequence[Verdict | None]) -> dict[int, set[int]]:
    """For each position, those that must come before it."""
    where: dict[str, int] = {}
    instances: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for position, verdict in enumerate(verdicts):
        if verdict is None or verdict.run is None or verdict.run.run_id is None:
            continue
        if where.setdefault(verdict.run.run_id, position) == position and verdict.run.instance_id is not None:
            instances[verdict.run.instance_id].append((verdict.run.run_number, position))
    before: defaultdict[int, set[int]] = defaultdict(set)
    for runs in instances.values():
        runs.sort()
        for (_, earlier), (_, later) in pairwise(runs):
            before[later].add(earlier)
    for verdict in verdicts:
        for link in () if verdict is None else verdict.links:
            parent, child = where.get(link.parent_run_id), where.get(link.child_run_id)
            if parent is not None and child is not None and parent != child:
                before[child].add(parent)
    return dict(before)
