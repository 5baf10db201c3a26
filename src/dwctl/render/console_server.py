"""The server, its namespaces and its workers, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TextIO

from rich.text import Text

from dwctl import __version__
from dwctl.counted import counted
from dwctl.render.console_lines import Cell, fields, labelled
from dwctl.render.console_table import Table, write_lines
from dwctl.render.text import one_line
from dwctl.render.wording import to_the_second
from dwctl.server.compatibility import Compatibility
from dwctl.server.health import HealthReport
from dwctl.server.results import ClusterInfo, Namespace, Probe, Worker

STYLES: Final = {
    "ok": "green",
    "active": "green",
    "serving": "green",
    "ready": "green",
    "accepting": "green",
    "completed": "green",
    "warning": "yellow",
    "stale": "yellow",
    "draining": "yellow",
    "skipped": "dim",
    "unknown": "yellow",
}
"""How a status word is coloured; what is not here and is shown as a status is red."""


def status(word: str | None) -> Cell:
    """A status word in its colour; a missing one is unknown."""
    shown = word or "unknown"
    return (shown, STYLES.get(shown, "red"))


def title(text: str, *rest: str) -> Text:
    """The first line of an output."""
    return Text.assemble((one_line(text), "bold"), *(f"  {one_line(part)}" for part in rest if part))


def or_dash(value: object) -> str:
    """A value that may be missing."""
    return "-" if value is None or value == "" else str(value)


def moment(time: str | None) -> str:
    """A time that may be missing, to the second; the fraction stands in the JSON."""
    return or_dash(time and to_the_second(time))


def show_health(url: str, report: HealthReport, stream: TextIO) -> None:
    """Each check of both probes, and the verdict that ready gives."""
    probes = (
        ("health", report.health, report.health_error),
        ("ready", report.ready, report.ready_error),
    )
    rows: list[list[Cell]] = []
    for name, probe, error in probes:
        if probe is None:
            rows.append([name, "", ("failed", "red"), error.message if error else "not asked"])
        else:
            rows += _probe_rows(name, probe)
    verdict = ("ready", "bold green") if report.is_ready else ("not ready", "bold red")
    table = Table(("probe", "check", "status", "what to do"), rows)
    write_lines([title(url), table, Text.assemble(verdict)], stream)


def _probe_rows(name: str, probe: Probe) -> list[list[Cell]]:
    head: list[Cell] = [name, "", status(probe.status), ""]
    checks: list[list[Cell]] = [
        ["", check.name, status(check.status), check.remediation or ""] for check in probe.checks
    ]
    return [head, *checks]


def show_cluster(url: str, info: ClusterInfo, stream: TextIO) -> None:
    """What cluster info says for negotiation."""
    lines = [title(url)]
    lines += fields(
        [
            ("server version", or_dash(info.version)),
            ("server id", or_dash(info.server_id)),
            ("topology", or_dash(info.topology)),
            ("default namespace", or_dash(info.default_namespace)),
            ("control plane", or_dash(info.control_plane_version)),
            ("request contract", f"{or_dash(info.request_contract)} {or_dash(info.request_contract_version)}"),
            ("worker protocol", or_dash(info.worker_protocol_version)),
            ("imports embedded v2", "yes" if info.imports_embedded_v2 else "no"),
            ("exports history", "yes" if info.exports_history else "no"),
            ("payload codecs", ", ".join(info.payload_codecs) or "-"),
            ("largest request", f"{info.max_payload_bytes} bytes" if info.max_payload_bytes else "-"),
        ]
    )
    write_lines(lines, stream)


def show_compatibility(url: str, result: Compatibility, stream: TextIO) -> None:
    """Each requirement, and the verdict with both versions."""
    rows = [[row.id, status(row.fit.value), row.needed, row.found] for row in result.requirements]
    verdict = ("they fit together", "bold green") if result.fits else ("they do not fit together", "bold red")
    lines: list[Text | Table] = [
        title(url, f"server {or_dash(result.info.version)}", f"dwctl {__version__}"),
        Table(("requirement", "fit", "needed", "the server has"), rows, may_go=("needed",)),
        *(labelled(row.id, f"needed is {row.needed}. {row.next_step}")
          for row in result.requirements if row.fit.value != "ok" and row.next_step),
        Text.assemble(verdict),
    ]  # fmt: skip
    write_lines(lines, stream)


def show_namespaces(found: Sequence[Namespace], stream: TextIO) -> None:
    """Namespaces one a line."""
    table = Table(
        ("namespace", "status", "retention", "description"),
        [[space.name, status(space.status), _retention(space), or_dash(space.description)] for space in found],
    )
    write_lines([table, Text(counted(len(found), "namespace"))], stream)


def show_namespace(found: Namespace, outcome: str | None, stream: TextIO) -> None:
    """One namespace, and what became of it."""
    lines = [title(found.name, outcome or "")]
    lines += fields(
        [
            ("status", status(found.status)),
            ("retention", _retention(found)),
            ("description", or_dash(found.description)),
            ("created", moment(found.created_at)),
        ]
    )
    write_lines(lines, stream)


def _retention(space: Namespace) -> str:
    if space.retention_mode == "forever":
        return "forever"
    return "-" if space.retention_days is None else f"{space.retention_days} days"


def show_workers(namespace: str, found: Sequence[Worker], stream: TextIO) -> None:
    """Workers one a line, and how many of them are alive."""
    table = Table(
        ("worker", "status", "queue", "runtime", "build", "last heartbeat", "workflow types"),
        [
            [
                worker.worker_id,
                status(worker.status),
                or_dash(worker.task_queue),
                or_dash(worker.runtime),
                or_dash(worker.build_id),
                moment(worker.last_heartbeat_at),
                types(worker.workflow_types),
            ]
            for worker in found
        ],
        may_go=("runtime", "build", "last heartbeat", "queue"),
    )
    alive = sum(worker.status == "active" for worker in found)
    summary = f"{counted(len(found), 'worker')} in {namespace}, {alive} active"
    write_lines([table, Text(one_line(summary), style="" if alive else "bold yellow")], stream)


def show_worker(found: Worker, stream: TextIO) -> None:
    """One worker with everything that it registered."""
    lines = [title(found.worker_id)]
    lines += fields(
        [
            ("status", status(found.status)),
            ("namespace", or_dash(found.namespace)),
            ("task queue", or_dash(found.task_queue)),
            ("runtime", or_dash(found.runtime)),
            ("sdk", or_dash(found.sdk_version)),
            ("build", or_dash(found.build_id)),
            ("workflow types", types(found.workflow_types)),
            ("activity types", types(found.activity_types)),
            ("workflow tasks at once", or_dash(found.max_concurrent_workflow_tasks)),
            ("activity tasks at once", or_dash(found.max_concurrent_activity_tasks)),
            ("last heartbeat", moment(found.last_heartbeat_at)),
            ("registered", moment(found.registered_at)),
        ]
    )
    write_lines(lines, stream)


def show_registration(worker_id: str, task_queue: str, namespace: str, stream: TextIO) -> None:
    """The worker that was registered."""
    write_lines(
        [title(worker_id, "registered"), *fields([("task queue", task_queue), ("namespace", namespace)])], stream
    )


def types(found: Sequence[str]) -> str:
    """Type keys of a worker; an empty list accepts every type (server.md §4)."""
    return ", ".join(found) or "every type"
