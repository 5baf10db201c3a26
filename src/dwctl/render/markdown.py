"""Markdown out of text that is not ours: what came from a file, a server or a ledger stays text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from dwctl.render.text import one_line

_PLAIN: Final = re.compile(r"[^`|\\\s](?:[^`|\\\n]*[^`|\\\s])?")
_PROSE: Final = re.compile(r"(?:[^\W_]|(?<=[^\W_])_(?=[^\W_])|[ .,;:()'\"/%+=?-])*")
_LINKED: Final = re.compile(r"www\.|://|\bGH-[0-9]", re.IGNORECASE)


def code(text: str) -> str:
    """The text as code. There no mark, link, mention or tag of Markdown means anything.

    Where a code span could not hold it (backticks, the bars of a table), each sign stands as its number.
    """
    shown = one_line(text)
    if _PLAIN.fullmatch(shown):
        return f"`{shown}`"
    signs = "".join([one if one.isalnum() else f"&#{ord(one)};" for one in shown])
    return f"<code>{signs}</code>"


def sentence(text: str) -> str:
    """A sentence that may hold text from anywhere: as it reads where no sign in it could mean anything, else as code.

    Writing signs as numbers would not do: a mention is looked for in what they have become.
    """
    parts = one_line(text).split("`")
    safe = len(parts) % 2 and all(_PROSE.fullmatch(part) and not _LINKED.search(part) for part in parts[::2])
    if not safe or not all(_PLAIN.fullmatch(part) for part in parts[1::2]):
        return code(text)
    return "".join([f"`{part}`" if place % 2 else part for place, part in enumerate(parts)])


def typed(command: str, indent: str) -> Iterable[str]:
    """A command in a block of its own. It is one line, so nothing in it can end the block."""
    longest = max((len(run) for run in re.findall("`+", command)), default=0)
    fence = "`" * max(3, longest + 1)
    return (f"{indent}{fence}sh", f"{indent}{one_line(command)}", f"{indent}{fence}")


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
