"""What the checks on the server share: a refusal as a finding, and commands for the very server that was asked."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from urllib.parse import urlsplit

from dwctl.checklist.checks.findings import seen
from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import Finding, State
from dwctl.server.failures import ServerFailure
from dwctl.typed_commands import command_line


def at_server(world: World, *words: str) -> str:
    """A command for the server and the namespace of the gate.

    They are always written out: the gate may have them from flags.
    """
    return command_line(*words, "--server", world.server().target.url, "--namespace", world.namespace)


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
        next_step=failure.next_step, command=at_server(world, "dwctl", "doctor"),
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
