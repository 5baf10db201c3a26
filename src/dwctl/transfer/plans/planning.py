"""Making the plan: order, what the set foretells, what the target foretells, links, and who is asked about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from dwctl.bundle.canonical import decode
from dwctl.bundle.findings import Finding, Severity
from dwctl.bundle.foresight import Foresight
from dwctl.bundle.links import LinkRow
from dwctl.bundle.reseal import Resealed, without_links
from dwctl.bundle.restoration import repair
from dwctl.bundle.rules import RULES, found
from dwctl.bundle.verify import Outcome, RunFacts, Verdict
from dwctl.errors import DwctlError
from dwctl.transfer.files.sources import read_bundle
from dwctl.transfer.imports.outcomes import ImportState
from dwctl.transfer.plans.order import in_order
from dwctl.transfer.plans.plan import (
    PlanAction,
    PlannedBundle,
    PlannedRepair,
    PlannedResolution,
    PlanOptions,
    Skip,
)
from dwctl.transfer.plans.survey import Survey
from dwctl.transfer.plans.verdicts import JudgedFile

SAMPLE = 100
"""The server is asked about one bundle in so many, and about every suspect."""

MOST_SUSPECTS = 500
"""Suspects that are asked about one by one; of more, one in a hundred, and the rest is said to be unknown."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a ledger says of a run: which export of it was sent, from which file, and if it is done and compared.

    `in_doubt`: it was sent, and may be there. `unresolved`: it was to be brought there, and is not, as far as anybody
    knows.
    """

    dedupe_key: str | None
    done: bool
    compared: bool
    file_sha256: str | None = None
    in_doubt: bool = False
    unresolved: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What a dry run answered: its state, and the ids of the rules that refuse; `error` where it is no answer.

    `not_tried`: nobody was asked, since the file is gone, or another one now.
    """

    state: ImportState
    rules: tuple[str, ...] = ()
    error: DwctlError | None = None


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a plan looks beyond the bundles; each is handed in.

    `survey` is None where no target is asked, `known` answers for the ledger, `ask` sends a dry run. `stdin`
    can be read again from its beginning.
    """

    survey: Survey | None = None
    known: Callable[[str], Known | None] = lambda run_id: None
    ask: Callable[[PlannedBundle, Verdict], Asked] | None = None
    signing_key: bytes | None = None
    stdin: BinaryIO | None = None


def plan_bundles(judged: Sequence[JudgedFile], options: PlanOptions, sources: Sources) -> tuple[PlannedBundle, ...]:
    """What would happen to each bundle, in the order of the transfer. Raises a ServerFailure of the target."""
    planner = _Planner(options, sources, judged)
    ordered = [judged[position] for position in in_order([one.verdict for one in judged])]
    planned = [planner.plan(position, one) for position, one in enumerate(ordered)]
    if sources.ask is None:
        return tuple(planned)
    return tuple(_asked_about(planned, ordered, sources.ask, sources))


class _Planner:
    """Decides bundle after bundle, remembering what those before will have written."""

    def __init__(self, options: PlanOptions, sources: Sources, judged: Sequence[JudgedFile]) -> None:
        self._options = options
        self._exports = _exports(judged)
        self._sources = sources
        self._foresight = Foresight(options.namespace)
        self._writers: dict[LinkRow, str] = {}
        self._held: dict[LinkRow, str] = {}
        self._coming: set[str] = set()

    def plan(self, position: int, judged: JudgedFile) -> PlannedBundle:
        """What would happen to this bundle."""
        verdict = judged.verdict
        if judged.settled is not None:
            return _settled(position, judged, self._options)
        bundle = _bundle(position, judged)
        if verdict is None or verdict.run is None or verdict.run.run_id is None:
            return bundle
        run_id, run = verdict.run.run_id, verdict.run
        if skip := self._left_out(run, judged):
            return replace(bundle, action=PlanAction.SKIP, skip=skip)
        if bundle.action is PlanAction.REFUSE:
            self._hold(verdict, run_id)
            return bundle
        bundle = self._on_target(self._told_twice(bundle, run), judged, run)
        if not bundle.refused_by:
            bundle = self._with_links(bundle, judged, verdict, run)
        if any(finding.rule == "set.duplicate_file" for finding in bundle.foreseen):
            return replace(bundle, action=PlanAction.SKIP, skip=Skip.DUPLICATE)
        if bundle.refused_by:
            self._hold(verdict, run_id)
            return replace(bundle, action=PlanAction.REFUSE)
        self._coming.add(run_id)
        self._writers.update(dict.fromkeys(self._written(bundle, verdict), run_id))
        return bundle

    def _told_twice(self, bundle: PlannedBundle, run: RunFacts) -> PlannedBundle:
        """Two exports of one run at different moments: nobody but a person can say which one is to be sent."""
        others = {key: file for key, file in self._exports[str(run.run_id)].items() if key != run.dedupe_key}
        findings = (
            found("set.same_run_twice", "dedupe_key", other=file, other_dedupe_key=key) for key, file in others.items()
        )
        return replace(bundle, foreseen=(*bundle.foreseen, *findings))

    def _left_out(self, run: RunFacts, judged: JudgedFile) -> Skip | None:
        if self._options.only and run.workflow_type not in self._options.only:
            return Skip.NOT_CHOSEN
        known = self._sources.known(str(run.run_id))
        if known is not None and known.done and known.compared and known.dedupe_key == run.dedupe_key:
            # Another file than the one that was sent is only taken for it if it is sound.
            if judged.file_sha256 == known.file_sha256 or judged.importable:
                return Skip.DONE
            return None
        if self._options.limit is not None and len(self._coming) >= self._options.limit:
            return Skip.LIMIT
        return None

    def _with_links(self, bundle: PlannedBundle, judged: JudgedFile, verdict: Verdict, run: RunFacts) -> PlannedBundle:
        """What the set foretells; a shared link is resolved where the person has asked for that."""
        is_there, shared = self._is_there(str(run.run_id)), dict[LinkRow, str]()
        if not is_there:
            if held := self._held_by_others(verdict, str(run.run_id)):
                missing = (
                    found("set.partner_not_imported", "links", **_facts_of(link, partner))
                    for link, partner in held.items()
                )
                return replace(bundle, foreseen=(*bundle.foreseen, *missing))
            shared = self._shared(verdict, str(run.run_id))
        resolution: Resealed | None = None
        problem: DwctlError | None = None
        if shared and self._options.resolve_links is not None:
            try:
                resolution = self._reseal(judged, shared)
            except DwctlError as error:
                problem = error
        if resolution is not None and not all(map(self._will_be_compared, shared.values())):
            resolution = None
        if resolution is not None:
            verdict = replace(verdict, links=tuple(link for link in verdict.links if link not in shared))
        taken = [] if resolution is not None else [link for link in shared if link not in self._writers]
        if taken:
            # It is refused, so the set must not count on it: nothing is foreseen from it for those that follow.
            refused = (found("target.link_taken", "links", **_facts_of(link, shared[link])) for link in taken)
            foreseen = [*bundle.foreseen, *refused]
        else:
            foreseen = [*bundle.foreseen, *self._foresight.foresee(judged.file, verdict)]
        if resolution is None:
            return replace(bundle, foreseen=tuple(foreseen), problem=None if problem is None else _said(problem))
        partners = tuple(dict.fromkeys(shared.values()))
        planned = PlannedResolution(
            resolution.removed, partners, resolution.checksum_before, resolution.checksum_after,
            resolution.sha256, str(self._options.resolve_links),
        )  # fmt: skip
        return replace(
            bundle, foreseen=tuple(foreseen), resolution=planned, sent_sha256=planned.sent_sha256, after=partners,
            action=PlanAction.WAIT,
        )  # fmt: skip

    def _shared(self, verdict: Verdict, run_id: str) -> dict[LinkRow, str]:
        """The links that another run has written, or will have; each with the run at its other end."""
        shared = {}
        for link in verdict.links:
            partner = link.child_run_id if link.parent_run_id == run_id else link.parent_run_id
            if link in self._writers or (partner != run_id and self._is_there(partner)):
                shared[link] = self._writers.get(link, partner)
        return shared

    def _hold(self, verdict: Verdict, run_id: str) -> None:
        """A bundle that is refused keeps its links for itself: those that come after it may not take them."""
        for link in verdict.links:
            self._held.setdefault(link, run_id)

    def _held_by_others(self, verdict: Verdict, run_id: str) -> dict[LinkRow, str]:
        """The links that are another run's to write, which comes first and will not be there; each with that run."""
        held = {}
        for link in verdict.links:
            partner = self._held.get(link, link.parent_run_id)
            if partner == run_id or link in self._writers or partner in self._coming or self._is_there(partner):
                continue
            known = self._sources.known(partner)
            if link in self._held or (known is not None and known.unresolved):
                held[link] = partner
        return held

    def _is_there(self, run_id: str) -> bool:
        survey, known = self._sources.survey, self._sources.known(run_id)
        return (survey is not None and run_id in survey.runs) or (known is not None and known.done)

    def _will_be_compared(self, run_id: str) -> bool:
        """Whether the run is compared already, or its bundle is of this set."""
        known = self._sources.known(run_id)
        return run_id in self._exports or (known is not None and known.done and known.compared)

    def _reseal(self, judged: JudgedFile, shared: dict[LinkRow, str]) -> Resealed:
        stdin = self._sources.stdin
        if stdin is not None:
            stdin.seek(0)
        content = read_bundle(judged.file, max(judged.file_bytes, 1), stdin)
        if judged.restoration is not None:
            content, _ = repair(decode(content))
        return without_links(decode(content), shared, self._sources.signing_key)

    def _on_target(self, bundle: PlannedBundle, judged: JudgedFile, run: RunFacts) -> PlannedBundle:
        survey = self._sources.survey
        if survey is None:
            return bundle
        way, obstacles = survey.way_of(judged)
        foreseen = (*bundle.foreseen, *obstacles, *survey.foresee(judged, run))
        unanswered = survey.unanswered(run)
        unknown = bundle.unknown if unanswered is None else (*bundle.unknown, unanswered)
        return replace(bundle, way=way, foreseen=foreseen, unknown=unknown)

    @staticmethod
    def _written(bundle: PlannedBundle, verdict: Verdict) -> Iterator[LinkRow]:
        removed = () if bundle.resolution is None else bundle.resolution.removed
        return (link for link in verdict.links if link not in removed)


