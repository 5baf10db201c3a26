"""Markdown out of text that is not ours: what came from a file, a server or a ledger stays text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from dwctl.render.text import one_line

_PLAIN: Final = re.compile(r"[^`|\\\s](?:[^`|\\\n]*[^`|\\\s])?")


def code(text: str) -> str:
    """The text as code. There no mark, link, mention or tag of Markdown means anything.

    Where a code span could not hold it (backticks, the bars of a table), each sign stands as its number.
    """
    shown = one_line(text)
    if _PLAIN.fullmatch(shown):
        return f"`{shown}`"
    signs = "".join([one if one.isalnum() else f"&#{ord(one)};" for one in shown])
    return f"<code>{signs}</code>"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    """The lines of a table; cells are Markdown already."""
    yield f"| {' | '.join(headings)} |"
    yield f"|{' --- |' * len(headings)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def folded(summary: str, lines: Iterable[str]) -> Iterable[str]:
    """Lines that are folded away until somebody wants them; `summary` is our own text."""
    yield f"<details><summary>{summary}</summary>"
    yield ""
    yield from lines
    yield ""
    yield "</details>"


def clipped(text: str, longest: int = 200) -> str:
    """The text, its end cut off where it is too long for a cell."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
