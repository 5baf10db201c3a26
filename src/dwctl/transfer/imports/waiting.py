"""The bundles that go only after their partners: a chain by run number, a child after its parent (docs/transfer.md)."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from dwctl.transfer.plans.plan import PlannedBundle


@dataclass(slots=True)
class Waiting:
    """Bundles by run id, each with the partners that are still missing; those that leave are never given twice."""

    bundles: dict[str, PlannedBundle] = field(default_factory=dict)
    _missing: dict[str, set[str]] = field(default_factory=dict)
    _needed_by: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def let_go(self, *, compared: Callable[[str], bool], goes_now: Callable[[str], bool]) -> list[PlannedBundle]:
        """Take out those that need not wait: all their partners are `compared`, or the run `goes_now` all the same."""
        free = []
        for name, bundle in list(self.bundles.items()):
            missing = {partner for partner in bundle.after if not compared(partner)}
            if not missing or goes_now(name):
                free.append(self.bundles.pop(name))
                continue
            self._missing[name] = missing
            for partner in missing:
                self._needed_by[partner].append(name)
        return free

    def hopeless(self, coming: set[str]) -> Iterator[PlannedBundle]:
        """Those that would wait for ever, since a partner is neither among those that come nor waits itself."""
        coming = coming | set(self.bundles)
        for name in [name for name in self.bundles if not self._missing[name] <= coming]:
            if (lost := self.bundles.pop(name, None)) is not None:
                yield lost
                yield from self.behind(name)

    def behind(self, ended: str) -> Iterator[PlannedBundle]:
        """All that wait for a run that will not come, and all that wait for those."""
        gone = deque([ended])
        while gone:
            for name in self._needed_by.pop(gone.popleft(), ()):
                if (bundle := self.bundles.pop(name, None)) is not None:
                    gone.append(name)
                    yield bundle

    def after(self, compared: str) -> Iterator[PlannedBundle]:
        """Those for which the run that was compared now was the last that was missing."""
        for name in self._needed_by.pop(compared, ()):
            missing = self._missing.get(name, set())
            missing.discard(compared)
            if not missing and name in self.bundles:
                yield self.bundles.pop(name)
