"""What becomes of a request's body before a handler sees it: limits, media types, and the framework's rewriting."""

from __future__ import annotations

import json
import re
from typing import Any

from starlette.requests import Request

from dwctl.bundle.canonical import decode
from dwctl.errors import UndecodableDocument
from dwctl.rehearsal.answers import Refusal, state_of
from dwctl.rehearsal.quirks import Q

IMPORT = "import_embedded_v2"
"""The operation whose bodies are bundles."""

_UNTRIMMED_KEYS = frozenset({"current_password", "password", "password_confirmation"})
_BLANKS = (
    r"\s\x00\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
)
_TRIMMED = re.compile(f"^[{_BLANKS}]+|[{_BLANKS}]+$")
# A text in which no string is empty, and none begins or ends with a blank, an escape or a character above ASCII.
_MAY_CHANGE = re.compile(rb'""|"[\s\\\x00-\x20\x7f-\xff]|[\s\x00-\x20\x7f-\xff]"|\\[^"]{1,5}"')


async def read_body(request: Request) -> None:
    """Put the body's bytes and value into the request's state: `raw`, `value`, `body` and `is_rewritten`.

    Raises `Refusal` 413, 415 or 400, in this order (contract/server.md §1).
    """
    raw = await _limited(request)
    request.state.raw = raw
    request.state.value = None
    request.state.is_rewritten = False
    if not raw:
        return
    media = request.headers.get("content-type", "").partition(";")[0].strip()
    if not _is_json(media.lower()):
        raise Refusal(
            415,
            {
                "message": "A request's body must be JSON, and say so in its Content-Type.",
                "reason": "unsupported_media_type",
                "accepted_content_types": ["application/json", "application/*+json"],
            },
        )
    try:
        value = decode(raw).value
    except UndecodableDocument as error:
        raise Refusal(
            400,
            {
                "message": "The body is not valid JSON.",
                "reason": "malformed_json",
                "json_error": error.message,
            },
        ) from error
    if _is_rewritten(request, media) and may_change(raw):
        changed = rewritten(value)
        request.state.is_rewritten = changed != value
        value = changed
    request.state.value = value
    if isinstance(value, dict):
        request.state.body = value


async def _limited(request: Request) -> bytes:
    state = state_of(request)
    if request.state.operation == IMPORT and not state.profile.has(Q.BODY_LIMIT_FOR_IMPORTS):
        return await request.body()  # as the artisan command, which knows no limit
    limit = state.settings.max_payload_bytes
    refusal = Refusal(
        413,
        {
            "message": f"The body is larger than the {limit} bytes that this server takes.",
            "reason": "payload_too_large",
            "limit": limit,
        },
    )
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise refusal
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise refusal
        chunks.append(chunk)
    return b"".join(chunks)


def _is_json(media: str) -> bool:
    return media == "application/json" or media.endswith("+json")


def _is_rewritten(request: Request, media: str) -> bool:
    """The framework looks for its lower-case words in the media type (contract/import.md §4.1)."""
    return state_of(request).profile.has(Q.JSON_BODY_REWRITTEN) and ("/json" in media or "+json" in media)


def may_change(raw: bytes) -> bool:
    """Whether the rewriting may change anything in a JSON text; a quick look that misses nothing."""
    return _MAY_CHANGE.search(raw) is not None


def rewritten(value: Any, key: str | None = None) -> Any:
    """The value with every string trimmed, and every empty one as null."""
    if isinstance(value, str):
        trimmed = value if key in _UNTRIMMED_KEYS else _TRIMMED.sub("", value)
        return trimmed or None
    if isinstance(value, dict):
        return {name: rewritten(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [rewritten(inner) for inner in value]
    return value


def written(value: Any) -> bytes:
    """A value as JSON that decodes to the same; raises `ValueError` for an infinite number."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
