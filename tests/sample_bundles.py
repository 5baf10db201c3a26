"""Bundles for tests: real ones out of the repository, and a small sound one to change."""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dwctl.bundle.canonical import decode, sha256_hex
from dwctl.bundle.vocabulary import VALUE_SCHEMA_TEXT

Bundle = dict[str, Any]
"""A bundle as Python values, free to be changed."""

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples" / "orders" / "bundles"
RECORDED = ROOT / "tests" / "data" / "bundles"

CHAIN = [EXAMPLES / f"chain-sub-1-run-{number}.json" for number in (1, 2, 3)]
"""Three runs of one instance, each linked to the next; each imports alone."""

ORDER = EXAMPLES / "completed-order-1001.json"
"""A closed run of 145 kB that imports."""

WAITING = EXAMPLES / "waiting-for-signal-approval-1.json"
"""An open run of 20 kB that imports."""

LEASED = EXAMPLES / "refused-leased-1.json"
"""An open run of 7 kB, one of whose tasks is leased: refused."""

LOST_FRACTION = RECORDED / "37-search-attribute-datetime.json"
"""An export that lost a zero fraction: it fails its own checksum, which proves the repair."""

SIGNED = RECORDED / "64-signed-completed.json"
"""A signed export; `SIGNING_KEY` verifies it."""

SIGNING_KEY = "corpus-signing-key"

_SMALL: Bundle = {
    "schema": "durable-workflow.v2.history-export",
    "schema_version": 1,
    "exported_at": "2026-11-22T22:11:34.103683Z",
    "dedupe_key": "run-1:2:2026-11-22T22:11:34.036225Z",
    "history_complete": False,
    "workflow": {
        "instance_id": "order-1",
        "run_id": "run-1",
        "run_number": 1,
        "is_current_run": True,
        "workflow_type": "orders.process",
        "workflow_class": "App\\Workflows\\OrderProcess",
        "source_runtime": "embedded",
        "namespace": None,
        "memo": {},
        "search_attributes": {},
        "status": "waiting",
        "queue": "default",
        "last_history_sequence": 2,
        "started_at": "2026-11-22T22:11:33.866346Z",
        "closed_at": None,
        "archived_at": None,
        "last_progress_at": "2026-11-22T22:11:34.036225Z",
    },
    "payloads": {
        "codec": "avro",
        "arguments": {"available": True, "codec": "avro", "data": "wwHioz3/VYAiNwwCCgZvLTEA"},
        "output": {"available": False, "codec": None, "data": None},
    },
    "summary": {"status": "waiting", "search_attributes": {}},
    "history_events": [
        {"id": "event-1", "sequence": 1, "type": "StartAccepted", "workflow_command_id": "command-1", "payload": {}},
        {"id": "event-2", "sequence": 2, "type": "ActivityScheduled", "workflow_command_id": None, "payload": {}},
    ],
    "timeline": [],
    "commands": [{"id": "command-1", "type": "start", "status": "accepted", "outcome": "started_new"}],
    "signals": [{"id": "signal-1", "arguments": None}],
    "updates": [{"id": "update-1", "arguments": None, "result": None}],
    "tasks": [{"id": "task-1", "type": "workflow", "status": "ready", "payload": {}}],
    "activities": [
        {
            "id": "activity-1",
            "activity_type": "orders.charge",
            "activity_class": "App\\Activities\\Charge",
            "attempts": [{"id": "attempt-1", "status": "completed"}],
        }
    ],
    "timers": [{"id": "timer-1", "status": "pending"}],
    "failures": [],
    "links": {"parents": [], "children": []},
    "redaction": {"applied": False, "policy": None, "paths": []},
    "codec_schemas": {
        "avro": {
            "current_fingerprint": "e2a33dff55802237",
            "writer_schemas": {
                "e2a33dff55802237": {"schema": VALUE_SCHEMA_TEXT, "fingerprint": "crc64-avro:e2a33dff55802237"}
            },
        }
    },
    "payload_manifest": {
        "version": 1,
        "entries": [
            {
                "path": "payloads.arguments.data",
                "codec": "avro",
                "available": True,
                "redacted": False,
                "avro_framing": "single_object",
                "writer_schema": VALUE_SCHEMA_TEXT,
                "writer_schema_fingerprint": "crc64-avro:e2a33dff55802237",
                "diagnostic": None,
            }
        ],
    },
}


def small_bundle(changes: Mapping[str, Any] | None = None) -> Bundle:
    """An open run that imports without a finding, with a row in most sections; not sealed yet.

    `changes` are items by their dotted path; `...` takes an item away.
    """
    bundle = copy.deepcopy(_SMALL)
    for path, value in (changes or {}).items():
        change(bundle, path, value)
    return bundle


def change(bundle: Any, path: str, value: Any) -> None:
    """Set the item at a dotted path, or take it away where the value is `...`."""
    *parents, last = path.split(".")
    for step in parents:
        bundle = bundle[int(step) if isinstance(bundle, list) else step]
    key: Any = int(last) if isinstance(bundle, list) else last
    if value is ...:
        del bundle[key]
    elif isinstance(bundle, list) and key == len(bundle):
        bundle.append(value)
    else:
        bundle[key] = value


def sealed(bundle: Bundle, *, key: str | None = None, **integrity: Any) -> bytes:
    """The text of a bundle with the checksum of its content, and signed where a key is given."""
    content = {name: value for name, value in bundle.items() if name != "integrity"}
    text = b"".join(decode(as_json(content)).sealed_chunks())
    signature = None if key is None else hmac.new(key.encode(), text, hashlib.sha256).hexdigest()
    block = {
        "canonicalization": "json-recursive-ksort-v1",
        "checksum_algorithm": "sha256",
        "checksum": hashlib.sha256(text).hexdigest(),
        "signature_algorithm": None if key is None else "hmac-sha256",
        "signature": signature,
        "key_id": None if key is None else "key-1",
    }
    return as_json(content | {"integrity": block | integrity})


def as_json(value: Any) -> bytes:
    """Compact UTF-8 JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def with_top_level_key(document: bytes, member: bytes) -> bytes:
    """The text of an object with one more member in front, as `dw workflow:history-export` adds one.

    The layout stays, so that taking the member away again gives the same bytes.
    """
    brace = document.index(b"{") + 1
    rest = document[brace:].lstrip()
    layout = document[brace : len(document) - len(rest)]
    return document[:brace] + layout + member + b"," + layout + rest


def checksum_of(document: bytes) -> str:
    """The checksum that a bundle's content has."""
    return sha256_hex(decode(document).sealed_chunks())


def recorded_checksum(document: bytes) -> str:
    """The checksum that a bundle says it has."""
    checksum: str = json.loads(document)["integrity"]["checksum"]
    return checksum
