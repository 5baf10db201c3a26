"""`dwctl worker`: the workers that have registered with the server."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dwctl.cli import worker_coverage
from dwctl.cli.output import Format, say
from dwctl.cli.server_options import Connection, server_command
from dwctl.errors import ExitCode

app = typer.Typer(
    help="List, show and register workers, and ask whether they cover what is about to move.", no_args_is_help=True
)


@app.command("list")
@server_command
def list_(
    connection: Connection,
    task_queue: Annotated[
        str | None, typer.Option("--task-queue", metavar="QUEUE", help="Only workers of this queue.")
    ] = None,
    status: Annotated[
        str | None, typer.Option("--status", metavar="STATUS", help="Only active, stale or draining ones.")
    ] = None,
) -> int:
    """List the workers of the namespace with their status now.

    A worker whose heartbeat is too old is stale, whatever the server stores.
    Some servers leave stale workers out of the list: they are asked for, too.

    \b
    Examples:
      $ dwctl worker list --namespace production
      $ dwctl worker list --task-queue orders --status active --output jsonl
    """
    from dwctl.server.endpoints import list_workers

    with connection.open() as server:
        found = list_workers(server, task_queue=task_queue)
    if status is not None:
        found = tuple(worker for worker in found if worker.status == status)
    if connection.format is Format.TABLE:
        from dwctl.render.console_server import show_workers

        show_workers(server.target.namespace, found, sys.stdout)
    else:
        from dwctl.render.json_server import list_document

        document, items = list_document("workers", server.target, found)
        connection.put(document, items)
    return ExitCode.DONE


@app.command("show")
@server_command
def show(
    connection: Connection,
    worker_id: Annotated[str, typer.Argument(metavar="WORKER_ID", help="The id that it registered.")],
) -> int:
    """Show one worker: its queue, its types, its build and its heartbeat.

    Exit code 5 where this namespace has no worker of this id.

    \b
    Examples:
      $ dwctl worker show orders-php-1 --namespace production
      $ dwctl worker show orders-php-1 --json | jq .worker.status
    """
    from dwctl.server.endpoints import show_worker

    with connection.open() as server:
        found = show_worker(server, worker_id)
    if connection.format is Format.TABLE:
        from dwctl.render.console_server import show_worker as render

        render(found, sys.stdout)
    else:
        from dwctl.render.json_server import worker_document

        connection.put(worker_document(server.target, found))
    return ExitCode.DONE


@app.command("register")
@server_command
def register(
    connection: Connection,
    task_queue: Annotated[
        str,
        typer.Option(
            "--task-queue", metavar="QUEUE", envvar="DURABLE_WORKFLOW_TASK_QUEUE", help="The queue that it polls."
        ),
    ],
    runtime: Annotated[str, typer.Option("--runtime", metavar="NAME", help="php, python, typescript, go or java.")],
    worker_id: Annotated[
        str | None, typer.Option("--worker-id", metavar="ID", help="Its id; the server makes one without.")
    ] = None,
    workflow_types: Annotated[
        list[str] | None,
        typer.Option("--workflow-type", metavar="KEY", help="A type that it runs; repeatable. None means every type."),
    ] = None,
    activity_types: Annotated[
        list[str] | None,
        typer.Option("--activity-type", metavar="KEY", help="An activity type that it runs; repeatable."),
    ] = None,
    sdk_version: Annotated[str | None, typer.Option("--sdk-version", metavar="VERSION", help="Its SDK.")] = None,
    build_id: Annotated[str | None, typer.Option("--build-id", metavar="ID", help="Its build.")] = None,
    max_workflow_tasks: Annotated[
        int | None, typer.Option("--max-concurrent-workflow-tasks", min=1, metavar="N", help="At once.")
    ] = None,
    max_activity_tasks: Annotated[
        int | None, typer.Option("--max-concurrent-activity-tasks", min=1, metavar="N", help="At once.")
    ] = None,
) -> int:
    """Register a worker, as in Phase C of the guide (worker role).

    Workers register themselves; this is for trying out what the server accepts.
    Nobody polls in this worker's name, so it is stale after a minute. Registering
    an id again replaces its queue and types.

    \b
    Examples:
      $ dwctl worker register --task-queue orders --runtime php --workflow-type orders.process
    """
    from dwctl.server.calls import WORKER_PROTOCOL_VERSION
    from dwctl.server.compatibility import Need, require
    from dwctl.server.endpoints import cluster_info, register_worker

    connection.require_target()
    with connection.open() as server:
        fit = require(cluster_info(server), Need.WORKER)
        registered = register_worker(
            server,
            task_queue=task_queue,
            runtime=runtime,
            worker_id=worker_id,
            sdk_version=sdk_version,
            build_id=build_id,
            workflow_types=workflow_types or (),
            activity_types=activity_types or (),
            max_concurrent_workflow_tasks=max_workflow_tasks,
            max_concurrent_activity_tasks=max_activity_tasks,
            protocol=fit.worker_protocol or WORKER_PROTOCOL_VERSION,
        )
    say("dwctl: note: registered only; nobody polls in this worker's name.")
    if connection.format is Format.TABLE:
        from dwctl.render.console_server import show_registration

        show_registration(registered, task_queue, server.target.namespace, sys.stdout)
    else:
        from dwctl.render.json_server import registration_document

        connection.put(registration_document(server.target, registered, task_queue))
    return ExitCode.DONE


app.command("coverage")(worker_coverage.coverage)
