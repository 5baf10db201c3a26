"""The steps of the play, in the order of the guide: a row each, and the function that plays it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from dwctl.bundle import vocabulary
from dwctl.bundle.canonical import decode
from dwctl.bundle.verify import Outcome, VerifyOptions
from dwctl.bundle.view import BundleView
from dwctl.errors import AnswerIsNo
from dwctl.server.compatibility import Need, require
from dwctl.server.endpoints import cluster_info, ensure_namespace, list_workers
from dwctl.server.health import check_health
from dwctl.server.results import EnsureOutcome, Run, Worker
from dwctl.server.workflows import archive, describe, list_page, start
from dwctl.transfer.files.sources import read_bundle
from dwctl.transfer.imports.carrier import HttpCarrier, TargetFacts
from dwctl.transfer.imports.dry_run import dry_run_offline
from dwctl.transfer.imports.importing import ImportOptions, import_files
from dwctl.transfer.imports.outcomes import ImportResult, ImportState
from dwctl.transfer.imports.proof import ProofState
from dwctl.transfer.rehearsals.bundles import refusals
from dwctl.transfer.rehearsals.finish import finish
from dwctl.transfer.rehearsals.plan import PLAN
from dwctl.transfer.rehearsals.play import NothingToDo, Play, Step
from dwctl.transfer.rehearsals.work import DEFAULT_QUEUE, TypeNeeded, outlook

_STARTS_WITHIN = 3.0
"""Seconds in which a server that is just starting may become ready; `dwctl health --wait` waits longer."""
RETENTION_DAYS = 365
"""The longest that the server keeps closed runs: those of an old export must not be pruned in the play."""
_ONCE = "A server takes a run once, whatever the namespace: rehearse on one that has never had these bundles."


def _server(play: Play) -> Sequence[str]:
    report = check_health(play.server, wait=_STARTS_WITHIN, clock=play.clock, sleep=play.sleep)
    if not report.is_ready:
        raise report.ready_error or AnswerIsNo("the server answers, and is not ready")
    info = cluster_info(play.server)
    require(info, Need.IMPORT)
    return (f"{play.url} is ready: version {info.version}, worker protocol {info.worker_protocol_version}",)


def _namespace(play: Play) -> Sequence[str]:
    outcome, namespace = ensure_namespace(
        play.server, play.namespace, description="dwctl rehearse", retention_days=RETENTION_DAYS
    )
    if outcome is not EnsureOutcome.CREATED:
        raise AnswerIsNo(f"the namespace {play.namespace} was there already", next_step="Run the same command again.")
    return (f"created {namespace.name}, which keeps closed runs for {namespace.retention_days} days",)


def _workers(play: Play) -> Sequence[str]:
    needs = _needs(play)
    play.queues = _queues(play, needs)
    said = [_worker(play, queue) for queue in play.queues]
    _require_coverage(play, needs)
    return said


def _needs(play: Play) -> dict[TypeNeeded, str]:
    """What workers must take for the bundles that can be imported, each with a workflow that needs it."""
    found: dict[TypeNeeded, str] = {}
    for one in dry_run_offline(play.bundles.files, VerifyOptions(), jobs=1):
        if one.outcome in {Outcome.OK, Outcome.WARNING} and one.verdict is not None and one.verdict.run is not None:
            bundle = BundleView(decode(read_bundle(one.file)).value)
            seen = outlook(one.verdict.run, bundle, play.now())
            for need in () if seen is None else seen.needs:
                found.setdefault(need, str(one.verdict.run.instance_id))
    return found


def _queues(play: Play, needs: Iterable[TypeNeeded]) -> list[str]:
    """The queues that the bundles need and the shadow run's; `default` where there is none."""
    shadow = None if play.shadow is None else play.shadow.queue
    found = dict.fromkeys(need.queue for need in needs)
    return list(found | ({shadow: None} if shadow else {})) or [DEFAULT_QUEUE]


def _worker(play: Play, queue: str) -> str:
    worker_id, known, seen = play.stage.start_worker(queue), {one.worker_id for one in play.workers}, list[Worker]()

    def registered() -> bool:
        workers = [one for one in list_workers(play.server, task_queue=queue) if one.status == "active"]
        seen[:] = [one for one in workers if one.worker_id == (worker_id or one.worker_id)]
        seen[:] = [one for one in seen if one.worker_id not in known]
        return bool(seen)

    if not play.waiting_for(registered):
        raise AnswerIsNo(
            f"the worker of queue {queue} did not register within {play.patience:.0f} s",
            next_step="Does it work on the server, namespace and queue that it was given, and under its --worker-id?",
        )
    play.workers += seen
    worker = seen[0]
    return f"{worker.worker_id} polls queue {queue} for {_types(worker.workflow_types)}"


def _types(types: Sequence[str]) -> str:
    return ", ".join(types) if types else "every type"


