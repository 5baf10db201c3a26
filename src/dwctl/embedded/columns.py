"""Rows out of the database as named tuples, a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from dwctl.embedded.collector import collector_paused
from dwctl.embedded.wall_clock import WallClock
from dwctl.errors import DwctlError

T = TypeVar("T")


def made_pages(
    pages: Iterator[list[Any]], make: Callable[[Iterable[Any]], T], times: Mapping[int, str], clock: WallClock
) -> Iterator[list[T]]:
    """What `make` makes of each row, page by page; the values in the places of `times` as dwctl shows times.

    `times` has their columns' names; the id of a row comes first. A whole column at a time, which costs far less than
    value by value. Raises ServerFailed, which names column and row, for what is not a time.
    """
    while True:
        with collector_paused():
            page = next(pages, None)
            if page is None:
                return
            columns: list[Sequence[Any]] = list(zip(*page, strict=True))
            del page
            for place, name in times.items():
                columns[place] = _shown(columns[0], columns[place], name, clock)
            made = list(map(make, zip(*columns, strict=True)))
            del columns
        yield made
        # Not kept while the next page is read: memory holds one page.
        del made


def _shown(ids: Sequence[object], values: Sequence[object], name: str, clock: WallClock) -> Sequence[str | None]:
    try:
        return clock.instants(values)
    except DwctlError:
        # Looked for only now: one by one they cost far more.
        for identity, value in zip(ids, values, strict=True):
            if value is not None:
                clock.instant(value, name, identity)
        raise
