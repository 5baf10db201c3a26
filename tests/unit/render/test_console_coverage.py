"""The coverage matrix: readable at any width, however many workers there are."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest

from dwctl.bundle.demand import Demand, DemandKind
from dwctl.checklist.coverage.coverage import Coverage, cover, needs_of
from dwctl.render.console_coverage import show_coverage
from dwctl.server.results import Worker

PROCESS = Demand(DemandKind.WORKFLOW, "orders", "orders.process", "b-0")
OTHER = Demand(DemandKind.ACTIVITY, "orders", "orders.other", None)


def worker(number: int, **changes: Any) -> Worker:
    fields = {
        "worker_id": f"w-{number:03}", "namespace": None, "task_queue": "orders", "runtime": None, "sdk_version": None,
        "build_id": f"b-{number % 20}", "workflow_types": ("orders.process",), "activity_types": ("x",),
        "max_concurrent_workflow_tasks": 1, "max_concurrent_activity_tasks": 1, "status": "active",
        "last_heartbeat_at": None, "registered_at": "2026-11-22T22:20:45.000000Z",
    }  # fmt: skip
    return Worker(**{**fields, **changes})


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(found: Coverage, stream: io.StringIO) -> str:
    show_coverage("production", found, stream)
    return re.sub("\x1b\\[[0-9;]*m", "", stream.getvalue())


def test_workers_that_stand_alike_share_a_column() -> None:
    text = shown(cover(needs_of([], [PROCESS, OTHER]), [worker(number) for number in range(200)]), io.StringIO())
    assert "A  active  w-000, w-020 and 8 more (10)  build b-0  since 2026-11-22 22:20:45Z" in text
    served, missed = (line.split() for line in text.splitlines() if line.startswith(("  served", "  NOT")))
    assert served[1:4] == ["yes", "build", "build"]
    assert missed[1:4] == ["type", "type", "type"]
    assert text.splitlines()[-1] == "NOT COVERED: 1 of 2 needs served in namespace production."


@pytest.mark.parametrize(("width", "hidden"), [(80, 17), (120, 12)])
def test_a_terminal_is_filled_and_not_more(width: int, hidden: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    text = shown(cover(needs_of([], [PROCESS, OTHER]), [worker(number) for number in range(200)]), Terminal())
    assert max(len(line) for line in text.splitlines()) <= width
    assert f"of {hidden} more kinds" in " ".join(text.split())


def test_one_that_only_a_hidden_kind_serves_is_seen_to_be_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    many = [worker(number) for number in range(20)]
    last = worker(99, workflow_types=("z",), activity_types=("orders.other",), build_id="zz")
    demands = [PROCESS._replace(compatibility=None), OTHER, PROCESS._replace(type_key="orders.process2")]
    text = shown(cover(needs_of([], demands), [*many, last]), Terminal())
    (row,) = (line for line in text.splitlines() if "orders.other" in line and "served" in line)
    assert row.split()[1:5] == ["type", "type", "type", "yes"]


def test_the_key_explains_only_what_is_shown() -> None:
    assert "drain" not in shown(cover(needs_of([], [PROCESS]), [worker(0)]), io.StringIO())
    assert "nobody polls it" in shown(cover(needs_of([], [PROCESS]), []), io.StringIO())
