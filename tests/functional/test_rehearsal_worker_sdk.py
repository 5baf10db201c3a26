"""The official Python SDK against the rehearsal server, on a real socket: the proof that its workers are real."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from durable_workflow import Client, Worker, activity, workflow
from durable_workflow.errors import ActivityFailed, WorkflowFailed, WorkflowTimedOut

from rehearsal_server import CONTROL, on_a_socket
from sample_bundles import EXAMPLES, as_json, sealed

EXAMPLE = Path(__file__).parents[2] / "examples" / "workers" / "orders_worker.py"

IMPORTED = {
    "fresh": ("running-ready-workflow-task-order-2001", "order-2001", "o-2001"),
    "a ready activity": ("running-ready-activity-task-order-2002", "order-2002", "o-2002"),
    "mid-history": ("running-mid-history-order-2003", "order-2003", "o-2003"),
}


@pytest.fixture(scope="module")
def orders() -> ModuleType:
    """The example worker."""
    spec = importlib.util.spec_from_file_location("orders_worker", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=["measured", "guide"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server of each profile that speaks the protocol of today's SDK."""
    with on_a_socket(request.param, protocol="1.20") as address:
        yield address


@asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[None]:
    """Run a worker until the block ends."""
    running = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        await worker.stop()
        with suppress(asyncio.CancelledError):
            await running


async def import_bundle(url: str, document: bytes) -> None:
    async with httpx.AsyncClient(base_url=url) as http:
        headers = {**CONTROL, "Content-Type": "application/JSON"}
        answer = await http.post("/api/workflows/import/embedded-v2", content=document, headers=headers)
        assert answer.status_code == 201, answer.text


async def result_of(client: Client, workflow_id: str) -> Any:
    handle = client.get_workflow_handle(workflow_id)
    return await client.get_result(handle, poll_interval=0.05, timeout=20)


async def history_of(url: str, workflow_id: str) -> list[str]:
    async with httpx.AsyncClient(base_url=url, headers=CONTROL) as http:
        run_id = (await http.get(f"/api/workflows/{workflow_id}")).json()["run_id"]
        path = f"/api/workflows/{workflow_id}/runs/{run_id}/history?page_size=1000"
        return [event["event_type"] for event in (await http.get(path)).json()["events"]]


def test_the_example_worker_completes_a_started_run(url: str, orders: ModuleType) -> None:
    async def play() -> None:
        async with Client(url) as client, working(orders.orders_worker(client, task_queue="default")):
            lines = [{"sku": "A/1", "qty": 2}]
            handle = await client.start_workflow(
                workflow_type="orders.process", task_queue="default", workflow_id="o-1", input=["o-1", lines, 12.0, 1]
            )
            result = await client.get_result(handle, poll_interval=0.05, timeout=20)
            assert result["workflow_id"] == "o-1"
            assert result["reservation"]["lines"] == lines
            assert result["payment"]["amount"] == 12.0
        assert await history_of(url, "o-1") == [
            *("StartAccepted", "WorkflowStarted", "MemoUpserted"),
            *("ActivityScheduled", "ActivityStarted", "ActivityCompleted"),
            *("SideEffectRecorded", "SearchAttributesUpserted", "TimerScheduled", "TimerFired"),
            *("ActivityScheduled", "ActivityStarted", "ActivityCompleted"),
            *("ActivityScheduled", "ActivityStarted", "ActivityCompleted"),
            *("MemoUpserted", "WorkflowCompleted"),
        ]

    asyncio.run(play())


@pytest.mark.parametrize("situation", IMPORTED)
def test_the_example_worker_finishes_an_imported_run(situation: str, url: str, orders: ModuleType) -> None:
    bundle, workflow_id, order = IMPORTED[situation]
    document = (EXAMPLES / f"{bundle}.json").read_bytes()

    async def play() -> None:
        await import_bundle(url, document)
        async with Client(url) as client, working(orders.orders_worker(client, task_queue="default")):
            result = await result_of(client, workflow_id)
        assert result["order"] == order
        assert result["workflow_id"] == workflow_id
        before = [event["type"] for event in json.loads(document)["history_events"]]
        after = await history_of(url, workflow_id)
        assert after[: len(before)] == before
        assert after[-1] == "WorkflowCompleted"
        if situation == "mid-history":
            # What PHP had recorded is taken from the history: the activity is not run a second time.
            assert result["reservation"]["at"] == "2026-11-22T22:11:31+00:00"
            added = after[len(before) :]
            assert added.count("ActivityScheduled") == 2

    asyncio.run(play())


