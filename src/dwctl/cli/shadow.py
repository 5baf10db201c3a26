"""`dwctl shadow`: start a run that nobody needs, and see whether a worker brings it where it should be."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from dwctl.cli.output import Format, say
from dwctl.cli.server_options import Connection, server_command
from dwctl.errors import RequestNotPossible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dwctl.checklist.shadow.shadow import Progress, ShadowPlan, ShadowResult

_LONGEST_NAME = 255


@server_command
def shadow(
    connection: Connection,
    workflow_type: Annotated[str, typer.Argument(metavar="TYPE", help="The type key: orders.process.")],
    task_queue: Annotated[
        str | None,
        typer.Option("--task-queue", metavar="QUEUE", help="Its queue; else DURABLE_WORKFLOW_TASK_QUEUE."),
    ] = None,
    input_: Annotated[
        str | None,
        typer.Option("--input", metavar="JSON", help="Its arguments, a JSON array; others can see it while it runs."),
    ] = None,
    input_file: Annotated[
        str | None, typer.Option("--input-file", metavar="FILE", help="A file with that array; - is standard input.")
    ] = None,
    expect_status: Annotated[
        str,
        typer.Option("--expect-status", metavar="STATUS",
                     help="completed, failed, cancelled, terminated, or waiting: at rest, for a signal or a timer."),
    ] = "completed",
    expect_output: Annotated[
        str | None, typer.Option("--expect-output", metavar="JSON", help="The output that it must have.")
    ] = None,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="DURATION", help="How long it may take, from start to expected state.")
    ] = "60s",
    cleanup: Annotated[
        bool, typer.Option("--cleanup", help="At the end, terminate the run if it is still open.")
    ] = False,
    show_output: Annotated[
        bool, typer.Option("--show-output", help="Print the output that came; it may be business data.")
    ] = False,
) -> int:  # fmt: skip
    """Start a workflow that nobody needs, and wait until it is where it should be.

    The run has an id of its own that no other can have. It is watched from its
    start to its claim by a worker and to the expected status; where it hangs, the
    reason is told: nobody polls the queue or takes the type, an activity that
    nobody takes, a worker that holds the task, a failure with its message.

    The start is sent once. Where its answer is lost, the run is asked for, and no
    second one is sent. Outputs are compared as JSON values: the order of keys
    and 1 or 1.0 make no difference.

    A run that is still open at the end stays, and goes on when a worker takes
    it; --cleanup terminates it. Closed runs go with the namespace's retention,
    and are not archived: that would keep them for ever. --timeout is the time
    of the whole; how long one answer may take is `timeout` of \\[server] in
    cutover.toml.

    Exit code 0: it is as expected. 1: it ended otherwise, or with another output.
    7: it did not get there in time. 2: no such request. 3 to 8: the server was
    not reached, or refuses. 130: interrupted; the run's id and what is left of it
    are told.

    \b
    Examples:
      $ dwctl shadow orders.process --task-queue orders --input '["shadow-1", [], 12.5]'
      $ dwctl shadow orders.process --task-queue orders --timeout 2m --cleanup --json
      $ dwctl shadow orders.approval --task-queue orders --expect-status waiting --cleanup
    """
    from dwctl.checklist.shadow.shadow import Shadow
    from dwctl.cli.stage import signals_interrupt
    from dwctl.server.compatibility import require
    from dwctl.server.endpoints import cluster_info
    from dwctl.server.retries import RetryPolicy

    plan = _plan(
        workflow_type, task_queue, _arguments(input_, input_file), expect_status, expect_output, timeout, cleanup
    )
    connection.require_target()
    with connection.open(policy=RetryPolicy(seconds=10.0)) as server:
        require(cluster_info(server))
        with signals_interrupt(), _told(connection) as tell:
            result = _played(Shadow(server, plan, time.monotonic, time.sleep, tell), plan)
    _show(connection, result, show_output=show_output)
    return result.exit_code


def _played(run: Any, plan: ShadowPlan) -> ShadowResult:
    """The run, however it ends; a second interruption keeps it from being cleaned up."""
    try:
        result: ShadowResult = run.play()
    except KeyboardInterrupt:
        result = run.interrupted()
    if plan.cleanup:
        try:
            run.clean_up()
        except KeyboardInterrupt:
            say(f"dwctl: {plan.workflow_id} was not terminated: interrupted.")
    return result


def _plan(
    workflow_type: str,
    queue: str | None,
    arguments: list[Any],
    status: str,
    output: str | None,
    timeout: str,
    cleanup: bool,
) -> ShadowPlan:
    """What to start, checked as far as can be before the server is asked."""
    from dwctl.checklist.shadow.shadow import EXPECTED, ShadowPlan, new_id
    from dwctl.setting_values import duration

    queue = queue if queue is not None else os.environ.get("DURABLE_WORKFLOW_TASK_QUEUE")
    if queue is None:
        _refuse("nobody said on which queue it is to run", "--task-queue", "Add --task-queue QUEUE.")
    for name, where in ((workflow_type, "TYPE"), (queue, "--task-queue")):
        if (
            name != name.strip()
            or not name
            or len(name) > _LONGEST_NAME
            or any("\ud800" <= one <= "\udfff" for one in name)
        ):
            _refuse(f"a name is UTF-8 text of 1 to {_LONGEST_NAME} characters without blanks around it", where,
                    "Give the type key or the queue as the workers register it.")  # fmt: skip
    if status not in EXPECTED:
        _refuse(f"no run ends so; it may be expected to be {', '.join(EXPECTED)}", "--expect-status",
                "Name one of these.")  # fmt: skip
    if output is not None and status != "completed":
        _refuse("only a completed run has an output", "--expect-output", "Leave it out, or expect completed.")
    wanted = () if output is None else (_json(output, "--expect-output"),)
    seconds = duration(timeout, "--timeout")
    return ShadowPlan(new_id(), workflow_type, queue, arguments, status, wanted, seconds, cleanup=cleanup)


def _arguments(text: str | None, file: str | None) -> list[Any]:
    """The positional arguments; none where none are given."""
    if text is not None and file is not None:
        _refuse("--input and --input-file cannot both be given", "--input", "Leave one of the two out.")
    where = "--input" if file is None else file
    if file is not None:
        from dwctl.transfer.files.sources import read_bundle

        try:
            text = read_bundle(file, stdin=sys.stdin.buffer).decode("utf-8")
        except UnicodeDecodeError:
            _refuse("the file is not UTF-8 text", where, "Save it as UTF-8.")
    if text is None:
        return []
    value = _json(text, where)
    if not isinstance(value, list):
        _refuse("the input is no JSON array", where, "Write the arguments in their order between [ and ].")
    return value


def _json(text: str, where: str) -> Any:
    """A JSON value; what is wrong with it is told without it, since it may be business data."""

    def no_constant(name: str) -> Any:
        raise ValueError(name)

    try:
        return json.loads(text, parse_constant=no_constant)
    except json.JSONDecodeError as error:
        _refuse(f"this is not JSON: {error.msg} at line {error.lineno}, column {error.colno}", where,
                "Quote it for the shell: '[\"a\", 1]'.")  # fmt: skip
    except (ValueError, RecursionError):
        _refuse("this is not JSON: a number that JSON has not, or nested too deeply", where, "Mend it.")


def _refuse(message: str, where: str, next_step: str) -> NoReturn:
    raise RequestNotPossible(message, where=where, next_step=next_step, reason="usage")


@contextmanager
def _told(connection: Connection) -> Iterator[Callable[[Progress], None]]:
    """Where progress is told: beside the spinner of a terminal, elsewhere as plain lines on stderr."""
    if sys.stderr.isatty() and connection.format is Format.TABLE:
        from dwctl.render.console_shadow import live

        with live(sys.stderr) as tell:
            yield tell
        return

    def plain(progress: Progress) -> None:
        from dwctl.render.text import one_line

        say(f"dwctl: {progress.seconds:6.1f} s  {one_line(progress.told)}")
        sys.stderr.flush()

    yield plain


def _show(connection: Connection, result: ShadowResult, *, show_output: bool) -> None:
    if connection.format is Format.TABLE:
        from dwctl.render.console_shadow import show_shadow

        show_shadow(result, sys.stdout, with_output=show_output)
        return
    from dwctl.render.json_shadow import shadow_document

    connection.put(shadow_document(result, with_output=show_output))
