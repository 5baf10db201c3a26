"""The way into the server: how a bundle's bytes reach the importer unchanged (contract/import.md §4.1).

The server's framework rewrites JSON bodies. It recognises them by the lower-case media type, while its own
check of the media type takes any case: `application/JSON` with the bundle as the whole body arrives as sent.
That way is trusted only after a probe: a document that can never be imported goes the same way, and the
report must show that it was a dry run and that the checksum held.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

from dwctl.bundle import vocabulary
from dwctl.bundle.canonical import decode, sha256_hex
from dwctl.server.failures import CallRefused
from dwctl.server.results import ImportAnswer
from dwctl.server.transport import Server
from dwctl.server.workflows import import_bundle
from dwctl.transfer.imports.reports import checksum_matches

BYTE_EXACT_TYPE = "application/JSON"


class Way(StrEnum):
    """How a bundle travels."""

    BYTE_EXACT = "byte-exact"
    ENVELOPE = "json-envelope"
    ARTISAN = "artisan"


@dataclass(frozen=True, slots=True)
class Probe:
    """What the probe of the byte-exact way showed: whether it can be trusted, and if not, why."""

    trusted: bool
    finding: str


def probe_document() -> bytes:
    """A document that can never be imported, whose checksum holds only if nothing on the way rewrites it."""
    sealed = {"probe": " dwctl ", "empty": "", "note": "not a bundle: asks whether bytes arrive as they were sent"}
    checksum = sha256_hex(decode(json.dumps(sealed).encode()).sealed_chunks())
    integrity = {
        "canonicalization": vocabulary.CANONICALIZATION,
        "checksum_algorithm": vocabulary.CHECKSUM_ALGORITHM,
        "checksum": checksum,
        "signature_algorithm": None,
        "signature": None,
        "key_id": None,
    }
    return json.dumps(sealed | {"integrity": integrity}).encode()


def probe_byte_exact(server: Server) -> Probe:
    """Ask whether the byte-exact way can be trusted; sends nothing that could be imported.

    Where the request is refused as it stands, another way may still be open. Raises a ServerFailure for what is
    no answer to the question: no connection, no right, a server in trouble, a redirect.
    """
    try:
        answer = import_bundle(server, probe_document(), query={"dry_run": "1"}, content_type=BYTE_EXACT_TYPE)
    except CallRefused as error:
        if error.exchange.status not in _REFUSES_THE_FORM:
            raise
        if error.exchange.status == 415:
            return Probe(False, "the server does not take the media type application/JSON")
        return Probe(False, f"the probe was refused ({error.exchange.status}, {error.reason or 'no reason'})")
    return judge_probe(answer)


_REFUSES_THE_FORM = frozenset({400, 406, 415, 422})


def judge_probe(answer: ImportAnswer) -> Probe:
    """What the answer to the probe means."""
    report = answer.report
    if report.get("status") != "rejected":
        return Probe(False, f"the probe was answered with status {report.get('status')}, not rejected")
    if report.get("dry_run") is not True:
        return Probe(False, "the query was dropped on the way: a dry run would import")
    if checksum_matches(report) is not True:
        return Probe(False, "the body was rewritten on the way: the checksum did not hold")
    return Probe(True, "the bytes arrived as they were sent, and the query with them")
