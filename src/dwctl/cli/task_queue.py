"""`dwctl task-queue`: who polls a queue, and what waits there."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dwctl.cli.output import Format
from dwctl.cli.server_options import Connection, server_command
from dwctl.errors import ExitCode

app = typer.Typer(help="List and show task queues.", no_args_is_help=True)


@app.command("list")
@server_command
def list_(connection: Connection) -> int:
    """List the queues of the namespace that have a worker or a task.

    Says of each whether a live worker polls it. A queue without workers and
    without tasks is not in the list: the server does not know it.

    \b
    Examples:
      $ dwctl task-queue list --namespace production
      $ dwctl task-queue list --output jsonl | jq 'select(.polled == false)'
    """
    from dwctl.server.endpoints import list_task_queues

    with connection.open() as server:
        found = list_task_queues(server)
    if connection.format is Format.TABLE:
        from dwctl.render.console_queues import show_task_queues

        show_task_queues(server.target.namespace, found, sys.stdout)
    else:
        from dwctl.render.json_server import queues_document

        document, items = queues_document(server.target, found)
        connection.put(document, items)
    return ExitCode.DONE


@app.command("show")
@server_command
def show(
    connection: Connection,
    name: Annotated[str, typer.Argument(metavar="QUEUE", help="The task queue.")],
) -> int:
    """Show one queue: its pollers, what waits there, and who holds a lease.

    The server answers for a queue that it has never heard of as for one that
    nobody polls; both are said as "nobody polls this queue".

    \b
    Examples:
      $ dwctl task-queue show orders --namespace production
      $ dwctl task-queue show orders --json | jq .task_queue.polled
    """
    from dwctl.server.endpoints import show_task_queue

    with connection.open() as server:
        found = show_task_queue(server, name)
    if connection.format is Format.TABLE:
        from dwctl.render.console_queues import show_task_queue as render

        render(server.target.namespace, found, sys.stdout)
    else:
        from dwctl.render.json_server import queue_document

        connection.put(queue_document(server.target, found))
    return ExitCode.DONE
