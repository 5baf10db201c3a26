"""Item 10 by the server: what its own importer says of the bundles, asked without importing (contract/import.md §4).

A dry run does not foretell everything (an instance id that is taken shows only in the import itself), so bundles of
instances that the server has other runs of are looked at, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

from dwctl.bundle.canonical import decode
from dwctl.bundle.findings import Severity
from dwctl.bundle.restoration import repair
from dwctl.bundle.verify import verify_bundle
from dwctl.bundle.view import BundleView
from dwctl.checklist.checks.exports.asking import files, of_bundles, rows_there
from dwctl.checklist.checks.exports.bundles import IMPORTABLE
from dwctl.checklist.checks.findings import listed, seen
from dwctl.checklist.checks.samples import ONE_IN, asked_at_once, by_chance, sample
from dwctl.checklist.checks.server.asking import at_server, refusable
from dwctl.checklist.facts.bundles import OPTIONS, file_sha256
from dwctl.checklist.facts.facts import BundleFact
from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import Evidence, Finding, State
from dwctl.counted import counted
from dwctl.errors import DwctlError
from dwctl.server.compatibility import Need, require
from dwctl.server.endpoints import cluster_info
from dwctl.transfer.files.sources import read_bundle
from dwctl.transfer.files.verification import FileVerdict
from dwctl.transfer.imports.carrier import HttpCarrier, TargetFacts, target_findings
from dwctl.transfer.imports.importing import ImportOptions
from dwctl.transfer.imports.outcomes import ImportState
from dwctl.transfer.imports.reports import refused_by
from dwctl.transfer.imports.sending import Sender

FEWEST: Final = 3
MOST_SUSPECTS: Final = 50
"""Suspects that are asked about; of more, the first by the hash of their run ids."""
_AT_ONCE: Final = 4
_CHANGED: Final = "the file is not the one that was verified, though its size, times and inode are"
_ELSEWHERE: Final = (
    "the server has the run already, and not in this namespace's list: another one has it, or it was pruned"
)


class _Chosen(NamedTuple):
    """Whom the server is asked about: a sample, and `suspects` of the `suspected`; or everything.

    `occupied` are files of runs whose instance the server has other runs of.
    """

    bundles: tuple[BundleFact, ...]
    occupied: frozenset[str]
    suspects: int
    suspected: int


class _Answer(NamedTuple):
    """What came of one bundle: refused by these rules, or not answered."""

    bundle: BundleFact
    state: ImportState
    rules: tuple[str, ...] = ()
    error: DwctlError | None = None


@refusable
def dry_run(world: World) -> Finding:
    """Whether the server's own dry run takes the bundles: a sample and the suspects, or all of them (`--deep`).

    Raises the ServerFailure that left a question without an answer.
    """
    server = world.server()
    limit = require(cluster_info(server), Need.IMPORT).max_payload_bytes
    bundles = world.bundles()
    takeable = [one for one in bundles.bundles if one.problem is None and one.outcome in IMPORTABLE]
    large = [one for one in takeable if one.bytes > limit]
    chosen = _chosen(world, [one for one in takeable if one.bytes <= limit])
    evidence = [of_bundles(world, bundles)]
    if not chosen.bundles:
        return Finding.of(
            State.UNKNOWN, "there is no bundle that the server could be asked about", files(large), "bundles",
            evidence=evidence, next_step="Mend what exports.verified says first.", command=_command(world),
        )  # fmt: skip
    asker = _Asker(world, HttpCarrier(server, TargetFacts(limit, None)), chosen.occupied)
    answers = asked_at_once(asker.ask, chosen.bundles, world.stop, at_once=_AT_ONCE)
    evidence.append(_evidence(world, chosen, answers))
    return _judged(world, answers, evidence, large, limit)


def _chosen(world: World, bundles: Sequence[BundleFact]) -> _Chosen:
    """The same ones every time: the choice depends on the run ids alone."""
    order = by_chance(bundles, _name)
    occupied, foreign = _occupied(world, bundles), _foreign(world, bundles)
    suspected = [one for one in order if one.repaired is not None or one.file in occupied or one.file in foreign]
    suspects = suspected if world.deep else suspected[:MOST_SUSPECTS]
    sampled = sample(bundles, _name, fewest=FEWEST, deep=world.deep)
    return _Chosen(tuple(dict.fromkeys((*suspects, *sampled))), occupied, len(suspects), len(suspected))


def _name(bundle: BundleFact) -> str:
    return bundle.run_id or bundle.file


def _occupied(world: World, bundles: Sequence[BundleFact]) -> frozenset[str]:
    """The files of runs that the server does not list, though it lists other runs of their instances."""
    rows = world.runs().rows
    runs, instances = {row.run_id for row in rows}, {row.workflow_id for row in rows}
    return frozenset(one.file for one in bundles if one.run_id not in runs and one.instance_id in instances)


def _foreign(world: World, bundles: Sequence[BundleFact]) -> frozenset[str]:
    """The files of runs that the server lists, and that the ledger did not import from just this export."""
    ours = {(row.run_id, row.dedupe_key) for row in rows_there(world)}
    runs = {row.run_id for row in world.runs().rows}
    return frozenset(one.file for one in bundles if one.run_id in runs and (one.run_id, one.dedupe_key) not in ours)


@dataclass(frozen=True, slots=True)
class _Asker:
    """Sends the bytes that an import would send, and nothing is imported. Several threads may ask."""

    world: World
    carrier: HttpCarrier
    occupied: frozenset[str]

    def ask(self, bundle: BundleFact) -> _Answer:
        """One bundle. Raises a ServerFailure where there is no answer."""
        content = read_bundle(bundle.file)
        if file_sha256(bundle.file, content) != bundle.sha256:
            return _Answer(bundle, ImportState.REFUSED, (_CHANGED,))
        if bundle.repaired is not None:
            content, _ = repair(decode(content))
        verdict = verify_bundle(content, OPTIONS)
        options = ImportOptions(self.world.namespace.lower(), self.world.described.import_id or "checklist", OPTIONS)
        sent = Sender(self.carrier, options, FileVerdict(bundle.file, verdict), content).ask()
        if sent.state is ImportState.WOULD_IMPORT and bundle.file in self.occupied and verdict.run is not None:
            view, facts = BundleView(decode(content).value), TargetFacts(len(content), None)
            told = target_findings(self.world.server(), facts, view, verdict.run, datetime.now(UTC))
            rules = tuple(one.rule for one in told if one.severity is Severity.ERROR)
            return _Answer(bundle, ImportState.REFUSED if rules else sent.state, rules)
        if sent.state is ImportState.ALREADY_IMPORTED and not self._is_listed(bundle):
            return _Answer(bundle, ImportState.REFUSED, (_ELSEWHERE,))
        return _Answer(bundle, sent.state, refused_by(sent.report or {}), sent.error)

    def _is_listed(self, bundle: BundleFact) -> bool:
        """Whether the namespace has the run, as far as its list was read: the importer asks about no namespace."""
        walk = self.world.runs()
        return not walk.complete or any(row.run_id == bundle.run_id for row in walk.rows)


_GOOD: Final = frozenset({ImportState.WOULD_IMPORT, ImportState.ALREADY_IMPORTED})


def _judged(
    world: World, answers: Sequence[_Answer], evidence: Sequence[Evidence], large: Sequence[BundleFact], limit: int
) -> Finding:
    imported = [one for one in answers if one.state is ImportState.IMPORTED]
    if imported:
        error = imported[0].error
        return Finding.of(
            State.FAIL, f"{counted(len(imported), 'dry run')} carried out as an import",
            files(one.bundle for one in imported), "bundles", evidence=evidence, command=_command(world),
            next_step=None if error is None else error.next_step,
        )  # fmt: skip
    refused = [one for one in answers if one.state is ImportState.REFUSED]
    if refused:
        rules = tuple(dict.fromkeys(rule for one in refused for rule in one.rules or ("without a rule",)))
        return Finding.of(
            State.FAIL, f"the server would refuse {len(refused):,} of {counted(len(answers), 'bundle')} asked about "
            f"({listed(rules)})", files(one.bundle for one in refused), "bundles", evidence=evidence,
            command=_command(world),
            next_step="Ask about all with --deep, and read what each rule asks for with `dwctl explain RULE`.",
        )  # fmt: skip
    unanswered = [one for one in answers if one.state not in _GOOD]
    if unanswered:
        why = unanswered[0].error
        return Finding.of(
            State.UNKNOWN, f"no verdict on {len(unanswered):,} of {counted(len(answers), 'bundle')} asked about"
            f"{'' if why is None else f': {why.message}'}", files(one.bundle for one in unanswered), "bundles",
            evidence=evidence, next_step=None if why is None else why.next_step, command=_command(world),
        )  # fmt: skip
    if large:
        return Finding.of(
            State.WARN, f"{counted(len(large), 'bundle')} larger than the server takes over HTTP ({limit:,} bytes)",
            files(large), "bundles", evidence=evidence, command=_command(world, "--via", "artisan"),
            next_step="Set php and path under [server] of cutover.toml: the import sends these through artisan.",
        )  # fmt: skip
    total = counted(len(world.bundles().bundles), "bundle")
    said = f"the server would take all {len(answers):,} that it was asked about, of {total}"
    return Finding.of(State.PASS, said, evidence=evidence)


def _evidence(world: World, chosen: _Chosen, answers: Sequence[_Answer]) -> Evidence:
    total = len(world.bundles().bundles)
    how = "all" if world.deep else f"one in {ONE_IN}, at least {FEWEST}"
    suspects = f"; {chosen.suspects:,} of {chosen.suspected:,} suspects" if chosen.suspected else ""
    here = sum(one.state is ImportState.ALREADY_IMPORTED for one in answers)
    good = sum(one.state in _GOOD for one in answers)
    return seen(
        world, f"POST /api/workflows/import/embedded-v2 as a dry run, for {len(answers):,} of {total:,} bundles "
        f"({how}{suspects})",
        f"{good:,} would be taken, {here:,} of them are imported already",
    )  # fmt: skip


def _command(world: World, *options: str) -> str:
    return at_server(world, "dwctl", "history-import", *world.described.bundles, "--dry-run", *options)
