"""What the payloads of a bundle hold, and what a worker that is not PHP could not read.

`verify` does not decode payloads, nor does the importer; `verify --payloads` and `bundle decode` do. What a
payload holds is business data: only a decoded value carries it, no finding and no error ever does.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from dwctl.bundle.avro_value import MEANING, Fault, PythonValue, decode_blob
from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.findings import Finding
from dwctl.bundle.loose import field
from dwctl.bundle.payload_sites import (
    ExternalReference,
    PayloadSite,
    Role,
    external_reference,
    external_references,
    is_envelope,
    payload_sites,
    sites_under,
)
from dwctl.bundle.rules import found
from dwctl.bundle.vocabulary import CODEC

__all__ = [
    "DecodedPayload",
    "ExternalReference",
    "Outcome",
    "PayloadSite",
    "Role",
    "decode_site",
    "external_references",
    "payload_findings",
    "payload_sites",
    "sites_under",
    "to_json",
]


class Outcome(StrEnum):
    """What became of a payload when it was decoded."""

    DECODED = "decoded"
    EXTERNAL = "external"
    OTHER_CODEC = "other_codec"
    REDACTED = "redacted"
    UNDECODABLE = "undecodable"


@dataclass(frozen=True, slots=True)
class DecodedPayload:
    """A payload and what became of it.

    `fault`, `offset` (a byte of the frame) and `inside` (a path within the value) say why it is undecodable;
    `external` is there for a reference, `value` where `has_value` is true.
    """

    site: PayloadSite
    outcome: Outcome
    value: PythonValue = None
    external: ExternalReference | None = None
    fault: Fault | None = None
    offset: int | None = None
    inside: str | None = None

    @property
    def has_value(self) -> bool:
        """Whether there is a value to show; a double that is not finite makes it unfit, not unreadable."""
        return self.outcome is Outcome.DECODED or self.fault is Fault.NON_FINITE_DOUBLE

    @property
    def json_value(self) -> JsonValue:
        """The value as `to_json` writes it."""
        return to_json(self.value)


# -- what they hold -----------------------------------------------------------------------------------


def decode_site(site: PayloadSite) -> DecodedPayload:
    """Decode the payload of a place, or say why not; never raises, whatever stands there."""
    value = site.value
    if site.redacted and isinstance(value, dict) and not is_envelope(value):
        return DecodedPayload(site, Outcome.REDACTED)
    external = external_reference(value)
    if external is not None:
        return DecodedPayload(site, Outcome.EXTERNAL, external=external)
    if site.codec not in (None, CODEC):
        return DecodedPayload(site, Outcome.OTHER_CODEC)
    decoded = _decode_avro(site, field(value, "blob") if isinstance(value, dict) else value)
    if decoded.outcome is Outcome.UNDECODABLE and not decoded.has_value and site.redacted:
        return DecodedPayload(site, Outcome.REDACTED)
    return decoded


def _decode_avro(site: PayloadSite, blob: JsonValue) -> DecodedPayload:
    if not isinstance(blob, str):
        return DecodedPayload(site, Outcome.UNDECODABLE, fault=Fault.NOT_A_BLOB)
    frame = decode_blob(blob)
    if frame.fault is None:
        return DecodedPayload(site, Outcome.DECODED, frame.value)
    inside = _inside(frame.value, _is_non_finite)
    return DecodedPayload(site, Outcome.UNDECODABLE, frame.value, fault=frame.fault, offset=frame.offset, inside=inside)


def to_json(value: PythonValue) -> JsonValue:
    """A decoded value as JSON can write it.

    Bytes become `{"$bytes_base64": "..."}`, doubles that are not finite `{"$double": "NaN"}`, `"Infinity"`
    or `"-Infinity"`; integers stay integers.
    """
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, bytes):
        return {"$bytes_base64": base64.b64encode(value).decode("ascii")}
    if _is_non_finite(value):
        return {"$double": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    return value


# -- what a worker could not read ---------------------------------------------------------------------


def payload_findings(bundle: JsonValue) -> Iterator[Finding]:
    """Decode every payload; yield what a worker that is not PHP could not read (guide, Phase F).

    A place has one finding at most. External references and redaction have rules of their own.
    """
    for site in payload_sites(bundle):
        if site.codec not in (None, CODEC):
            yield found("payloads.codec_not_portable", site.path, codec=site.codec)
            continue
        payload = decode_site(site)
        if payload.fault is not None:
            yield found(
                "payloads.undecodable",
                site.path,
                reason=payload.fault.value,
                detail=MEANING[payload.fault],
                offset=payload.offset,
                inside=payload.inside,
            )
        elif (inside := _inside(payload.value, _is_bytes)) is not None:
            yield found("payloads.not_portable", site.path, inside=inside, kind="bytes")


# Map keys may be data themselves, such as an address; only what reads like the name of a field is shown.
_FIELD_NAME = re.compile(r"[A-Za-z_]{1,40}[0-9]{0,2}")
_LONGEST_INSIDE = 200


def _inside(value: PythonValue, wanted: Callable[[PythonValue], bool]) -> str | None:
    """The path of the first wanted value within a value, as `0.items.3`; `$` where it is the value itself.

    `{2}` stands for the third key of a map where that key may be data.
    """
    steps = _steps_to(value, wanted)
    if steps is None:
        return None
    return ".".join(steps)[:_LONGEST_INSIDE] or "$"


def _steps_to(value: PythonValue, wanted: Callable[[PythonValue], bool]) -> list[str] | None:
    if wanted(value):
        return []
    items: Iterable[tuple[str | None, PythonValue]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = ((None, item) for item in value)
    for index, (key, item) in enumerate(items):
        steps = _steps_to(item, wanted)
        if steps is not None:
            return [_step(index, key), *steps]
    return None


def _step(index: int, key: str | None) -> str:
    if key is None:
        return str(index)
    return key if _FIELD_NAME.fullmatch(key) else f"{{{index}}}"


def _is_bytes(value: PythonValue) -> bool:
    return isinstance(value, bytes)


def _is_non_finite(value: PythonValue) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
