"""`dwctl rehearse` with workers that a folder brings itself: what they take, how they fail, and what is left open."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dwctl.cli import rehearse
from dwctl.transfer.rehearsals import play as rehearsal_play
from dwctl.transfer.rehearsals.steps import STEPS
from rehearsals import (
    GIVEN,
    GOOD,
    ORDERS,
    OWN_TYPE,
    PARCEL,
    SHADOW,
    cutover,
    ended_at,
    nothing_is_left_running,
    parcels,
    states,
)
from sample_bundles import sealed
from server_cli import document

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with nothing_is_left_running(tmp_path, monkeypatch):
        yield


def test_a_worker_that_ends_at_once_fails_its_step(capsys: Capture, tmp_path: Path) -> None:
    code, found = document(capsys, "rehearse", cutover(tmp_path, "raise SystemExit('no work today')"))
    assert (code, found["exit_code"]) == (1, 1)
    message = ended_at(found, "worker")
    assert "has ended with code 1: no work today" in message


def test_a_worker_that_dies_before_it_has_claimed_anything_fails_the_shadow_run(
    capsys: Capture, tmp_path: Path
) -> None:
    worker = GIVEN + "register()\ntime.sleep(0.5)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    code, found = document(capsys, "rehearse", cutover(tmp_path, worker, more=SHADOW))
    assert code == 1
    assert "has ended with code -9" in ended_at(found, "shadow")


def test_a_worker_that_cannot_be_started_is_named_before_anything_starts(capsys: Capture, tmp_path: Path) -> None:
    folder = cutover(tmp_path, "")
    (Path(folder) / "rehearsal.toml").write_text('[worker]\ncommand = ["./absent"]\n', encoding="utf-8")
    code, found = document(capsys, "rehearse", folder)
    assert (code, found["reason"]) == (2, "wrong_plan")
    assert "./absent" in found["error"]


def test_a_program_that_is_none_fails_the_step(capsys: Capture, tmp_path: Path) -> None:
    folder = Path(cutover(tmp_path, ""))
    (folder / "worker.py").write_text("#!/nowhere/python\n")
    (folder / "worker.py").chmod(0o755)
    (folder / "rehearsal.toml").write_text('[worker]\ncommand = ["./worker.py"]\n', encoding="utf-8")
    code, found = document(capsys, "rehearse", str(folder))
    assert code == 1
    assert "the worker cannot be started" in ended_at(found, "worker")


def test_a_folder_brings_the_worker_of_its_own_types(capsys: Capture, tmp_path: Path) -> None:
    more = 'types = ["parcels.send", "parcels.weigh"]\n[shadow]\ntype = "parcels.send"\nqueue = "parcels-shadow"\n'
    code, found = document(capsys, "rehearse", parcels(tmp_path, more))
    assert (code, found["finished"]) == (0, {"order-7": "it had just started"}), found
    told = {step["id"]: " ".join(step["told"]) for step in found["steps"]}
    assert "polls queue parcels for parcels.send" in told["worker"]
    assert "polls queue parcels-shadow for parcels.send" in told["worker"]
    assert "(parcels.send) was claimed and completed" in told["shadow"]


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ("yield ctx.sleep(86400)", "a worker went on with it, and now it sleeps until "),
        ("yield ctx.wait_condition(lambda: False, key='paid')", "a worker went on with it, and now it waits for "),
    ],
)
def test_a_run_that_goes_on_and_rests_again_is_left_open(steps: str, why: str, capsys: Capture, tmp_path: Path) -> None:
    folder = parcels(tmp_path, "")
    Path(folder, "worker.py").write_text(OWN_TYPE.replace("return (yield", f"{steps}\n        return (yield"))
    code, found = document(capsys, "rehearse", folder)
    assert (code, found["finished"]) == (0, {}), found
    assert found["left_open"]["order-7"].startswith(why)
    assert states(found)["finish"] == "ok"


@pytest.mark.parametrize(
    ("steps", "reaches", "said"),
    [
        ("yield ctx.sleep(86400)", "waiting", "was claimed and reached waiting, as expected"),
        ("raise ValueError('no stamp')", "failed", "was claimed and reached failed, as expected"),
        ("", "failed", "(parcels.send) ended as completed, not failed"),
    ],
)
def test_a_shadow_run_ends_as_it_was_said_to(
    steps: str, reaches: str, said: str, capsys: Capture, tmp_path: Path
) -> None:
    shadow = f'[shadow]\ntype = "parcels.send"\nreaches = "{reaches}"\n'
    folder = Path(parcels(tmp_path, shadow))
    (folder / "worker.py").write_text(OWN_TYPE.replace("return (yield", f"{steps}\n        return (yield"))
    shutil.copy(GOOD, folder / "bundles" / "parcel.json")
    code, found = document(capsys, "rehearse", str(folder))
    (step,) = (one for one in found["steps"] if one["id"] == "shadow")
    assert (code, step["state"]) == ((0, "ok") if "expected" in said else (1, "failed"))
    assert said in " ".join(step["told"]) + (step["error"]["message"] if step["error"] else "")


def test_a_run_that_ends_badly_fails_the_step(capsys: Capture, tmp_path: Path) -> None:
    folder = parcels(tmp_path, "")
    Path(folder, "worker.py").write_text(
        OWN_TYPE.replace("return (yield", "raise ValueError('no stamp')\n        return (yield")
    )
    code, found = document(capsys, "rehearse", folder)
    assert (code, found["imported"]) == (1, 1)
    (finish,) = (step for step in found["steps"] if step["id"] == "finish")
    assert finish["error"]["message"] == "order-7 (parcels.send) ended as failed, not completed; it had just started"
    assert finish["error"]["next_step"]


def test_a_run_that_nobody_takes_up_fails_the_step_in_time(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal_play, "PATIENCE", 2.0)
    worker = GIVEN + "register()\ntime.sleep(600)\n"
    folder = Path(cutover(tmp_path, worker))
    (folder / "bundles" / "parcel.json").write_bytes(sealed(PARCEL))
    code, found = document(capsys, "rehearse", str(folder))
    assert code == 1
    (finish,) = (step for step in found["steps"] if step["id"] == "finish")
    assert finish["error"]["message"] == "order-7 (parcels.send) is still pending after 2 s: it waits for workflow-task"
    assert "queue parcels" in finish["error"]["next_step"]


def test_without_a_shadow_run_the_step_says_so(capsys: Capture, tmp_path: Path) -> None:
    code, found = document(capsys, "rehearse", parcels(tmp_path, ""))
    assert code == 0
    assert states(found) == {step.id: "skipped" if step.id == "shadow" else "ok" for step in STEPS}
    (shadow,) = (step for step in found["steps"] if step["id"] == "shadow")
    assert shadow["told"] == ["rehearsal.toml names no shadow run ([shadow])"]


def test_a_type_that_was_to_be_registered_and_is_not_fails_the_worker(capsys: Capture, tmp_path: Path) -> None:
    code, found = document(capsys, "rehearse", parcels(tmp_path, 'types = ["parcels.send", "parcels.return"]\n'))
    assert code == 1
    assert ended_at(found, "worker") == "no worker has registered parcels.return, which rehearsal.toml names"


def test_a_run_whose_type_no_worker_takes_fails_the_worker_before_anything_is_imported(
    capsys: Capture, tmp_path: Path
) -> None:
    (tmp_path / "parcel.json").write_bytes(sealed(PARCEL))
    code, found = document(capsys, "rehearse", str(tmp_path))
    assert (code, found["imported"]) == (1, 0)
    message = "no worker takes the workflow parcels.send on queue parcels, which order-7 needs"
    assert ended_at(found, "worker") == message


def test_a_ready_activity_needs_a_worker_of_its_type(capsys: Capture, tmp_path: Path) -> None:
    worker = GIVEN + 'register(workflow_types=["orders.process"], activity_types=["orders.wrap"])\ntime.sleep(600)\n'
    ready = ORDERS / "bundles" / "running-ready-activity-task-order-2002.json"
    code, found = document(capsys, "rehearse", cutover(tmp_path, worker, ready))
    assert (code, found["imported"]) == (1, 0)
    message = "no worker takes the activity orders.reserve-inventory on queue default, which order-2002 needs"
    assert ended_at(found, "worker") == message


def test_a_worker_of_ones_own_needs_no_sdk(capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearse, "find_spec", lambda name: None if name == "durable_workflow" else name)
    worker = GIVEN + "register()\ntime.sleep(600)\n"
    code, found = document(capsys, "rehearse", cutover(tmp_path, worker))
    assert (code, states(found)["worker"]) == (0, "ok")
