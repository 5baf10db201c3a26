"""Details that many items of a list share, printed once under the names of the first of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from rich.console import Console
from rich.text import Text

from dwctl.counted import counted
from dwctl.render.console import print_line

MOST_KINDS = 20
"""Different details that are shown."""

MOST_NAMES = 5
"""Items that are named for each of them."""


@dataclass(slots=True)
class _Kind:
    heads: list[Text]
    details: list[Text]
    count: int = 0


@dataclass(slots=True)
class Alike:
    """Takes items in as they come; memory does not grow with them. `what` is the word for one item."""

    what: str
    _kinds: dict[tuple[str, ...], _Kind] = field(default_factory=dict)
    _more: int = 0

    def add(self, head: Text, details: Iterable[Text]) -> None:
        """One item: the line that names it, and the lines under it."""
        lines = list(details)
        key = (head.plain.split("  ")[0], *(line.plain for line in lines))
        kind = self._kinds.get(key)
        if kind is None:
            if len(self._kinds) >= MOST_KINDS:
                self._more += 1
                return
            kind = self._kinds[key] = _Kind([], lines)
        kind.count += 1
        if len(kind.heads) < MOST_NAMES:
            kind.heads.append(head)

    def show(self, console: Console) -> None:
        """Print every kind, an empty line before each, and how many items are not shown."""
        for kind in self._kinds.values():
            console.print()
            for head in kind.heads:
                print_line(console, head)
            if kind.count > len(kind.heads):
                print_line(console, Text(f"… and {counted(kind.count - len(kind.heads), self.what)} alike"))
            for line in kind.details:
                print_line(console, line)
        if self._more:
            console.print()
            print_line(console, Text(f"… and {counted(self._more, self.what)} with other troubles (all: --json)"))
