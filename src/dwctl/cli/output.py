"""Where a command's output goes: data to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile
from typing import Annotated, Any

import typer

from dwctl.errors import DwctlError
from dwctl.render.text import one_line, printable


class Format(StrEnum):
    """The formats of `--output`."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"


OutputOption = Annotated[
    Format,
    typer.Option("--output", help="How data is printed: for people, as one JSON document, or a JSON line per item."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Short for --output json.")]


@dataclass
class Invocation:
    """What the error boundary must know of the running command."""

    command: str = ""
    format: Format = Format.TABLE
    streaming: bool = False


current = Invocation()
"""The invocation of this process; `begin` makes it new for each run."""


_COMMAND_WORDS = frozenset(
    """
    bundle verify show decode diff canonical repair history-export history-import explain schema list health cluster
    info check embedded inventory drift parked route ledger status retry audit export transfer report
    namespace create ensure worker register coverage shadow diagnose task-queue workflow archive doctor rehearsal serve
    rehearse checklist init attest waive
    """.split()
)


def begin(arguments: Sequence[str]) -> None:
    """Note what was asked for before it is parsed, so that even a usage error comes in the format wanted."""
    global current
    # Only the names of commands: any other word may be a path, or the value of an option and a secret.
    words = list(takewhile(lambda word: word in _COMMAND_WORDS, arguments))
    current = Invocation(command=" ".join(words[:2]))
    text = " ".join(arguments)
    if "--json" in arguments or "--output json" in text or "--output=json" in text:
        current.format = Format.JSON


def chosen_format(output: Format, as_json: bool) -> Format:
    """The format asked for, also kept for the error boundary. `--json` wins, as in `dw`."""
    current.format = Format.JSON if as_json else output
    return current.format


def print_json(document: Mapping[str, Any]) -> None:
    """Print the one JSON document of this run."""
    sys.stdout.write(json.dumps(document, ensure_ascii=True, indent=2) + "\n")


def print_json_line(item: Mapping[str, Any]) -> None:
    """Print one item of a stream."""
    sys.stdout.write(json.dumps(item, ensure_ascii=True, separators=(",", ":")) + "\n")


def print_json_stream(
    schema: str, key: str, items: Iterable[Mapping[str, Any]], rest: Callable[[], Mapping[str, Any]], **head: Any
) -> None:
    """Print one JSON document whose items are written as they come, so that memory stays flat.

    `head` stands before the items; `rest` is asked after the last one.
    """
    opening = {"schema": schema, "schema_version": 1, **head}
    current.streaming = True
    sys.stdout.write("{")
    for name, value in opening.items():
        sys.stdout.write(f"{json.dumps(name)}: {json.dumps(value)}, ")
    sys.stdout.write(f"{json.dumps(key)}: [")
    separator = "\n"
    for item in items:
        sys.stdout.write(separator + json.dumps(item, ensure_ascii=True))
        separator = ",\n"
    sys.stdout.write("\n]")
    for name, value in rest().items():
        sys.stdout.write(f", {json.dumps(name)}: {json.dumps(value)}")
    sys.stdout.write("}\n")
    current.streaming = False


def say(text: str) -> None:
    """Tell the person something that is not data."""
    sys.stderr.write(printable(text) + "\n")


def report_error(error: DwctlError) -> None:
    """Show a failure: a sentence, where, and the next step; in JSON modes as a document on stdout, like `dw`.

    In the middle of a document it goes to stderr: two documents on one stdout would look like an answer.
    """
    if current.format is not Format.TABLE and not current.streaming:
        print_json_line(
            {
                "schema": "dwctl.error",
                "schema_version": 1,
                "error": error.message,
                "exit_code": int(error.exit_code),
                "command": current.command,
                "where": error.where,
                "reason": error.reason,
                "next_step": error.next_step,
            }
        )
        return
    say("\n".join(_error_lines(error)))


def _error_lines(error: DwctlError) -> Iterable[str]:
    yield f"dwctl: {one_line(error.message)}"
    if error.where:
        yield f"  where: {one_line(error.where)}"
    if error.reason:
        yield f"  reason: {error.reason}"
    if error.next_step:
        yield f"  next: {error.next_step}"
