"""Faults on demand, to rehearse recovery: rules that strike requests, from `--fault` or `PUT /_rehearsal/faults`.

A rule is `KIND[=VALUE][,on=TEXT][,times=N][,after=N]`, for example `503=backend_lock_pressure,on=POST,times=2`.
`on` is looked for in `METHOD /path`; `times` is how often it strikes, without end where it is absent; `after` is
how many matching requests it lets pass first.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from dwctl.errors import RequestNotPossible

KINDS = {
    "latency": "wait VALUE seconds before the request is looked at",
    "429": "answer 429 with Retry-After: VALUE seconds (1)",
    "500": "answer 500 without a reason",
    "503": "answer 503 with the reason VALUE (backend_lock_pressure)",
    "reset-before": "break the connection before anything is done",
    "reset-after": "break the connection after the work is committed",
    "truncate": "send half of the answer, then break the connection",
    "locked": "find the database locked for VALUE seconds (5) from the first strike on",
    "kill": "kill the server's process before it writes row VALUE + 1 (0) of the request",
}
"""The kinds of faults, and what each does."""

_TAKES_NUMBER = {"latency": 1.0, "429": 1.0, "locked": 5.0, "kill": 0.0}
_TAKES_VALUE = {*_TAKES_NUMBER, "503"}


@dataclass(slots=True)
class Fault:
    """One rule, and how often it has been looked at and has struck."""

    text: str
    kind: str
    value: str = ""
    on: str = ""
    times: int | None = None
    after: int = 0
    seen: int = 0
    struck: int = 0
    locked_until: float | None = None

    @property
    def number(self) -> float:
        """The value of a kind that takes a number."""
        return float(self.value) if self.value else _TAKES_NUMBER[self.kind]

    def strikes(self, request: str, clock: Callable[[], float]) -> bool:
        """Whether this request, `METHOD /path`, is struck; counts it."""
        if self.on not in request:
            return False
        if self.locked_until is not None:
            return clock() < self.locked_until
        self.seen += 1
        if self.seen <= self.after or (self.times is not None and self.struck >= self.times):
            return False
        self.struck += 1
        if self.kind == "locked":
            self.locked_until = clock() + self.number
        return True


def parse_fault(text: str) -> Fault:
    """Read a rule; raises `RequestNotPossible` with what is wrong."""
    head, *options = [part.strip() for part in text.split(",")]
    kind, _, value = head.partition("=")
    fault = Fault(text, kind, value)
    if kind not in KINDS:
        raise _wrong(text, f"there is no fault {kind!r}", f"use one of {', '.join(KINDS)}")
    if kind in _TAKES_NUMBER and value and not value.replace(".", "", 1).isdecimal():
        raise _wrong(text, f"{kind} takes a number, not {value!r}", f"write {kind}=2")
    if value and kind not in _TAKES_VALUE:
        raise _wrong(text, f"{kind} takes no value", f"write {kind}, and options behind commas")
    for option in options:
        name, _, given = option.partition("=")
        if name == "on" and given:
            fault.on = given
        elif name in ("times", "after") and given.isdecimal():
            setattr(fault, name, int(given))
        else:
            raise _wrong(text, f"{option!r} is no option of a fault", "use on=TEXT, times=N or after=N")
    if fault.times == 0:
        raise _wrong(text, "a fault that strikes no times is none", "leave times out, or write times=1")
    return fault


def _wrong(text: str, message: str, next_step: str) -> RequestNotPossible:
    return RequestNotPossible(message, where=f"fault {text!r}", next_step=next_step)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _locked() -> sqlite3.OperationalError:
    """What the database raises when another connection holds it, with the code that SQLite gives it."""
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    error.sqlite_errorname = "SQLITE_BUSY"
    return error


@dataclass(slots=True)
class _Strike:
    """A fault on its way through one request, and the rows that the request has written."""

    fault: Fault
    rows: int = 0


_striking: ContextVar[tuple[_Strike, ...]] = ContextVar("striking", default=())


@dataclass(slots=True)
class FaultBox:
    """The rules in force. `kill` and `clock` are handed in by tests."""

    rules: list[Fault] = field(default_factory=list)
    kill: Callable[[], None] = _kill
    clock: Callable[[], float] = time.monotonic

    def strikes(self, request: str) -> dict[str, Fault]:
        """The rules that strike this request, `METHOD /path`, by kind."""
        return {rule.kind: rule for rule in self.rules if rule.strikes(request, self.clock)}

    @contextmanager
    def strike_database(self, faults: tuple[Fault, ...]) -> Iterator[None]:
        """Let `watch` strike the statements of this request, and of no other."""
        token = _striking.set(tuple(_Strike(fault) for fault in faults))
        try:
            yield
        finally:
            _striking.reset(token)

    def watch(self, statement: str) -> None:
        """The database's watch: raises, or kills, in the place of a statement that is struck."""
        for strike in _striking.get():
            if strike.fault.kind == "locked" and statement.startswith("BEGIN"):
                raise _locked()
            if strike.fault.kind == "kill" and statement.startswith("INSERT"):
                if strike.rows >= strike.fault.number:
                    self.kill()
                strike.rows += 1

    def document(self) -> dict[str, Any]:
        """The rules, and how often each has struck."""
        return {"faults": [{"rule": rule.text, "does": KINDS[rule.kind], "struck": rule.struck} for rule in self.rules]}
