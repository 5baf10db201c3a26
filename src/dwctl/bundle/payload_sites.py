"""Where payloads stand in a bundle, which codec governs each, and which of them are only references.

The same fields as the importer's own look at codecs, in the rows, in the events, and in the snapshots of
commands and activities that events carry. The timeline is a projection and is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.loose import entries, field, string


class Role(StrEnum):
    """What a payload is to the run."""

    ARGUMENTS = "arguments"
    RESULT = "result"
    COMMAND = "command"
    SIGNAL = "signal"
    UPDATE = "update"
    EVENT = "event"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class PayloadSite:
    """A place in a bundle where a payload stands.

    `codec` is the one that governs it: its envelope's, else that of the row or event, else the run's; None
    where none is named, which the importer takes for avro. `redacted` says that the bundle lists the place
    as redacted. `value` is what stands there: the blob, an envelope, a redactor's mark, or garbage.
    """

    path: str
    role: Role
    codec: str | None
    value: JsonValue
    redacted: bool = False


@dataclass(frozen=True, slots=True)
class ExternalReference:
    """A payload that stands elsewhere. `uri` has lost user, password, query and fragment."""

    scheme: str
    uri: str
    size_bytes: int | None
    sha256: str | None


# Rows and their payload fields; `history_events` hold snapshots of commands and activities with the same.
_ROW_FIELDS: dict[str, tuple[tuple[str, Role], ...]] = {
    "commands": (("payload", Role.COMMAND),),
    "signals": (("arguments", Role.SIGNAL),),
    "updates": (("arguments", Role.UPDATE), ("result", Role.UPDATE)),
    "activities": (("arguments", Role.ARGUMENTS), ("result", Role.RESULT), ("exception", Role.FAILURE)),
}
_EVENT_FIELDS = tuple((name, Role.EVENT) for name in ("arguments", "result", "output", "value"))
_SNAPSHOTS = (
    ("command", (("payload", Role.EVENT),)),
    ("activity", (("arguments", Role.EVENT), ("result", Role.EVENT), ("exception", Role.FAILURE))),
)
# Their payloads are plain JSON under keys of the user's choosing, such as `value`.
_EVENTS_WITHOUT_PAYLOADS = frozenset({"MemoUpserted", "SearchAttributesUpserted"})

_Place = tuple[str, Role, JsonValue, JsonValue]
"""Path, role, the codec named beside the value, and the value."""


def payload_sites(bundle: JsonValue) -> Iterator[PayloadSite]:
    """Yield every place of a bundle of any shape where a payload stands; never raises.

    What is null, and what is no row at all, is passed over.
    """
    run_codec = field(bundle, "payloads", "codec")
    redacted = _redacted_paths(bundle)
    for path, role, codec, value in _places(bundle):
        if value is not None:
            is_redacted = bool(redacted) and any(prefix in redacted for prefix in _prefixes(path))
            yield PayloadSite(path, role, _governing_codec(value, codec, run_codec), value, is_redacted)


def sites_under(bundle: JsonValue, path: str | None) -> list[PayloadSite]:
    """The payload places at a path or below it, such as `signals` or `signals.0`; all of them for None."""
    sites = payload_sites(bundle)
    return [site for site in sites if path is None or site.path == path or site.path.startswith(f"{path}.")]


def _places(bundle: JsonValue) -> Iterator[_Place]:
    for name, role in (("arguments", Role.ARGUMENTS), ("output", Role.RESULT)):
        payload = field(bundle, "payloads", name)
        yield f"payloads.{name}.data", role, field(payload, "codec"), field(payload, "data")
    for section, fields in _ROW_FIELDS.items():
        for key, row in entries(field(bundle, section)):
            yield from _row_places(f"{section}.{key}", row, fields)
    for key, event in entries(field(bundle, "history_events")):
        yield from _event_places(f"history_events.{key}.payload", event)


def _row_places(path: str, row: JsonValue, fields: tuple[tuple[str, Role], ...]) -> Iterator[_Place]:
    if isinstance(row, dict):
        for name, role in fields:
            if row.get(name) is not None:
                yield f"{path}.{name}", role, row.get("payload_codec"), row[name]


def _event_places(path: str, event: JsonValue) -> Iterator[_Place]:
    payload = field(event, "payload")
    if not isinstance(payload, dict) or string(event.get("type")) in _EVENTS_WITHOUT_PAYLOADS:
        return
    yield from _row_places(path, payload, _EVENT_FIELDS)
    for name, fields in _SNAPSHOTS:
        yield from _row_places(f"{path}.{name}", payload.get(name), fields)
    exception = payload.get("exception")
    details, codec = field(exception, "details"), field(exception, "details_payload_codec")
    if string(codec) or is_envelope(details):  # else the details are plain JSON
        yield f"{path}.exception.details", Role.FAILURE, codec, details


def is_envelope(value: JsonValue) -> bool:
    """Whether a value is an envelope around a blob or around a reference to external storage."""
    return isinstance(value, dict) and ("blob" in value or isinstance(value.get("external_storage"), dict))


def _governing_codec(value: JsonValue, *named: JsonValue) -> str | None:
    inner = (field(value, "codec"), field(value, "external_storage", "codec")) if is_envelope(value) else ()
    for codec in (*inner, *named):
        if isinstance(codec, str) and codec:
            return codec
    return None


def _redacted_paths(bundle: JsonValue) -> frozenset[str]:
    """The paths that the bundle lists as redacted: exporters write strings, the importer reads arrays."""
    listed = (
        path if isinstance(path, str) else field(path, "path")
        for _, path in entries(field(bundle, "redaction", "paths"))
    )
    return frozenset(path for path in listed if isinstance(path, str))


def _prefixes(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.rpartition(".")[0]


def external_references(bundle: JsonValue) -> Iterator[tuple[str, str, str]]:
    """Yield path, URI scheme and shortened URI of each payload that stands in external storage."""
    for path, _, _, value in _places(bundle):
        reference = external_reference(value)
        if reference is not None:
            yield path, reference.scheme, reference.uri


# scheme : slashes user:password@ the rest, up to a query or fragment
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30}):(/*)(?:[^/?#]*@)?([^?#]*)", re.DOTALL)
_LONGEST_URI = 300


def external_reference(value: JsonValue) -> ExternalReference | None:
    """The reference that a payload envelope is, or None for any other value."""
    stored = field(value, "external_storage")
    if not isinstance(stored, dict):
        return None
    uri, size = stored.get("uri"), stored.get("size_bytes")
    match = _URI.match(uri) if isinstance(uri, str) else None
    scheme, slashes, rest = match.groups() if match else ("unknown", "", "")
    return ExternalReference(
        scheme=scheme.lower(),
        uri=f"{scheme}:{slashes}{rest}"[:_LONGEST_URI],
        size_bytes=size if isinstance(size, int) and not isinstance(size, bool) else None,
        sha256=string(stored.get("sha256")),
    )
