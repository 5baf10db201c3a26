"""What the checks of exports and archives share: evidence, findings with as many ids as are kept, and commands."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from dwctl.checklist.checks.server_asking import counted, listed
from dwctl.checklist.facts.facts import BundleFact, BundleSet
from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import KEPT_IDS, Evidence, Finding, State


def found(
    state: State,
    said: str,
    ids: Sequence[str] = (),
    ids_are: str = "bundles",
    *,
    evidence: Sequence[Evidence] = (),
    next_step: str | None = None,
    command: str | None = None,
) -> Finding:
    """A finding with as many ids as are kept."""
    return Finding(state, said, tuple(ids[:KEPT_IDS]), ids_are, len(ids), tuple(evidence), next_step, command)


def of_bundles(world: World, bundles: BundleSet) -> Evidence:
    """How the bundles are known: read now, or trusted as they lie."""
    count, read = len(bundles.bundles), bundles.read
    came = f"{counted(count, 'bundle')}: {read:,} read now"
    if read < count:
        oldest = min(one.read_at for one in bundles.bundles)
        came += f", {count - read:,} as when they were read (size, times and inode are the same; the first at {oldest})"
    return Evidence(f"the files of {listed(world.described.bundles)}", came, world.now())


def files(bundles: Iterable[BundleFact]) -> tuple[str, ...]:
    """Their files."""
    return tuple(one.file for one in bundles)


def command(*words: str) -> str:
    """A command as it is typed into a shell; what cannot be typed is a word to fill in."""
    return " ".join(shlex.quote(word) if word.isprintable() else "…" for word in words)


def on_bundles(world: World, *words: str) -> str:
    """A command on all described bundles."""
    return command("dwctl", *words, *world.described.bundles)
