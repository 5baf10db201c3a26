"""The bar of an import: count, rate, what is under way, failures, and the time left."""

from __future__ import annotations

from typing import TextIO

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dwctl.render.console import console_for


class ImportBar:
    """A bar on a terminal, which is gone when it is stopped."""

    def __init__(self, total: int, stream: TextIO) -> None:
        self._progress = Progress(
            TextColumn("importing"), BarColumn(bar_width=30), MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}", markup=False), TimeRemainingColumn(),
            console=console_for(stream), transient=True, redirect_stdout=False,
        )  # fmt: skip
        self._task = self._progress.add_task("", total=total, facts="")

    def start(self) -> None:
        """Show it."""
        self._progress.start()

    def stop(self) -> None:
        """Take it away."""
        self._progress.stop()

    def show(self, finished: int, facts: str) -> None:
        """Move it: bundles that have ended, and what else is known."""
        self._progress.update(self._task, completed=finished, facts=facts)
