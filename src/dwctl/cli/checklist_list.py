"""`dwctl checklist list`: the table of the checks."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from dwctl.cli.output import Format, JsonOption, chosen_format, print_json, print_json_line
from dwctl.errors import ExitCode


class ListFormat(StrEnum):
    """The formats of this command: those of every other, and a page of documentation."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    MARKDOWN = "markdown"


def list_checks(
    output: Annotated[
        ListFormat,
        typer.Option(
            "--output",
            help="How the table is printed: for people, as JSON, a JSON line per check, or a page for the docs.",
        ),
    ] = ListFormat.TABLE,
    as_json: JsonOption = False,
) -> int:
    """List every check of the gate: its item, phase, category, and what it needs.

    Any id is good for --only, --skip, `dwctl checklist waive` and `dwctl
    explain`, which says why it matters and what to do where it does not pass.
    The page of --output markdown has all of that, by phase and item. Works
    offline.

    \b
    Examples:
      $ dwctl checklist list
      $ dwctl checklist list --json | jq -r '.checks[].id'
      $ dwctl checklist list --output markdown > checklist.md
    """
    from dwctl.checklist.gate.table import CHECKS

    if output is ListFormat.MARKDOWN and not as_json:
        from dwctl.render.markdown_checklist import checks_page

        sys.stdout.write(checks_page(CHECKS))
        return ExitCode.DONE
    wanted = chosen_format(Format.JSON if as_json else Format(output.value), as_json)
    if wanted is Format.TABLE:
        from dwctl.render.console_checklist import show_checks

        show_checks(CHECKS, sys.stdout)
        return ExitCode.DONE
    from dwctl.render.json_checklist import list_document

    document, rows = list_document(CHECKS)
    if wanted is Format.JSON:
        print_json(document)
    else:
        for row in rows:
            print_json_line(row)
    return ExitCode.DONE
