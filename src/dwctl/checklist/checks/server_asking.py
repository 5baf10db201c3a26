"""What the checks on the server share: evidence, a refusal as a finding, and the next command as it is typed."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from functools import wraps
from urllib.parse import urlsplit

from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import Evidence, Finding, State
from dwctl.server.failures import ServerFailure


def seen(world: World, asked: str, came: str) -> Evidence:
    """Evidence of this moment."""
    return Evidence(asked, came, world.now())


def typed(world: World, *words: str) -> str:
    """A command for the server and the namespace of the gate, as it is typed into a shell.

    They are always written out: the gate may have them from flags. What cannot be typed is a word to fill in.
    """
    target = ("--server", world.server().target.url, "--namespace", world.namespace)
    return " ".join(shlex.quote(word) if word.isprintable() else "…" for word in (*words, *target))


def listed(names: Iterable[str], most: int = 3) -> str:
    """`a, b, c and 4 more`."""
    kept = list(names)
    more = f" and {len(kept) - most} more" if len(kept) > most else ""
    return ", ".join(kept[:most]) + more


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 worker`, `2 workers`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def refused(world: World, failure: ServerFailure) -> Finding:
    """What the server answered no to is a fail.

    Raises the failure again where there was no answer, or one that may soon be another (503, 429): that is not known.
    """
    exchange = failure.exchange
    if exchange.status is None or exchange.retryable:
        raise failure
    return failed(world, failure)


def failed(world: World, failure: ServerFailure) -> Finding:
    """A call that did not succeed, as the finding that it failed."""
    exchange = failure.exchange
    asked = f"{exchange.method} {urlsplit(exchange.url).path}"
    came = failure.message if exchange.status is None else f"{exchange.status}: {failure.message}"
    return Finding(
        State.FAIL, failure.message, evidence=(seen(world, asked, came),),
        next_step=failure.next_step, command=typed(world, "dwctl", "doctor"),
    )  # fmt: skip


def refusable(ask: Callable[[World], Finding]) -> Callable[[World], Finding]:
    """A question whose refusal is an answer: see `refused`."""

    @wraps(ask)
    def found(world: World) -> Finding:
        try:
            return ask(world)
        except ServerFailure as failure:
            return refused(world, failure)

    return found
