"""Ctrl-C in long work, and the terminal going away: once to finish what is in flight, twice to stop at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dwctl.transfer.lanes import Stop


@contextmanager
def interruptions(stop: Stop) -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP ask `stop`; after the second one they interrupt whatever is being done, as usual.

    A SIGHUP that is ignored (nohup) stays ignored. Once the terminal has gone, what would be said on it is dropped.
    """
    terminals = [number for number in (1, 2) if _is_terminal(number)]

    def ask(number: int, frame: FrameType | None) -> None:
        if number == _HANGUP:
            _let_go_of(terminals)
        stop.ask()
        if stop.at_once:
            for one in before:
                signal.signal(one, signal.default_int_handler)
            _tell("dwctl: stopping now.")
        else:
            _tell("dwctl: interrupted: finishing what is in flight; once more to stop at once.")

    before = {one: signal.getsignal(one) for one in _SIGNALS}
    before = {one: handler for one, handler in before.items() if one != _HANGUP or handler is not signal.SIG_IGN}
    for one in before:
        signal.signal(one, ask)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


_HANGUP: Final = getattr(signal, "SIGHUP", None)
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, *([] if _HANGUP is None else [_HANGUP]))


def _is_terminal(number: int) -> bool:
    with suppress(OSError):
        return os.isatty(number)
    return False


def _let_go_of(terminals: list[int]) -> None:
    """Let what is written to a terminal that has gone vanish: an error there must not keep the run from its end."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in terminals:
            os.dup2(nowhere, number)
        os.close(nowhere)


def _tell(text: str) -> None:
    """Say something from within a signal's handler, where a buffered stream may be in the middle of a write."""
    with suppress(OSError):
        os.write(2, f"\n{text}\n".encode())
