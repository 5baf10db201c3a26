"""Item 10 by the files: the bundles are there, sound, of quiesced runs, as their manifests say, each run once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from dwctl.bundle.links import LinkRow
from dwctl.bundle.verify import Outcome
from dwctl.checklist.checks.exports.asking import files, imported, of_bundles, on_bundles
from dwctl.checklist.checks.findings import listed, seen
from dwctl.checklist.facts.facts import BundleFact, BundleSet, Recorded
from dwctl.checklist.facts.manifests import manifest_folder
from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import Evidence, Finding, State
from dwctl.counted import counted
from dwctl.typed_commands import command_line

LEASED: Final = frozenset({"tasks.leased_task_present", "activities.running_attempt_present"})
"""The rules that name work which a worker held at the time of the export (guide, Phase E)."""

IMPORTABLE: Final = frozenset({Outcome.OK, Outcome.WARNING})
"""The outcomes of bundles that a server takes."""


def there(world: World) -> Finding:
    """Whether there is a bundle at every place that is described."""
    bundles = world.bundles()
    evidence = (of_bundles(world, bundles),) if bundles.bundles else (_nothing(world),)
    if bundles.missing:
        return Finding.of(
            State.FAIL, f"no bundle lies at {listed(bundles.missing)}", bundles.missing, "places", evidence=evidence,
            next_step="Export the runs to there, or mend paths under [bundles] of cutover.toml.",
            command=_export(bundles.missing[0]),
        )  # fmt: skip
    runs = len({one.run_id for one in bundles.bundles if one.run_id is not None})
    said = f"{counted(len(bundles.bundles), 'bundle')} of {counted(runs, 'run')}"
    return Finding.of(State.PASS, said, evidence=evidence)


def _nothing(world: World) -> Evidence:
    return seen(world, f"the files of {listed(world.described.bundles)}", "no bundle")


def verified(world: World) -> Finding:
    """Whether each bundle is one that a server takes: as it lies, or restored where its checksum proves how."""
    bundles = world.bundles()
    evidence = [of_bundles(world, bundles)]
    unread = [one for one in bundles.bundles if one.problem is not None]
    refused = [one for one in bundles.bundles if one.problem is None and one.outcome not in IMPORTABLE]
    verify = on_bundles(world, "bundle", "verify")
    if unread or refused:
        parts = []
        if refused:
            parts.append(f"{counted(len(refused), 'bundle')} would be refused ({_rules(refused)})")
        if unread:
            first = f"{unread[0].file}: {unread[0].problem}"
            parts.append(f"{counted(len(unread), 'file')} cannot be read as a bundle ({first})")
        return Finding.of(
            State.FAIL, f"of {counted(len(bundles.bundles), 'bundle')}, {' and '.join(parts)}",
            files((*refused, *unread)), "bundles", evidence=evidence,
            next_step="Read what each rule asks for with `dwctl explain RULE`, mend it, and export these runs again.",
            command=verify,
        )  # fmt: skip
    said = [f"all {counted(len(bundles.bundles), 'bundle')} would be taken"]
    repaired = sum(one.repaired is not None for one in bundles.bundles)
    signed = sum(one.signed for one in bundles.bundles)
    if repaired:
        said.append(f"{repaired:,} of them restored, as their checksums prove")
    if signed:
        said.append(f"the signatures of {signed:,} were not checked")
        evidence.append(
            seen(world, "signatures", f"{signed:,} bundles are signed, and the gate has no key")
        )  # fmt: skip
    return Finding.of(State.PASS, "; ".join(said), evidence=evidence)


def _rules(refused: Iterable[BundleFact]) -> str:
    """The rules that most of them name, each with its count."""
    counts = Counter(rule for one in refused for rule in one.rules)
    return listed([f"{rule}: {count:,}" for rule, count in counts.most_common()])


def quiesced(world: World) -> Finding:
    """Whether no worker held a task or an attempt of a run when it was exported."""
    bundles = world.bundles()
    evidence = [of_bundles(world, bundles)]
    held = [one for one in bundles.bundles if LEASED.intersection(one.rules)]
    if held:
        return Finding.of(
            State.FAIL, f"{counted(len(held), 'run')} had a leased task or a running attempt when exported",
            files(held), "bundles", evidence=evidence,
            next_step="Pause the embedded workers, wait for their leases, and export these runs again "
            "(history-export --refresh --quiesce).",
            command=command_line("dwctl", "embedded", "check", "--only", "embedded.leases"),
        )  # fmt: skip
    unread = [one for one in bundles.bundles if one.problem is not None]
    if unread:
        return Finding.of(
            State.UNKNOWN, f"{counted(len(unread), 'file')} cannot be read, so nobody knows what was held",
            files(unread), "bundles", evidence=evidence, next_step="Mend what `dwctl bundle verify` says of them.",
            command=on_bundles(world, "bundle", "verify"),
        )  # fmt: skip
    return Finding.of(State.PASS, "no exported run had a leased task or a running attempt", evidence=evidence)


def as_recorded(world: World) -> Finding:
    """Whether each bundle is the file that the manifest of its export names, and none of those is gone."""
    bundles = world.bundles()
    evidence = (of_bundles(world, bundles),)
    for state, names, ids_are, said, step in _troubles(bundles):
        if names:
            return Finding.of(
                state, said.format(counted(len(names), ids_are[:-1])), names, ids_are, evidence=evidence,
                next_step=step,
                command=_export(world.described.bundles[0]) if state is State.WARN else _check(names[0]),
            )  # fmt: skip
    said = f"{counted(len(bundles.bundles), 'bundle')}, each the file that its manifest names"
    return Finding.of(State.PASS, said, evidence=evidence)


def _troubles(bundles: BundleSet) -> Iterable[tuple[State, tuple[str, ...], str, str, str]]:
    """The state, what it is of, and what to say and to do; the worst first."""

    def of(recorded: Recorded) -> tuple[str, ...]:
        return files(one for one in bundles.bundles if one.recorded is recorded)

    again = "Export these runs again (history-export --refresh), and find out who changed the files."
    return (
        (State.FAIL, of(Recorded.CHANGED), "files", "{} changed since the export", again),
        (State.FAIL, bundles.lost, "files", "{} that a manifest names gone", again),
        (State.FAIL, bundles.damaged, "lines", "{} of a manifest cannot be read", "Export to a new folder."),
        (State.FAIL, of(Recorded.NOT_NAMED), "files", "{} that no manifest names, beside exports",
         "Move what no export wrote out of the folder."),
        (State.WARN, of(Recorded.NO_MANIFEST), "files", "{} without a manifest: nobody can say if they are whole",
         "Let history-export --output-dir write the folder; then a manifest tells of every file."),
    )  # fmt: skip


def _check(name: str) -> str:
    """The command that holds the folder of a file, or of a manifest's line, against its manifest."""
    return command_line("dwctl", "archive", "check", manifest_folder(name) or str(Path(name).parent))