def _require_coverage(play: Play, needs: Mapping[TypeNeeded, str]) -> None:
    """Refuse to go on where a type has no worker: its run would wait for ever (guide, "Troubleshooting")."""
    registered = {one for worker in play.workers for one in (*worker.workflow_types, *worker.activity_types)}
    if missing := [name for name in play.types if name not in registered and not _takes_all(play.workers)]:
        raise AnswerIsNo(
            f"no worker has registered {', '.join(missing)}, which {PLAN} names",
            where="worker.types", next_step="Register the type keys of the PHP application, not class names.",
        )  # fmt: skip
    missing = [
        f"the {need.kind} {need.type} on queue {need.queue}, which {workflow_id} needs"
        for need, workflow_id in needs.items()
        if not any(worker.takes(need.kind, need.queue, need.type) for worker in play.workers)
    ]
    if missing:
        raise AnswerIsNo(
            f"no worker takes {'; nor '.join(missing)}",
            next_step=f"Name a worker that does in [worker] of {PLAN}; `dwctl rehearse --help` shows how.",
        )


def _takes_all(workers: Iterable[Worker]) -> bool:
    return any(not worker.workflow_types and not worker.activity_types for worker in workers)


def _shadow_id(play: Play) -> str:
    """An id that no other rehearsal has: workflow ids are unique on a server, across namespaces."""
    return f"{play.namespace}-shadow"


def _shadow(play: Play) -> Sequence[str]:
    plan = play.shadow
    if plan is None:
        raise NothingToDo(f"{PLAN} names no shadow run ([shadow])")
    queue, shadow = plan.queue or play.queues[0], _shadow_id(play)
    started = start(play.server, workflow_id=shadow, workflow_type=plan.type, task_queue=queue, arguments=plan.input)
    run = _reached(play, shadow, started.run_id, plan.reaches)
    reached = "completed" if plan.reaches == "completed" else f"reached {plan.reaches}, as expected"
    return (f"{shadow} ({plan.type}) was claimed and {reached}: run {run.row.run_id}",)


def _reached(play: Play, workflow_id: str, run_id: str, wanted: str) -> Run:
    """The run once it is in the state that is wanted, or closed; raises unless it then is as wanted."""
    seen: list[Run] = []

    def there() -> bool:
        seen[:] = [describe(play.server, workflow_id, run_id)]
        status = seen[0].row.status
        rests = status == wanted and seen[0].wait_kind not in {None, "workflow-task", "activity"}
        return status in vocabulary.TERMINAL_STATUSES or rests

    in_time = play.waiting_for(there)
    (run,) = seen
    if not in_time:
        raise AnswerIsNo(
            f"{workflow_id} ({run.row.workflow_type}) is still {run.row.status} after {play.patience:.0f} s",
            next_step=f"Does a worker on queue {run.row.task_queue} take its type?",
        )
    if run.row.status != wanted:
        raise AnswerIsNo(
            f"{workflow_id} ({run.row.workflow_type}) ended as {run.row.status}, not {wanted}",
            next_step="Look at its input and at what the worker's code does with it.",
        )
    return run


def _verify(play: Play) -> Sequence[str]:
    judged = list(dry_run_offline(play.bundles.files, VerifyOptions(), namespace=play.namespace, jobs=1))
    return _as_expected(play, refusals(play.bundles, judged), f"of {len(judged)} bundles can be imported")


def _as_expected(play: Play, refused: dict[str, tuple[str, ...]], what: str) -> list[str]:
    """Sentences on the good and the refused; raises where others are refused than should be."""
    if surprises := play.bundles.surprises(refused):
        raise AnswerIsNo(
            "; ".join(surprises), reason="other_refusals",
            next_step=f"`dwctl explain RULE` says how to mend a bundle; what must be refused stands in {PLAN}.",
        )  # fmt: skip
    good = len(play.bundles.files) - len(refused)
    if not good:
        raise AnswerIsNo("no bundle is left to be imported")
    expected = {name: play.bundles.expected[name] for name in refused}
    told_before = expected == play.refused
    play.refused.update(expected)
    if told_before and expected:
        return [f"{good} {what}; refused, as before: {len(expected)}"]
    return [f"{good} {what}", *(f"refused, as expected: {name} ({rule})" for name, rule in expected.items())]


def _dry_run(play: Play) -> Sequence[str]:
    results = _import(play, dry_run=True)
    said = _as_expected(play, _answers(play, results, ImportState.WOULD_IMPORT), "would be imported")
    ours = {_shadow_id(play)} if play.shadow is not None else set()
    there = {row.workflow_id for row in list_page(play.server).rows}
    if there != ours:
        found = ", ".join(sorted(there)) or "nothing"
        raise AnswerIsNo(f"after the dry run the namespace holds {found}, not {', '.join(ours) or 'nothing'} alone")
    return [*said, f"nothing was written: the namespace holds {'the shadow run alone' if ours else 'no run'}"]


