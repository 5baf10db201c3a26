"""Item 11 by the server: every imported run is listed there, with the marks of its import where a server shows any.

Today's server shows neither engine source nor import id (contract/import.md §4.8). What it does show is the run in the
right namespace with the identity, type, queue and status that it came with; its history was compared by the import.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from dwctl.bundle import vocabulary
from dwctl.checklist.checks.findings import seen
from dwctl.checklist.checks.imports.asking import (
    answers_of,
    import_command,
    nothing_imported,
    of_file,
    of_ledger,
    of_list,
    on_target,
    runs_listed,
    sampled,
)
from dwctl.checklist.facts.facts import LedgerFact, LedgerFacts
from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import Evidence, Finding, State
from dwctl.counted import counted
from dwctl.embedded.instants import instant
from dwctl.server.failures import CallFailed, CallNotFound
from dwctl.server.results import Run, RunRow
from dwctl.server.workflows import describe

ENGINE_SOURCE: Final = "embedded_v2_import"
"""What the guide says that list and detail show of an imported run (guide, Phase E)."""

_NAMED: Final = 3


def present(world: World) -> Finding:
    """Whether every imported run is in the server's list, under its import id as far as the server shows that."""
    ledger = world.ledger()
    rows = ledger.there
    if not rows:
        return nothing_imported(world, ledger)
    on_server, evidence = runs_listed(world), [of_ledger(world, ledger), of_list(world)]
    missing = [row for row in rows if row.run_id not in on_server]
    if missing:
        return _missing(world, ledger, missing, evidence)
    marked = [row for row in rows if on_server[row.run_id].engine_source is not None]
    wrong = [
        row for row in rows
        if _is_marked_otherwise(on_server[row.run_id], ledger, row)
        # A server that marks some of its imports marks all: one without a mark came by another way.
        or (marked and on_server[row.run_id].engine_source is None)
    ]  # fmt: skip
    shown = _details(world, sampled(rows, world)) if marked and not wrong else {}
    wrong += [row for row in rows if row.run_id in shown and _is_marked_otherwise(shown[row.run_id], ledger, row)]
    if wrong:
        row = wrong[0]
        marks = _marks(shown.get(row.run_id) or on_server[row.run_id])
        return Finding.of(
            State.FAIL, f"the server shows other marks than {ENGINE_SOURCE} and {_expected(ledger, row)} for "
            f"{counted(len(wrong), 'run')}: {row.run_id} has {marks}", [row.run_id for row in wrong], evidence=evidence,
            next_step="See who imported it, and under which id; that id stays with the run.",
            command=on_target(ledger, "workflow", "show", row.instance_id),
        )  # fmt: skip
    if shown:
        ids = sorted({run.import_id or "no import id" for run in shown.values()})
        evidence.append(Evidence(f"described: {counted(len(shown), 'run')}", f"under {', '.join(ids)}", world.now()))
    said = f"listed in namespace {world.namespace}: {counted(len(rows), 'imported run')}, which is all"
    evidence.append(_compared(world, rows))
    return Finding.of(State.PASS, f"{said}; {_best(ledger, rows, marked)}", evidence=evidence)


def _expected(ledger: LedgerFacts, row: LedgerFact) -> str:
    return row.import_id or ledger.import_id


def _is_marked_otherwise(shown: RunRow | Run, ledger: LedgerFacts, row: LedgerFact) -> bool:
    return shown.engine_source not in (None, ENGINE_SOURCE) or shown.import_id not in (None, _expected(ledger, row))


def _marks(shown: RunRow | Run) -> str:
    return f"{shown.engine_source or 'no engine source'}, {shown.import_id or 'no import id'}"


def _details(world: World, rows: Sequence[LedgerFact]) -> dict[str, Run]:
    """The details of some runs, where the server can show them."""
    answers = answers_of(world, rows, lambda row: _described(world, row))
    return {row.run_id: run for row, run in answers if run is not None}


