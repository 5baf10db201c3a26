"""The bundle among what an application printed: found, cut out byte for byte, and told from what is none."""

from __future__ import annotations

import json
import re
from typing import Final, NamedTuple

import msgspec

from dwctl.bundle.vocabulary import BUNDLE_SCHEMA
from dwctl.embedded.artisan_reasons import failure
from dwctl.embedded.captured import Target

_NAMED: Final = rb'"schema"\s*:\s*"' + re.escape(BUNDLE_SCHEMA.encode()) + b'"'
_A_BUNDLE: Final = re.compile(_NAMED)
_START: Final = re.compile(rb"\{\s*" + _NAMED)


class BundleIds(NamedTuple):
    """What a bundle says that it is: the ids of its run and of its instance."""

    run_id: str
    instance_id: str


class FoundBundle(NamedTuple):
    """A bundle cut out of a text: its bytes with the newline that ends it, and what stood before and after."""

    content: bytes
    ids: BundleIds
    before: bytes
    after: bytes


class _Workflow(msgspec.Struct):
    run_id: str
    instance_id: str


class _Head(msgspec.Struct):
    schema: str
    workflow: _Workflow


_HEAD: Final = msgspec.json.Decoder(_Head)


def bundle_ids(document: bytes | memoryview) -> BundleIds | None:
    """The ids of a text that is one whole bundle and nothing else; None for any other text."""
    try:
        head = _HEAD.decode(document)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    if head.schema != BUNDLE_SCHEMA:
        return None
    return BundleIds(head.workflow.run_id, head.workflow.instance_id)


def find_bundle(output: bytes) -> FoundBundle | None:
    """The one bundle in what was printed, None where there is not even a part of one.

    Raises ServerFailed where there is only a part (`export_incomplete`), or more than one (`export_ambiguous`).
    """
    if not _A_BUNDLE.search(output):
        return None
    place = _between_start_and_last_brace(output) or _among_json(output)
    if place is None:
        raise failure("export_incomplete", "artisan printed a part of a bundle, and not the whole")
    start, end, ids = place
    end += output[end : end + 1] == b"\n"
    before, after = output[:start], output[end:]
    if _A_BUNDLE.search(before) or _A_BUNDLE.search(after):
        raise failure("export_ambiguous", "artisan printed more than one bundle, or parts of another")
    return FoundBundle(output[start:end], ids, before, after)


def check_target(target: Target, ids: BundleIds) -> None:
    """Raise ServerFailed (`export_wrong_run`) where a bundle is not that of the target."""
    found = ids.run_id if target.run else ids.instance_id
    if found != target.id:
        kind = "run" if target.run else "instance"
        raise failure(
            "export_wrong_run", f"the application gave {kind} {found} for {kind} {target.id}; it was not kept"
        )


_Place = tuple[int, int, BundleIds]


def _between_start_and_last_brace(output: bytes) -> _Place | None:
    """The usual case: nothing behind the bundle has a brace."""
    if (start := _START.search(output)) is None:
        return None
    end = output.rfind(b"}") + 1
    ids = bundle_ids(memoryview(output)[start.start() : end])
    return None if ids is None else (start.start(), end, ids)


def _among_json(output: bytes) -> _Place | None:
    """The first bundle among whatever JSON and braces there are."""
    text = output.decode("latin-1")  # one character a byte, so that places in the text are places in the bytes
    decoder = json.JSONDecoder()
    start = text.find("{")
    while start >= 0:
        try:
            _, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            start = text.find("{", start + 1)
            continue
        if (ids := bundle_ids(memoryview(output)[start:end])) is not None:
            return start, end, ids
        start = text.find("{", end)
    return None
