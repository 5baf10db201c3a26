"""Signals in long work: once in order, twice at once; a terminal that has gone; nohup."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from dwctl.cli.interruption import interruptions
from dwctl.transfer.lanes import Stop

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Every handler is put back, whatever a test did."""
    before = {one: signal.getsignal(one) for one in SIGNALS}
    yield
    for one, handler in before.items():
        signal.signal(one, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_asks_and_the_second_stops_at_once(number: signal.Signals, capfd: pytest.CaptureFixture[str]) -> None:
    stop = Stop()
    with interruptions(stop):
        os.kill(os.getpid(), number)
        assert (stop.asked, stop.at_once, stop.over()) == (True, False, True)
        os.kill(os.getpid(), number)
        assert stop.at_once
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    said = capfd.readouterr().err
    assert "finishing what is in flight" in said
    assert "stopping now" in said


def test_the_handlers_of_before_are_put_back() -> None:
    before = [signal.getsignal(one) for one in SIGNALS]
    with interruptions(Stop()):
        assert [signal.getsignal(one) for one in SIGNALS] != before
    assert [signal.getsignal(one) for one in SIGNALS] == before


def test_a_hangup_that_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    stop = Stop()
    with interruptions(stop):
        os.kill(os.getpid(), signal.SIGHUP)
    assert not stop.asked


def test_what_is_written_to_a_terminal_that_has_gone_vanishes() -> None:
    ours, theirs = os.openpty()
    kept = os.dup(2)
    try:
        os.dup2(theirs, 2)
        with interruptions(Stop()):
            os.close(ours)
            os.close(theirs)
            os.kill(os.getpid(), signal.SIGHUP)
            assert os.write(2, b"nobody reads this") == 17
            assert not os.isatty(2)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
