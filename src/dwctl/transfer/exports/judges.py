"""Verifying exports while others are fetched: a few processes that judge, each fed by whoever needs it.

A pool of the standard library would leave its children behind when this process is killed: they hold the
writing end of the pipe that they read from. These children hold nothing of it, so they end with this process,
however that ends.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import queue
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Self

from dwctl.bundle.canonical import decode
from dwctl.bundle.restoration import repair
from dwctl.bundle.verify import Verdict, VerifyOptions, verify_bundle
from dwctl.errors import NotRepairable, ServerFailed

_OBJECTS_BETWEEN_COLLECTIONS = 100_000
_ENDS_WITHIN = 2.0


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on a document as it is; and, where its checksum proves a restoration, that on the restored one."""

    verdict: Verdict
    restored: Verdict | None = None

    def __reduce__(self) -> tuple[type[Judged], tuple[object, ...]]:
        """Travel between processes as the plain fields."""
        return Judged, (self.verdict, self.restored)


def judge(content: bytes, options: VerifyOptions) -> Judged:
    """Judge a document, and what it was before a fraction was lost or a key added on the way (import.md §5)."""
    verdict = verify_bundle(content, options)
    if verdict.repair is None or not verdict.repair.proven:
        return Judged(verdict)
    try:
        restored, _ = repair(decode(content))
    except NotRepairable:
        return Judged(verdict)
    return Judged(verdict, verify_bundle(restored, options))


def judges_for(jobs: int) -> int:
    """How many processes are worth it where so many exports run at once: none for one, else one a core at most."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 0 if jobs < 2 else min(jobs, cores)


@dataclass(slots=True)
class _Child:
    process: BaseProcess
    pipe: Connection


class Judges:
    """Processes that judge. Begin it before any thread; use it in a `with` block. `judge` is for any thread.

    With no processes everything is judged in this one.
    """

    def __init__(self, options: VerifyOptions, processes: int) -> None:
        self._options = options
        self._idle: queue.SimpleQueue[_Child | None] = queue.SimpleQueue()
        self._children: list[_Child] = []
        self._gone = 0
        self._lock = threading.Lock()
        # A forked child needs no import of its own; other systems start a fresh interpreter.
        forks = sys.platform == "linux"
        context = multiprocessing.get_context("fork") if forks else multiprocessing.get_context("spawn")
        for _ in range(processes):
            ours, theirs = context.Pipe()
            inherited = [*(child.pipe for child in self._children), ours] if forks else []
            process = context.Process(target=_serve, args=(theirs, inherited, options), daemon=True)
            process.start()
            theirs.close()
            child = _Child(process, ours)
            self._children.append(child)
            self._idle.put(child)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def judge(self, content: bytes) -> Judged:
        """Judge one document, in the first process that is free. Raises ServerFailed where judging it died."""
        if not self._children:
            return judge(content, self._options)
        child = self._idle.get()
        if child is None:
            self._idle.put(None)  # for whoever comes next: there is nobody left
            raise _died()
        try:
            child.pipe.send_bytes(content)
            judged = child.pipe.recv()
        except (EOFError, OSError):
            self._bury()
            raise _died() from None
        self._idle.put(child)
        assert isinstance(judged, Judged)  # noqa: S101 - what our own child sends
        return judged

    def _bury(self) -> None:
        with self._lock:
            self._gone += 1
            if self._gone == len(self._children):
                self._idle.put(None)

    def close(self) -> None:
        """End every child."""
        for child in self._children:
            child.pipe.close()
        for child in self._children:
            child.process.join(_ENDS_WITHIN)
            if child.process.is_alive():
                child.process.kill()
                child.process.join()


def _died() -> ServerFailed:
    return ServerFailed(
        "the process that verified the export ended without a verdict",
        next_step="Look at the memory that is left; run the same command again with fewer --jobs.",
        reason="verification_died",
    )


def _serve(pipe: Connection, inherited: Sequence[Connection], options: VerifyOptions) -> None:
    """In a child: judge what comes until the other end is closed. Interrupts are the parent's to handle."""
    for other in inherited:
        other.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # Without the freeze, the collector would write to every inherited page and make the system copy it.
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    while True:
        try:
            content = pipe.recv_bytes()
            pipe.send(judge(content, options))
        except (EOFError, OSError):
            return
