"""The bundles of a rehearsal: a folder of them, with what its plan says of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dwctl.bundle.findings import Severity
from dwctl.bundle.verify import Outcome
from dwctl.errors import UnreadableInput
from dwctl.transfer.files.sources import find_bundles
from dwctl.transfer.files.verification import FileVerdict
from dwctl.transfer.rehearsals.plan import PLAN, Plan, read_plan


@dataclass(frozen=True, slots=True)
class BundleSet:
    """Bundles in the order of their import; the plan names files as they stand below `root`."""

    folder: str
    root: str
    files: tuple[str, ...]
    plan: Plan

    @property
    def expected(self) -> Mapping[str, str]:
        """File, relative to `root`, → the rule that must refuse it."""
        return self.plan.refused

    def name(self, file: str) -> str:
        """The file as `rehearsal.toml` names it."""
        return Path(os.path.relpath(file, self.root)).as_posix()

    def surprises(self, refused: Mapping[str, Sequence[str]]) -> list[str]:
        """Sentences on every refusal that was not expected, and every expected one that did not come."""
        found = [
            f"{name} was refused ({', '.join(rules)}), and {_wanted(self.expected.get(name))}"
            for name, rules in refused.items()
            if self.expected.get(name) not in {*rules}
        ]
        missing = [name for name in self.expected if name not in refused]
        return found + [f"{name} was not refused, and {self.expected[name]} was expected" for name in missing]


def _wanted(rule: str | None) -> str:
    return f"{PLAN} does not expect it" if rule is None else f"{rule} was expected"


def read_set(folder: Path) -> BundleSet:
    """The bundles below `bundles/` of a folder, or below the folder itself where it has none.

    Raises RequestNotPossible where there is no folder or no bundle, or for a `rehearsal.toml` that makes no sense.
    """
    if not folder.is_dir():
        raise UnreadableInput("this is no folder", where=str(folder), next_step="Name the folder of the bundles.")
    root = folder / "bundles" if (folder / "bundles").is_dir() else folder
    return BundleSet(str(folder), str(root), tuple(find_bundles([str(root)])), read_plan(folder))


def refusals(bundles: BundleSet, judged: Iterable[FileVerdict]) -> dict[str, tuple[str, ...]]:
    """The refused or unreadable files by name, each with the rules that refuse it."""
    found: dict[str, tuple[str, ...]] = {}
    for one in judged:
        if one.outcome in {Outcome.REFUSED, Outcome.UNREADABLE}:
            rules = tuple(dict.fromkeys(finding.rule for finding in one.findings if finding.severity is Severity.ERROR))
            found[bundles.name(one.file)] = rules or ("unreadable",)
    return found
