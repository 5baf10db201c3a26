"""`dwctl bundle diff`: what moved between two exports of a run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dwctl.cli.bundle_files import naming
from dwctl.cli.bundle_options import MaxSizeOption, read_document
from dwctl.cli.output import Format, JsonOption, OutputOption, chosen_format, print_json, print_json_line
from dwctl.errors import AnswerIsNo, ExitCode, UnreadableInput

if TYPE_CHECKING:
    from dwctl.bundle.canonical import Document


def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="One export; '-' reads it from stdin.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another export of the same run.")],
    output: OutputOption = Format.TABLE,
    as_json: JsonOption = False,
    max_bundle_size: MaxSizeOption = None,
) -> int:
    """Show what moved between two exports of a run.

    Says which export is later, what happened to the status, the dedupe key and
    the open work, and lists the new events. An event whose content differs, or
    that is gone, is an alarm: a history only ever grows. Formatting never
    counts. Contents of payloads are not printed.

    The exit codes are those of diff: 0 if nothing moved, 1 if something did or if
    these are not two exports of one run, 2 if a file cannot be read or decoded.

    \b
    Examples:
      $ dwctl bundle diff monday/order-123.json tuesday/order-123.json
      $ dwctl bundle diff before.json after.json --json | jq .added
      $ dwctl bundle diff before.json - < after.json
    """
    from dwctl.bundle.diff import diff_bundles

    wanted = chosen_format(output, as_json)
    if first == second == "-":
        raise UnreadableInput(
            "standard input holds only one bundle", next_step="Name a file for A or for B.", reason="usage"
        )
    result = diff_bundles(_comparable(first, max_bundle_size), _comparable(second, max_bundle_size))
    if wanted is Format.TABLE:
        from dwctl.render.console_diff import write_diff

        write_diff((first, second), result, sys.stdout)
    else:
        from dwctl.render.json_bundle import diff_document

        document = diff_document(first, second, result)
        (print_json if wanted is Format.JSON else print_json_line)(document)
    return ExitCode.NO if result.moved else ExitCode.DONE


def _comparable(file: str, max_bundle_size: str | None) -> Document:
    """A document that can be compared; for `diff`, one that cannot is trouble (2) and no answer (1)."""
    from dwctl.bundle.diff import require_comparable

    try:
        document = read_document(file, max_bundle_size)
        with naming(file):
            require_comparable(document)
    except AnswerIsNo as error:
        raise UnreadableInput(
            error.message, where=error.where, next_step=error.next_step, reason=error.reason
        ) from None
    return document