def _said(problem: DwctlError) -> str:
    return f"{problem.message}. {problem.next_step or ''}".strip()


def _exports(judged: Sequence[JudgedFile]) -> defaultdict[str, dict[str | None, str]]:
    """Run → the moments of it that could be imported (dedupe key → the first file that holds it)."""
    exports: defaultdict[str, dict[str | None, str]] = defaultdict(dict)
    for one in judged:
        if one.importable and one.verdict is not None and one.verdict.run is not None and one.verdict.run.run_id:
            exports[one.verdict.run.run_id].setdefault(one.verdict.run.dedupe_key, one.file)
    return exports


def _facts_of(link: LinkRow, partner: str) -> dict[str, Any]:
    return {
        "partner": partner, "link_type": link.link_type, "parent_run": link.parent_run_id,
        "child_run": link.child_run_id,
    }  # fmt: skip


def _settled(position: int, judged: JudgedFile, options: PlanOptions) -> PlannedBundle:
    """A file that the ledger knows as done. It was not read, so there is no verdict on it."""
    chosen = judged.settled is None or not options.only or judged.settled.workflow_type in options.only
    return PlannedBundle(
        position, judged.file, 0, judged.file_sha256, judged.sent_sha256, PlanAction.SKIP, settled=judged.settled,
        skip=Skip.DONE if chosen else Skip.NOT_CHOSEN,
    )  # fmt: skip


