"""Decoded payloads as a table."""

from __future__ import annotations

import io

import pytest

from dwctl.bundle.avro_value import Fault
from dwctl.bundle.payloads import DecodedPayload, ExternalReference, Outcome, PayloadSite, Role
from dwctl.render.console_payloads import show_payloads


def shown(payload: DecodedPayload) -> list[str]:
    """The words of the row of one payload."""
    stream = io.StringIO()
    show_payloads([payload], stream)
    heading, row = stream.getvalue().splitlines()
    assert heading.split() == ["path", "role", "codec", "value"]
    return row.rstrip().split(maxsplit=3)


def site(path: str = "signals.0.arguments", codec: str | None = "avro") -> PayloadSite:
    """A place with this path and codec."""
    return PayloadSite(path, Role.SIGNAL, codec, None)


ROWS = [
    (DecodedPayload(site(), Outcome.DECODED, {"a": 1}), '{"a": 1}'),
    (DecodedPayload(site(), Outcome.DECODED, None), "null"),
    (DecodedPayload(site(), Outcome.REDACTED), "redacted"),
    (DecodedPayload(site(), Outcome.OTHER_CODEC), "not decoded: written in another codec than avro"),
    (
        DecodedPayload(site(), Outcome.EXTERNAL, external=ExternalReference("s3", "s3://b/k\x1b", 3, None)),
        "external: s3://b/k\\x1b, 3 bytes",
    ),
    (
        DecodedPayload(site(), Outcome.EXTERNAL, external=ExternalReference("s3", "s3://b/k", None, None)),
        "external: s3://b/k",
    ),
    (
        DecodedPayload(site(), Outcome.UNDECODABLE, fault=Fault.TRUNCATED, offset=11),
        "undecodable: the frame ends before its value does (byte 11 of the frame)",
    ),
    (
        DecodedPayload(site(), Outcome.UNDECODABLE, fault=Fault.NOT_BASE64),
        "undecodable: the text is not base64",
    ),
]


@pytest.mark.parametrize(("payload", "text"), ROWS, ids=[text[:20] for _, text in ROWS])
def test_a_row_shows_the_value_or_why_there_is_none(payload: DecodedPayload, text: str) -> None:
    row = shown(payload)
    assert row[:3] == ["signals.0.arguments", "signal", "avro"]
    assert row[3] == text


def test_text_of_the_file_is_neither_markup_nor_steers_the_terminal() -> None:
    row = shown(DecodedPayload(site("signals.[red]\x1b[2J\n.x", "[bold]"), Outcome.DECODED, "[/red]\u202e"))
    assert row == ["signals.[red]\\x1b[2J\\n.x", "signal", "[bold]", '"[/red]\\u202e"']


def test_a_payload_without_a_named_codec_has_a_dash() -> None:
    assert shown(DecodedPayload(site(codec=None), Outcome.DECODED, 7))[2:] == ["-", "7"]
