"""`dwctl bundle show`: what a bundle says."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dwctl.cli.bundle_files import naming
from dwctl.cli.bundle_options import MaxSizeOption, read_document
from dwctl.cli.output import Format, JsonOption, OutputOption, chosen_format, print_json, print_json_line
from dwctl.errors import ExitCode


def show(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The bundle; '-' reads it from stdin.")],
    schema: Annotated[
        bool, typer.Option("--schema/--no-schema", help="Also say where the bundle differs from its schema.")
    ] = True,
    output: OutputOption = Format.TABLE,
    as_json: JsonOption = False,
    max_bundle_size: MaxSizeOption = None,
) -> int:
    """Show what a bundle says: the run, its history, its open work.

    Tells which run this is and where it stands, its events one a line, the tasks,
    activities, timers, signals, updates, waits and children that are still open
    (and who holds a lease), the codecs of its payloads, the recorded checksum,
    and what of this run will not travel to the server. Payloads are not printed.

    This proves nothing: a bundle that fails verification is shown like any other,
    and what is damaged is said. The exit code is 0 for every bundle that decodes.

    \b
    Examples:
      $ dwctl bundle show order-123.json
      $ dwctl bundle show --no-schema - < order-123.json
      $ dwctl bundle show order-123.json --json | jq .open_work
    """
    from dwctl import schema_files
    from dwctl.bundle.summary import summarize

    wanted = chosen_format(output, as_json)
    document = read_document(file, max_bundle_size)
    with naming(file):
        summary = summarize(document, schema_files.load("history-export") if schema else None)
    if wanted is Format.TABLE:
        from dwctl.render.console_show import write_summary

        write_summary(file, summary, sys.stdout)
        return ExitCode.DONE

    from dwctl.render.json_bundle import show_document

    (print_json if wanted is Format.JSON else print_json_line)(show_document(file, summary))
    return ExitCode.DONE