def test_a_due_timer_of_an_imported_run_fires_by_itself_in_guide_only(orders: ModuleType, shared: Path) -> None:
    bundle = json.loads((shared / "corpus" / "bundles" / "09-running-pending-timer.json").read_bytes())
    due = json.loads(as_json(bundle).replace(b"2026-11-22T23:11", b"2026-11-22T22:12"))
    (timer,) = due["timers"]
    assert timer["status"] == "pending"

    async def play(profile: str, *, repair: bool) -> str:
        with on_a_socket(profile, protocol="1.20") as url:
            await import_bundle(url, sealed(due))
            async with Client(url) as client, working(orders.orders_worker(client, task_queue="default")):
                if repair:
                    await client.repair_pass()
                try:
                    handle = client.get_workflow_handle("reminder-2")
                    result = await client.get_result(handle, poll_interval=0.05, timeout=20 if repair else 3)
                except TimeoutError:
                    return "waits"
                return str(result["sent"])

    assert asyncio.run(play("guide", repair=False)) == "sent:kunde@example.org:reminder o-2"
    assert asyncio.run(play("measured", repair=False)) == "waits"
    assert asyncio.run(play("measured", repair=True)) == "sent:kunde@example.org:reminder o-2"


# -- every command of the SDK ---------------------------------------------------------------------------

CALLS: dict[str, int] = {}


@activity.defn(name="tests.flaky")
def flaky(key: str, failures: int) -> str:
    """Fails so many times, then answers."""
    CALLS[key] = CALLS.get(key, 0) + 1
    if CALLS[key] <= failures:
        raise RuntimeError(f"attempt {CALLS[key]}")
    return f"{key} after {CALLS[key]}"


@activity.defn(name="tests.double")
def double(number: int) -> int:
    """Twice the number."""
    return 2 * number


@workflow.defn(name="tests.retries")
class Retries:
    """An activity that is tried again."""

    def run(self, ctx: Any, key: str, failures: int) -> Any:
        """Three attempts, at once."""
        policy = {"max_attempts": 3, "backoff_seconds": [0]}
        return (yield ctx.schedule_activity("tests.flaky", [key, failures], retry_policy=policy))


@workflow.defn(name="tests.parallel")
class Parallel:
    """Several activities at once."""

    def run(self, ctx: Any, count: int) -> Any:
        """Their results in the order of the calls."""
        return (yield [ctx.schedule_activity("tests.double", [number]) for number in range(count)])


@workflow.defn(name="tests.child")
class Child:
    """What a parent starts."""

    def run(self, ctx: Any, number: int) -> Any:
        """Fails for a negative number."""
        if number < 0:
            raise ValueError("negative")
        return (yield ctx.schedule_activity("tests.double", [number]))


@workflow.defn(name="tests.parent")
class Parent:
    """Starts a child and waits for it."""

    def run(self, ctx: Any, number: int) -> Any:
        """The child's result, or what became of it."""
        try:
            return (yield ctx.start_child_workflow("tests.child", [number]))
        except Exception as error:
            return f"{type(error).__name__}: {error}"


@workflow.defn(name="tests.impatient")
class Impatient:
    """Asks for an activity that no worker has."""

    def run(self, ctx: Any) -> Any:
        """What the timeout looks like to a workflow."""
        try:
            return (yield ctx.schedule_activity("tests.nobody", [], schedule_to_start_timeout=1))
        except ActivityFailed as error:
            return [error.failure_category, str(error)]


@workflow.defn(name="tests.cycle")
class Cycle:
    """Continues as new until a limit."""

    def run(self, ctx: Any, cycle: int, limit: int) -> Any:
        """The memo goes along."""
        yield ctx.upsert_memo({"cycle": cycle})
        if cycle < limit:
            return ctx.continue_as_new(cycle + 1, limit)
        return cycle


@workflow.defn(name="tests.approval")
class Approval:
    """Waits for a signal, or for its time to run out."""

    def __init__(self) -> None:
        self.by: list[str] = []

    @workflow.signal("approve")
    def approve(self, name: str) -> None:
        """Somebody approves."""
        self.by.append(name)

    def run(self, ctx: Any, count: int, seconds: int) -> Any:
        """Who has approved in time."""
        yield ctx.get_version("approvals", 1, 2)
        yield ctx.wait_condition(lambda: len(self.by) >= count, key="approved", timeout=seconds)
        return self.by


def every_kind(client: Client) -> Worker:
    return Worker(
        client,
        task_queue="default",
        workflows=[Retries, Parallel, Child, Parent, Impatient, Cycle, Approval],
        activities=[flaky, double],
        poll_timeout=1,
    )


CASES: list[tuple[str, list[Any], Any]] = [
    ("tests.retries", ["twice", 2], "twice after 3"),
    ("tests.parallel", [4], [0, 2, 4, 6]),
    ("tests.parent", [21], 42),
    ("tests.parent", [-1], "ChildWorkflowFailed: negative"),
    ("tests.approval", [1, 1], []),
]


