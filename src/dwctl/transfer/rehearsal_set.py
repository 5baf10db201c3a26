"""The bundles of a rehearsal: a folder of them, and `rehearsal.toml`, which says what must be refused."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dwctl.bundle.findings import Severity
from dwctl.bundle.verify import Outcome
from dwctl.errors import RequestNotPossible, UnreadableInput
from dwctl.transfer.sources import find_bundles
from dwctl.transfer.verification import FileVerdict

PLAN = "rehearsal.toml"


@dataclass(frozen=True, slots=True)
class BundleSet:
    """Bundles in the order of their import. `expected` is file, relative to `root`, → the rule that refuses it."""

    folder: str
    root: str
    files: tuple[str, ...]
    expected: Mapping[str, str]

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
    return BundleSet(str(folder), str(root), tuple(find_bundles([str(root)])), _expected(folder / PLAN))


def _expected(plan: Path) -> dict[str, str]:
    try:
        document = tomllib.loads(plan.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UnreadableInput(f"it cannot be read: {error.strerror or error}", where=str(plan)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RequestNotPossible(f"this is no TOML: {error}", where=str(plan)) from error
    refused = document.pop("refused", {})
    if document or not isinstance(refused, dict) or not all(isinstance(rule, str) for rule in refused.values()):
        raise RequestNotPossible(
            "the file has one table, [refused], of file names with a rule's id each", where=str(plan),
            next_step='Write it like "order-1.json" = "tasks.leased_task_present"; `dwctl explain` lists the rules.',
        )  # fmt: skip
    return refused


def refusals(bundles: BundleSet, judged: Iterable[FileVerdict]) -> dict[str, tuple[str, ...]]:
    """The refused or unreadable files by name, each with the rules that refuse it."""
    found: dict[str, tuple[str, ...]] = {}
    for one in judged:
        if one.outcome in {Outcome.REFUSED, Outcome.UNREADABLE}:
            rules = tuple(dict.fromkeys(finding.rule for finding in one.findings if finding.severity is Severity.ERROR))
            found[bundles.name(one.file)] = rules or ("unreadable",)
    return found
