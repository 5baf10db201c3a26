"""`dwctl bundle decode`: the payloads of a bundle, readable."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dwctl.cli.bundle_options import MaxSizeOption, read_document
from dwctl.cli.output import Format, JsonOption, OutputOption, chosen_format, print_json, print_json_line, say
from dwctl.errors import ExitCode, RequestNotPossible

if TYPE_CHECKING:
    from dwctl.bundle.canonical import JsonValue
    from dwctl.bundle.payloads import DecodedPayload, PayloadSite

_PATHS_NAMED = 5


def decode(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The bundle; '-' reads it from stdin.")],
    path: Annotated[
        str | None,
        typer.Argument(metavar="PATH", help="Only the payloads at this path or below: signals, signals.0."),
    ] = None,
    max_bundle_size: MaxSizeOption = None,
    output: OutputOption = Format.TABLE,
    as_json: JsonOption = False,
) -> int:
    """Print the arguments, results and signals of a bundle as JSON.

    Decodes every payload in the avro codec: those of the run, of its commands,
    signals, updates and activities, and of its history events. A payload in
    another codec, in external storage, or redacted is named instead. Where PATH
    names a single payload, its value alone is printed. The values are business
    data: mind where the output goes.

    Bytes are shown as {"$bytes_base64": "..."}, doubles that are not finite as
    {"$double": "NaN"}. The exit code is 1 if a payload cannot be decoded.

    \b
    Examples:
      $ dwctl bundle decode order-123.json
      $ dwctl bundle decode order-123.json payloads.arguments.data
      $ dwctl bundle decode order-123.json signals --json
      $ dwctl bundle decode - activities --output jsonl < order-123.json
    """
    from dwctl.bundle.payloads import Outcome, decode_site

    wanted = chosen_format(output, as_json)
    sites = _sites(_bundle(file, max_bundle_size), file, path)
    payloads = (decode_site(site) for site in sites)
    undecodable = 0
    if wanted is Format.JSONL:
        from dwctl.render.json_payloads import payload_item

        for payload in payloads:
            print_json_line(payload_item(payload))
            undecodable += payload.outcome is Outcome.UNDECODABLE
    else:
        decoded = list(payloads)
        _print(file, path, decoded, wanted)
        undecodable = sum(payload.outcome is Outcome.UNDECODABLE for payload in decoded)
    if not sites:
        say(f"{file}: the bundle holds no payloads.")
    if undecodable:
        say(
            f"{file}: {undecodable} of {len(sites)} payloads cannot be decoded.\n"
            "  next: dwctl explain payloads.undecodable"
        )
    return ExitCode.NO if undecodable else ExitCode.DONE


def _print(file: str, path: str | None, payloads: list[DecodedPayload], wanted: Format) -> None:
    from dwctl.bundle.payloads import Outcome

    if wanted is Format.JSON:
        from dwctl.render.json_payloads import payload_document

        print_json(payload_document(file, payloads))
    elif path is not None and [payload.outcome for payload in payloads] == [Outcome.DECODED]:
        from dwctl.render.json_payloads import readable_json

        sys.stdout.write(readable_json(payloads[0].json_value) + "\n")
    elif payloads:
        from dwctl.render.console_payloads import show_payloads

        show_payloads(payloads, sys.stdout)


def _sites(bundle: JsonValue, file: str, path: str | None) -> list[PayloadSite]:
    """The payload places asked for; raises `RequestNotPossible` for a path where there is none."""
    from dwctl.bundle.payloads import sites_under

    sites = sites_under(bundle, path)
    if sites or path is None:
        return sites
    known = [site.path for site in sites_under(bundle, None)]
    raise RequestNotPossible(
        f"no payload stands at {path}",
        where=file,
        reason="path_matches_nothing",
        next_step=_other_paths(known),
    )


def _other_paths(known: list[str]) -> str:
    if not known:
        return "The bundle holds no payloads at all."
    more = "" if len(known) <= _PATHS_NAMED else f" ({len(known)} in all)"
    return f"Leave PATH out, or name one of these: {', '.join(known[:_PATHS_NAMED])}{more}."


def _bundle(file: str, max_bundle_size: str | None) -> JsonValue:
    return read_document(file, max_bundle_size).value
