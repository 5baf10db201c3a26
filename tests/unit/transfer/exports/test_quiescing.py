"""Runs that a worker holds: told by the rules, and fed again until they are free or the time is over."""

from __future__ import annotations

import threading

from dwctl.transfer.exports.quiescing import Attempt, Feed, Quiescing, held_by
from dwctl.transfer.exports.selection import Target

A, B, C = Target("a"), Target("b"), Target("c")


def test_only_leases_and_running_attempts_hold_a_run() -> None:
    rules = ("workflow.type_is_class", "tasks.leased_task_present", "activities.running_attempt_present")
    assert held_by(rules) == ("tasks.leased_task_present", "activities.running_attempt_present")
    assert held_by(("bundle.integrity_failed",)) == ()


def test_the_pauses_grow_and_end_with_the_time() -> None:
    quiescing = Quiescing(refuse=True, wait=10.0, first=1.0, longest=4.0)
    attempt, now, pauses = Attempt(A), 100.0, []
    while (pause := quiescing.pause(attempt, now)) is not None:
        pauses.append(pause)
        attempt, now = attempt.found_held(now), now + pause
    assert pauses == [1.0, 2.0, 4.0, 3.0]
    assert sum(pauses) == 10.0


def test_without_a_time_there_is_no_waiting() -> None:
    assert Quiescing(refuse=True).pause(Attempt(A), 0.0) is None


def test_a_feed_gives_each_target_once_and_then_nothing() -> None:
    feed = Feed([A, B])
    taken = [feed.take(), feed.take()]
    assert [attempt.target for attempt in taken if attempt] == [A, B]
    feed.done()
    feed.done()
    assert feed.take() is None
    assert feed.take() is None


def test_what_is_put_back_comes_again_when_it_is_due_and_after_what_is_new() -> None:
    now = [0.0]
    feed = Feed([A, B], lambda: now[0])
    first = feed.take()
    assert first is not None
    feed.put_back(first.found_held(0.0), 5.0)
    assert feed.waiting == 1
    second = feed.take()
    assert second is not None
    assert second.target == B
    feed.done()
    now[0] = 5.0
    again = feed.take()
    assert again is not None
    assert (again.target, again.held, again.held_since) == (A, 1, 0.0)
    assert feed.waiting == 0


def test_a_feed_waits_for_what_may_be_put_back() -> None:
    feed = Feed([A])
    attempt = feed.take()
    assert attempt is not None
    found: list[Attempt | None] = []
    other = threading.Thread(target=lambda: found.append(feed.take()))
    other.start()
    feed.put_back(attempt.found_held(0.0), 0.0)
    other.join(10)
    assert [one.target for one in found if one] == [A]


def test_a_feed_that_is_ended_lets_everybody_go() -> None:
    feed = Feed([A, B, C])
    feed.take()
    found: list[Attempt | None] = []
    feed.end()
    other = threading.Thread(target=lambda: found.append(feed.take()))
    other.start()
    other.join(10)
    assert found == [None]
    assert feed.ended


def test_what_is_added_on_the_way_is_no_run_that_is_waited_for() -> None:
    feed = Feed([A])
    feed.take()
    feed.add(B)
    assert feed.waiting == 0
    added = feed.take()
    assert added is not None
    assert added.target == B
