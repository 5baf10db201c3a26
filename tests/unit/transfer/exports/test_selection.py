"""Ids as a person writes them, files of ids, and the list of a server that shifts."""

from __future__ import annotations

import pytest

from dwctl.errors import ExitCode, RequestNotPossible
from dwctl.transfer.exports.selection import Target, ids_in, selected, target_of


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("order-1", Target("order-1")),
        ("order-1/run-1", Target("order-1", "run-1")),
        ("/run-1", Target(None, "run-1")),
        ("tenant/order-1/", Target("tenant/order-1")),
        ("tenant/order-1/run-1", Target("tenant/order-1", "run-1")),
        ("-r", Target("-r")),
        ("Bestellung ä", Target("Bestellung ä")),
    ],
)
def test_the_last_slash_divides_instance_and_run(text: str, target: Target) -> None:
    assert target_of(text, "ID") == target


@pytest.mark.parametrize(
    ("target", "text"),
    [(Target("order-1"), "order-1"), (Target("order-1", "run-1"), "order-1/run-1"), (Target(None, "run-1"), "/run-1")],
)
def test_a_target_prints_as_it_is_written(target: Target, text: str) -> None:
    assert str(target) == text


@pytest.mark.parametrize("text", ["", "/", "a\nb", "a\x1b[2J", "a\x00"])
def test_what_names_no_run_is_refused(text: str) -> None:
    with pytest.raises(RequestNotPossible) as caught:
        target_of(text, "ids.txt, line 3")
    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.where == "ids.txt, line 3"


def test_a_file_has_an_id_a_line_with_comments_and_empty_lines() -> None:
    content = "\ufeff# ids\r\norder-1\r\n\r\n  order-2/run-2  \n".encode()
    assert list(ids_in(content, "ids.txt")) == [Target("order-1"), Target("order-2", "run-2")]


def test_a_file_that_is_no_text_is_refused() -> None:
    with pytest.raises(RequestNotPossible) as caught:
        list(ids_in(b"order-1\n\xff", "ids.txt"))
    assert "byte 8" in str(caught.value.where)


def test_a_line_at_fault_is_named() -> None:
    with pytest.raises(RequestNotPossible) as caught:
        list(ids_in(b"order-1\n/\n", "ids.txt"))
    assert caught.value.where == "ids.txt, line 2"


def test_each_target_is_taken_once_and_none_is_no_selection() -> None:
    assert selected([Target("b"), Target("a"), Target("b")]).targets == (Target("b"), Target("a"))
    with pytest.raises(RequestNotPossible) as caught:
        selected([])
    assert caught.value.reason == "nothing_selected"
