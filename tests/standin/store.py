"""What the stand-in holds: namespaces, workers, runs; and the importer with its traps (server.md §6)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from dwctl.bundle.verify import VerifyOptions, verify_bundle
from dwctl.render.json_dry_run import import_report

NOW = "2026-11-22T22:16:11.547001Z"
LOCKED = "SQLSTATE[HY000]: General error: 5 database is locked (Connection: sqlite, SQL: insert into x values (y))"
UNIQUE = (
    "SQLSTATE[23000]: Integrity constraint violation: 19 UNIQUE constraint failed: {columns} "
    '(Connection: sqlite, SQL: insert into "{table}" ("id") values (1))'
)
TERMINAL = ("completed", "failed", "cancelled", "terminated")


@dataclass
class ImportedRun:
    """A run on the stand-in. `further` are events that a worker appended after the import."""

    bundle: dict[str, Any]
    namespace: str
    import_id: str | None
    dedupe_key: str | None
    status: str
    further: list[dict[str, Any]] = field(default_factory=list)
    pruned: bool = False
    describe_fails: bool = False
    archived: bool = False

    @property
    def workflow(self) -> dict[str, Any]:
        found: dict[str, Any] = self.bundle["workflow"]
        return found

    def events(self) -> list[dict[str, Any]]:
        """The events as the history route shows them; none after retention has pruned them."""
        if self.pruned:
            return []
        exported = [
            {
                "sequence": event["sequence"],
                "event_type": event["type"],
                "timestamp": event.get("recorded_at"),
                "payload": event.get("payload") or [],
            }
            for event in self.bundle.get("history_events", [])
        ]
        return exported + self.further


@dataclass
class Store:
    """Everything in memory. `locked` counts the writes that still meet a busy database."""

    namespaces: dict[str, dict[str, Any]] = field(default_factory=dict)
    workers: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, ImportedRun] = field(default_factory=dict)
    links: set[tuple[Any, ...]] = field(default_factory=set)
    locked: int = 0
    commits: int = 0
    signing_key: bytes | None = None

    def __post_init__(self) -> None:
        for name in ("default", "production"):
            self.add_namespace({"name": name})

    def add_namespace(self, body: dict[str, Any]) -> dict[str, Any]:
        """Keep a namespace, in lower case."""
        made = {
            "name": body["name"].lower(),
            "description": body.get("description"),
            "retention_days": body.get("retention_days", 30),
            "status": "active",
            "external_payload_storage": None,
            "created_at": "2026-11-22T22:16:10+00:00",
        }
        self.namespaces[made["name"]] = made
        return made

    def run_bundle(
        self, document: bytes, namespace: str, *, dry_run: bool, import_id: str | None, require_signature: bool
    ) -> tuple[int, dict[str, Any]]:
        """The importer: status and report, or what it says of a body that holds no bundle."""
        options = VerifyOptions(signing_key=self.signing_key, require_signature=require_signature)
        verdict = verify_bundle(document, options)
        report = import_report(verdict, namespace)
        if report is None or verdict.run is None:
            return 422, {"message": "Nothing to import.", "reason": "invalid_import_bundle"}
        report["dry_run"] = dry_run
        if report["status"] == "rejected":
            return 422, report
        run, bundle = verdict.run, json.loads(document)
        known = self.runs.get(str(run.run_id))
        if known is not None:
            if known.dedupe_key == run.dedupe_key:
                return 200, _none_written(report, "already_imported")
            return 422, _rejected(report, "target.run_id_conflict", "this run is here already")
        if dry_run:
            return 200, report
        if self.locked > 0:
            self.locked -= 1
            return 422, _rejected(report, "target.write_failed", LOCKED)
        if any(
            (other.workflow["instance_id"], other.workflow.get("run_number", 1)) == (run.instance_id, run.run_number)
            for other in self.runs.values()
        ):
            columns = "workflow_runs.workflow_instance_id, workflow_runs.run_number"
            return 422, _violation(report, "workflow_runs", columns)
        links = {tuple(link) for link in verdict.links}
        if links & self.links:
            columns = "workflow_links.parent_workflow_run_id, workflow_links.child_workflow_run_id"
            return 422, _violation(report, "workflow_links", columns)
        self.links |= links
        self.runs[str(run.run_id)] = ImportedRun(bundle, namespace, import_id, run.dedupe_key, run.status)
        self.commits += 1
        made = import_id or f"01M82ZZZZZZZZZZZZZZZZZ{self.commits:04d}"
        self.runs[str(run.run_id)].import_id = made
        return 201, report | {"status": "imported", "import_id": made, "imported_at": NOW}

    def of_workflow(self, workflow_id: str, namespace: str) -> list[ImportedRun]:
        """The runs of a workflow in a namespace, oldest first."""
        found = [
            run
            for run in self.runs.values()
            if run.namespace == namespace and run.workflow["instance_id"] == workflow_id
        ]
        return sorted(found, key=lambda run: int(run.workflow.get("run_number", 1)))


def _violation(report: dict[str, Any], table: str, columns: str) -> dict[str, Any]:
    return _rejected(report, "target.write_failed", UNIQUE.format(table=table, columns=columns))


def _rejected(report: dict[str, Any], rule: str, message: str) -> dict[str, Any]:
    eligibility = report["eligibility"] | {"eligible": False, "errors": [{"rule": rule, "message": message}]}
    return _none_written(report, "rejected") | {"eligibility": eligibility}


def _none_written(report: dict[str, Any], status: str) -> dict[str, Any]:
    return report | {"status": status, "rows": dict.fromkeys(report["rows"], 0)}
