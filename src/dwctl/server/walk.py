"""Reading a whole list of runs, page by page, while the list changes (server.md §5).

A page token is an offset into the list. Rows that appear shift the rest to later pages, where they are seen
twice; rows that vanish (retention, a status that no longer fits the filter) shift the rest to earlier
pages, and some are never seen. So each page begins one row early: if that row has been seen, nothing
vanished. If it has not, the walk starts again, and what was found adds up.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass

from dwctl.server.results import Page, RunRow

_WALKS = 4


@dataclass(frozen=True, slots=True)
class Walk:
    """Every row that was found, once each, in the server's order.

    `complete` is false where the list changed faster than it could be read, so that rows may be missing;
    `pages` counts the requests.
    """

    rows: tuple[RunRow, ...]
    complete: bool
    pages: int


def walk_runs(fetch: Callable[[str | None], Page], *, limit: int | None = None) -> Walk:
    """Read every page that `fetch(token)` gives, or as many as hold `limit` rows."""
    found: dict[str, RunRow] = {}
    pages = 0
    for _ in range(_WALKS):
        settled, asked = _walk_once(fetch, found, limit)
        pages += asked
        if settled:
            return Walk(tuple(found.values())[:limit], True, pages)
    return Walk(tuple(found.values())[:limit], False, pages)


def _walk_once(fetch: Callable[[str | None], Page], found: dict[str, RunRow], limit: int | None) -> tuple[bool, int]:
    """Once through the list, adding to `found`: whether no row can be missing, and how many requests."""
    token: str | None = None
    tokens: set[str] = set()
    seen: set[str] = set()
    asked, passed, settled = 0, 0, True
    while True:
        early = _one_earlier(token, passed)
        page = fetch(early or token)
        asked += 1
        if early is not None:
            settled = settled and bool(page.rows) and page.rows[0].run_id in seen
            passed -= 1
        for row in page.rows:
            found[row.run_id] = row
            seen.add(row.run_id)
        passed += len(page.rows)
        token = page.next_page_token
        if token is None or (limit is not None and len(seen) >= limit):
            return settled, asked
        if token in tokens or not page.rows:
            return False, asked
        tokens.add(token)


def _one_earlier(token: str | None, passed: int) -> str | None:
    """The token of the row before, where the token is the offset that we expect; None for any other token."""
    if token is None or passed < 1:
        return None
    try:
        offset = base64.b64decode(token, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    return base64.b64encode(str(passed - 1).encode()).decode() if offset == str(passed) else None