def _bundle(position: int, judged: JudgedFile) -> PlannedBundle:
    """The bundle as it was judged alone."""
    verdict = judged.verdict
    outcome = Outcome.UNREADABLE if verdict is None else verdict.outcome
    refused = outcome in {Outcome.REFUSED, Outcome.UNREADABLE}
    return PlannedBundle(
        position=position,
        file=judged.file,
        file_bytes=judged.file_bytes,
        file_sha256=judged.file_sha256,
        sent_sha256=judged.sent_sha256,
        action=PlanAction.REFUSE if refused else PlanAction.IMPORT,
        verdict=verdict,
        repair=None if judged.restoration is None else PlannedRepair(judged.restoration, judged.sent_sha256),
        demands=judged.demands,
        problem=None if judged.problem is None else judged.problem.message,
        mark=judged.mark,
    )


def _asked_about(
    planned: list[PlannedBundle],
    judged: Sequence[JudgedFile],
    ask: Callable[[PlannedBundle, Verdict], Asked],
    sources: Sources,
) -> Iterator[PlannedBundle]:
    """Ask the server about the suspects, and about one bundle in a hundred of the rest.

    Raises what the first question met: then nothing is known of the way in.
    """
    rest = suspects = 0
    answered = False
    for bundle, one in zip(planned, judged, strict=True):
        if bundle.action not in {PlanAction.IMPORT, PlanAction.WAIT} or one.verdict is None:
            yield bundle
            continue
        suspect = _is_suspect(bundle)
        suspects += suspect
        alone = suspect and suspects <= MOST_SUSPECTS
        if not alone and (rest := rest + 1) % SAMPLE != 1:
            yield replace(bundle, unknown=(*bundle.unknown, _NOT_ASKED)) if suspect else bundle
            continue
        asked = ask(bundle, one.verdict)
        if asked.state is ImportState.NOT_TRIED:
            rest -= not alone  # another one is asked about in its place
            yield _gone(bundle, asked)
            continue
        if sources.survey is not None:
            sources.survey.dry_runs += 1
            sources.survey.requests += 1
        if asked.error is not None and not answered:
            # The very first question has no answer: the others would have none either.
            raise asked.error
        answered = True
        yield _answered(bundle, asked, sources)


