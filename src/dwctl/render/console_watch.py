"""A report that is drawn again in its place on a terminal, as much of it as the screen holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TextIO, TypeVar

from rich.console import Group
from rich.live import Live
from rich.text import Text

from dwctl.render.console import console_for
from dwctl.render.text import one_line
from dwctl.transfer.watching import Seen

Report = TypeVar("Report")
_FOOT = "Ctrl-C ends it with the whole report"


@contextmanager
def screen_of(lines: Callable[[Report], Iterable[Text]], stream: TextIO) -> Iterator[Callable[[Seen[Report]], None]]:
    """Draw each look; when the block ends the drawing is taken away and the cursor is back."""
    console = console_for(stream)
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def draw(seen: Seen[Report]) -> None:
            room = max(console.size.height - 4, 3)
            shown = [_cut(line) for line in islice(lines(seen.report), room)]
            live.update(Group(*shown, *_foot(seen)), refresh=True)

        yield draw


def _cut(line: Text) -> Text:
    """A line stays one line of the screen: the room is counted so."""
    short = line.copy()
    short.no_wrap, short.overflow = True, "ellipsis"
    return short


def _foot(seen: Seen[Report]) -> Iterator[Text]:
    yield Text()
    if seen.missed is not None:
        yield _cut(
            Text(f"the last look failed, so nobody knows now: {one_line(seen.missed.message)}", style="bold red")
        )
    yield _cut(Text(_FOOT, style="dim"))