def _export(folder: str) -> str:
    return command_line(
        "dwctl", "history-export", "--source", "embedded", "--ids-file", "ids.txt", "--output-dir", folder
    )  # fmt: skip


def each_once(world: World) -> Finding:
    """Whether no run comes in two exports: nobody but a person can say which of two moments is meant."""
    bundles = world.bundles()
    exports: defaultdict[str, list[BundleFact]] = defaultdict(list)
    for one in bundles.bundles:
        if one.run_id is not None:
            exports[one.run_id].append(one)
    twice = {run_id: some for run_id, some in exports.items() if len(some) > 1}
    differ = [run_id for run_id, some in twice.items() if len({one.dedupe_key for one in some}) > 1]
    evidence = (of_bundles(world, bundles),)
    if differ:
        both = listed(files(twice[differ[0]]))
        return Finding.of(
            State.FAIL, f"{counted(len(differ), 'run')} in exports of different moments ({both})", differ, "runs",
            evidence=evidence, next_step="Keep the newest export of each run, and move the others away.",
            command=command_line("dwctl", "bundle", "diff", *files(twice[differ[0]])[:2]),
        )  # fmt: skip
    if twice:
        return Finding.of(
            State.WARN, f"{counted(len(twice), 'run')} in more than one file, of the same moment", tuple(twice), "runs",
            evidence=evidence, next_step="Keep one file of each run.",
            command=command_line("dwctl", "bundle", "verify", *files(twice[next(iter(twice))])),
        )  # fmt: skip
    return Finding.of(State.PASS, "each run has one bundle", evidence=evidence)


