"""A server that knows every answer beforehand and gives each after a fixed time: `answering.py FOLDER SECONDS`.

Raw asyncio, so that two cores are enough for it and for what is measured. It prints its URL.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

NAMESPACE = {
    "name": "default", "description": None, "retention_days": None, "retention_mode": "forever", "status": "active",
    "external_payload_storage": None, "created_at": "2026-11-23T00:00:00Z", "updated_at": "2026-11-23T00:00:00Z",
}  # fmt: skip
CLUSTER = {
    "server_id": "answering", "version": "0.2.9", "default_namespace": "default",
    "capabilities": {"embedded_v2_import": True, "history_export": True, "payload_codecs": ["avro"]},
    "limits": {"max_payload_bytes": 2 << 20}, "worker_protocol": {"version": "1.0"},
    "control_plane": {
        "version": "2",
        "request_contract": {"schema": "durable-workflow.v2.control-plane-request.contract", "version": 1},
    },
}  # fmt: skip
_HEAD_END = b"\r\n\r\n"
_RUN = re.compile(rb'"dedupe_key": ?"([^:"]+):')


def report_of(bundle: dict[str, Any], status: str) -> dict[str, Any]:
    """The report on a bundle, as an importer gives it."""
    workflow, checksum = bundle["workflow"], bundle["integrity"]["checksum"]
    return {
        "schema": "durable-workflow.v2.embedded-v2-import.report", "schema_version": 1, "contract_version": 1,
        "source": "embedded_v2", "dry_run": status == "dry_run",
        "workflow": {
            "instance_id": workflow["instance_id"], "run_id": workflow["run_id"], "run_number": workflow["run_number"],
            "workflow_type": workflow["workflow_type"], "namespace": "default", "status": workflow["status"],
            "is_current_run": True, "history_complete": False, "dedupe_key": bundle["dedupe_key"],
        },
        "eligibility": {"eligible": True, "errors": [], "warnings": []},
        "integrity": {
            "status": "ok",
            "integrity": {
                "present": True, "expected_checksum": checksum, "recomputed_checksum": checksum,
                "checksum_matches": True, "signature_present": False, "signature_verified": None, "key_id": None,
            },
            "summary": {"errors": 0, "warnings": 0, "info": 0, "findings_by_rule": []}, "findings": [],
        },
        "rollback": {"mode": "database_transaction", "partial_import_behavior": "no_rows_committed_on_failure"},
        "status": status, "rows": {"workflow_runs": 1, "workflow_history_events": len(bundle["history_events"])},
    }  # fmt: skip


def answers_about(bundle: dict[str, Any]) -> dict[str, bytes]:
    """Path → body, for what is asked about one run."""
    workflow = bundle["workflow"]
    where = f"/api/workflows/{workflow['instance_id']}/runs/{workflow['run_id']}"
    shown = {
        "workflow_id": workflow["instance_id"], "run_id": workflow["run_id"], "namespace": "default",
        "workflow_type": workflow["workflow_type"], "status": workflow["status"], "task_queue": workflow["queue"],
        "run_number": workflow["run_number"], "run_count": 1, "is_current_run": True, "is_terminal": False,
        "status_bucket": "running", "business_key": None, "compatibility": None, "payload_codec": "avro",
        "started_at": workflow["started_at"], "closed_at": workflow["closed_at"], "memo": [], "search_attributes": [],
        "input": None, "output": None, "closed_reason": None, "wait_kind": None, "wait_reason": None, "actions": {},
        "last_progress_at": workflow["last_progress_at"],
    }  # fmt: skip
    events = [
        {"sequence": one["sequence"], "event_type": one["type"], "timestamp": one["recorded_at"],
         "payload": one["payload"]}
        for one in bundle["history_events"]
    ]  # fmt: skip
    page = {
        "workflow_id": workflow["instance_id"],
        "run_id": workflow["run_id"],
        "events": events,
        "next_page_token": None,
    }
    return {where: _body(shown), f"{where}/history": _body(page)}


def _body(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


class Answers:
    """Everything that may be asked."""

    def __init__(self, folder: Path) -> None:
        self.fixed: dict[str, bytes] = {
            "/api/cluster/info": _body(CLUSTER), "/api/namespaces/default": _body(NAMESPACE),
            "/api/workers": b'{"workers":[]}', "/api/workflows": b'{"workflows":[],"next_page_token":null}',
        }  # fmt: skip
        self.reports: dict[bytes, bytes] = {}
        self.tried: dict[bytes, bytes] = {}
        for file in sorted(folder.glob("*.json")):
            bundle = json.loads(file.read_bytes())
            run = bundle["workflow"]["run_id"].encode()
            self.reports[run] = _body(report_of(bundle, "imported"))
            self.tried[run] = _body(report_of(bundle, "dry_run"))
            self.fixed |= answers_about(bundle)

    def to(self, method: bytes, target: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        path, _, query = target.partition("?")
        if method == b"GET":
            found = self.fixed.get(path)
            return (404, b'{"reason":"instance_not_found","message":"not here"}') if found is None else (200, found)
        if run := _RUN.search(body):
            return (200, self.tried[run[1]]) if "dry_run=1" in query else (201, self.reports[run[1]])
        checksum = {"checksum_matches": True}
        return 422, _body(
            {"status": "rejected", "dry_run": True, "eligibility": {"eligible": False, "errors": [], "warnings": []},
             "integrity": {"integrity": checksum}, "workflow": {}}
        )  # fmt: skip


class Speaker(asyncio.Protocol):
    """One connection: a request at a time, answered `seconds` after its last byte."""

    def __init__(self, answers: Answers, seconds: float) -> None:
        self._answers, self._seconds = answers, seconds
        self._received = bytearray()
        self._transport: asyncio.WriteTransport | None = None
        self._needed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer when a request is whole."""
        self._received += data
        if len(self._received) < self._needed:
            return
        end = self._received.find(_HEAD_END)
        if end < 0:
            return
        head = bytes(self._received[:end])
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        self._needed = end + len(_HEAD_END) + (int(length[1]) if length else 0)
        if len(self._received) < self._needed:
            return
        body = bytes(self._received[end + len(_HEAD_END) : self._needed])
        self._received.clear()
        self._needed = 0
        method, target, _ = head.split(b"\r\n", 1)[0].split(b" ")
        status, answer = self._answers.to(method, target.decode(), body)
        text = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(answer))
        asyncio.get_running_loop().call_later(self._seconds, self._answer, text + answer)

    def _answer(self, text: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(text)


async def serve(folder: Path, seconds: float) -> None:
    """Answer until the process ends."""
    answers = Answers(folder)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Speaker(answers, seconds), "127.0.0.1", 0, backlog=256)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), float(sys.argv[2])))
