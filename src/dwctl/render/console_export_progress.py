"""The bar of an export: count, rate, bytes, time left, and the run that is being exported."""

from __future__ import annotations

from typing import TextIO

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dwctl.render.console import console_for
from dwctl.render.text import one_line
from dwctl.render.wording import size

_LONGEST_NAME = 60


class ExportBar:
    """A bar on a terminal, which is gone when it is stopped.

    Standard output is left alone: it is a file or a pipe while data goes there, and rich would print that here.
    """

    def __init__(self, total: int, stream: TextIO) -> None:
        self._progress = Progress(
            TextColumn("exporting"), BarColumn(bar_width=30), MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}  {task.fields[bytes]}"), TimeRemainingColumn(),
            TextColumn("{task.fields[current]}", style="dim", markup=False),
            console=console_for(stream), transient=True, redirect_stdout=False,
        )  # fmt: skip
        self._task = self._progress.add_task("", total=total, rate="", bytes="", current="")

    def start(self) -> None:
        """Show it."""
        self._progress.start()

    def stop(self) -> None:
        """Take it away."""
        self._progress.stop()

    def show(self, finished: int, total: int, count: int, current: str, waiting: int) -> None:
        """Move it: runs finished of all, bytes kept, the current run, and how many are waited for."""
        task = self._progress.tasks[0]
        rate = f"{finished / task.elapsed:.1f}/s" if task.elapsed and finished else ""
        name = one_line(current)[:_LONGEST_NAME]
        if waiting:
            name = f"waiting for workers to let go of {waiting}"
        self._progress.update(self._task, completed=finished, total=total, rate=rate, bytes=size(count), current=name)
