"""A change that was handed to the ledger, and what became of it."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar, cast

Result = TypeVar("Result")


class Pending(Generic[Result]):
    """What a change will come to. `result` waits until it is on the disk, and raises what went wrong.

    Not `concurrent.futures.Future`: a signal that interrupts its waiting may leave its lock held, and then whoever
    brings the result waits for ever. Here the waiting is one step of the interpreter.
    """

    __slots__ = ("_done", "_gate", "_problem", "_result")

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._gate.acquire()
        self._done = False
        self._result: Result | None = None
        self._problem: BaseException | None = None

    def done(self) -> bool:
        """Whether it is known what became of it."""
        return self._done

    def result(self) -> Result:
        """The result, when it is on the disk; raises what went wrong."""
        if (problem := self.exception()) is not None:
            raise problem
        return cast(Result, self._result)

    def exception(self) -> BaseException | None:
        """What went wrong, when that is known; None where nothing did."""
        if not self._done:
            self._gate.acquire()
            self._gate.release()
        return self._problem

    def settle(self, result: Result | None, problem: BaseException | None) -> None:
        """Tell what became of it; for the writer alone, once."""
        self._result, self._problem, self._done = result, problem, True
        self._gate.release()