def _imports(play: Play) -> Sequence[str]:
    play.imported = _import(play, dry_run=False)
    said = _as_expected(play, _answers(play, play.imported, ImportState.IMPORTED), "were imported")
    return [f"import id {play.import_id}", *said]


def _import(play: Play, *, dry_run: bool) -> list[ImportResult]:
    fit = require(cluster_info(play.server), Need.IMPORT)
    carrier = HttpCarrier(play.server, TargetFacts(fit.max_payload_bytes, RETENTION_DAYS))
    options = ImportOptions(namespace=play.namespace, import_id=play.import_id, dry_run=dry_run)
    return list(import_files(play.bundles.files, carrier, options))


def _answers(play: Play, results: Sequence[ImportResult], wanted: ImportState) -> dict[str, tuple[str, ...]]:
    """The refused bundles with their rules. Raises for a bundle that has neither this nor what is wanted."""
    refused = refusals(play.bundles, [one.judged for one in results if one.state is ImportState.REFUSED])
    for one in results:
        name = play.bundles.name(one.judged.file)
        if one.error is not None:
            raise one.error
        if one.state is ImportState.REFUSED:
            refused.setdefault(name, ("the server's own reasons",))
        elif one.state is not wanted:
            raise AnswerIsNo(
                f"{name} is {one.state.value}, not {wanted.value}",
                next_step=_ONCE if one.state is ImportState.ALREADY_IMPORTED else None,
            )
    return refused


def _compare(play: Play) -> Sequence[str]:
    done = [one for one in play.imported if one.done]
    for one in done:
        if one.proof is None or one.proof.state is not ProofState.PROVEN:
            state = "not compared" if one.proof is None else one.proof.state.value
            if one.trouble is not None:
                raise one.trouble
            raise AnswerIsNo(f"{play.bundles.name(one.judged.file)} is {state}, not proven")
    compared = [shown for one in done if one.proof is not None for shown in one.proof.comparisons]
    unseen = sorted({one.name for one in compared if one.holds is None})
    held = sum(one.holds is True for one in compared)
    said = [f"{len(done)} runs are on the server as their bundles say: {held} comparisons"]
    return [*said, f"not shown by this server, so not compared: {', '.join(unseen)}"] if unseen else said


def _archive(play: Play) -> Sequence[str]:
    archived, older = list[str](), list[str]()
    for run, _ in play.runs():
        workflow_id, run_id = str(run.instance_id), str(run.run_id)
        shown = describe(play.server, workflow_id, run_id)
        if shown.row.status not in vocabulary.TERMINAL_STATUSES:
            continue
        if shown.is_current_run is False:
            older.append(f"{workflow_id} run {run.run_number}")  # the route archives the current run only
            continue
        outcome = archive(play.server, workflow_id, reason="dwctl rehearse")
        if outcome != "archived":
            raise AnswerIsNo(f"archiving {workflow_id} was answered with {outcome}, not archived")
        archived.append(workflow_id)
    if not archived:
        raise NothingToDo("no imported run is closed and the current one of its workflow")
    said = [f"archived: {', '.join(archived)}"]
    return [*said, f"closed, and not archived as a newer run follows: {', '.join(older)}"] if older else said


PHASES: Final[Mapping[str, str]] = {
    "B": "Deploy the server beside embedded",
    "C": "Connect workers",
    "D": "Route new starts to the server",
    "E": "Import eligible embedded runs",
}
"""The phases of the guide that a rehearsal plays; A is done in the Laravel application, before any export."""

STEPS: Final = (
    Step("server", "B", "The server is up and imports",
         "Everything after needs a server that is ready and has the importer.", _server),
    Step("namespace", "B", "A namespace of the rehearsal's own",
         "Runs stay apart from others, and a long retention keeps old closed ones from being pruned.", _namespace),
    Step("worker", "C", "A worker polls each queue",
         "A run whose queue nobody polls, or whose type nobody takes, waits for ever.", _workers),
    Step("shadow", "D", "A shadow workflow is claimed and completed",
         "A run that nobody needs goes the whole way before a real one does.", _shadow),
    Step("verify", "E", "The bundles are verified",
         "What must be refused is found here, before a server is asked.", _verify),
    Step("dry-run", "E", "The server is asked: a dry run",
         "The verdict is the server's, and asking must change nothing.", _dry_run),
    Step("import", "E", "The bundles are imported",
         "Each in one transaction: a run is there whole, or not at all.", _imports),
    Step("compare", "E", "The runs are compared with their bundles",
         "An import counts once the server shows what the bundle says.", _compare),
    Step("finish", "E", "Workers go on with imported runs",
         "A run has moved when a worker has taken it up where PHP left it.", finish),
    Step("archive", "E", "Closed runs are archived",
         "Retention prunes closed runs; archived ones stay.", _archive),
)  # fmt: skip
"""The guide, in order (Phases B to E)."""
