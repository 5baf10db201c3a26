"""`dwctl checklist attest` and `waive`: what people vouch for, and what they go on without, written down."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dwctl.cli.checklist_options import complete_check, described_here, require_described
from dwctl.cli.clock import now
from dwctl.cli.output import Format, JsonOption, OutputOption, chosen_format, print_json, print_json_line
from dwctl.errors import ExitCode

if TYPE_CHECKING:
    from dwctl.checklist.gate.results import Attestation, Waiver

_EXPIRES = "When it ends: a date (00:00 UTC), a moment with its zone, or an age from now: 12h, 30d, 2w."


def attest(
    item: Annotated[str, typer.Argument(metavar="ITEM", help="The number of an item of the checklist: 1 to 12.")],
    by: Annotated[str, typer.Option("--by", metavar="WHO", help="Who vouches for it.")],
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="What was looked at, and what was seen.")],
    evidence: Annotated[
        Path | None,
        typer.Option("--evidence", metavar="FILE", help="A file that shows it; its sha256 is kept."),
    ] = None,
    expires: Annotated[str | None, typer.Option("--expires", metavar="WHEN", help=_EXPIRES)] = None,
    output: OutputOption = Format.TABLE,
    as_json: JsonOption = False,
) -> int:
    """Vouch for an item of the checklist that no machine can measure.

    The attestation is added to the file beside cutover.toml, as text to be
    reviewed; nothing in that file is changed. It covers what is unknown of the
    item, and never overrules a measurement that fails. Where its evidence is
    changed or gone, or it has expired, it counts for nothing, and shuts the gate
    until it is renewed or removed.

    Exit code 0: written. 2: no such item, the evidence cannot be read, the item
    is attested already, there is no cutover.toml, or the file has a mistake. 10:
    it cannot be written.

    \b
    Examples:
      $ dwctl checklist attest 1 --by "Ana Lima" --note "v1:list is empty on all hosts" --evidence v1-list.txt
      $ dwctl checklist attest 9 --by ops --note "cron and schedules are off" --expires 2d
    """
    from dwctl.checklist.records import kept as records_kept

    described = require_described(described_here())
    made = records_kept.attest(described, item, by=by, note=note, evidence=evidence, expires=expires, now=now())
    return _show(described.attestations, made, chosen_format(output, as_json))


def waive(
    check: Annotated[
        str,
        typer.Argument(
            metavar="CHECK", help="The id of a check from `dwctl checklist list`.", autocompletion=complete_check
        ),
    ],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why the cutover goes on without it.")],
    owner: Annotated[str, typer.Option("--owner", metavar="WHO", help="Who answers for it.")],
    expires: Annotated[str, typer.Option("--expires", metavar="WHEN", help=f"{_EXPIRES} A year at most.")],
    output: OutputOption = Format.TABLE,
    as_json: JsonOption = False,
) -> int:
    """Go on without a check for a time, although it fails or is unknown.

    The waiver is added to the file beside cutover.toml, as text to be reviewed;
    nothing in that file is changed. It has an owner and an end. Once it has
    expired it shuts the gate, until it is renewed or removed. `dwctl checklist
    --strict` takes no waivers.

    Exit code 0: written. 2: no such check, the end is in the past or more than a
    year away, the check is waived already, there is no cutover.toml, or the file
    has a mistake. 10: it cannot be written.

    \b
    Examples:
      $ dwctl checklist waive server.clock --owner ops --reason "NTP is mended on Monday" --expires 7d
      $ dwctl checklist waive server.clock --owner ops --reason "as agreed" --expires 2026-12-01 --json
    """
    from dwctl.checklist.gate.table import CHECK
    from dwctl.checklist.records import kept as records_kept

    described = require_described(described_here())
    made = records_kept.waive(described, check, reason=reason, owner=owner, expires=expires, checks=CHECK, now=now())
    return _show(described.waivers, made, chosen_format(output, as_json))


def _show(file: Path, made: Attestation | Waiver, wanted: Format) -> int:
    if wanted is Format.TABLE:
        from dwctl.render.console_checklist import show_record

        show_record(str(file), made, sys.stdout)
        return ExitCode.DONE
    from dwctl.render.json_checklist import record_document

    document = record_document(str(file), made)
    if wanted is Format.JSON:
        print_json(document)
    else:
        print_json_line(document)
    return ExitCode.DONE
