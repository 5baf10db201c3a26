"""Findings as sentences: the rule's meaning, and the facts of the place where it fired."""

from __future__ import annotations

import re

from dwctl.bundle.findings import Finding
from dwctl.bundle.rules import RULES


def message(finding: Finding) -> str:
    """One sentence: what the rule found, with the facts behind it. Not yet safe for a terminal."""
    facts = "; ".join(
        f"{name.replace('_', ' ')}: {'none' if value is None else value}"
        for name, value in finding.facts.items()
        if not (value is None and name in {"line", "column", "reason"})
    )
    meaning = RULES[finding.rule].meaning
    return f"{meaning.removesuffix('.')} ({facts})." if facts else meaning


def to_the_second(time: str) -> str:
    """A moment as a person reads it: `2026-11-23T08:00:00Z` for `2026-11-23T08:00:00.123456Z`."""
    return _FRACTION.sub(r"\1", time)


_FRACTION = re.compile(r"(T\d\d:\d\d:\d\d)\.\d+")


def size(count: int) -> str:
    """A number of bytes for people: 145 kB, 6.2 MB."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.0f} kB" if count < 999_500 else f"{count / 1_000_000:.1f} MB"
