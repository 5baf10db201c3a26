"""Which checks of the table a run asks, and the words in which a person says so."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dwctl.checklist.gate.check import Check
from dwctl.checklist.gate.items import ITEMS, Phase
from dwctl.errors import RequestNotPossible


@dataclass(frozen=True, slots=True)
class Selection:
    """What `--phase`, `--only` and `--skip` name; nothing at all is everything.

    The words of `only` and `skip` are ids of checks, numbers of items, and categories.
    """

    phases: tuple[Phase, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()

    def why_left_out(self, check: Check) -> str | None:
        """Why a check is not asked, in a sentence; None where it is."""
        if self.phases and check.phase not in self.phases:
            return f"left out by --phase {' --phase '.join(self.phases)}"
        words = _words_of(check)
        if self.only and not words & set(self.only):
            return "left out by --only"
        if words & set(self.skip):
            return "left out by --skip"
        return None


def _words_of(check: Check) -> frozenset[str]:
    """The words that name a check: its id, the number of its item, its category."""
    return frozenset((check.id, str(check.item), check.category))


def require_known(selection: Selection, checks: Sequence[Check]) -> None:
    """Refuse a word that names no check, and a selection that leaves nothing to ask.

    Raises RequestNotPossible: a typing mistake must not make a run that asks nothing, or more than was meant.
    """
    known = {word for check in checks for word in _words_of(check)} | {str(item.number) for item in ITEMS}
    for option, words in (("--only", selection.only), ("--skip", selection.skip)):
        for word in words:
            if word not in known:
                raise unknown_check(word, known, option)
    if all(selection.why_left_out(check) for check in checks):
        raise RequestNotPossible(
            "nothing is left to check", next_step="Name less with --skip, or more with --phase and --only.",
            reason="nothing_to_check",
        )  # fmt: skip


def unknown_check(word: str, known: Iterable[str], where: str) -> RequestNotPossible:
    """The refusal of a word that names no check, with the nearest that does."""
    near = difflib.get_close_matches(word, sorted(known), n=3, cutoff=0.5)
    item = next((item for item in ITEMS if item.name == word.replace("-", " ") and str(item.number) in known), None)
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    if item is not None:
        hint = f"The item {item.name} is named by its number: {item.number}. "
    return RequestNotPossible(
        f"there is no check, item or category '{word}'", where=where,
        next_step=f"{hint}`dwctl checklist list` has them all.", reason="unknown_check",
    )  # fmt: skip
