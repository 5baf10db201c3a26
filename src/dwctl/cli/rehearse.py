"""`dwctl rehearse`: the whole cutover, played on a local server or in a namespace of its own on a real one."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from dwctl.cli.output import Format, JsonOption, OutputOption, chosen_format, print_json, print_json_line, say
from dwctl.cli.server_options import (
    CaFileOption,
    EnvOption,
    InsecureOption,
    TimeoutOption,
    TlsVerifyOption,
    TokenOption,
    VerboseOption,
    connect,
)
from dwctl.errors import RequestNotPossible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dwctl.cli.server_options import Connection
    from dwctl.transfer.rehearsals.bundles import BundleSet
    from dwctl.transfer.rehearsals.plan import Plan
    from dwctl.transfer.rehearsals.play import PlayResult, Step, StepResult

_SERVER_NEEDS = ("starlette", "uvicorn")
_WORKER_NEEDS = ("durable_workflow",)


def rehearse(
    context: typer.Context,
    cutover_dir: Annotated[
        Path | None,
        typer.Argument(metavar="[CUTOVER_DIR]", help="A folder of bundles (default: the orders example)."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="URL", help="Play on this server instead, in a namespace of its own."),
    ] = None,
    token: TokenOption = None,
    env: EnvOption = None,
    tls_verify: TlsVerifyOption = None,
    ca_file: CaFileOption = None,
    timeout: TimeoutOption = None,
    allow_insecure: InsecureOption = False,
    verbose: VerboseOption = 0,
    output: OutputOption = Format.TABLE,
    as_json: JsonOption = False,
) -> int:
    """Play the whole cutover once, and tell what happens.

    A rehearsal server and a worker are started on this machine and stopped at
    the end. Step by step, as in the guide: the server is up, a namespace, a
    worker, a shadow workflow, bundles verified, dry-run, imported, compared,
    brought to their end by the worker, closed runs archived. The first step that
    fails ends the play; those after it are shown as skipped. Runs that nothing
    here can end (they wait for a signal, or sleep for long) are named.

    CUTOVER_DIR holds the bundles, below bundles/ if there is such a folder, and
    may hold a rehearsal.toml. Where that names no worker, the orders example's
    is started:

    \b
      \\[refused]         # must be refused; any other refusal fails the play
      "order-7.json" = "tasks.leased_task_present"
      \\[worker]          # started in CUTOVER_DIR, once for each queue
      command = ["php", "worker.php", "--queue={task_queue}", "--id={worker_id}"]
      types = ["orders.process"]                  # that it must register
      \\[shadow]          # queue and reaches = "completed" may be added
      type = "orders.process"
      input = ["shadow-1", 12.5]

    A command may also use {url}, {namespace} and {python}; the environment has
    DURABLE_WORKFLOW_SERVER_URL, _NAMESPACE, _TASK_QUEUE and DW_WORKER_TOKEN.

    With --against nothing is started but the worker. The namespace is new, stays
    on the server with what was imported, and nothing else there is touched.
    Workflow and run ids are unique on a server, so it takes each bundle once:
    never rehearse there with bundles that this server is to take in the cutover.
    Tokens come from the environment.

    Exit code 0: every step did what the guide says. 1: one did not. 2: the extra
    is not installed, there is no bundle, or rehearsal.toml makes no sense. 3 to
    8: the server's, as elsewhere. 130: interrupted; what was started is stopped.

    \b
    Examples:
      $ dwctl rehearse
      $ dwctl rehearse exports/ --json
      $ dwctl rehearse exports/ --against https://dw-staging.example.com --ca-file ca.pem
    """
    chosen_format(output, as_json)
    from ulid import ULID

    from dwctl import example_files
    from dwctl.transfer.rehearsals.bundles import read_set
    from dwctl.transfer.rehearsals.plan import read_plan

    name = f"rehearsal-{ULID()}".lower()
    options = {
        "token": token,
        "env": env,
        "tls_verify": tls_verify,
        "ca_file": ca_file,
        "timeout": timeout,
        "allow_insecure": allow_insecure,
        "verbose": verbose,
    }
    shared = {**options, "output": output, "as_json": as_json, "namespace": name}
    connection = _connection(context, against, shared, options)
    wanted = chosen_format(output, as_json) if connection is None else connection.format
    bundles = read_set(example_files.orders() if cutover_dir is None else cutover_dir)
    _require_extra(local=connection is None, sdk=bundles.plan.worker is None or cutover_dir is None)
    plan = _completed(bundles.plan, read_plan(example_files.orders()))
    title = "the orders example" if cutover_dir is None else str(cutover_dir)
    result = _play(wanted, name, bundles, plan, connection, title)
    _show(wanted, result, _next_step(result, cutover_dir, connection))
    return result.exit_code


def _play(
    wanted: Format, name: str, bundles: BundleSet, plan: Plan, connection: Connection | None, title: str
) -> PlayResult:
    """Play on a stage that is taken down at the end, whatever happens."""
    from dwctl.cli.stage import LocalStage, signals_interrupt
    from dwctl.counted import counted
    from dwctl.transfer.rehearsals.play import Play, perform
    from dwctl.transfer.rehearsals.steps import STEPS

    where = "on a rehearsal server of its own"
    if connection is not None:
        where = f"on {connection.settings.server.value}"
        say(f"dwctl: note: these bundles stay {where}, in namespace {name}; it takes none of them a second time.")
    assert plan.worker is not None  # noqa: S101 - the example has one
    with signals_interrupt(), LocalStage(name, plan.worker, connection) as stage, _narrator(wanted) as narrator:
        narrator.opens(f"Rehearsal of {title}: {counted(len(bundles.files), 'bundle')}, {where}")
        play = Play(stage, bundles, name, import_id=name, shadow=plan.shadow, types=plan.worker.types)
        return perform(play, STEPS, narrator.ended, narrator.begins)


def _connection(
    context: typer.Context, against: str | None, shared: dict[str, Any], options: dict[str, Any]
) -> Connection | None:
    """The connection to a server that runs already; None where one is started here."""
    if against is not None:
        from dwctl.setting_values import server_url

        return connect(context, {**shared, "server": server_url(against, "--against")})
    given = [name for name, value in options.items() if value]
    if given:
        option = "--" + given[0].replace("_", "-")
        raise RequestNotPossible(
            f"{option} is about a server that runs already, and a rehearsal without --against starts its own",
            where=option, next_step="Add --against URL, or leave it out.", reason="usage",
        )  # fmt: skip
    return None


def _completed(plan: Plan, example: Plan) -> Plan:
    """The plan with the example's worker, and with its shadow run where that worker takes it."""
    if plan.worker is not None:
        return plan
    return type(plan)(plan.refused, example.worker, plan.shadow or example.shadow)


