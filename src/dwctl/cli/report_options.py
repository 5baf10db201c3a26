"""`--report FORMAT=PATH`: files for other readers, checked before any work, written whole or not at all."""

from __future__ import annotations

import difflib
import os
import stat
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dwctl.cli.ledger_options import require_other_file
from dwctl.cli.output import say
from dwctl.errors import RequestNotPossible

if TYPE_CHECKING:
    from dwctl.transfer.report.gathering import Explained

STREAM = "-"
"""The path that stands for standard error, where the runner of GitHub Actions reads annotations too."""

ReportOption = Annotated[
    list[str] | None,
    typer.Option(
        "--report",
        metavar="FORMAT=PATH",
        help="Also write a report; repeatable. Formats: junit, markdown, html, github (github=- goes to stderr).",
    ),
]


@dataclass(frozen=True, slots=True)
class WantedReport:
    """One report: its format, a name of `render.reports.FORMATS`, and the file that it goes to."""

    format: str
    path: str


def wanted_reports(given: Iterable[str] | None, *, ledger: str | None = None) -> tuple[WantedReport, ...]:
    """What was asked for, checked as far as it can be before any work. `ledger` is the one that the command uses.

    Raises `RequestNotPossible` for a format that there is not, a path that cannot be written, a path that is
    given twice, a file that is there and is no report of dwctl's, and for the ledger, whether it is there yet or not.
    """
    wanted = tuple(_wanted(text) for text in given or ())
    for one in wanted:
        if ledger is not None and one.path != STREAM:
            require_other_file(one.path, ledger, f"--report {one.format}={one.path}")
    paths = [os.path.realpath(one.path) for one in wanted if one.path != STREAM]
    for one in wanted:
        if one.path != STREAM and paths.count(os.path.realpath(one.path)) > 1:
            raise RequestNotPossible(
                "two reports would go to one file", where=one.path, next_step="Give each report a file of its own.",
                reason="report_path_twice",
            )  # fmt: skip
    return wanted


def write_reports(wanted: Iterable[WantedReport], render: Callable[[str], str]) -> None:
    """Write the reports, privately and each whole or not at all; `render` makes the text for a format's name.

    Raises `RequestNotPossible` for the first that cannot be written; those before it are there.
    """
    for one in wanted:
        text = render(one.format)
        if one.path == STREAM:
            sys.stderr.write(text)
            sys.stderr.flush()
            continue
        _write(one, text.encode("utf-8"))
        say(f"dwctl: {one.format} report: {one.path}")


def explained(identifier: str) -> Explained | None:
    """The row of `dwctl explain` for an id; None where there is none."""
    from dwctl.errors import DwctlError
    from dwctl.explanations import explanation
    from dwctl.transfer.report.gathering import Explained

    try:
        row = explanation(identifier)
    except DwctlError:
        return None
    return Explained(row.meaning, row.fix)


def _wanted(text: str) -> WantedReport:
    from dwctl.render.reports import FORMATS

    name, equals, path = text.partition("=")
    if not equals or not path:
        raise RequestNotPossible(
            f"'{text}' does not say which format goes where", where="--report",
            next_step="Write it like --report html=report.html.", reason="report_format",
        )  # fmt: skip
    if name not in FORMATS:
        near = difflib.get_close_matches(name, FORMATS, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise RequestNotPossible(
            f"there is no report format '{name}'", where="--report",
            next_step=f"{hint}There are {', '.join(FORMATS)}.", reason="report_format",
        )  # fmt: skip
    wanted = WantedReport(name, path)
    if path == STREAM and name != "github":
        raise RequestNotPossible(
            f"a {name} report needs a file", where=f"--report {text}", next_step=f"Write it like --report {name}=FILE.",
            reason="report_path",
        )  # fmt: skip
    if path != STREAM:
        _check(wanted)
    return wanted


def _check(wanted: WantedReport) -> None:
    """That the file could be written, and that nothing is lost by it."""
    path = Path(wanted.path)
    try:
        found = path.stat()
    except FileNotFoundError:
        found = None
    except (OSError, ValueError) as error:
        raise _unwritable(wanted, getattr(error, "strerror", None) or str(error)) from None
    if found is None:
        folder = path.parent
        if not folder.is_dir():
            raise _unwritable(wanted, "the folder is not there")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise _unwritable(wanted, "the folder may not be written to")
    elif stat.S_ISDIR(found.st_mode):
        raise _unwritable(wanted, "it is a folder")
    elif stat.S_ISREG(found.st_mode):
        if not os.access(path.resolve().parent, os.W_OK | os.X_OK):
            raise _unwritable(wanted, "the folder may not be written to")
        if found.st_size and not _is_ours(wanted):
            raise RequestNotPossible(
                f"the file is there already, and is no {wanted.format} report of dwctl", where=wanted.path,
                next_step="Choose another name, or remove the file.", reason="report_path_taken",
            )  # fmt: skip
    elif not os.access(path, os.W_OK):
        raise _unwritable(wanted, "it may not be written to")


def _is_ours(wanted: WantedReport) -> bool:
    from dwctl.render.reports import FORMATS

    try:
        with Path(wanted.path).open("rb") as file:
            start = file.read(4096).decode("utf-8", "replace")
    except OSError as error:
        raise _unwritable(wanted, error.strerror or str(error)) from None
    return any(mark in start for mark in FORMATS[wanted.format].marks)


def _write(wanted: WantedReport, content: bytes) -> None:
    """Replace a file in one step; a pipe or a device is written to as it is."""
    from dwctl.transfer.files.private import place_private

    path = Path(wanted.path)
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as stream:
                stream.write(content)
            return
        place_private(path.resolve(), content, replace=True)
    except OSError as error:
        raise _unwritable(wanted, error.strerror or str(error)) from None


def _unwritable(wanted: WantedReport, why: str) -> RequestNotPossible:
    return RequestNotPossible(
        f"the {wanted.format} report cannot be written: {why}", where=wanted.path,
        next_step="Check the path, its folder, the permissions and the space left.", reason="report_path",
    )  # fmt: skip