def _gone(bundle: PlannedBundle, asked: Asked) -> PlannedBundle:
    """A file that was judged, and cannot be read any more as it was: as one that could not be read at all."""
    said = None if asked.error is None else asked.error.message
    return replace(bundle, verdict=None, foreseen=(), action=PlanAction.REFUSE, problem=said)


_NOT_ASKED = "The server lists the run; whether from this export was not asked: too many are in doubt. The import asks."


def _is_suspect(bundle: PlannedBundle) -> bool:
    return any(finding.rule == "target.run_present" for finding in bundle.foreseen)


def _answered(bundle: PlannedBundle, asked: Asked, sources: Sources) -> PlannedBundle:
    if asked.error is not None or asked.state is ImportState.UNKNOWN:
        said = "without meaning" if asked.error is None else asked.error.message
        return replace(bundle, unknown=(*bundle.unknown, f"The server was asked about it, and the answer was: {said}"))
    if asked.state is ImportState.ALREADY_IMPORTED and bundle.run is not None and _is_unlisted(bundle.run, sources):
        return _already_somewhere(bundle, bundle.run, sources)
    if asked.state is not ImportState.REFUSED:
        return replace(bundle, asked=True)
    refused = tuple(_of_the_server(rule) for rule in asked.rules or ("unnamed",))
    return replace(bundle, asked=True, foreseen=(*bundle.foreseen, *refused), action=PlanAction.REFUSE)


def _is_unlisted(run: RunFacts, sources: Sources) -> bool:
    """Whether a run that the server has is none that it lists; what we sent ourselves is compared, and told then."""
    survey, known = sources.survey, sources.known(str(run.run_id))
    ours = known is not None and (known.done or known.in_doubt)
    return survey is not None and survey.complete and run.run_id not in survey.runs and not ours


def _already_somewhere(bundle: PlannedBundle, run: RunFacts, sources: Sources) -> PlannedBundle:
    """One that the server has and does not list: pruned where its instance shows it, else of another namespace."""
    survey = sources.survey
    shown = () if survey is None or run.instance_id is None else survey.runs_of(run.instance_id)
    if any(row.run_id == run.run_id for row in shown):
        return replace(bundle, asked=True, foreseen=(*bundle.foreseen, found("target.run_pruned", "workflow.run_id")))
    elsewhere = found("target.run_elsewhere", "workflow.run_id")
    return replace(bundle, asked=True, foreseen=(*bundle.foreseen, elsewhere), action=PlanAction.REFUSE)


def _of_the_server(rule: str) -> Finding:
    return found(rule, severity=Severity.ERROR) if rule in RULES else found("target.refused", named=rule)
