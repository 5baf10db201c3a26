"""Decoded payloads as a table for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dwctl.bundle.avro_value import MEANING
from dwctl.bundle.payloads import DecodedPayload, Outcome
from dwctl.render.json_payloads import one_line_json
from dwctl.render.text import one_line

_LONGEST_VALUE = 80
_WIDTH_OF_A_FILE = 200


def show_payloads(payloads: Iterable[DecodedPayload], stream: TextIO) -> None:
    """Write a table of payloads: path, role, codec, and the value in one line or why there is none."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("path", "role", "codec", "value"):
        table.add_column(heading, overflow="fold")
    for payload in payloads:
        site = payload.site
        style = "red" if payload.outcome is Outcome.UNDECODABLE else ""
        codec = "-" if site.codec is None else one_line(site.codec)
        cells = (one_line(site.path), site.role.value, codec)
        table.add_row(*(Text(cell) for cell in cells), Text(_shown(payload), style=style))
    width = None if stream.isatty() else _WIDTH_OF_A_FILE
    Console(file=stream, width=width, highlight=False).print(table)


def _shown(payload: DecodedPayload) -> str:
    if payload.fault is not None:
        place = "" if payload.offset is None else f" (byte {payload.offset} of the frame)"
        return f"undecodable: {MEANING[payload.fault]}{place}"
    if payload.external is not None:
        size = payload.external.size_bytes
        return f"external: {one_line(payload.external.uri)}" + ("" if size is None else f", {size} bytes")
    if payload.outcome is Outcome.OTHER_CODEC:
        return "not decoded: written in another codec than avro"
    if payload.outcome is Outcome.REDACTED:
        return "redacted"
    return one_line_json(payload.json_value, _LONGEST_VALUE)
