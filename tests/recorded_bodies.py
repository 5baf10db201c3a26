"""The bodies of recorded imports whose recording holds only a note: corpus bundles, and small changes of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sample_bundles import change, sealed

Json = dict[str, Any]

_BUNDLE = re.compile(r"bundle (\d\d)")
IMPORT_ID = "orders-cutover-2026-05-05"
LIMIT = 2_097_152


def body_of_note(shared: Path, number: int, note: str, answers: Mapping[int, Any]) -> bytes:
    """The body that a note stands for. `answers` are those of this replay, for an export that is sent back."""
    if number == 217:
        return b" " * (LIMIT + 1)
    if number == 258:
        return _enveloped(json.dumps(answers[84]).encode(), {"dry_run": False})
    made = _MADE.get(number)
    if made is not None:
        return _enveloped(made.bundle(shared), made.options)
    found = _BUNDLE.search(note)
    if found is None:
        raise LookupError(f"recording {number} has a note without a bundle: {note}")
    bundle = corpus_bundle(shared, found[1])
    if "as the whole body" in note:
        return bundle
    options: Json = {}
    if "dry_run" in note:
        options["dry_run"] = True
    options["import_id"] = "another-import-id" if "another-import-id" in note else IMPORT_ID
    return _enveloped(bundle, options)


def corpus_bundle(shared: Path, number: str) -> bytes:
    """The bytes of the corpus bundle of that number."""
    (path,) = (shared / "corpus/bundles").glob(f"{number}-*.json")
    return path.read_bytes()


def _enveloped(bundle: bytes, options: Json) -> bytes:
    written = json.dumps(options).encode()
    return b'{"bundle":' + bundle + (b"," + written[1:] if options else b"}")


class _Made:
    """A changed bundle: its number, its changes by dotted path, and how it is sent and sealed."""

    def __init__(
        self,
        number: str,
        changes: Json | None = None,
        *,
        reseal: bool = True,
        key: str | None = None,
        change_whole: Callable[[Json], None] | None = None,
        **options: Any,
    ) -> None:
        self.number, self.changes, self.reseal, self.key = number, changes or {}, reseal, key
        self.change_whole, self.options = change_whole, options

    def bundle(self, shared: Path) -> bytes:
        """The text of the bundle."""
        document: Json = json.loads(corpus_bundle(shared, self.number))
        for path, value in self.changes.items():
            change(document, path, value)
        if self.change_whole is not None:
            self.change_whole(document)
        if not self.reseal:
            return json.dumps(document).encode()
        return sealed(document, key=self.key, **({"key_id": "oracle-key"} if self.key else {}))


def _old(bundle: Json) -> None:
    """As if it had closed on 1 September, under another id: every instant that retention looks at."""
    old = "2026-09-01T10:00:00.000000Z"
    for section in (bundle["workflow"], bundle["summary"]):
        section["started_at"] = section["closed_at"] = old
    bundle["workflow"]["last_progress_at"] = old
    bundle["workflow"]["instance_id"] = "old-order"


def _due(bundle: Json) -> None:
    """As if its timer had been due since midnight."""
    due = "2026-11-22T00:00:00.000000Z"
    for timer in bundle["timers"]:
        timer["fire_at"] = due
    for task in bundle["tasks"]:
        if task["type"] == "timer":
            task["available_at"] = task["created_at"] = due


def _build_b(bundle: Json) -> None:
    bundle["workflow"]["compatibility"] = "build-b"
    for task in bundle["tasks"]:
        if task["status"] == "ready":
            task["compatibility"] = "build-b"


_OBJECTS = {"applied": True, "paths": [{"path": "payloads.arguments.data"}]}
_KEY = "bundle-secret"

_MADE: dict[int, _Made] = {
    216: _Made("02", {"padding": "x" * LIMIT}),
    224: _Made("02", {"dedupe_key": "other:1:key"}),
    225: _Made("02", {"dedupe_key": "other:1:key"}, dry_run=True),
    241: _Made("03", {"workflow.business_key": "tampered"}, reseal=False),
    242: _Made("03", {"integrity": ...}, reseal=False),
    243: _Made("03", {"schema_version": 2}),
    244: _Made("03", {"schema": "another.schema"}),
    245: _Made("03", {"workflow.source_runtime": "standalone_server"}),
    246: _Made("03", {"history_complete": False}),
    248: _Made("03", {"redaction": _OBJECTS}),
    249: _Made("03", {"payloads.codec": "json"}),
    250: _Made("13", {"workflow.is_current_run": False}),
    251: _Made("10", {"tasks.0.status": "leased"}),
    252: _Made("03", {"workflow.status": "paused"}),
    253: _Made("03", {"workflow.instance_id": ..., "workflow.run_id": ...}),
    254: _Made("03", require_signature=True),
    255: _Made("03", key=_KEY, require_signature=True, signing_key="another-secret"),
    256: _Made("03", key=_KEY, require_signature=True),
    257: _Made("03", key=_KEY, require_signature=True, signing_key=_KEY, import_id=IMPORT_ID),
    259: _Made(
        "10",
        {
            "workflow.is_current_run": False,
            "workflow.source_runtime": "standalone_server",
            "redaction": _OBJECTS,
            "payloads.codec": "json",
            "tasks.0.status": "leased",
        },
        require_signature=True,
    ),
    272: _Made("12", change_whole=_build_b),
    450: _Made("09", change_whole=_due),
    460: _Made("02", change_whole=_old),
    468: _Made("02", change_whole=_old),
    471: _Made("02", change_whole=_old),
}
"""Recordings whose bundle is a corpus bundle with a change, sealed anew unless the change is the point."""
