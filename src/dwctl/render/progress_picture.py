"""The progress of a transfer as a picture: points of curves over the time in which somebody was importing."""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from dwctl.transfer.report.transfer_report import Past

WIDTH: Final = 1000
HEIGHT: Final = 240


class Progress(NamedTuple):
    """Curves in a field of WIDTH by HEIGHT, as points of SVG: what was there, what was compared, what did not arrive.

    `breaks` are the places where one session ends and the next begins; the time between them is left out.
    """

    there: str
    compared: str
    not_there: str
    breaks: tuple[float, ...]
    last_there: int
    last_compared: int
    last_not_there: int
    width: int = WIDTH
    height: int = HEIGHT


def progress_of(past: Past, total: int) -> Progress:
    """Cumulative curves; the field's height is all bundles."""
    pieces = Counter(bucket.session for bucket in past.buckets)
    whole = sum(max(past.sessions[at].seconds, 1.0) for at in pieces) or 1.0
    top = max(total, sum(bucket.there for bucket in past.buckets), sum(bucket.not_there for bucket in past.buckets), 1)
    x, sums = 0.0, [0, 0, 0]
    points: tuple[list[tuple[float, float]], ...] = ([(0.0, HEIGHT)], [(0.0, HEIGHT)], [(0.0, HEIGHT)])
    breaks: list[float] = []
    before = past.buckets[0].session if past.buckets else 0
    for bucket in past.buckets:
        if bucket.session != before:
            breaks.append(round(x, 1))
            before = bucket.session
        x += WIDTH * max(past.sessions[bucket.session].seconds, 1.0) / whole / pieces[bucket.session]
        for at, count in enumerate((bucket.there, bucket.compared, bucket.not_there)):
            sums[at] += count
            points[at].append((round(x, 1), round(HEIGHT * (1 - min(1.0, sums[at] / top)), 1)))
    there, compared, not_there = (_path(one) for one in points)
    return Progress(there, compared, not_there, tuple(breaks), sums[0], sums[1], sums[2])


def _path(points: list[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)
