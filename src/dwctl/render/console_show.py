"""A bundle's summary for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.text import Text

from dwctl.bundle.open_work import OpenItem
from dwctl.bundle.summary import BundleSummary, CodecUse, Identity, State
from dwctl.bundle.timeline import TimelineEntry
from dwctl.counted import counted
from dwctl.render.console_lines import Cell, columns, fields, heading, line
from dwctl.render.console_table import write_lines
from dwctl.render.text import one_line
from dwctl.render.wording import size

_PROBLEMS_SHOWN = 5
_PATHS_SHOWN = 3
_UNKNOWN = ("not said", "yellow")


def write_summary(file: str, summary: BundleSummary, stream: TextIO) -> None:
    """Write the summary of one bundle, top to bottom: what is wrong comes last, next to the prompt."""
    write_lines(_lines(file, summary), stream)


def _lines(file: str, summary: BundleSummary) -> Iterator[Text]:
    yield Text.assemble((one_line(file), "bold"), f"  {size(summary.size)}")
    yield heading("Run")
    yield from fields(_identity(summary.identity))
    yield heading("State")
    yield from fields(_state(summary.state))
    yield heading("Payloads")
    yield from fields(_payloads(summary))
    yield heading("Seal", "as recorded; `dwctl bundle verify` proves it")
    yield from fields(_seal(summary))
    yield heading("Timeline", counted(len(summary.timeline), "event"))
    yield from columns(timeline_rows(summary.timeline))
    yield heading("Open work", _open_work_note(summary))
    yield from columns([open_work_row(item) for item in summary.open_work])
    yield from _left_behind(summary)
    yield from _damage(summary)
    yield from _schema_problems(summary)


def _identity(identity: Identity) -> list[tuple[str, Cell]]:
    number = "" if identity.run_number is None else f"number {identity.run_number}, "
    class_name = f"  ({identity.workflow_class})" if identity.workflow_class else ""
    return [
        ("instance", identity.instance_id or _UNKNOWN),
        ("run", f"{identity.run_id}  ({number}{_current(identity)})" if identity.run_id else _UNKNOWN),
        ("type", f"{identity.workflow_type}{class_name}" if identity.workflow_type else _UNKNOWN),
        ("namespace", identity.namespace or "none: the import decides"),
        ("business key", identity.business_key or ""),
        ("queue", identity.queue or _UNKNOWN),
        ("connection", identity.connection or ""),
        ("compatibility", identity.compatibility or "none"),
        ("source", identity.source_runtime or _UNKNOWN),
        ("exported at", identity.exported_at or _UNKNOWN),
        ("dedupe key", identity.dedupe_key or _UNKNOWN),
    ]


def _current(identity: Identity) -> str:
    if identity.is_current_run is None:
        return "current or not is not said"
    if identity.is_current_run:
        return "the current run"
    return f"not the current run, which is {identity.current_run_id or 'not said'}"


def _state(state: State) -> list[tuple[str, Cell]]:
    closed = f"  (closed: {state.closed_reason})" if state.closed_reason else ""
    length = "size unknown" if state.history_bytes is None else size(state.history_bytes)
    complete = {True: "complete", False: "not complete", None: "complete or not is not said"}
    last = "not said" if state.last_history_sequence is None else str(state.last_history_sequence)
    parts = (
        counted(state.events, "event"),
        f"last sequence {last}",
        length,
        complete[state.history_complete],
    )
    return [
        ("status", f"{state.status}{closed}" if state.status else _UNKNOWN),
        ("started at", state.started_at or _UNKNOWN),
        ("closed at", state.closed_at or ""),
        ("last progress", state.last_progress_at or _UNKNOWN),
        ("history", ", ".join(parts)),
    ]


def _payloads(summary: BundleSummary) -> list[tuple[str, Cell]]:
    rows: list[tuple[str, Cell]] = [("codec", summary.codec or _UNKNOWN)]
    rows += [(use.codec or "no codec", _codec_use(use)) for use in summary.codecs if use.payloads]
    if summary.redacted:
        rows.append(("redacted", ("yes: the exporter masked payloads", "yellow")))
    return rows


def _codec_use(use: CodecUse) -> str:
    parts = [counted(use.payloads, "payload")]
    parts += [
        f"{number} {what}"
        for number, what in (
            (use.unavailable, "without a value"),
            (use.redacted, "redacted"),
            (use.external, "in external storage"),
        )
        if number
    ]
    return ", ".join(parts)


def _seal(summary: BundleSummary) -> list[tuple[str, Cell]]:
    seal = summary.seal
    key = f", key {seal.key_id}" if seal.key_id else ""
    return [
        ("checksum", f"{seal.checksum_algorithm or '?'} {seal.checksum}" if seal.checksum else _UNKNOWN),
        ("signature", f"{seal.signature_algorithm or '?'}{key}" if seal.signed else "none"),
    ]


def timeline_rows(entries: Sequence[TimelineEntry]) -> list[list[Cell]]:
    """Events as cells: sequence, time, type, what each is about."""
    numbers = ["?" if entry.sequence is None else str(entry.sequence) for entry in entries]
    width = max(map(len, numbers), default=0)
    return [
        [number.rjust(width), entry.recorded_at or "?", entry.type or ("no type", "yellow"), entry.name or ""]
        for number, entry in zip(numbers, entries, strict=True)
    ]


def _open_work_note(summary: BundleSummary) -> str:
    held = sum(item.held for item in summary.open_work)
    if held:
        return f"{held} of {len(summary.open_work)} held by a worker: the importer refuses the bundle"
    return "" if summary.open_work else "none"


def open_work_row(item: OpenItem) -> list[Cell]:
    """One piece of open work as cells: kind, name, status, when it is due and who holds it."""
    due: Cell = f"due {item.due_at}" if item.due_at else ""
    if item.held:
        due = (f"leased by {item.lease_owner or '?'} until {item.lease_expires_at or '?'}", "red")
    style = "red" if item.held else "yellow" if item.status is None else ""
    return [item.kind, item.name or "-", (item.status or "no status", style), due, (item.path, "dim")]


def _left_behind(summary: BundleSummary) -> Iterator[Text]:
    yield heading("Will not travel", "" if summary.left_behind else "nothing known")
    for row in summary.left_behind:
        yield line((row.what, "yellow"), row.meaning)
        shown = row.paths[:_PATHS_SHOWN]
        more = f" and {row.count - len(shown)} more" if row.count > len(shown) else ""
        yield line("  " + ", ".join(shown) + more)


def _damage(summary: BundleSummary) -> Iterator[Text]:
    if summary.damage:
        yield heading("Damaged", "nothing could be told from these places")
        yield from columns([((row.path, "red"), row.problem) for row in summary.damage])


def _schema_problems(summary: BundleSummary) -> Iterator[Text]:
    problems = summary.schema_problems
    if problems is None:
        yield heading("Schema", "not checked")
    elif not problems:
        yield heading("Schema", "as published")
    else:
        yield heading("Schema", f"{counted(len(problems), 'difference')}, as warnings")
        yield from columns([((row.path, "yellow"), row.problem) for row in problems[:_PROBLEMS_SHOWN]])
        if len(problems) > _PROBLEMS_SHOWN:
            yield line(f"and {len(problems) - _PROBLEMS_SHOWN} more: see --json")
