"""The difference of two exports for people: the answer first, an alarm before everything else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from rich.text import Text

from dwctl.bundle.diff import BundleDiff, DiffVerdict, Side
from dwctl.bundle.history_diff import Change, FieldDiff
from dwctl.bundle.timeline import TimelineEntry
from dwctl.counted import counted
from dwctl.render.console import console_for
from dwctl.render.console_lines import Cell, columns, heading, line
from dwctl.render.console_show import open_work_row, timeline_rows
from dwctl.render.console_table import write_lines

_ANSWERS = {
    DiffVerdict.SAME_BYTES: ("green", "The two files are the same, byte for byte."),
    DiffVerdict.SAME_CONTENT: ("green", "Same content: only the formatting differs."),
    DiffVerdict.EXPORTED_AGAIN: ("green", "Nothing moved: the run was exported again as it was."),
    DiffVerdict.ANOTHER_RUN: ("red", "These are not two exports of one run."),
    DiffVerdict.HISTORY_CHANGED: (
        "bold red",
        "ALARM: recorded history was changed. A history only ever grows; import neither bundle.",
    ),
    DiffVerdict.MOVED: ("yellow", "The run moved between the two exports."),
    DiffVerdict.SEAL_CHANGED: ("yellow", "The run did not move, but its checksum or signature is another."),
    DiffVerdict.CHANGED: ("yellow", "The history is the same, but other parts differ."),
}


def write_diff(files: tuple[str, str], diff: BundleDiff, stream: TextIO) -> None:
    """Write what moved between two exports; events and work are told, payloads are not.

    On a terminal that is too narrow for both side by side, each fact stands once where they agree, else twice.
    """
    console = console_for(stream)
    write_lines(_lines(files, diff, console.width if console.is_terminal else None), stream)


def _lines(files: tuple[str, str], diff: BundleDiff, width: int | None) -> Iterator[Text]:
    style, answer = _ANSWERS[diff.verdict]
    yield Text(answer, style=style)
    yield from _events("Rewritten", "same sequence, another content", diff.rewritten)
    yield from _events("Lost", "only in the earlier export", diff.lost)
    yield heading("Exports")
    drawn = columns([("", *_titles(files, diff)), *_sides(diff)])
    is_wide = width is not None and max(len(text) for text in drawn) > width
    yield from columns(list(_one_below_the_other(files, diff))) if is_wide else drawn
    yield from _events("New events", "", diff.added)
    yield from _work(diff)
    if diff.fields:
        yield heading("Fields", "from the earlier to the later export")
        yield from columns([((row.path, "cyan"), _field(row)) for row in diff.fields])
    if not diff.payloads_compared:
        yield heading("Not compared", "the payloads of events: only one of the exports is redacted")


def _titles(files: tuple[str, str], diff: BundleDiff) -> list[Cell]:
    later = {"first": files[0], "second": files[1]}.get(diff.later or "")
    names = [f"{file} (later)" if file == later else file for file in files]
    return [(name, "bold") for name in names]


def _sides(diff: BundleDiff) -> Iterator[list[Cell]]:
    rows = [(name, _value(diff.first, name), _value(diff.second, name)) for name in _SHOWN]
    for name, ours, theirs in rows:
        same = ours == theirs
        style = "" if same else "yellow"
        yield [(name.replace("_", " "), "dim"), (ours, style), (theirs, style), "" if same else "differs"]


def _one_below_the_other(files: tuple[str, str], diff: BundleDiff) -> Iterator[list[Cell]]:
    names = {"first": ("later", "earlier"), "second": ("earlier", "later")}.get(diff.later or "", ("first", "second"))
    for name, file in zip(names, files, strict=True):
        yield [(name, "bold"), (file, "bold")]
    for field in _SHOWN:
        label = (field.replace("_", " "), "dim")
        ours, theirs = (_value(side, field).removeprefix(f"{side.run_id}:") for side in (diff.first, diff.second))
        if ours == theirs:
            yield [label, ours]
        else:
            yield [label, (f"{ours}  ({names[0]})", "yellow")]
            yield ["", (f"{theirs}  ({names[1]})", "yellow")]


_SHOWN = (
    "instance_id",
    "run_id",
    "status",
    "events",
    "last_history_sequence",
    "last_progress_at",
    "exported_at",
    "dedupe_key",
)


def _value(side: Side, name: str) -> str:
    value = getattr(side, name)
    return "not said" if value is None else str(value)


def _events(title: str, note: str, entries: tuple[TimelineEntry, ...]) -> Iterator[Text]:
    if entries:
        yield heading(title, counted(len(entries), "event") + (f": {note}" if note else ""))
        yield from columns(timeline_rows(entries))


def _work(diff: BundleDiff) -> Iterator[Text]:
    if not (diff.opened or diff.closed or diff.work_changed):
        return
    yield heading("Open work")
    rows: list[list[Cell]] = [["+", *open_work_row(item)] for item in diff.opened]
    rows += [["-", *open_work_row(item)] for item in diff.closed]
    for pair in diff.work_changed:
        rows += [["~", *open_work_row(pair.before)], ["", *open_work_row(pair.after)]]
    yield from columns(rows)
    yield line(("+ opened, - closed, ~ stands differently", "dim"))


def _field(row: FieldDiff) -> str:
    if row.change is Change.NOTATION:
        return "the same number, written differently (12 and 12.0): see `dwctl bundle repair`"
    if row.rows_before is None or row.rows_after is None:
        return row.change.value
    then = f", then {row.rows_after}" if row.rows_after != row.rows_before else ""
    return f"{row.change.value}, {counted(row.rows_before, 'row')}{then}"
