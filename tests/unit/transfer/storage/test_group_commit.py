"""Lines of many threads in one write: in order, each told of its own success or failure."""

from __future__ import annotations

from threading import Barrier, Event, Thread

import pytest

from dwctl.transfer.storage.group_commit import GroupCommit


def test_a_line_is_written_when_append_returns() -> None:
    written: list[bytes] = []
    commit = GroupCommit(written.append)
    commit.append(b"a\n")
    commit.append(b"b\n")
    assert written == [b"a\n", b"b\n"]


def test_what_gathers_during_a_write_goes_with_the_next_one() -> None:
    writes: list[bytes] = []
    first_is_on_its_way, go_on = Event(), Event()

    def write(lines: bytes) -> None:
        writes.append(lines)
        if len(writes) == 1:
            first_is_on_its_way.set()
            go_on.wait()

    commit = GroupCommit(write)
    first = Thread(target=commit.append, args=(b"first\n",))
    first.start()
    first_is_on_its_way.wait()
    others = [Thread(target=commit.append, args=(b"%d\n" % number,)) for number in range(5)]
    for other in others:
        other.start()
    while len(commit._waiting) < 5:
        pass
    go_on.set()
    for thread in (first, *others):
        thread.join()
    assert writes[0] == b"first\n"
    assert len(writes) == 2
    assert sorted(writes[1].splitlines()) == [b"0", b"1", b"2", b"3", b"4"]


def test_many_threads_lose_nothing_and_never_write_at_once() -> None:
    written: list[bytes] = []
    inside: list[int] = []

    def write(lines: bytes) -> None:
        inside.append(1)
        assert len(inside) == 1
        written.append(lines)
        inside.pop()

    commit = GroupCommit(write)
    together = Barrier(8)

    def work(number: int) -> None:
        together.wait()
        for line in range(50):
            commit.append(b"%d:%d\n" % (number, line))

    threads = [Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = b"".join(written).splitlines()
    assert len(lines) == len(set(lines)) == 400
    for number in range(8):
        mine = [line for line in lines if line.startswith(b"%d:" % number)]
        assert mine == [b"%d:%d" % (number, line) for line in range(50)]


def test_a_failed_write_is_told_to_all_whose_lines_were_in_it_and_the_next_one_is_tried() -> None:
    failing, started, go_on = [True], Event(), Event()
    written: list[bytes] = []

    def write(lines: bytes) -> None:
        if lines == b"first\n":
            started.set()
            go_on.wait()
        elif failing.pop() if failing else False:
            raise OSError(28, "full")
        written.append(lines)

    commit = GroupCommit(write)
    told: list[str] = []

    def append(line: bytes) -> None:
        try:
            commit.append(line)
        except OSError:
            told.append("failed")

    first = Thread(target=append, args=(b"first\n",))
    first.start()
    started.wait()
    others = [Thread(target=append, args=(b"other\n",)) for _ in range(3)]
    for other in others:
        other.start()
    while len(commit._waiting) < 3:
        pass
    go_on.set()
    for thread in (first, *others):
        thread.join()
    assert told == ["failed"] * 3
    commit.append(b"last\n")
    assert written == [b"first\n", b"last\n"]


def test_a_failure_is_raised_as_it_came() -> None:
    def write(lines: bytes) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        GroupCommit(write).append(b"a\n")
