"""Asking about many runs: which of them, where a sample will do, and several at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Final, Generic, TypeVar

from dwctl.errors import Interrupted
from dwctl.transfer.lanes import Done, Lanes, Stop

S = TypeVar("S")
T = TypeVar("T")

ONE_IN: Final = 100
"""How large a sample is, of many."""


def by_chance(items: Sequence[T], name: Callable[[T], str]) -> tuple[T, ...]:
    """In an order that is chance to whoever made the names, and the same one every time."""
    return tuple(sorted(items, key=lambda item: hashlib.sha256(name(item).encode("utf-8", "surrogatepass")).digest()))


def sample(items: Sequence[T], name: Callable[[T], str], *, fewest: int, deep: bool) -> tuple[T, ...]:
    """About one in a hundred, at least so many, the same ones every time; all where the look is deep."""
    if deep or len(items) <= fewest:
        return tuple(items)
    return by_chance(items, name)[: max(fewest, len(items) // ONE_IN)]


@dataclass(frozen=True, slots=True)
class _Question(Generic[S, T]):
    place: int
    item: S
    answer: tuple[T, ...] = ()


def asked_at_once(ask: Callable[[S], T], items: Sequence[S], stop: Stop, *, at_once: int) -> list[T]:
    """What each answered, in their order, so many asked at a time.

    Raises what the first failure raised, and Interrupted where somebody has had enough: nothing is begun after that.
    """
    done: SimpleQueue[Done[_Question[S, T]]] = SimpleQueue()
    lanes = Lanes("ask", min(at_once, len(items)), lambda one: replace(one, answer=(ask(one.item),)), done)
    answers: dict[int, T] = {}

    def take() -> None:
        came = done.get()
        lanes.busy -= 1
        if came.error is not None:
            raise came.error
        answers[came.item.place] = came.item.answer[0]

    try:
        for place, item in enumerate(items):
            if lanes.busy == at_once:
                take()
            if stop.over():
                raise Interrupted("interrupted before everything was asked")
            lanes.put(_Question(place, item))
        while lanes.busy:
            take()
    finally:
        lanes.close()
    return [answers[place] for place in range(len(items))]
