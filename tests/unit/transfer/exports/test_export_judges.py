"""Exports are judged in processes of their own, which end with this one however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from dwctl.bundle.verify import Outcome, VerifyOptions, verify_bundle
from dwctl.errors import ExitCode, ServerFailed
from dwctl.transfer.exports.judges import Judges, judge, judges_for
from export_kills import children_of, is_alive, wait_until
from sample_bundles import LEASED, LOST_FRACTION, WAITING

OPTIONS = VerifyOptions()


@pytest.mark.parametrize("processes", [0, 2])
def test_a_verdict_is_the_same_in_whatever_process(processes: int) -> None:
    documents = [WAITING.read_bytes(), LEASED.read_bytes(), b"no json", LOST_FRACTION.read_bytes()] * 3
    with Judges(OPTIONS, processes) as judges, ThreadPoolExecutor(4) as threads:
        found = list(threads.map(judges.judge, documents))
    assert [one.verdict for one in found] == [verify_bundle(document) for document in documents]


def test_what_a_checksum_proves_is_judged_as_it_was() -> None:
    judged = judge(LOST_FRACTION.read_bytes(), OPTIONS)
    assert judged.verdict.outcome is Outcome.REFUSED
    assert judged.restored is not None
    assert judged.restored.outcome in {Outcome.OK, Outcome.WARNING}
    assert judged.restored.integrity.checksum_matches is True
    assert judge(WAITING.read_bytes(), OPTIONS).restored is None
    assert judge(WAITING.read_bytes().replace(b"orders", b"ordres", 1), OPTIONS).restored is None


def test_one_job_needs_no_process() -> None:
    assert judges_for(1) == 0
    assert 1 <= judges_for(64) <= (os.cpu_count() or 1)


def test_a_judge_that_dies_is_an_error_and_no_verdict() -> None:
    others = set(children_of(os.getpid()))
    with Judges(OPTIONS, 2) as judges:
        own = set(children_of(os.getpid())) - others
        assert len(own) == 2
        for child in own:
            os.kill(child, signal.SIGKILL)
        wait_until(lambda: not any(is_alive(child) for child in own))
        for _ in range(3):
            with pytest.raises(ServerFailed) as caught:
                judges.judge(WAITING.read_bytes())
            assert (caught.value.exit_code, caught.value.reason) == (ExitCode.SERVER, "verification_died")


def test_no_judge_outlives_a_process_that_was_killed() -> None:
    text = (
        "import sys, time\n"
        "from dwctl.bundle.verify import VerifyOptions\n"
        "from dwctl.transfer.exports.judges import Judges\n"
        "judges = Judges(VerifyOptions(), 3)\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        children = children_of(process.pid)
        assert len(children) == 3
        process.kill()
        wait_until(lambda: not any(is_alive(child) for child in children))