def _described(world: World, row: LedgerFact) -> Run | None:
    """A run as it is now; None where the server cannot render it, which the list can (contract/server.md §5)."""
    try:
        return describe(world.server(), row.instance_id, row.run_id)
    except CallFailed:
        return None


def _best(ledger: LedgerFacts, rows: Sequence[LedgerFact], marked: Sequence[LedgerFact]) -> str:
    """What the evidence of the import id is."""
    if len(marked) == len(rows):
        return f"the server shows them as {ENGINE_SOURCE}"
    return (
        f"this server shows neither engine source nor import id: the evidence of {ledger.import_id} is the report of "
        "each import and the comparison after it, as the ledger has them"
    )


def _compared(world: World, rows: Sequence[LedgerFact]) -> Evidence:
    """When the ledger's comparisons were made."""
    moments = sorted(row.compared_at for row in rows if row.compared_at is not None)
    came = f"{len(moments):,} of {counted(len(rows), 'run')}"
    if moments:
        came += f", between {moments[0]} and {moments[-1]}{_age(moments[0], world.now())}"
    return seen(world, "comparisons in the ledger, of history, identity and status", came)


def _age(moment: str, now: str) -> str:
    """How long ago that is, in the largest unit; nothing where a clock says otherwise."""
    then, today = instant(moment), instant(now)
    if then is None or today is None:
        return ""
    seconds = (today - then).total_seconds()
    name, length = next(((name, length) for name, length in _UNITS if seconds >= length), _UNITS[-1])
    return f", the oldest {counted(int(seconds // length), name)} ago" if seconds >= 0 else ""


_UNITS: Final = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def _missing(world: World, ledger: LedgerFacts, missing: Sequence[LedgerFact], evidence: list[Evidence]) -> Finding:
    """Not in the list: pruned by retention, gone, or not seen in a list that changed while it was read."""
    ids, pruned, many = [row.run_id for row in missing], 0, counted(len(missing), "imported run")
    for row in missing[:_NAMED]:
        try:
            _described(world, row)
            pruned, came = pruned + 1, "there, and not in the list"
        except CallNotFound as error:
            came = f"not found ({error.reason})"
        evidence.append(seen(world, f"the run {row.run_id} of {row.instance_id}", came))
    if not world.runs().complete:
        return Finding.of(
            State.UNKNOWN, f"the list changed while it was read; not seen in it: {many}", ids, evidence=evidence,
            next_step="Ask again when fewer runs come and go.",
        )  # fmt: skip
    if pruned:
        return Finding.of(
            State.FAIL, f"no longer listed: {many}; retention prunes what was closed long ago", ids, evidence=evidence,
            next_step="Raise the namespace's retention, and archive closed runs right after their import "
            "(history-import --archive-terminal); what is pruned is in its bundle alone.",
            command=on_target(ledger, "namespace", "show", ledger.namespace),
        )  # fmt: skip
    return Finding.of(
        State.FAIL, f"not on the server, and imported as the ledger says: {counted(len(missing), 'run')}", ids,
        evidence=evidence,
        next_step="See whether this is the right server and namespace; a new ledger imports again what is not there.",
        command=on_target(ledger, "workflow", "show", missing[0].instance_id),
    )  # fmt: skip


def compared(world: World) -> Finding:
    """Whether each imported run was compared with its bundle, and some still are what they were."""
    ledger = world.ledger()
    rows = ledger.there
    if not rows:
        return nothing_imported(world, ledger)
    evidence = [of_ledger(world, ledger), _compared(world, rows)]
    differing = [row.run_id for row in rows if row.differs_at is not None]
    if differing:
        return Finding.of(
            State.FAIL, f"not on the server as its bundle says: {counted(len(differing), 'run')}", differing,
            evidence=evidence,
            next_step="Read the differences; a run that is not what it was should not be gone on with.",
            command=of_file(world, "ledger", "list", "--differs"),
        )  # fmt: skip
    without = [row.run_id for row in rows if row.compared_at is None]
    if without:
        return Finding.of(
            State.UNKNOWN, f"imported, and not compared with its bundle: {counted(len(without), 'run')}", without,
            evidence=evidence, next_step="Run the import again: it compares what has not been compared.",
            command=import_command(world, ledger),
        )  # fmt: skip
    return _again(world, ledger, rows, evidence)