@pytest.mark.parametrize(("workflow_type", "arguments", "expected"), CASES)
def test_a_started_run_uses_what_the_sdk_has(workflow_type: str, arguments: list[Any], expected: Any) -> None:
    CALLS.clear()

    async def play(url: str) -> Any:
        async with Client(url) as client, working(every_kind(client)):
            handle = await client.start_workflow(
                workflow_type=workflow_type, task_queue="default", workflow_id="run", input=arguments
            )
            return await client.get_result(handle, poll_interval=0.05, timeout=20)

    with on_a_socket(protocol="1.20") as url:
        assert asyncio.run(play(url)) == expected


def test_a_run_whose_activity_fails_for_good_fails() -> None:
    CALLS.clear()

    async def play(url: str) -> list[str]:
        async with Client(url) as client, working(every_kind(client)):
            handle = await client.start_workflow(
                workflow_type="tests.retries", task_queue="default", workflow_id="run", input=["always", 9]
            )
            with pytest.raises(WorkflowFailed, match="attempt 3"):
                await client.get_result(handle, poll_interval=0.05, timeout=20)
        return await history_of(url, "run")

    with on_a_socket(protocol="1.20") as url:
        events = asyncio.run(play(url))
    assert events.count("ActivityRetryScheduled") == 2
    assert events[-2:] == ["ActivityFailed", "WorkflowFailed"]


def test_a_run_that_continues_as_new_ends_as_its_last_run() -> None:
    async def play(url: str) -> tuple[Any, Any]:
        async with Client(url) as client, working(every_kind(client)):
            await client.start_workflow(
                workflow_type="tests.cycle", task_queue="default", workflow_id="run", input=[0, 2]
            )
            async with httpx.AsyncClient(base_url=url, headers=CONTROL) as http:
                async with asyncio.timeout(20):
                    while (described := (await http.get("/api/workflows/run")).json())["status"] != "completed" or (
                        described["closed_reason"] == "continued"
                    ):
                        await asyncio.sleep(0.05)
                runs = (await http.get("/api/workflows/run/runs")).json()
        return described, runs

    with on_a_socket(protocol="1.20") as url:
        described, runs = asyncio.run(play(url))
    assert described["output"] == 2
    assert described["run_number"] == 3
    assert [run["status"] for run in runs["runs"]] == ["completed"] * 3


def test_signals_reach_a_run_that_waits_for_them() -> None:
    async def play(url: str) -> Any:
        async with Client(url) as client, working(every_kind(client)):
            handle = await client.start_workflow(
                workflow_type="tests.approval", task_queue="default", workflow_id="run", input=[2, 60]
            )
            for name in ("boss", "board"):
                await client.signal_workflow("run", "approve", args=[name])
                await asyncio.sleep(0.3)
            return await client.get_result(handle, poll_interval=0.05, timeout=20)

    with on_a_socket(protocol="1.20") as url:
        assert asyncio.run(play(url)) == ["boss", "board"]


def test_a_wait_that_a_signal_does_not_end_ends_with_its_time() -> None:
    async def play(url: str) -> Any:
        async with Client(url) as client, working(every_kind(client)):
            handle = await client.start_workflow(
                workflow_type="tests.approval", task_queue="default", workflow_id="run", input=[2, 2]
            )
            await asyncio.sleep(1)
            await client.signal_workflow("run", "approve", args=["boss"])
            return await client.get_result(handle, poll_interval=0.05, timeout=20), await history_of(url, "run")

    with on_a_socket(protocol="1.20") as url:
        result, events = asyncio.run(play(url))
    assert result == ["boss"]
    assert [event for event in events if event.startswith("Timer")] == [
        *("TimerScheduled", "TimerCancelled", "TimerScheduled", "TimerFired"),
    ]


def test_a_workflow_learns_that_nobody_began_its_activity() -> None:
    async def play(url: str) -> tuple[Any, list[str]]:
        async with Client(url) as client, working(every_kind(client)):
            handle = await client.start_workflow(
                workflow_type="tests.impatient", task_queue="default", workflow_id="run", input=[]
            )
            result = await client.get_result(handle, poll_interval=0.05, timeout=20)
        return result, await history_of(url, "run")

    with on_a_socket("guide", protocol="1.20") as url:
        result, events = asyncio.run(play(url))
    assert result == ["timeout", "Activity tests.nobody timed out (schedule_to_start)."]
    assert events[2:] == ["ActivityScheduled", "ActivityTimedOut", "WorkflowCompleted"]


def test_a_client_learns_that_a_run_is_past_its_deadline() -> None:
    async def play(url: str) -> list[str]:
        async with Client(url) as client, working(every_kind(client)):
            handle = await client.start_workflow(
                workflow_type="tests.approval",
                task_queue="default",
                workflow_id="run",
                input=[1, 3600],
                run_timeout_seconds=1,
            )
            with pytest.raises(WorkflowTimedOut):
                await client.get_result(handle, poll_interval=0.05, timeout=20)
        return await history_of(url, "run")

    with on_a_socket("guide", protocol="1.20") as url:
        assert asyncio.run(play(url))[-1] == "WorkflowTimedOut"
