"""`dwctl explain`: what a rule, check, diagnosis, reason or exit code means, and what to do."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dwctl.cli.output import Format, JsonOption, OutputOption, chosen_format, print_json, print_json_line
from dwctl.errors import ExitCode


def _complete(incomplete: str) -> list[str]:
    from dwctl.explanations import all_explanations

    return [row.id for row in all_explanations() if row.id.startswith(incomplete)]


def explain(
    identifier: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="A rule, check, diagnosis, reason or exit code.", autocompletion=_complete),
    ] = None,
    output: OutputOption = Format.TABLE,
    as_json: JsonOption = False,
) -> int:
    """Say what a rule, check, diagnosis, reason or exit code means, why it matters and how to fix it.

    Works offline. Without ID it lists everything that can be explained.

    \b
    Examples:
      $ dwctl explain integrity.checksum_mismatch
      $ dwctl explain 9
      $ dwctl explain --output jsonl
    """
    from dwctl.explanations import all_explanations, explanation

    wanted = chosen_format(output, as_json)
    rows = all_explanations() if identifier is None else [explanation(identifier)]
    if wanted is Format.JSONL:
        for row in rows:
            print_json_line(row.as_item())
    elif wanted is Format.JSON:
        print_json({
            "schema": "dwctl.explain", "schema_version": 1, "explanations": [row.as_item() for row in rows],
        })  # fmt: skip
    else:
        from dwctl.render.console_explain import show_explanation, show_index

        if identifier is None:
            show_index(rows, sys.stdout)
        else:
            show_explanation(rows[0], sys.stdout)
    return ExitCode.DONE