def _next_step(result: PlayResult, cutover_dir: Path | None, connection: Connection | None) -> str:
    """What to do after the play."""
    if result.error is not None:
        return result.error.next_step or "Mend what the failed step names, and rehearse again."
    if connection is not None:
        return "Plan the cutover window with these times; the namespace may go when you are done with it."
    if cutover_dir is not None:
        return "Play it on a staging server: add --against URL."
    return "Rehearse with your own exports: dwctl rehearse DIR."


def _require_extra(*, local: bool, sdk: bool) -> None:
    """Refuse where the server that is to be started here, or the example's worker, needs what is not installed."""
    for package in (*(_SERVER_NEEDS if local else ()), *(_WORKER_NEEDS if sdk else ())):
        if find_spec(package) is None:
            raise RequestNotPossible(
                f"a rehearsal needs {package}, which is not installed",
                next_step="pip install 'dwctl[rehearsal]'",
                reason="extra_missing",
            )


@contextmanager
def _narrator(wanted: Format) -> Iterator[Narrator]:
    """Who tells of the steps in this format; one JSON document is printed at the end instead."""
    if wanted is Format.TABLE:
        from dwctl.render.console_rehearse import Narration

        with Narration(sys.stdout, sys.stderr) as narration:
            yield narration
    else:
        yield _Lines() if wanted is Format.JSONL else _Silence()


class Narrator(Protocol):
    """Told what is played, when a step begins and when it is over."""

    def opens(self, title: str) -> None:
        """The play is about to begin."""

    def begins(self, step: Step) -> None:
        """The step is about to be played."""

    def ended(self, step: StepResult) -> None:
        """The step is over, or was not reached."""


class _Silence:
    def opens(self, title: str) -> None:
        pass

    def begins(self, step: Step) -> None:
        pass

    def ended(self, step: StepResult) -> None:
        pass


class _Lines(_Silence):
    def ended(self, step: StepResult) -> None:
        from dwctl.render.json_rehearse import step_item

        print_json_line(step_item(step))
        sys.stdout.flush()


def _show(wanted: Format, result: PlayResult, next_step: str) -> None:
    """The play as a whole; a stream of lines has told of every step already."""
    if wanted is Format.TABLE:
        from dwctl.render.console_rehearse import show_play

        show_play(result, next_step, sys.stdout)
    elif wanted is Format.JSON:
        from dwctl.render.json_rehearse import play_document

        print_json(play_document(result, next_step))
