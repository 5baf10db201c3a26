"""Item 11 by the ledger: every bundle has arrived, under the right import id, and the ledger can be believed."""

from __future__ import annotations

from collections import Counter
from typing import Final

from dwctl.checklist.checks.findings import seen
from dwctl.checklist.checks.imports.asking import import_command, nothing_imported, of_file, of_ledger
from dwctl.checklist.facts.facts import BundleSet, LedgerFacts
from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import Evidence, Finding, State
from dwctl.counted import counted
from dwctl.transfer.ledger.rows import MAY_BE_THERE, THERE, LedgerState
from dwctl.typed_commands import command_line

_NO_ROW: Final = "without a row"
_OTHER_EXPORT: Final = "there as another export has it"
_STEPS: Final = {
    LedgerState.UNKNOWN.value: "Run the import again: it asks the server about those that may be there.",
    LedgerState.SENDING.value: "Run the import again: it asks the server about those that may be there.",
    _OTHER_EXPORT: "What was imported is another moment of the run: see `embedded drift`, and decide which goes on.",
    LedgerState.FAILED.value: "Run the import again: it sends what had no answer.",
    LedgerState.BLOCKED.value: "See what became of the runs that they wait for, and run the import again.",
    LedgerState.MOVED.value: "Pause the embedded workers, export them again (history-export --refresh), and import.",
    LedgerState.PLANNED.value: "Run the import: it goes on where it stopped.",
    _NO_ROW: "Run the import: it takes up the bundles that the ledger does not know.",
    LedgerState.REFUSED.value: "Read why (`dwctl ledger list --state refused`); what cannot move drains where it is.",
    LedgerState.SKIPPED.value: "They were left out on purpose: waive this check, or import them after all.",
}
"""State → what to do, the most urgent first."""
_READ_FIRST: Final = frozenset({LedgerState.REFUSED.value, LedgerState.BLOCKED.value})


def settled(world: World) -> Finding:
    """Whether every bundle of the cutover is on the server, by the ledger."""
    ledger, bundles = world.ledger(), world.bundles()
    states = {row.run_id: row.state for row in ledger.rows}
    wanted = dict.fromkeys(bundle.run_id for bundle in bundles.bundles if bundle.run_id is not None)
    # Whether these are on the server nobody knows, wherever their bundles have gone.
    wanted |= dict.fromkeys(row.run_id for row in ledger.rows if row.state in MAY_BE_THERE)
    others = _from_other_exports(ledger, bundles)
    unread = [bundle.file for bundle in bundles.bundles if bundle.run_id is None]
    came = f"{counted(len(bundles.bundles), 'file')}, {counted(len(wanted), 'run')}"
    evidence = (of_ledger(world, ledger), seen(world, "the bundles of the cutover", came))
    if not bundles.bundles:
        return Finding.of(
            State.UNKNOWN, "there is no bundle to hold against the ledger", evidence=evidence,
            next_step="Export the runs of this cutover, or name their folder under bundles in cutover.toml.",
        )  # fmt: skip
    if not states:
        return nothing_imported(world, ledger)
    open_by_state: dict[str, list[str]] = {state: [] for state in _STEPS}
    for run_id in wanted:
        state = states.get(run_id, _NO_ROW)
        if state not in THERE:
            open_by_state.setdefault(state, []).append(run_id)
        elif run_id in others:
            open_by_state[_OTHER_EXPORT].append(run_id)
    ids = [run_id for some in open_by_state.values() for run_id in some]
    if not ids and not unread:
        said = f"on the server: {counted(len(wanted), 'run')}, which is every bundle"
        return Finding.of(State.PASS, said, evidence=evidence)
    counts = [f"{len(some):,} {state}" for state, some in open_by_state.items() if some]
    counts += [f"{counted(len(unread), 'file')} that cannot be read ({unread[0]})"] if unread else []
    worst = next((state for state, some in open_by_state.items() if some), None)
    return Finding.of(
        State.FAIL, f"not on the server: {', '.join(counts)}, of {counted(len(bundles.bundles), 'bundle')}", ids,
        evidence=evidence, next_step=_STEPS.get(worst or "", "Look at the file with `dwctl bundle verify`."),
        command=_command(world, ledger, worst, unread),
    )  # fmt: skip


def _from_other_exports(ledger: LedgerFacts, bundles: BundleSet) -> frozenset[str]:
    """Runs that were imported from another moment than the one whose bundle lies here now."""
    exports: dict[str | None, set[str | None]] = {}
    for bundle in bundles.bundles:
        exports.setdefault(bundle.run_id, set()).add(bundle.dedupe_key)
    return frozenset(
        row.run_id for row in ledger.there
        if row.run_id in exports and row.dedupe_key not in exports[row.run_id] and None not in exports[row.run_id]
        and row.dedupe_key is not None
    )  # fmt: skip


def _command(world: World, ledger: LedgerFacts, worst: str | None, unread: list[str]) -> str:
    if worst is None:
        return command_line("dwctl", "bundle", "verify", unread[0])
    if worst in _READ_FIRST:
        return of_file(world, "ledger", "list", "--state", worst)
    return import_command(world, ledger)


def ledger_sound(world: World) -> Finding:
    """Whether the ledger is what its writer left."""
    ledger = world.ledger()
    evidence = seen(world, f"ledger {ledger.path}: {ledger.audited}", ledger.trouble or "all of it agrees")
    command = of_file(world, "ledger", "audit")
    if not ledger.sound:
        return Finding.of(
            State.FAIL, f"the ledger is not what its writer left: {ledger.trouble}", evidence=(evidence,),
            next_step="See all findings; put back a copy, or start a new ledger: it finds by asking what is there.",
            command=command,
        )  # fmt: skip
    head = seen(world, "its head, to be kept elsewhere", ledger.head)
    how = "" if world.deep else " (--deep computes every hash)"
    return Finding.of(State.PASS, f"the ledger agrees with itself: {ledger.audited}{how}", evidence=(evidence, head))


