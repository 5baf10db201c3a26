"""`dwctl rehearse`: the whole cutover, played on a local server or in a namespace of its own on a real one."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dwctl.cli.output import Format, JsonOption, OutputOption, chosen_format, print_json, print_json_line, say
from dwctl.errors import RequestNotPossible

if TYPE_CHECKING:
    from dwctl.settings import Settings
    from dwctl.transfer.rehearsal_play import StepResult

EXTRA = ("starlette", "uvicorn", "durable_workflow")


def rehearse(
    cutover_dir: Annotated[
        Path | None,
        typer.Argument(metavar="[CUTOVER_DIR]", help="A folder of bundles. [default: the orders example]"),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="URL", help="Play on this server instead, in a namespace of its own."),
    ] = None,
    output: OutputOption = Format.TABLE,
    as_json: JsonOption = False,
) -> int:
    """Play the whole cutover once, and tell what happens.

    A rehearsal server and the example worker are started on this machine and
    stopped at the end. Step by step, as in the guide: the server is up, a
    namespace, a worker, a shadow workflow, bundles verified, dry-run, imported,
    compared, taken up by the worker, closed runs archived. The first step that
    fails ends the play; those after it are shown as skipped.

    CUTOVER_DIR holds the bundles, below bundles/ if there is such a folder. Its
    rehearsal.toml names those that must be refused, with the rule; any other
    refusal fails the play. The worker is that of the orders example, so runs of
    other types that have a ready task fail the step "finish".

    With --against nothing is started but the worker. The namespace is new, and
    stays on the server with what was imported. Workflow and run ids are unique on
    a server, so it takes each bundle once: never rehearse there with bundles that
    this server is to take in the cutover. Tokens come from the environment.

    Exit code 0: every step did what the guide says. 1: one did not. 2: the extra
    is not installed, or there is no bundle. 3 to 8: the server's, as elsewhere.

    \b
    Examples:
      $ dwctl rehearse
      $ dwctl rehearse exports/ --json
      $ dwctl rehearse --against https://dw-staging.example.com
    """
    wanted = chosen_format(output, as_json)
    _require_extra(("durable_workflow",) if against is not None else EXTRA)
    from ulid import ULID

    from dwctl import example_files
    from dwctl.cli.stage import LocalStage, sigterm_interrupts
    from dwctl.transfer.rehearsal_play import Play, perform
    from dwctl.transfer.rehearsal_set import read_set
    from dwctl.transfer.rehearsal_steps import STEPS

    bundles = read_set(example_files.orders() if cutover_dir is None else cutover_dir)
    name = f"rehearsal-{ULID()}".lower()
    settings = None if against is None else _settings(against, name)
    if settings is not None:
        say(f"dwctl: note: these bundles stay on {against}, in namespace {name}; it takes none of them a second time.")
    with sigterm_interrupts(), LocalStage(name, example_files.orders_worker(), settings) as stage:
        play = Play(stage, bundles, namespace=name, import_id=name)
        result = perform(play, STEPS, lambda step: _narrate(wanted, step))
    if wanted is Format.TABLE:
        from dwctl.render.console_rehearse import show_play

        show_play(result, sys.stdout)
    elif wanted is Format.JSON:
        from dwctl.render.json_rehearse import play_document

        print_json(play_document(result))
    return result.exit_code


def _settings(url: str, namespace: str) -> Settings:
    from dwctl.settings import Flags, load_settings

    flags = Flags(server=url, namespace=namespace)
    settings = load_settings(flags, os.environ, folder=Path.cwd(), windows=sys.platform == "win32")
    for sentence in settings.contradictions:
        say(f"dwctl: note: {sentence}.")
    return settings


def _require_extra(packages: tuple[str, ...]) -> None:
    for package in packages:
        if find_spec(package) is None:
            raise RequestNotPossible(
                f"a rehearsal needs {package}, which is not installed",
                next_step="pip install 'dwctl[rehearsal]'",
                reason="extra_missing",
            )


def _narrate(wanted: Format, step: StepResult) -> None:
    """Tell of a step as soon as it is over; one JSON document is printed at the end instead."""
    if wanted is Format.TABLE:
        from dwctl.render.console_rehearse import show_step

        show_step(step, sys.stdout)
        sys.stdout.flush()
    elif wanted is Format.JSONL:
        from dwctl.render.json_rehearse import step_item

        print_json_line(step_item(step))
        sys.stdout.flush()
