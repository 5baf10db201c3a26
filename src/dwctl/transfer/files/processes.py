"""The same work on many files, in one process or in several, answered in the order of the files."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from dwctl.errors import LocalStateError
from dwctl.transfer.files.compression import Compression, compression_by_name
from dwctl.transfer.files.sources import STDIN

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

WORTH_A_PROCESS = 16 << 20
"""Bytes of bundles from which a second process earns its start."""

_EXPANDS = 8
"""How much larger a bundle is than its compressed file; for most of the corpus 7 to 12 times."""

_OBJECTS_BETWEEN_COLLECTIONS = 100_000
_FILES_AT_ONCE = 32
_CHUNKS_AHEAD = 4
"""Chunks a process may be ahead of the one who takes the answers: answers nobody has taken are bounded."""


class Judge(Protocol[T_co]):
    """What is done with each file; travels to a worker process, so it is a function or a partial of one."""

    def __call__(self, file: str, /, *, stdin: BinaryIO | None = None) -> T_co:
        """Judge one file."""


def in_processes(
    judge: Judge[T], files: Sequence[str], *, jobs: int | None = None, stdin: BinaryIO | None = None, forks: bool = True
) -> Iterator[T]:
    """Do something with each file, in as many processes as are worth it; yields in the order of the files.

    What reads standard input stays in this process. Without `forks` processes begin anew: for a caller with other
    threads at work, whose locks a forked child would have and never see released. Raises LocalStateError where the
    system ends one of the processes.
    """
    if jobs is None:
        jobs = processes_for(files)
    if jobs < 2 or len(files) < 2 or STDIN in files:
        yield from (judge(file, stdin=stdin) for file in files)
        return
    jobs = min(jobs, len(files))
    size = max(1, min(_FILES_AT_ONCE, len(files) // (jobs * 8)))
    with _workers(jobs, forks=forks) as workers:
        chunks = (files[start : start + size] for start in range(0, len(files), size))
        waiting: deque[Future[list[T]]] = deque(
            workers.submit(_each, judge, chunk) for chunk in islice(chunks, jobs * _CHUNKS_AHEAD)
        )
        while waiting:
            answers = waiting.popleft().result()
            waiting.extend(workers.submit(_each, judge, chunk) for chunk in islice(chunks, 1))
            yield from answers


def processes_for(files: Sequence[str]) -> int:
    """How many processes are worth their start for these files; what is compressed counts as what it holds."""
    size = 0
    for file in files:
        try:
            size += Path(file).stat().st_size * (1 if compression_by_name(file) is Compression.NONE else _EXPANDS)
        except (OSError, ValueError):
            continue
        if size >= WORTH_A_PROCESS:
            return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 1


def _each(judge: Judge[T], files: Sequence[str]) -> list[T]:
    return [judge(file) for file in files]


@contextmanager
def _workers(jobs: int, *, forks: bool) -> Iterator[ProcessPoolExecutor]:
    """Processes that end with the block; at once, where it is left early: nobody waits for what they have begun."""
    others = set(multiprocessing.active_children())
    # A forked child needs no import of its own; other systems start a fresh interpreter.
    context = multiprocessing.get_context("fork" if forks and sys.platform == "linux" else "spawn")
    try:
        with ProcessPoolExecutor(jobs, mp_context=context, initializer=_prepare_worker) as workers:
            try:
                yield workers
            except BaseException:
                for worker in set(multiprocessing.active_children()) - others:
                    worker.kill()
                raise
    except BrokenProcessPool as broken:
        raise LocalStateError(
            "the system ended a process that was reading bundles; it may have run out of memory",
            next_step="Make room in memory, or name fewer files at once, then run the same command again.",
            reason="process_ended",
        ) from broken


def _prepare_worker() -> None:
    """In a child: interrupts are the parent's to handle, and what was inherited is not garbage to be looked for.

    Without the freeze, the collector would write to every inherited page and make the system copy it. A decoded
    document has no cycles, so there is little to look for among the tens of thousands of objects that it makes.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
