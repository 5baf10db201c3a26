"""One call of a command to its end: what it printed and its exit code, or that it was stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from dwctl.embedded.child import Child, Clock

MOST_OUTPUT: Final = 1 << 30
"""Bytes of stdout beyond which a call is ended: no bundle is that large, and memory is not for filling."""


class Ended(NamedTuple):
    """A call that came to its end by itself. `errors` are the ends of stderr; `seconds` what it took."""

    code: int
    output: bytes
    errors: bytes
    seconds: float


class CallTimedOut(Exception):
    """The call did not end in time, and was ended with all that it had started. `errors` are the ends of stderr."""

    def __init__(self, errors: bytes) -> None:
        super().__init__("timed out")
        self.errors = errors


class CallPrintsTooMuch(Exception):
    """The call printed more than `MOST_OUTPUT`, and was ended."""


class CallStopped(Exception):
    """`Caller.stop` ended the call, or came before it."""


class Caller:
    """Makes calls one after the other; `stop` ends the one in flight, from any thread."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._stopped = False
        self._child: Child | None = None

    def call(
        self,
        words: Sequence[str],
        *,
        timeout: float,
        environment: Mapping[str, str] | None,
        given: bytes | None = None,
        most: int = MOST_OUTPUT,
    ) -> Ended:
        """Run these words with `given` on stdin (None: nothing to read there) for at most `timeout` seconds.

        Raises OSError or ValueError where they cannot be run, CallTimedOut, CallPrintsTooMuch, CallStopped. However
        it ends, nothing that the call started is left in its session; it is told to stop before it is killed.
        """
        began = self._clock()
        child = self._started(words, environment, given)
        code: int | None = None
        try:
            self._finish(child, began + timeout, most)
            code = child.end()
        finally:
            with self._lock:
                self._child = None
            if code is None:
                child.end()
        if self._stopped:
            raise CallStopped
        return Ended(code, bytes(child.output), child.errors.take()[0], self._clock() - began)

    def stop(self) -> None:
        """End the call in flight; it and every later one raise CallStopped."""
        with self._lock:
            self._stopped = True
            if self._child is not None:
                self._child.kill()

    def _started(self, words: Sequence[str], environment: Mapping[str, str] | None, given: bytes | None) -> Child:
        with self._lock:
            if self._stopped:
                raise CallStopped
            child = self._child = Child(words, environment=environment, reads=given is not None, clock=self._clock)
        if given is not None:
            child.feed(given)
            child.close_input()
        return child

    def _finish(self, child: Child, deadline: float, most: int) -> None:
        while not child.exited():
            left = deadline - self._clock()
            if left <= 0:
                child.drain()
                raise CallTimedOut(child.errors.take()[0])
            child.pump(left)
            if len(child.output) > most:
                raise CallPrintsTooMuch
