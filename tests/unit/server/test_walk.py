"""A list that changes while it is read."""

from __future__ import annotations

import base64
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from dwctl.server.results import Page, RunRow
from dwctl.server.walk import walk_runs


def row(name: str) -> RunRow:
    """A run of this id."""
    return RunRow(name, name, None, None, "running", None, None, None, None, None)


def pages(
    rows: list[str], size: int, between: Callable[[int], None] = lambda call: None
) -> Callable[[str | None], Page]:
    """A server that pages by offset; `between` runs before each call and may change the rows."""
    calls = 0

    def fetch(token: str | None) -> Page:
        nonlocal calls
        calls += 1
        between(calls)
        try:
            offset = int(base64.b64decode(token or "", validate=True))
        except ValueError:
            offset = 0
        more = offset + size < len(rows)
        following = base64.b64encode(str(offset + size).encode()).decode() if more else None
        return Page(tuple(row(name) for name in rows[offset : offset + size]), following)

    return fetch


@given(st.integers(0, 60), st.integers(2, 9))
def test_a_quiet_list_is_read_once_and_whole(count: int, size: int) -> None:
    names = [f"r{index}" for index in range(count)]
    walk = walk_runs(pages(names, size))
    assert [found.run_id for found in walk.rows] == names
    assert walk.complete
    assert walk.pages <= 1 + count // (size - 1)


@given(st.integers(5, 40), st.integers(2, 7), st.integers(2, 5))
def test_rows_that_appear_in_front_hide_nothing(count: int, size: int, when: int) -> None:
    names = [f"r{index}" for index in range(count)]
    before = list(names)

    def appear(call: int) -> None:
        if call == when:
            names.insert(0, "new")

    walk = walk_runs(pages(names, size, appear))
    assert walk.complete
    assert {found.run_id for found in walk.rows} >= set(before)
    assert len({found.run_id for found in walk.rows}) == len(walk.rows)


@given(st.integers(5, 40), st.integers(2, 7), st.integers(2, 5), st.data())
def test_a_row_that_vanishes_makes_it_read_again_and_hides_nothing(
    count: int, size: int, when: int, data: st.DataObject
) -> None:
    names = [f"r{index}" for index in range(count)]
    victim = data.draw(st.integers(0, count - 1))

    def vanish(call: int) -> None:
        if call == when:
            del names[victim]

    walk = walk_runs(pages(names, size, vanish))
    assert walk.complete
    assert {found.run_id for found in walk.rows} >= set(names)


@given(st.integers(5, 40), st.integers(2, 7), st.dictionaries(st.integers(1, 30), st.integers(0, 39)))
def test_what_is_called_complete_holds_every_row_that_stayed(count: int, size: int, victims: dict[int, int]) -> None:
    names = [f"r{index}" for index in range(count)]

    def vanish(call: int) -> None:
        if call in victims and len(names) > 1:
            del names[victims[call] % len(names)]

    walk = walk_runs(pages(names, size, vanish))
    if walk.complete:
        assert {found.run_id for found in walk.rows} >= set(names)


def test_a_list_that_never_stands_still_is_called_incomplete() -> None:
    names = [f"r{index}" for index in range(4000)]

    def shrink(call: int) -> None:
        del names[:2]

    walk = walk_runs(pages(names, 10, shrink))
    assert not walk.complete
    assert walk.rows


def test_tokens_that_are_no_offsets_are_used_as_they_are() -> None:
    given_tokens: list[str | None] = []

    def fetch(token: str | None) -> Page:
        given_tokens.append(token)
        number = 0 if token is None else int(token.removeprefix("opaque-"))
        return Page((row(f"r{number}"),), f"opaque-{number + 1}" if number < 3 else None)

    walk = walk_runs(fetch)
    assert given_tokens == [None, "opaque-1", "opaque-2", "opaque-3"]
    assert walk.complete
    assert len(walk.rows) == 4


def test_a_server_that_repeats_a_page_ends_the_walk_as_incomplete() -> None:
    walk = walk_runs(lambda token: Page((row("r0"),), "same"))
    assert not walk.complete
    assert [found.run_id for found in walk.rows] == ["r0"]


def test_an_empty_page_with_a_token_is_not_followed_for_ever() -> None:
    walk = walk_runs(lambda token: Page((), "again"))
    assert not walk.complete
    assert walk.pages == 4


def test_a_limit_stops_early_and_is_complete() -> None:
    walk = walk_runs(pages([f"r{index}" for index in range(100)], 10), limit=15)
    assert len(walk.rows) == 15
    assert walk.complete
    assert walk.pages == 2
