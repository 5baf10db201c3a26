"""The commands that ask or change a server, put into the tree in one place."""

from __future__ import annotations

import typer

from dwctl.cli import cluster, diagnose, doctor, health, namespace, shadow, task_queue, worker, workflow


def register(app: typer.Typer) -> None:
    """Add every command on a server to the tree."""
    app.command("health")(health.health)
    app.add_typer(cluster.app, name="cluster")
    app.add_typer(namespace.app, name="namespace")
    app.add_typer(worker.app, name="worker")
    app.add_typer(task_queue.app, name="task-queue")
    app.add_typer(workflow.app, name="workflow")
    app.command("shadow")(shadow.shadow)
    app.command("diagnose")(diagnose.diagnose)
    app.command("doctor")(doctor.doctor)
