"""Looking at something again and again, until a person or the time says that it is enough."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from dwctl.errors import DwctlError

Report = TypeVar("Report")


@dataclass(frozen=True, slots=True)
class Seen(Generic[Report]):
    """One look: the newest report there is, and why this look gave none (`missed`), if it did not."""

    report: Report
    missed: DwctlError | None = None


def watch(
    look: Callable[[], Report], sleep: Callable[[float], None], clock: Callable[[], float], interval: float,
    length: float | None = None,
) -> Iterator[Seen[Report]]:  # fmt: skip
    """Look now, and every `interval` seconds; for `length` seconds, or for ever (None).

    The first look raises what it meets: a watch that never saw anything is none. A later one that fails is
    yielded as missed, with the report before it, and the next one follows.
    """
    end = None if length is None else clock() + length
    seen = Seen(look())
    yield seen
    while end is None or clock() + interval <= end:
        sleep(interval)
        try:
            seen = Seen(look())
        except DwctlError as error:
            seen = Seen(seen.report, error)
        yield seen
