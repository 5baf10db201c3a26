"""A child with its pipes: what it is given and gives, how it ends, and that nothing of it stays."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwctl.embedded.child import Child, EndsKept, start_failure
from embedded_doubles import processes_with

LARGE = b"0123456789abcdef" * 200_000
IGNORES = "import signal, sys, time; signal.signal(15, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"


def child(*words: str, reads: bool = False, mark: Path | None = None) -> Child:
    """A started one; `mark` stands in its environment."""
    environment = None if mark is None else {**os.environ, "MARK": str(mark)}
    return Child(words, environment=environment, reads=reads)


def until(one: Child, wanted: bytes) -> None:
    """Wait until it has printed this."""
    deadline = time.monotonic() + 20
    while wanted not in one.output:
        assert time.monotonic() < deadline
        one.pump(1)


def test_more_than_a_pipe_holds_goes_in_and_comes_out() -> None:
    one = child("cat", reads=True)
    one.feed(LARGE)
    one.feed(b"!")
    one.close_input()
    assert one.end(patience=30) == 0
    assert bytes(one.output) == LARGE + b"!"
    assert one.output_ended


def test_stdin_is_empty_where_it_does_not_read() -> None:
    one = child("cat")
    assert one.end(patience=20) == 0
    assert one.output == b""


def test_a_child_that_does_not_read_what_it_is_fed_is_no_crash() -> None:
    one = child("sh", "-c", "exec 0<&-; echo gone", reads=True)
    one.feed(LARGE)
    one.close_input()
    assert one.end(patience=20) == 0
    assert one.output == b"gone\n"


def test_of_stderr_the_ends_are_kept() -> None:
    one = child(sys.executable, "-c", "import sys; sys.stderr.write('first' + 'x' * 200_000 + 'last')")
    assert one.end(patience=20) == 0
    text, count = one.errors.take()
    assert count == 200_009
    assert len(text) < 40_000
    assert text.startswith(b"firstx")
    assert text.endswith(b"xlast")
    assert b"bytes left out]" in text


def test_a_child_that_leaves_another_behind_with_its_stdout_is_not_waited_for() -> None:
    one = child("sh", "-c", "sleep 60 & echo $!")
    began = time.monotonic()
    assert one.end(patience=30) == 0
    assert time.monotonic() - began < 20
    left = int(one.output)
    os.kill(left, 0)  # a command that ended well may leave something behind on purpose
    os.kill(left, signal.SIGKILL)


def test_a_child_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    one = child("sh", "-c", "sleep 60 & echo on; sleep 60", mark=tmp_path)
    until(one, b"on")
    assert one.end() == -signal.SIGTERM
    assert processes_with(tmp_path) == []


def test_a_child_that_will_not_hear_is_killed(tmp_path: Path) -> None:
    one = child(sys.executable, "-c", IGNORES, mark=tmp_path)
    until(one, b"on")
    assert one.end(grace=0.05) == -signal.SIGKILL
    assert processes_with(tmp_path) == []
    assert one.end() == -signal.SIGKILL


def test_another_thread_may_kill_it() -> None:
    one = child("sleep", "60")
    killer = threading.Thread(target=one.kill)
    killer.start()
    while not one.exited():
        one.pump(1)
    killer.join()
    assert one.end() == -signal.SIGKILL
    one.kill()


def test_it_has_a_session_of_its_own_and_no_terminal() -> None:
    one = child(sys.executable, "-c", "import os; print(os.getsid(0) == os.getpid())")
    assert one.end(patience=20) == 0
    assert one.output == b"True\n"


def test_without_a_descriptor_for_its_end_it_works_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    one = child("cat", reads=True)
    one.feed(LARGE)
    one.close_input()
    assert one.end(patience=30) == 0
    assert len(one.output) == len(LARGE)


def test_without_waitid_it_works_all_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    monkeypatch.delattr(os, "waitid")
    assert child("true").end(patience=20) == 0
    one = child("sh", "-c", "echo on; sleep 60", mark=tmp_path)
    until(one, b"on")
    assert one.end() == -signal.SIGTERM
    assert processes_with(tmp_path) == []


def test_what_cannot_be_started_is_said(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("x")
    for word, said in (("no-such-command", "is not there"), (str(plain), "Permission denied"), ("a\0b", "null byte")):
        with pytest.raises((OSError, ValueError)) as caught:
            child(word)
        assert said in start_failure([word], caught.value)


@given(st.lists(st.binary(max_size=40), max_size=12), st.integers(1, 30))
def test_ends_are_kept_whatever_the_pieces(pieces: list[bytes], half: int) -> None:
    kept = EndsKept(half)
    for piece in pieces:
        kept.add(piece)
    whole = b"".join(pieces)
    text, count = kept.take()
    assert count == len(whole)
    if len(whole) <= 2 * half:
        assert text == whole
    else:
        assert text == whole[:half] + b"\n[%d bytes left out]\n" % (len(whole) - 2 * half) + whole[-half:]
    assert kept.take() == (b"", 0)
