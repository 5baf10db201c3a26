"""A worker of the sample application in Python: it goes on with runs that PHP began.

It speaks to the rehearsal server, or to a standalone server of today, through the official SDK
(`pip install durable-workflow`; it is part of `dwctl[rehearsal]`). What it must have in common with the PHP
application is the type keys and the order of the steps: replay compares each step with the history.

    $ python examples/workers/orders_worker.py --url http://127.0.0.1:8080 --namespace production --task-queue default
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import logging
import os
import secrets
import signal
from collections.abc import Generator, Sequence
from datetime import UTC, datetime
from typing import Any

from durable_workflow import Client, Worker, activity, workflow

log = logging.getLogger("orders_worker")

Steps = Generator[Any, Any, dict[str, Any]]

RESERVE_RETRIES = {"max_attempts": 3, "backoff_seconds": [2, 10]}


@workflow.defn(name="orders.process")
class OrderProcess:
    """Reserve, capture the payment, tell the customer."""

    def run(
        self, ctx: Any, order: str, lines: list[dict[str, Any]], amount: float = 0.0, delay_seconds: int = 0
    ) -> Steps:
        """The steps in the order of the PHP class; each `yield` is one step of the history."""
        yield ctx.upsert_memo({"customer": "Zoë Ångström", "stage": "reserving"})
        reservation = yield ctx.schedule_activity(
            "orders.reserve-inventory", [order, lines], retry_policy=RESERVE_RETRIES
        )
        token = yield ctx.side_effect(lambda: secrets.token_hex(8))
        yield ctx.upsert_search_attributes({"stage": "capturing", "attempt": 1})
        if delay_seconds > 0:
            yield ctx.sleep(delay_seconds)
        payment = yield ctx.schedule_activity("orders.capture-payment", [order, amount])
        yield ctx.schedule_activity("orders.send-email", ["kunde@example.org", "Bestätigung / confirmation ✓"])
        yield ctx.upsert_memo({"stage": "done"})
        return {
            "order": order,
            "reservation": reservation,
            "payment": payment,
            "token": token,
            "workflow_id": ctx.workflow_id,
        }


@workflow.defn(name="orders.ship-parcel")
class ShipParcel:
    """Send one parcel: a single step."""

    def run(self, ctx: Any, order: str, parcel: int) -> Steps:
        """Tell the warehouse."""
        mail = yield ctx.schedule_activity("orders.send-email", ["lager@example.org", f"{order}/{parcel}"])
        return {"parcel": parcel, "mail": mail}


@workflow.defn(name="orders.reminder")
class Reminder:
    """Wait, then write to the customer."""

    def run(self, ctx: Any, order: str, seconds: int) -> Steps:
        """A timer of whole seconds, then a mail."""
        yield ctx.sleep(seconds)
        mail = yield ctx.schedule_activity("orders.send-email", ["kunde@example.org", f"reminder {order}"])
        return {"sent": mail}


@workflow.defn(name="billing.subscription-cycle")
class SubscriptionCycle:
    """Charge a subscription; another run follows until the last cycle."""

    def run(self, ctx: Any, subscription: str, cycle: int = 0, last: int = 2, sleep_seconds: int = 0) -> Any:
        """Capture the price of a cycle; the last one ends with a timer."""
        payment = yield ctx.schedule_activity("orders.capture-payment", [f"{subscription}-{cycle}", 9.99])
        if cycle < last:
            return ctx.continue_as_new(subscription, cycle + 1, last, sleep_seconds)
        if sleep_seconds > 0:
            yield ctx.sleep(sleep_seconds)
        return {"subscription": subscription, "cycle": cycle, "payment": payment}


def _reference(prefix: str, order: str) -> str:
    return f"{prefix}-{hashlib.sha256(order.encode()).hexdigest()[:8]}"


@activity.defn(name="orders.reserve-inventory")
def reserve_inventory(order: str, lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Reserve the lines of an order; the reference is the same whenever it is asked again."""
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    return {"reservation": _reference("rsv", order), "lines": lines, "at": moment}


@activity.defn(name="orders.capture-payment")
def capture_payment(order: str, amount: float) -> dict[str, Any]:
    """Capture the amount once: the reference is derived from the order."""
    return {"payment": _reference("pay", order), "amount": amount, "currency": "EUR", "fee": 0.1 + 0.2}


@activity.defn(name="orders.send-email")
def send_email(address: str, subject: str) -> str:
    """Pretend to send a mail."""
    return f"sent:{address}:{subject}"


def orders_worker(
    client: Client,
    *,
    task_queue: str,
    worker_id: str | None = None,
    build_id: str | None = None,
    poll_timeout: float = 30.0,
) -> Worker:
    """The worker of every workflow and activity above, for one queue."""
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[OrderProcess, ShipParcel, Reminder, SubscriptionCycle],
        activities=[reserve_inventory, capture_payment, send_email],
        worker_id=worker_id,
        build_id=build_id,
        poll_timeout=poll_timeout,
    )


async def work(arguments: argparse.Namespace) -> None:
    """Work until SIGINT or SIGTERM; tasks in hand are finished first."""
    if os.environ.get("DURABLE_WORKFLOW_TLS_VERIFY", "true").lower() in {"false", "0", "no", "off"}:
        raise SystemExit("the Python SDK always verifies certificates: name the authority in SSL_CERT_FILE instead")
    token = os.environ.get("DW_WORKER_TOKEN") or os.environ.get("DURABLE_WORKFLOW_AUTH_TOKEN")
    async with Client(arguments.url, namespace=arguments.namespace, token=token) as client:
        worker = orders_worker(
            client,
            task_queue=arguments.task_queue,
            worker_id=arguments.worker_id,
            build_id=arguments.build_id,
            poll_timeout=arguments.poll_timeout,
        )
        running = asyncio.create_task(worker.run())
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, lambda: asyncio.ensure_future(worker.stop()))
        log.info("working on queue %s of %s at %s", arguments.task_queue, arguments.namespace, arguments.url)
        with contextlib.suppress(asyncio.CancelledError):
            await running


def parsed(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="A Python worker for the runs of the orders example.")
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="the server, without /api")
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--task-queue", required=True)
    parser.add_argument("--worker-id", help="the default is a new id at every start")
    parser.add_argument("--build-id", help="take only runs of this build, and those of none")
    parser.add_argument("--poll-timeout", type=float, default=30.0, help="seconds of a long poll")
    return parser.parse_args(given)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(work(parsed()))