def _again(world: World, ledger: LedgerFacts, rows: Sequence[LedgerFact], evidence: list[Evidence]) -> Finding:
    """Hold each run as it is listed against the ledger's row, and describe a sample once more."""
    on_server, chosen = runs_listed(world), sampled(rows, world)
    differing = {
        row.run_id: (row, said) for row in rows
        if row.run_id in on_server and (said := next(_differences(row, on_server[row.run_id]), None)) is not None
    }  # fmt: skip
    evidence += [of_list(world), seen(world, "each as it is listed, against the ledger", f"{len(differing):,} differ")]
    answers = tuple(answers_of(world, chosen, lambda row: _differs(world, row, on_server)))
    differing |= {row.run_id: (row, one.said) for row, one in answers if one.said is not None}
    unseen = [row.run_id for row, one in answers if not one.is_described]
    of = f"{len(chosen):,} of {counted(len(rows), 'run')}"
    came = f"{len(differing):,} differ" if differing else "identity, type, queue and status as they came, or further on"
    came += f"; {len(unseen):,} cannot be described by the server" if unseen else ""
    evidence.append(seen(world, f"described again: {of}", came))
    if differing:
        row, said = next(iter(differing.values()))
        return Finding.of(
            State.FAIL, f"no longer what was imported: {counted(len(differing), 'run')}; {row.run_id} {said}",
            tuple(differing), evidence=evidence,
            next_step="Compare them with their bundles again, every payload.",
            command=import_command(world, ledger, "--compare", "deep"),
        )  # fmt: skip
    if len(unseen) == len(chosen):
        return Finding.of(
            State.UNKNOWN, f"the server can describe none of {counted(len(chosen), 'imported run')} that was asked for",
            unseen, evidence=evidence, next_step="Look at one, and at the server's log.",
            command=on_target(ledger, "workflow", "show", chosen[0].instance_id),
        )  # fmt: skip
    said = f"compared with its bundle, and the same: {counted(len(rows), 'run')}, which is all"
    but = f" ({len(unseen):,} only as listed: the server cannot describe them)" if unseen else ""
    return Finding.of(State.PASS, f"{said}; described again now: {of}{but}", evidence=evidence)


class _Answer(NamedTuple):
    """The first thing in which the server's run is not the ledger's, if any, and whether the run was described."""

    said: str | None
    is_described: bool


def _differs(world: World, row: LedgerFact, on_server: dict[str, RunRow]) -> _Answer:
    try:
        run = _described(world, row)
    except CallNotFound as error:
        return _Answer(f"is not found ({error.reason})", True)
    if run is None:
        is_listed = row.run_id in on_server
        return _Answer(None if is_listed else "can be neither described nor found in the list", False)
    if run.namespace is not None and run.namespace != world.namespace.lower():
        return _Answer(f"is in the namespace {run.namespace}, not {world.namespace}", True)
    return _Answer(next(_differences(row, run.row), None), True)


def _differences(row: LedgerFact, shown: RunRow) -> Iterator[str]:
    for name, mine, theirs in (
        ("run", row.run_id, shown.run_id),
        ("workflow id", row.instance_id, shown.workflow_id),
        ("type", row.workflow_type, shown.workflow_type),
        ("queue", row.task_queue, shown.task_queue),
    ):
        if mine is not None and theirs is not None and mine != theirs:
            yield f"has the {name} {theirs}, not {mine}"
    if row.status in vocabulary.TERMINAL_STATUSES and shown.status != row.status:
        yield f"is {shown.status}, not {row.status}"