def links(world: World) -> Finding:
    """Whether two bundles would write the same link row: the server refuses the later one (contract/import.md §4.3)."""
    bundles = world.bundles()
    writers: defaultdict[LinkRow, dict[str, None]] = defaultdict(dict)
    for one in bundles.bundles:
        if one.run_id is not None:
            for link in one.links:
                writers[link].setdefault(one.run_id)
    done = imported(world)
    shared = [runs for runs in writers.values() if len(runs) > 1 and not done.issuperset(runs)]
    evidence = [of_bundles(world, bundles), seen(world, "links of the bundles", f"{len(writers):,} rows")]
    if not shared:
        settled = sum(len(runs) > 1 for runs in writers.values())
        said = f"{settled:,} shared links, and their runs are imported" if settled else "no two bundles share a link"
        return Finding.of(State.PASS, said, evidence=evidence)
    runs = tuple(dict.fromkeys(run for some in shared for run in some if run not in done))
    return Finding.of(
        State.WARN, f"{counted(len(shared), 'link')} shared by two runs: the later of them is refused without "
        "--resolve-links", runs, "runs", evidence=evidence,
        next_step="Look at the plan, and decide with --resolve-links REASON that the later bundle goes without the "
        "row; or leave chains and families in the embedded application.",
        command=on_bundles(world, "history-import", "--plan"),
    )  # fmt: skip


def drift(world: World) -> Finding:
    """Whether a run that is to be imported has moved in the embedded application since its export."""
    facts, done = world.drift(), imported(world)
    gone = [run for run in facts.gone if run not in done]
    unknown = [run for run in facts.unknown if run not in done]
    moved = facts.moved_since_export
    came = f"{facts.unmoved:,} unmoved, {len(moved):,} moved since their export, {len(gone):,} gone, "
    evidence = (Evidence(facts.asked, f"{came}{len(unknown):,} not known", facts.at),)
    look = command_line("dwctl", "embedded", "drift", *world.described.bundles)
    if moved:
        return Finding.of(
            State.FAIL, f"{counted(len(moved), 'run')} moved since the export", moved, "runs", evidence=evidence,
            next_step="Pause the embedded workers, and export these runs again (history-export --refresh).",
            command=look,
        )  # fmt: skip
    if gone:
        return Finding.of(
            State.FAIL, f"{counted(len(gone), 'run')} gone from the embedded application", gone, "runs",
            evidence=evidence, command=look,
            next_step="See whether this is the right application, and who removed them.",
        )  # fmt: skip
    held = [run for run in facts.held if run not in done]
    if held:
        return Finding.of(
            State.FAIL, f"a worker of the embedded application holds {counted(len(held), 'run')} of those to import",
            held, "runs", evidence=evidence,
            next_step="Pause the embedded workers, wait for their leases, and export these runs again "
            "(history-export --refresh --quiesce).",
            command=command_line("dwctl", "embedded", "check", "--only", "embedded.leases"),
        )  # fmt: skip
    if unknown or facts.doubts:
        said = [f"of {counted(len(unknown), 'run')} nobody can say if they moved"] if unknown else []
        return Finding.of(
            State.UNKNOWN, ": ".join([*said, *facts.doubts[:1]]), unknown, "runs", evidence=evidence, command=look,
            next_step="Grant what the database does not show, or name the zone of the application's clock as "
            "database_timezone under [embedded] of cutover.toml."
            if facts.doubts
            else "Export these runs again: a bundle that can be read says where its run stood.",
        )  # fmt: skip
    if not facts.unmoved and not done:
        return Finding.of(
            State.UNKNOWN, "no run was looked at", evidence=evidence, command=look,
            next_step="Export the runs that are to be imported.",
        )  # fmt: skip
    return Finding.of(State.PASS, f"{counted(facts.unmoved, 'run')} where their exports left them", evidence=evidence)
