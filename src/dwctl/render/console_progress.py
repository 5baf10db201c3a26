"""A progress bar with count, rate and time left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TextIO, TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dwctl.render.console import console_for

Item = TypeVar("Item")

_STEPS = 1000
"""How often a bar moves at most: moving it costs more than some items do."""


def progress_bar(
    items: Iterable[Item], total: int, what: str, stream: TextIO, *, beside_data: bool = False
) -> Iterator[Item]:
    """Yield the items and move a bar; the bar is gone when the work is done.

    `beside_data` says that stdout is this terminal too, so that what is printed there has to stand above the bar.
    Otherwise stdout is a file or a pipe, and rich must not take what is meant for it.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console_for(stream), transient=True, redirect_stdout=beside_data) as progress:
        task = progress.add_task(what, total=total)
        step = max(1, total // _STEPS)
        for done, item in enumerate(items, 1):
            yield item
            if done % step == 0:
                progress.advance(task, step)
