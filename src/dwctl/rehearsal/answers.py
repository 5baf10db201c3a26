"""Reading requests and writing answers as the server does: its JSON, its headers, its two envelopes."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from dwctl.rehearsal.quirks import Q

if TYPE_CHECKING:
    from dwctl.rehearsal.state import Rehearsal

CONTROL_HEADER = "X-Durable-Workflow-Control-Plane-Version"
CONTROL_VERSION = "2"
WORKER_HEADER = "X-Durable-Workflow-Protocol-Version"

COMPRESSED_FROM = 1024
_UNLIKE_PHP = re.compile(r"\{\}|\d\.0[,}\]]")

Json = dict[str, Any]


class Refusal(Exception):
    """Ends a request: this status and this document are the answer, in the envelope of the request's plane."""

    def __init__(self, status: int, document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, document)
        self.status = status
        self.document = dict(document)
        self.headers = dict(headers or {})


def state_of(request: Request) -> Rehearsal:
    """The server's shared parts."""
    state: Rehearsal = request.app.state.rehearsal
    return state


def body_of(request: Request) -> Json:
    """The request's JSON object after the framework's rewriting; empty where there is none."""
    body: Json = request.state.body
    return body


def namespace_of(request: Request) -> str:
    """The namespace of the request, lower-case and known to exist."""
    namespace: str = request.state.namespace
    return namespace


def query_of(request: Request) -> dict[str, str]:
    """The query as PHP reads it: the last of a repeated name counts, texts are trimmed, empty ones are absent."""
    pairs = ((name, value.strip()) for name, value in request.query_params.multi_items())
    return {name: value for name, value in pairs if value}


def answer(
    request: Request, document: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """The document as the server sends it on this request's plane.

    On the worker plane `protocol_version` and `server_capabilities` are added to every body, errors included; on
    the paths of workflows the `control_plane` block (contract/server.md §1).
    """
    from dwctl.rehearsal.envelopes import enveloped

    document, envelope_headers = enveloped(request, document)
    return raw_answer(request, json_of(request, document), status, {**envelope_headers, **(headers or {})})


def raw_answer(request: Request, body: bytes, status: int, headers: Mapping[str, str]) -> Response:
    """The bytes of a JSON document, compressed where the client asks for it and it is large enough."""
    sent = {"Cache-Control": "no-cache, private", "Access-Control-Allow-Origin": "*", **headers}
    if len(body) > COMPRESSED_FROM:
        body, encoding = _compressed(body, request.headers.get("accept-encoding", ""))
        if encoding:
            sent |= {"Content-Encoding": encoding, "Vary": "Accept-Encoding"}
    return Response(body, status, sent, media_type="application/json")


def _compressed(body: bytes, accepted: str) -> tuple[bytes, str | None]:
    """`deflate` is the raw form, as the server sends it (contract/server.md §1)."""
    for encoding, window in (("gzip", 31), ("deflate", -15)):
        if encoding in accepted:
            packer = zlib.compressobj(wbits=window)
            return packer.compress(body) + packer.flush(), encoding
    return body, None


def json_of(request: Request, document: Any) -> bytes:
    """The document as JSON in the manner of this server's profile."""
    has = state_of(request).profile.has
    return to_json(document, empty_as_list=has(Q.EMPTY_MAP_IS_LIST), whole_as_integer=has(Q.ZERO_FRACTION_LOST))


def to_json(document: Any, *, empty_as_list: bool = True, whole_as_integer: bool = True) -> bytes:
    """JSON as PHP's `json_encode` writes it: `/` and non-ASCII escaped, `{}` as `[]`, `1.0` as `1`.

    The last two are quirks that a profile may lack. Raises `ValueError` for numbers that JSON does not have.
    """
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    if (empty_as_list or whole_as_integer) and _UNLIKE_PHP.search(text):
        document = _as_php(document, empty_as_list, whole_as_integer)
        text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    return text.replace("/", "\\/").encode("ascii")


def _as_php(value: Any, empty_as_list: bool, whole_as_integer: bool) -> Any:
    if isinstance(value, dict):
        changed = {key: _as_php(inner, empty_as_list, whole_as_integer) for key, inner in value.items()}
        return changed or ([] if empty_as_list else {})
    if isinstance(value, list | tuple):
        return [_as_php(inner, empty_as_list, whole_as_integer) for inner in value]
    if whole_as_integer and isinstance(value, float) and value.is_integer() and abs(value) < 1e17:
        return int(value)
    return value
