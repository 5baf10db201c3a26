"""Showing one look, or looks until Ctrl-C: drawn again in its place on a terminal, lines of what changes in a pipe."""

from __future__ import annotations

import signal
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Annotated, Any, Generic, Protocol, TypeVar

import typer

from dwctl.cli.output import Format, print_json, print_json_line, say
from dwctl.errors import DwctlError, ExitCode, RequestNotPossible

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from dwctl.transfer.watching import Seen

Report = TypeVar("Report")

_PANEL = "Watching"

WatchOption = Annotated[
    bool,
    typer.Option("--watch", "-w", help="Keep looking until Ctrl-C, or for as long as --for says.",
                 rich_help_panel=_PANEL),
]  # fmt: skip
IntervalOption = Annotated[
    str, typer.Option("--interval", metavar="DURATION", help="With --watch: how often.", rich_help_panel=_PANEL)
]
ForOption = Annotated[
    str | None,
    typer.Option("--for", metavar="DURATION", help="With --watch: end after this time: 30m, 2h.",
                 rich_help_panel=_PANEL),
]  # fmt: skip
DEFAULT_INTERVAL = "10s"


class Shown(ABC, Generic[Report]):
    """How reports of one kind are shown."""

    @abstractmethod
    def table(self, report: Report) -> None:
        """The whole report for people."""

    @abstractmethod
    def document(self, report: Report) -> Mapping[str, Any]:
        """The report as JSON."""

    @abstractmethod
    def items(self, report: Report) -> Iterable[Mapping[str, Any]]:
        """What a report names, a JSON object each."""

    @abstractmethod
    def line(self, report: Report) -> str:
        """The counts in one line for a log, without its time."""

    @abstractmethod
    def news(self, before: Report | None, report: Report) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """What is named now and was not before, or otherwise, and what is named no more: as log lines, and as JSON."""

    @abstractmethod
    def screen(self) -> AbstractContextManager[Callable[[Seen[Report]], None]]:
        """A place on the terminal; call it with each look."""

    @abstractmethod
    def moment(self, report: Report) -> str:
        """When the look was."""

    @abstractmethod
    def code(self, report: Report) -> ExitCode:
        """The exit code that the report stands for."""


class Row(Protocol):
    """A run that a report names."""

    @property
    def state(self) -> str:
        """How it stands."""
        ...

    @property
    def said(self) -> str:
        """Why, as a sentence."""
        ...


AnyRow = TypeVar("AnyRow", bound=Row)


def changes(
    before: Iterable[AnyRow], now: Iterable[AnyRow], identity: Callable[[AnyRow], Hashable]
) -> tuple[list[AnyRow], list[AnyRow]]:
    """The rows of now that are new, or in another state or for another reason; and those that are named no more."""
    left = {identity(row): row for row in before}
    told: list[AnyRow] = []
    for row in now:
        was = left.pop(identity(row), None)
        if was is None or (was.state, was.said) != (row.state, row.said):
            told.append(row)
    return told, list(left.values())


def show_or_watch(
    shown: Shown[Report], look: Callable[[], Report], wanted: Format, *, watch: bool, interval: str, length: str | None
) -> int:
    """Look once, or again and again, and return the exit code of what was seen last.

    A watch ends in order on Ctrl-C: the newest report is shown whole, and its answer is the exit code; where the last
    look failed the answer is not known any more, and the failure's code is returned unless the report says no.
    """
    if not watch:
        if length is not None:
            raise RequestNotPossible("--for goes with --watch", where="--for", next_step="Add --watch.", reason="usage")
        report = look()
        _show(shown, report, wanted)
        return shown.code(report)
    if wanted is Format.JSON:
        raise RequestNotPossible(
            "--json is one document, and --watch many", where="--watch",
            next_step="Use --output jsonl with --watch.", reason="usage",
        )  # fmt: skip
    return _watch(shown, look, wanted, interval, length)


def _watch(shown: Shown[Report], look: Callable[[], Report], wanted: Format, interval: str, length: str | None) -> int:
    from dwctl.setting_values import duration
    from dwctl.transfer.watching import watch

    every = duration(interval, "--interval")
    looks = watch(look, time.sleep, time.monotonic, every, None if length is None else duration(length, "--for"))
    on_screen = wanted is Format.TABLE and sys.stdout.isatty()
    last: Seen[Report] | None = None
    # The report is bound before anything is drawn: an interruption while drawing does not lose it.
    with _terminations():
        try:
            with shown.screen() if on_screen else nullcontext() as draw:
                for seen in looks:
                    before, last = last, seen
                    if draw is not None:
                        draw(seen)
                    else:
                        _tell(shown, before, seen, wanted)
        except KeyboardInterrupt:
            if last is None:
                raise
            say("dwctl: stopped watching.")
    if last is None:  # a watch always begins with a look
        raise RuntimeError("nothing was looked at")
    if wanted is Format.TABLE:
        shown.table(last.report)
    return _code(shown, last)


@contextmanager
def _terminations() -> Iterator[None]:
    """A TERM ends a watch as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _tell(shown: Shown[Report], before: Seen[Report] | None, seen: Seen[Report], wanted: Format) -> None:
    """What changed since the look before; nothing where nothing did."""
    if seen.missed is not None:
        if before is None or before.missed is None or before.missed.message != seen.missed.message:
            say(f"dwctl: this look failed, so nobody knows now: {_sentence(seen.missed)}")
        return
    if before is not None and before.missed is not None:
        say("dwctl: looking again.")
    at = shown.moment(seen.report)
    for line, item in shown.news(before.report if before else None, seen.report):
        if wanted is Format.JSONL:
            print_json_line({"at": at, **item})
        else:
            sys.stdout.write(f"{at} {line}\n")
    line = shown.line(seen.report)
    if wanted is Format.TABLE and (before is None or shown.line(before.report) != line):
        sys.stdout.write(f"{at} {line}\n")
    sys.stdout.flush()


def _code(shown: Shown[Report], last: Seen[Report]) -> int:
    code = shown.code(last.report)
    if last.missed is None or code is ExitCode.NO:
        return code
    say(f"dwctl: the last look failed, so what is shown is older: {_sentence(last.missed)}")
    return last.missed.exit_code


def _sentence(error: DwctlError) -> str:
    return error.message + (f" ({error.where})" if error.where else "")


def _show(shown: Shown[Report], report: Report, wanted: Format) -> None:
    if wanted is Format.TABLE:
        shown.table(report)
    elif wanted is Format.JSON:
        print_json(shown.document(report))
    else:
        for item in shown.items(report):
            print_json_line(item)
