"""A diagnosis for people: the run side by side, its tasks and who could take them, and one sentence with one command.

What differs is marked by the word `differs`, so that it shows without colour too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, TextIO

from rich.text import Text

from dwctl.checklist.diagnosis.diagnosis import DiagnosisResult, Match, Says
from dwctl.checklist.diagnosis.facts import Facts, Place, Side, Task
from dwctl.render.console import console_for, print_line
from dwctl.render.console_lines import Cell, columns, line
from dwctl.render.text import one_line
from dwctl.server.results import Worker

_NAMES: Final = {
    "run_id": "run",
    "run_number": "run number",
    "workflow_type": "type",
    "workflow_class": "class",
    "queue": "queue",
    "connection": "connection",
    "status": "status",
    "compatibility": "compatibility",
    "codec": "codec",
    "namespace": "namespace",
    "last_sequence": "last sequence",
    "last_event": "last event",
    "dedupe_key": "moment (dedupe key)",
}
_STYLES: Final = {Says.CAUSE: "bold red", Says.UNANSWERED: "bold yellow", Says.RIGHT: "bold green", Says.NOTE: "dim"}
_WORDS: Final = {Says.CAUSE: "CAUSE", Says.UNANSWERED: "NOT ASKED", Says.RIGHT: "RIGHT", Says.NOTE: "note"}
_MOST_LINES: Final = 20
_HAS_IT: Final = ("has it", "dim")


def show_diagnosis(found: DiagnosisResult, stream: TextIO, *, asked: bool) -> None:
    """The whole diagnosis; with `asked` every question and what came of it.

    On a terminal that is too narrow for the columns, each fact stands with who has it. The command is never folded.
    """
    console = console_for(stream)
    width = console.width if console.is_terminal else None
    for text in _lines(found, width, asked=asked):
        print_line(console, text)
    console.print(Text.assemble(("  next: ", "dim"), (one_line(found.decided.command), "cyan")), soft_wrap=True)


def _lines(found: DiagnosisResult, width: int | None, *, asked: bool) -> Iterator[Text]:
    facts = found.facts
    run = f", run {facts.run_id}" if facts.run_id is not None and facts.run_id != facts.wanted else ""
    where = f"namespace {facts.namespace} of {facts.server}" if facts.server is not None else "no server is configured"
    yield Text.assemble((one_line(facts.instance_id or facts.wanted), "bold"), one_line(f"{run}  ({where})"))
    if facts.sides:
        yield from _side_by_side(facts, width)
    yield from _tasks(facts)
    yield from _workers(facts)
    yield from _questions(facts, every=asked)
    yield from _matches(found)


def _side_by_side(facts: Facts, width: int | None) -> Iterator[Text]:
    sides, differ = facts.sides, facts.differences
    rows: list[list[Cell]] = [
        [("", ""), *((place.value, "bold") for place in Place), ("", "")],
        [("", ""), *(_has_it(facts, place) for place in Place), ("", "")],
    ]
    for name, label in _NAMES.items():
        said = [_said(sides[place], name) if place in sides else None for place in Place]
        if all(value is None for value in said):
            continue
        others = differ.get(name, [])
        word = f"differs: {', '.join(place.value for place in others)}" if others else ""
        rows.append([(label, "dim"), *("-" if value is None else str(value) for value in said), (word, "yellow")])
    ledger = facts.ledger
    if ledger is not None:
        rows.append([("ledger state", "dim"), "-", "-", f"{ledger.row.state.value} since {ledger.row.when}", "-"])
    yield from _heading("Side by side")
    drawn = columns(rows)
    is_wide = width is not None and max(len(text) for text in drawn) > width
    yield from columns(list(_by_value(rows[1:]))) if is_wide else drawn


def _by_value(rows: Sequence[Sequence[Cell]]) -> Iterator[list[Cell]]:
    """Each fact once, and who has it so where not all who know it agree."""
    for label, *said in rows:
        has: dict[str, list[str]] = {}
        for place, cell in zip(Place, said, strict=False):
            word = cell if isinstance(cell, str) else cell[0]
            if word != "-":
                has.setdefault(word, []).append(place.value)
        if list(has) == [_HAS_IT[0]]:
            continue
        for number, (word, places) in enumerate(has.items()):
            first: Cell = label if number == 0 else ""
            yield [first, (f"{word}  ({', '.join(places)})", "yellow")] if len(has) > 1 else [first, word]


def _heading(text: str) -> tuple[Text, Text]:
    """After an empty line; lines of their own, since each is folded by itself."""
    return Text(), Text(text, style="bold")


def _has_it(facts: Facts, place: Place) -> Cell:
    if place in facts.sides:
        return _HAS_IT
    if place in facts.not_asked:
        return "not asked", "yellow"
    silent = any(one.place is place and one.error is not None and one.matters for one in facts.questions)
    return ("no answer", "red") if silent else ("does not have it", "yellow")


def _said(side: Side, name: str) -> Any:
    """A fact; the dedupe key without the run, which stands above it."""
    value = getattr(side, name)
    return value.removeprefix(f"{side.run_id}:") if name == "dedupe_key" and value is not None else value


def _tasks(facts: Facts) -> Iterator[Text]:
    here = facts.here
    if here is None or not here.is_open:
        return
    yield from _heading("Open on the server")
    if here.work is None:
        yield line(("its tasks are not shown: the history export has no answer", "yellow"))
        return
    rows: list[list[Cell]] = [_task(task) for task in here.work.tasks]
    rows += [[f"waits for {wait.kind}", wait.name or "-", wait.due_at or ""] for wait in here.work.waits]
    yield from columns(rows[:_MOST_LINES]) if rows else [line(("no task, and nothing that it waits for", "yellow"))]
    if len(rows) > _MOST_LINES:
        yield line(f"and {len(rows) - _MOST_LINES} more; --json has all of them")


def _task(task: Task) -> list[Cell]:
    held = f"held by {task.lease_owner} until {task.lease_expires_at}" if task.lease_owner else ""
    ready = "" if held or task.available_at is None else f"ready from {task.available_at}"
    tried = f", attempt {task.attempts}" if task.attempts else ""
    return [f"{task.name}, {task.status}{tried}", f"queue {task.queue or '-'}", held or ready]


def _workers(facts: Facts) -> Iterator[Text]:
    """Everybody who polls a queue of the run, and why each does not take its task."""
    if facts.workers is None:
        return
    lines: list[list[Cell]] = []
    for row in facts.standings:
        for one in row.standings:
            why: Cell = ("takes it", "green")
            if one.obstacles:
                why = (", ".join(gap.value for gap in one.obstacles), "red")
            about = f"{row.need.demand.kind.value} {row.need.demand.type_key or '-'}"
            lines.append([one.worker.worker_id, one.worker.status, *_about(one.worker), about, why])
    yield from _heading("Who polls its queue")
    if not lines:
        yield line(("nobody", "yellow"))
    yield from columns(lines[:_MOST_LINES])
    if len(lines) > _MOST_LINES:
        yield line(f"and {len(lines) - _MOST_LINES} more; --json has all of them")


def _about(worker: Worker) -> Iterator[Cell]:
    yield worker.runtime or "-"
    yield f"build {worker.build_id}" if worker.build_id is not None else "no build"
    yield f"queue {worker.task_queue or '-'}"


def _questions(facts: Facts, *, every: bool) -> Iterator[Text]:
    """Whoever could not be asked is always named; with `every` all else that was asked too."""
    shown = [one for one in facts.questions if every or not one.asked or one.error is not None]
    if not shown:
        return
    yield from _heading("Asked" if every else "Not asked, or without an answer")
    rows: list[list[Cell]] = []
    for one in shown:
        word: Cell = (
            ("not asked", "yellow") if not one.asked else ("failed", "red") if one.error is not None else "asked"
        )
        rows.append([one.place.value, word, one.told if one.what == one.place.value else f"{one.what}: {one.told}"])
    yield from columns(rows)


def _matches(found: DiagnosisResult) -> Iterator[Text]:
    decided = found.decided
    others = [match for match in found.matches if match is not decided]
    if others:
        yield from _heading("Also")
        yield from columns([_other(match) for match in others])
    yield Text()
    word = (_WORDS[decided.row.says], _STYLES[decided.row.says])
    yield Text.assemble(word, one_line(f": {decided.told}."), (f"  ({decided.row.id})", "dim"))


def _other(match: Match) -> list[Cell]:
    return [(_WORDS[match.row.says], _STYLES[match.row.says]), match.told, (match.row.id, "dim")]
