"""Work on many files: in order, in as many processes as are worth it, and never waiting for one that has died."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from dwctl.errors import ExitCode, LocalStateError
from dwctl.transfer.files import processes
from dwctl.transfer.files.processes import in_processes, processes_for
from sample_bundles import LEASED

FILES = [str(number) for number in range(300)]


def same(file: str, *, stdin: BinaryIO | None = None) -> str:
    """The file itself."""
    return file


def noted(file: str, *, stdin: BinaryIO | None = None, folder: Path) -> str:
    """The file itself; that it was done is to be seen in a folder."""
    (folder / file).touch()
    return file


def dies(file: str, *, stdin: BinaryIO | None = None, at: str) -> str:
    """The file itself, but for one at which the process is ended as a machine without memory ends it."""
    if file == at:
        os.kill(os.getpid(), signal.SIGKILL)
    return file


def sleeps(file: str, *, stdin: BinaryIO | None = None) -> str:
    """The first file at once, any other only after longer than a test may take."""
    if file != FILES[0]:
        time.sleep(3600)
    return file


def fails(file: str, *, stdin: BinaryIO | None = None) -> str:
    """A mistake in the program, at one file."""
    if file == "77":
        raise KeyError(file)
    return file


@pytest.mark.parametrize("forks", [True, False])
@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_the_answers_come_in_the_order_of_the_files(jobs: int, forks: bool) -> None:
    assert list(in_processes(same, FILES, jobs=jobs, forks=forks)) == FILES
    assert list(in_processes(same, FILES[:2], jobs=jobs, forks=forks)) == FILES[:2]
    assert list(in_processes(same, [], jobs=jobs, forks=forks)) == []


@pytest.mark.parametrize("at", ["0", "150", "299"])
@pytest.mark.parametrize("forks", [True, False])
def test_a_process_that_is_killed_is_told_and_not_waited_for(at: str, forks: bool) -> None:
    with pytest.raises(LocalStateError, match="the system ended a process") as told:
        list(in_processes(partial(dies, at=at), FILES, jobs=2, forks=forks))
    assert told.value.reason == "process_ended"
    assert told.value.exit_code is ExitCode.LOCAL_STATE
    assert multiprocessing.active_children() == []


def test_whoever_leaves_early_does_not_wait_for_what_was_begun() -> None:
    answers = in_processes(sleeps, FILES[:3], jobs=3)
    assert next(answers) == FILES[0]
    answers.close()  # type: ignore[attr-defined]
    assert multiprocessing.active_children() == []


def test_a_mistake_in_a_process_is_raised_here() -> None:
    with pytest.raises(KeyError, match="77"):
        list(in_processes(fails, FILES, jobs=2))
    assert multiprocessing.active_children() == []


def test_answers_that_nobody_has_taken_are_bounded(tmp_path: Path) -> None:
    many = [str(number) for number in range(5000)]
    answers = in_processes(partial(noted, folder=tmp_path), many, jobs=2)
    assert next(answers) == many[0]
    answers.close()  # type: ignore[attr-defined]
    assert 0 < len(list(tmp_path.iterdir())) <= 32 * (2 * 4 + 1)


@pytest.mark.parametrize(
    ("files", "jobs", "worth", "pools"),
    [(2, 2, True, 1), (2, 1, True, 0), (1, 2, True, 0), (2, None, True, 1), (2, None, False, 0)],
)
def test_processes_are_started_where_they_are_asked_for_or_worth_it(
    files: int, jobs: int | None, worth: bool, pools: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    context = multiprocessing.get_context

    def counted(method: str) -> Any:
        started.append(method)
        return context(method)

    monkeypatch.setattr(multiprocessing, "get_context", counted)
    monkeypatch.setattr(processes, "processes_for", lambda files: 2 if worth else 1)
    assert list(in_processes(same, FILES[:files], jobs=jobs)) == FILES[:files]
    assert len(started) == pools


def test_a_second_process_is_started_only_where_there_is_much_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    large = tmp_path / "large.json"
    with large.open("wb") as sparse:
        sparse.truncate(processes.WORTH_A_PROCESS)
    assert processes_for([str(LEASED), "nowhere", "nul\x00byte", "-"]) == 1
    assert processes_for([str(LEASED), str(large)]) == 3
    assert processes_for([str(large)]) == 3
    os.truncate(large, processes.WORTH_A_PROCESS - 1)
    assert processes_for([str(large)]) == 1
    assert processes_for([str(large), str(LEASED)]) == 3
    assert processes_for([]) == 1


def test_an_interrupt_is_left_to_the_parent() -> None:
    before, thresholds = signal.getsignal(signal.SIGINT), gc.get_threshold()
    try:
        processes._prepare_worker()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
        gc.set_threshold(*thresholds)
        gc.unfreeze()
