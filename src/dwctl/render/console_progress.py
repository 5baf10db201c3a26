"""A progress bar with count, rate and time left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TextIO, TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dwctl.render.console import console_for

Item = TypeVar("Item")


def progress_bar(items: Iterable[Item], total: int, what: str, stream: TextIO) -> Iterator[Item]:
    """Yield the items and move a bar; the bar is gone when the work is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console_for(stream), transient=True) as progress:
        task = progress.add_task(what, total=total)
        for item in items:
            yield item
            progress.advance(task)
