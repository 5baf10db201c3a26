"""`export-log.jsonl` beside the manifest: what was done to the embedded workers around the exports of a folder."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Final

from dwctl.transfer.exports.hooks import HookCall
from dwctl.transfer.storage.store import Store

EXPORT_LOG: Final = "export-log.jsonl"
"""The name of the log within its store."""

SCHEMA: Final = "dwctl.export-log-line"


def record_hook(store: Store, call: HookCall) -> None:
    """Add a line for a call of a hook; it is durable when this returns. Raises as `Store.append` does."""
    line = {"schema": SCHEMA, "schema_version": 1, "event": "hook", **asdict(call)}
    store.append(EXPORT_LOG, json.dumps(line, separators=(",", ":")).encode())