def import_id(world: World) -> Finding:
    """Whether everything went to the server under the import id of the cutover."""
    ledger, wanted = world.ledger(), world.described.import_id
    evidence = seen(world, f"ledger {ledger.path}", f"its import id is {ledger.import_id}")
    expected = wanted or ledger.import_id
    others = [row for row in ledger.there if row.import_id not in (None, expected)]
    if wanted is not None and ledger.import_id != wanted:
        return Finding.of(
            State.FAIL, f"the ledger's import id is {ledger.import_id}, and the cutover's is {wanted}",
            [row.run_id for row in others], evidence=(evidence,),
            next_step="Name the ledger of this cutover, or write its import id into cutover.toml.",
            command=of_file(world, "ledger", "status"),
        )  # fmt: skip
    if others:
        ids = ", ".join(f"{name} ({count:,})" for name, count in Counter(row.import_id for row in others).items())
        return Finding.of(
            State.FAIL, f"runs were imported under another import id than {expected}: {ids}",
            [row.run_id for row in others], evidence=(evidence,),
            next_step="An import id stays with its run: note the other ones, and waive this check.",
            command=of_file(world, "ledger", "list"),
        )  # fmt: skip
    unnamed = [row.run_id for row in ledger.there if row.state == LedgerState.ALREADY_IMPORTED]
    if unnamed:
        return Finding.of(
            State.UNKNOWN, f"under which import id {counted(len(unnamed), 'run')} came is not known: the server had "
            "them before this ledger sent them", unnamed, evidence=(evidence,),
            next_step="Look at the ledger, or the report, of the import that brought them, and attest item 11.",
            command=of_file(world, "ledger", "list", "--state", LedgerState.ALREADY_IMPORTED.value),
        )  # fmt: skip
    by_whom = "the cutover's" if wanted is not None else "the ledger's, and cutover.toml names none"
    return Finding.of(State.PASS, f"every row is under the import id {expected} ({by_whom})", evidence=(evidence,))


def once(world: World) -> Finding:
    """Whether no imported run has gone on in the embedded application, where its copy still is."""
    ledger, drift = world.ledger(), world.drift()
    imported = {row.run_id for row in ledger.there}
    if not imported and not drift.moved_in_doubt:
        return nothing_imported(world, ledger)
    gone = [run_id for run_id in drift.gone if run_id in imported]
    unknown = [run_id for run_id in drift.unknown if run_id in imported]
    came = f"{counted(len(imported), 'run')} imported, {len(drift.moved_since_import):,} moved since"
    doubts = "".join(f"; {doubt}" for doubt in drift.doubts)
    evidence = Evidence(f"where the embedded copies stand: {drift.asked}", f"{came}{doubts}", drift.at)
    for state, ids, said, step in (
        (State.FAIL, drift.moved_since_import,
         "both runtimes run it: the embedded copy went on after the import, for",
         "Stop the embedded workers now, and decide which copy goes on; terminate the other, and waive this."),
        (State.FAIL, drift.moved_in_doubt,
         "the embedded copy went on, and whether the server has the run is not known, for",
         "Stop the embedded workers, and run the import again: it asks the server."),
        (State.FAIL, [run_id for run_id in drift.held if run_id in imported],
         "both runtimes are at it: a worker of the embedded application has taken",
         "Stop the embedded workers now, before they write; see with `embedded parked` which queues they are on."),
        (State.UNKNOWN, unknown, "nobody can say whether the embedded copy went on, for",
         "See why; a clock or a column of the database may be missing."),
        (State.UNKNOWN, gone, "the embedded application has no copy any more, of",
         "See whether this is the right application, and who removed them."),
    ):  # fmt: skip
        if ids:
            return Finding.of(
                state, f"{said} {counted(len(ids), 'run')}", ids, evidence=(evidence,), next_step=step,
                command=of_file(world, "embedded", "drift"),
            )  # fmt: skip
    return _at_rest(world, evidence, len(imported))


def _at_rest(world: World, evidence: Evidence, imported: int) -> Finding:
    """None has moved: whether only the pause of the workers keeps them there."""
    drift = world.drift()
    still = f"no embedded copy of {counted(imported, 'run')} has gone on"
    command = of_file(world, "embedded", "parked")
    if drift.may_wake is None:
        return Finding.of(
            State.WARN, f"{still}; whether one may wake is not known: only the application's database shows it",
            evidence=(evidence,),
            next_step="Name the database (embedded.database_url_env), or keep the embedded workers paused.",
            command=command,
        )  # fmt: skip
    if drift.may_wake:
        many = counted(len(drift.may_wake), "run")
        return Finding.of(
            State.WARN, f"{still}, and only the pause of the embedded workers keeps {many} from it: a ready task or "
            "a due timer", drift.may_wake, evidence=(evidence,),
            next_step="Keep the embedded workers of their queues paused until the cutover is over.", command=command,
        )  # fmt: skip
    if drift.doubts:
        return Finding.of(
            State.WARN, f"{still}, as far as can be seen: {drift.doubts[0]}", evidence=(evidence,),
            next_step="See what the database lacks, or name its time zone.", command=command,
        )  # fmt: skip
    return Finding.of(State.PASS, f"{still}, and none has anything to go on with", evidence=(evidence,))
