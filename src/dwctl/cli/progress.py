"""Progress of long work: a bar on a terminal, nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

_WORTH_A_BAR = 200


def with_progress(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Yield the items, and show on stderr how far it is where a person watches and there is much to do."""
    if total < _WORTH_A_BAR or not sys.stderr.isatty():
        yield from items
        return
    from dwctl.render.console_progress import progress_bar

    yield from progress_bar(items, total, what, sys.stderr, beside_data=sys.stdout.isatty())
