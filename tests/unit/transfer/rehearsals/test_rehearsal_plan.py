"""`rehearsal.toml`: what it may say, and the sentence that everything else gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from dwctl import example_files
from dwctl.errors import RequestNotPossible, UnreadableInput
from dwctl.transfer.rehearsals.plan import Plan, ShadowPlan, read_plan


def planned(folder: Path, text: str) -> Plan:
    (folder / "rehearsal.toml").write_text(text, encoding="utf-8")
    return read_plan(folder)


def test_a_folder_without_a_plan_has_an_empty_one(tmp_path: Path) -> None:
    assert read_plan(tmp_path) == Plan({}, None, None)


def test_a_worker_is_started_with_what_it_was_promised(tmp_path: Path) -> None:
    text = """
[worker]
command = ["sh", "-c", "worker {url} {namespace}", "--queue={task_queue}", "{worker_id}", "{python}", "{not a name}"]
types = ["orders.process"]
"""
    worker = planned(tmp_path, text).worker
    assert worker is not None
    values = {"python": "/py", "url": "http://s", "namespace": "ns", "task_queue": "q", "worker_id": "w"}
    assert worker.arguments(values) == ["sh", "-c", "worker http://s ns", "--queue=q", "w", "/py", "{not a name}"]
    assert (worker.folder, worker.types, worker.takes_an_id) == (tmp_path, ("orders.process",), True)


def test_a_worker_may_choose_its_id_itself(tmp_path: Path) -> None:
    worker = planned(tmp_path, '[worker]\ncommand = ["sh"]').worker
    assert worker is not None
    assert worker.takes_an_id is False


def test_a_program_may_stand_beside_the_plan(tmp_path: Path) -> None:
    program = tmp_path / "worker"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert planned(tmp_path, '[worker]\ncommand = ["./worker"]').worker is not None


def test_a_shadow_run_is_read_with_its_defaults(tmp_path: Path) -> None:
    assert planned(tmp_path, '[shadow]\ntype = "a.b"').shadow == ShadowPlan("a.b", (), None, "completed")
    text = '[shadow]\ntype = "a.b"\ninput = ["x", { n = [1, 2.5, true] }]\nqueue = "q"\nreaches = "waiting"'
    assert planned(tmp_path, text).shadow == ShadowPlan("a.b", ("x", {"n": [1, 2.5, True]}), "q", "waiting")


def test_the_example_has_all_three_tables() -> None:
    plan = read_plan(example_files.orders())
    assert plan.refused
    assert plan.worker is not None
    assert plan.shadow is not None


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("no toml", "no TOML"),
        ("refused = 3", "refused is a table"),
        ("[refuse]\n", "no table [refuse]"),
        ("[refused]\nx = 1", "refused.x"),
        ("[worker]\n", "worker.command is missing"),
        ("[worker]\ncommand = []", "worker.command is missing"),
        ('[worker]\ncommand = "php worker.php"', "worker.command is not a list"),
        ('[worker]\ncommand = ["sh", 3]', "worker.command is not a list"),
        ('[worker]\ncommand = ["sh", "{queue}"]', "nothing is known as {queue}"),
        ('[worker]\ncommand = ["no-such-program-anywhere"]', "no program that can be started"),
        ('[worker]\ncommand = ["./absent"]', "no program that can be started"),
        ('[worker]\ncommand = ["./rehearsal.toml"]', "no program that can be started"),
        ('[worker]\ncommand = ["sh"]\ntypes = "orders.process"', "worker.types is not a list"),
        ('[worker]\ncommand = ["sh"]\ntype = "x"', "[worker] has no key type"),
        ("[shadow]\n", "shadow.type is missing"),
        ("[shadow]\ntype = 3", "shadow.type is not a text"),
        ('[shadow]\ntype = "a"\nqueue = ""', "shadow.queue is not a text"),
        ('[shadow]\ntype = "a"\ninput = "x"', "shadow.input is not a list"),
        ('[shadow]\ntype = "a"\ninput = [{ at = 2026-11-23 }]', "shadow.input is not a list of JSON values"),
        ('[shadow]\ntype = "a"\ninput = [nan]', "shadow.input is not a list of JSON values"),
        ('[shadow]\ntype = "a"\nreaches = "done"', "shadow.reaches"),
    ],
)
def test_what_makes_no_sense_is_named(text: str, word: str, tmp_path: Path) -> None:
    with pytest.raises(RequestNotPossible) as caught:
        planned(tmp_path, text)
    assert word in caught.value.message
    assert caught.value.where == str(tmp_path / "rehearsal.toml")


def test_a_plan_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "rehearsal.toml").mkdir()
    with pytest.raises(UnreadableInput):
        read_plan(tmp_path)
