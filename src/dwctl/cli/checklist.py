"""`dwctl checklist`: the gate of the cutover."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from dwctl.cli import checklist_init, checklist_list, checklist_records
from dwctl.cli.checklist_options import PhaseName, complete_selection, described_here, without_subcommand
from dwctl.cli.checklist_world import worlds
from dwctl.cli.clock import now
from dwctl.cli.database_options import with_database_named
from dwctl.cli.output import Format
from dwctl.cli.report_options import ReportOption, wanted_reports, write_reports
from dwctl.cli.server_options import Connection, server_command
from dwctl.cli.stage import signals_interrupt

if TYPE_CHECKING:
    from dwctl.checklist.facts.bundles import Watch
    from dwctl.checklist.facts.world import World
    from dwctl.checklist.gate.check import Check
    from dwctl.checklist.gate.comparison import Comparison
    from dwctl.checklist.gate.report import GateReport
    from dwctl.checklist.gate.results import GateResult
    from dwctl.checklist.gate.runner import Listener

T = TypeVar("T")

app = typer.Typer()

_WHICH, _HOW = "Which checks", "How"

_ONLY = "Only these: a check, the number of an item, or a category. Repeatable."
_SKIP = "Leave these out: a check, the number of an item, or a category. Repeatable."


@app.callback(invoke_without_command=True)
@without_subcommand
@server_command
@with_database_named
def checklist(
    connection: Connection,
    find_database: Any,
    phase: Annotated[
        list[PhaseName] | None,
        typer.Option("--phase", metavar="PHASE", rich_help_panel=_WHICH,
                     help="Only this phase: prepare, deploy, workers, starts, import or close. Repeatable."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="WHAT", help=_ONLY, rich_help_panel=_WHICH, autocompletion=complete_selection),
    ] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option("--skip", metavar="WHAT", help=_SKIP, rich_help_panel=_WHICH, autocompletion=complete_selection),
    ] = None,
    wait: Annotated[
        str | None,
        typer.Option("--wait", metavar="DURATION", rich_help_panel=_HOW,
                     help="Ask again what may become true, at most this long: 5m."),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", rich_help_panel=_HOW,
                     help="Warnings, waivers and what these options leave out keep the gate shut too."),
    ] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Ask everything where else a sample is asked.", rich_help_panel=_HOW)
    ] = False,
    rehash: Annotated[
        bool,
        typer.Option("--rehash", rich_help_panel=_HOW,
                     help="Read every file again, also those that lie as they lay when they were verified."),
    ] = False,
    compare: Annotated[
        Path | None,
        typer.Option("--compare", metavar="LAST.json", rich_help_panel=_HOW,
                     help="Also show what is otherwise than in this earlier result of `--json`."),
    ] = None,
    report: ReportOption = None,
) -> int:  # fmt: skip
    """Run the cutover checklist: the gate between a team and its cutover.

    Every check of the guide's twelve items is asked of whoever can answer: the
    server, the embedded application, bundles, archives, the ledger, as
    cutover.toml describes the cutover. Each answers pass, warn, fail, unknown,
    waived or skipped, with evidence (-v) and what to type next. Independent ones
    are asked at once, dependent ones after. Nothing is ever absent: what is left
    out says why.

    Unknown is no pass: the gate needs a measurement, or an attestation
    (`dwctl checklist attest`), which never overrules a measurement that fails. A
    waiver (`dwctl checklist waive`) goes on without a check, until a day. One
    that has expired shuts the gate until it is removed or renewed.

    --wait asks again, with a growing pause, what fails and may become true. What
    passed before is asked once more at its end, and is unknown where that does
    not succeed; no shadow workflow is started twice.

    Exit code 0: the gate is open. 1: it is shut. 2: a request that cannot be
    made, such as a mistake in cutover.toml or nothing to check. 10: a local
    file stands in the way, such as the ledger of another cutover. 130:
    interrupted; what is known so far is shown.

    \b
    Examples:
      $ dwctl checklist
      $ dwctl checklist --phase prepare --phase deploy -v
      $ dwctl checklist --only server --only 6 --wait 5m
      $ dwctl checklist --report html=gate.html --report junit=gate.xml
      $ dwctl checklist --json > gate.json; dwctl checklist --compare gate.json
    """
    from dwctl.checklist.gate.comparison import compared, read_earlier
    from dwctl.checklist.gate.items import Phase
    from dwctl.checklist.gate.runner import Times, run_gate
    from dwctl.checklist.gate.selection import Selection, require_known
    from dwctl.checklist.gate.table import CHECK, CHECKS
    from dwctl.checklist.records.kept import read_records
    from dwctl.setting_values import duration

    selection = Selection(tuple(Phase(one.value) for one in phase or ()), tuple(only or ()), tuple(skip or ()))
    require_known(selection, CHECKS)
    seconds = duration(wait, "--wait") if wait is not None else 0.0
    reports = wanted_reports(report)
    earlier = None if compare is None else read_earlier(compare)
    described = described_here()
    records = read_records(described, CHECK, now())
    settings = connection.settings
    with ExitStack() as stack, signals_interrupt(), _listening(connection, CHECKS) as listener:
        watch = _watch(listener)
        looks = _Looks(worlds(connection, find_database, described, stack, deep=deep, rehash=rehash, watch=watch))
        result = run_gate(
            CHECKS, looks, times=Times(now, time.monotonic, time.sleep), selection=selection, records=records,
            server=settings.server.value if settings.server.given else None, wait=seconds, strict=strict,
            listener=listener, on_bug=_on_bug,
        )  # fmt: skip
    comparison = None if earlier is None else compared(earlier, result)
    told = _Report(result, looks)
    _show(connection, result, told, comparison)
    if reports:
        from dwctl.render.reports import FORMATS

        write_reports(reports, lambda name: FORMATS[name].gate(told()))
    return result.exit_code


app.command("init")(checklist_init.init)
app.command("list")(checklist_list.list_checks)
app.command("attest")(checklist_records.attest)
app.command("waive")(checklist_records.waive)


class _Looks:
    """Each call is a fresh look. What was seen last of each source stays at hand for the reports.

    A wait asks only some checks again, and its last look has not seen what the others had asked for.
    """

    def __init__(self, look: Callable[[], World]) -> None:
        self._look = look
        self._world: World | None = None
        self._seen: dict[str, Any] = {}

    def __call__(self) -> World:
        self._note()
        self._world = self._look()
        return self._world

    def seen(self) -> World:
        """The last world, with the facts of earlier ones where nobody asked for them in this one."""
        if self._world is None:
            raise RuntimeError("nobody looked")
        self._note()
        return replace(self._world, **self._seen)

    def _note(self) -> None:
        if self._world is not None:
            for one in fields(self._world):
                if getattr(getattr(self._world, one.name), "asked", False):
                    self._seen[one.name] = getattr(self._world, one.name)


class _Report:
    """The report of a result, made when a format wants it: it reads the past of the ledger."""

    def __init__(self, result: GateResult, looks: _Looks) -> None:
        self._result, self._looks = result, looks
        self._report: GateReport | None = None

    def __call__(self) -> GateReport:
        from dwctl.checklist.gate.report import gate_report

        if self._report is None:
            self._report = gate_report(self._result, self._looks.seen(), now=now())
        return self._report


@contextmanager
def _listening(connection: Connection, checks: tuple[Check, ...]) -> Iterator[Listener]:
    """Where answers are told as they come: on a screen where a person watches, elsewhere a line each on stderr."""
    from dwctl.render.console_checklist_live import Lines, live_screen

    if sys.stderr.isatty() and connection.format is Format.TABLE:
        with live_screen(checks, time.monotonic, sys.stderr) as screen:
            yield screen
    else:
        yield Lines(sys.stderr)


def _watch(listener: Listener) -> Watch:
    """Passes on what is read, and tells how far it is."""

    def watch(items: Iterable[T], total: int, what: str, /) -> Iterator[T]:
        for done, item in enumerate(items, 1):
            yield item
            listener.reads(done, total, what)

    return watch


def _on_bug(error: Exception) -> None:
    """The details only on request, since they may hold business data."""
    import traceback

    if os.environ.get("DWCTL_TRACEBACK"):
        traceback.print_exception(error)


def _show(connection: Connection, result: GateResult, told: _Report, comparison: Comparison | None) -> None:
    if connection.format is Format.TABLE:
        from dwctl.render.console_checklist import show_gate

        show_gate(result, sys.stdout, verbose=connection.verbose > 0, comparison=comparison)
        return
    from dwctl.render.json_checklist import checklist_document, result_item

    items = [result_item(one) for one in result.results]
    if connection.format is Format.JSONL:
        connection.put({}, items)
        return
    from dwctl.render.json_gate_pictures import gate_pictures

    connection.put(checklist_document(result, gate_pictures(told()), comparison))
