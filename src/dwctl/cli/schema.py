"""`dwctl schema`: the JSON Schemas of what dwctl reads and writes."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dwctl.cli.output import Format, JsonOption, OutputOption, chosen_format, print_json, print_json_line
from dwctl.errors import ExitCode

app = typer.Typer(help="JSON Schemas of bundles and of every output.", no_args_is_help=True)


@app.command("list")
def list_schemas(output: OutputOption = Format.TABLE, as_json: JsonOption = False) -> int:
    """List the JSON Schemas, with their titles.

    There is one for every JSON output, under the name that the output carries in
    its `schema` field after "dwctl.", and `history-export` for the bundle itself.

    \b
    Examples:
      $ dwctl schema list
      $ dwctl schema list --json
    """
    from dwctl import schema_files

    wanted = chosen_format(output, as_json)
    schemas = [{"name": name, "title": str(schema_files.load(name)["title"])} for name in schema_files.names()]
    if wanted is Format.TABLE:
        from dwctl.render.console_lines import columns
        from dwctl.render.console_table import write_lines

        write_lines(columns([(row["name"], row["title"]) for row in schemas]), sys.stdout)
    elif wanted is Format.JSON:
        print_json({"schema": "dwctl.schema-list", "schema_version": 1, "schemas": schemas})
    else:
        for row in schemas:
            print_json_line(row)
    return ExitCode.DONE


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name from `dwctl schema list`.")],
    output: OutputOption = Format.TABLE,
    as_json: JsonOption = False,
) -> int:
    """Print one JSON Schema.

    The schema is JSON in every format; with --output jsonl it is one line.

    \b
    Examples:
      $ dwctl schema show history-export
      $ dwctl schema show bundle-show > bundle-show.schema.json
    """
    from dwctl import schema_files

    if chosen_format(output, as_json) is Format.JSONL:
        print_json_line(schema_files.load(name))
    else:
        sys.stdout.write(schema_files.text(name))
    return ExitCode.DONE
