"""One call to its end."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

from dwctl.embedded.calls import Caller, CallPrintsTooMuch, CallStopped, CallTimedOut
from embedded_doubles import jumping_clock, processes_with


def test_a_call_gives_code_output_errors_and_time() -> None:
    ended = Caller().call(["sh", "-c", "cat; echo no >&2; exit 3"], timeout=20, environment=None, given=b"yes")
    assert (ended.code, ended.output, ended.errors) == (3, b"yes", b"no\n")
    assert 0 < ended.seconds < 20


def test_a_call_has_the_environment_that_is_handed_in() -> None:
    assert Caller().call(["/usr/bin/env"], timeout=20, environment={"ONLY": "this"}).output == b"ONLY=this\n"


def test_a_call_that_hangs_is_ended_with_what_it_had_said(tmp_path: Path) -> None:
    script = f"sleep 60 & echo waiting >&2; echo hangs > '{tmp_path}/log'; echo >&2; sleep 60"
    caller = Caller(jumping_clock(tmp_path / "log", "hangs"))
    with pytest.raises(CallTimedOut) as caught:
        caller.call(["sh", "-c", script], timeout=60, environment={"MARK": str(tmp_path), "PATH": "/usr/bin:/bin"})
    assert caught.value.errors.startswith(b"waiting\n")
    assert processes_with(tmp_path) == []


def test_a_call_that_prints_without_end_is_ended(tmp_path: Path) -> None:
    with pytest.raises(CallPrintsTooMuch):
        Caller().call(["yes", str(tmp_path)], timeout=20, environment=None, most=5_000_000)
    assert processes_with(tmp_path) == []


def test_stop_ends_the_call_in_flight_and_every_later_one(tmp_path: Path) -> None:
    at_work = threading.Event()

    def clock() -> float:
        at_work.set()
        return time.monotonic()

    caller = Caller(clock)

    def stop() -> None:
        at_work.wait(20)
        caller.stop()

    stopper = threading.Thread(target=stop)
    stopper.start()
    with pytest.raises(CallStopped):
        caller.call([sys.executable, "-c", "import time; time.sleep(60)", str(tmp_path)], timeout=50, environment=None)
    stopper.join()
    with pytest.raises(CallStopped):
        caller.call(["true"], timeout=20, environment=None)
    assert processes_with(tmp_path) == []
