"""The steps of the play, in the order of the guide: a row each, and the function that plays it."""

from __future__ import annotations

from collections.abc import Sequence

from dwctl.bundle import vocabulary
from dwctl.bundle.canonical import JsonValue, decode
from dwctl.bundle.loose import string
from dwctl.bundle.verify import Outcome, VerifyOptions
from dwctl.bundle.view import BundleView
from dwctl.errors import AnswerIsNo
from dwctl.server.compatibility import Need, require
from dwctl.server.endpoints import cluster_info, ensure_namespace, list_workers
from dwctl.server.health import check_health
from dwctl.server.results import EnsureOutcome, Run, Worker
from dwctl.server.workflows import archive, describe, list_page, start
from dwctl.transfer.carrier import HttpCarrier, TargetFacts
from dwctl.transfer.dry_run import dry_run_offline
from dwctl.transfer.importing import ImportOptions, import_files
from dwctl.transfer.outcomes import ImportResult, ImportState
from dwctl.transfer.proof import ProofState
from dwctl.transfer.rehearsal_play import NothingToDo, Play, Step
from dwctl.transfer.rehearsal_set import refusals
from dwctl.transfer.sources import read_bundle

RETENTION_DAYS = 365
"""The longest that the server keeps closed runs: those of an old export must not be pruned in the play."""
SHADOW_TYPE = "orders.process"
_SHADOW_INPUT = ("shadow-1", [{"sku": "A/1", "qty": 1}], 12.5)
_ONCE = "A server takes a run once, whatever the namespace: rehearse on one that has never had these bundles."
_FOR_A_WORKER = frozenset({"workflow", "activity"})


def _server(play: Play) -> Sequence[str]:
    report = check_health(play.server, wait=10, clock=play.clock, sleep=play.sleep)
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
    play.queues = _queues(play)
    return [_worker(play, queue) for queue in play.queues]


def _queues(play: Play) -> list[str]:
    """The queues on which bundles have a task that is ready for a worker; `default` where there is none."""
    found: dict[str, None] = {}
    for one in dry_run_offline(play.bundles.files, VerifyOptions(), jobs=1):
        if one.outcome in {Outcome.OK, Outcome.WARNING} and one.verdict is not None and one.verdict.run is not None:
            bundle = BundleView(decode(read_bundle(one.file)).value)
            tasks = _ready_tasks(bundle)
            found.update({string(task.get("queue")) or one.verdict.run.queue or "default": None for task in tasks})
    return list(found) or ["default"]


def _worker(play: Play, queue: str) -> str:
    worker_id, seen = play.stage.start_worker(queue), list[Worker]()

    def registered() -> bool:
        workers = list_workers(play.server, task_queue=queue)
        seen[:] = [one for one in workers if one.worker_id == worker_id and one.status == "active"]
        return bool(seen)

    if not play.waiting_for(registered):
        raise AnswerIsNo(f"the worker of queue {queue} did not register within {play.patience:.0f} s")
    (worker,) = seen
    return f"{worker_id} polls queue {queue}: {', '.join(worker.workflow_types) or 'all types'}"


def _shadow_id(play: Play) -> str:
    """An id that no other rehearsal has: workflow ids are unique on a server, across namespaces."""
    return f"{play.namespace}-shadow"


def _shadow(play: Play) -> Sequence[str]:
    queue, shadow = play.queues[0], _shadow_id(play)
    started = start(
        play.server, workflow_id=shadow, workflow_type=SHADOW_TYPE, task_queue=queue, arguments=_SHADOW_INPUT
    )
    run = _completed(play, shadow, started.run_id)
    return (f"{shadow} ({SHADOW_TYPE}) was claimed and completed: run {run.row.run_id}",)


def _completed(play: Play, workflow_id: str, run_id: str) -> Run:
    """The run once it is closed; raises unless it then is completed."""
    seen: list[Run] = []

    def closed() -> bool:
        seen[:] = [describe(play.server, workflow_id, run_id)]
        return seen[0].row.status in vocabulary.TERMINAL_STATUSES

    in_time = play.waiting_for(closed)
    (run,) = seen
    if not in_time:
        raise AnswerIsNo(
            f"{workflow_id} ({run.row.workflow_type}) is still {run.row.status} after {play.patience:.0f} s",
            next_step=f"Does a worker on queue {run.row.task_queue} take its type?",
        )
    if run.row.status != "completed":
        raise AnswerIsNo(f"{workflow_id} ({run.row.workflow_type}) ended as {run.row.status}, not completed")
    return run


def _verify(play: Play) -> Sequence[str]:
    judged = list(dry_run_offline(play.bundles.files, VerifyOptions(), namespace=play.namespace, jobs=1))
    return _as_expected(play, refusals(play.bundles, judged), f"of {len(judged)} bundles can be imported")


def _as_expected(play: Play, refused: dict[str, tuple[str, ...]], what: str) -> list[str]:
    """Sentences on the good and the refused; raises where others are refused than should be."""
    if surprises := play.bundles.surprises(refused):
        raise AnswerIsNo("; ".join(surprises), reason="other_refusals")
    good = len(play.bundles.files) - len(refused)
    if not good:
        raise AnswerIsNo("no bundle is left to be imported")
    expected = {name: play.bundles.expected[name] for name in refused}
    play.refused.update(expected)
    return [f"{good} {what}", *(f"refused, as expected: {name} ({rule})" for name, rule in expected.items())]


def _dry_run(play: Play) -> Sequence[str]:
    results = _import(play, dry_run=True)
    said = _as_expected(play, _answers(play, results, ImportState.WOULD_IMPORT), "would be imported")
    shadow = _shadow_id(play)
    there = {row.workflow_id for row in list_page(play.server).rows}
    if there != {shadow}:
        raise AnswerIsNo(f"after the dry run the namespace holds {', '.join(sorted(there))}, not {shadow} alone")
    return [*said, f"the namespace still holds {shadow} alone"]


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


def _finish(play: Play) -> Sequence[str]:
    ready, others = list[str](), list[str]()
    for run, bundle in play.runs():
        workflow_id = str(run.instance_id)
        if _ready_tasks(bundle):
            ready.append(workflow_id)
            _completed(play, workflow_id, str(run.run_id))
        elif run.status in vocabulary.OPEN_STATUSES:
            shown = describe(play.server, workflow_id, str(run.run_id))
            others.append(f"{workflow_id} ({shown.row.status}, {shown.wait_kind or 'not said for what'})")
    if not ready:
        raise NothingToDo("no imported run has a task that is ready for a worker")
    said = [f"claimed and completed by the worker: {', '.join(ready)}"]
    return [*said, f"left open, with nothing for a worker yet: {', '.join(others)}"] if others else said


def _ready_tasks(bundle: BundleView) -> list[dict[str, JsonValue]]:
    """The tasks that a worker can claim at once."""
    tasks = [task for _, task in bundle.tasks if string(task.get("status")) == "ready"]
    return [task for task in tasks if string(task.get("type")) in _FOR_A_WORKER]


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


STEPS = (
    Step("server", "The server is up and imports", _server),
    Step("namespace", "A namespace of the rehearsal's own", _namespace),
    Step("worker", "A worker polls each queue", _workers),
    Step("shadow", "A shadow workflow is claimed and completed", _shadow),
    Step("verify", "The bundles are verified", _verify),
    Step("dry-run", "The server is asked: a dry run", _dry_run),
    Step("import", "The bundles are imported", _imports),
    Step("compare", "The runs are compared with their bundles", _compare),
    Step("finish", "The worker goes on with imported runs", _finish),
    Step("archive", "Closed runs are archived", _archive),
)
"""The guide, in order (Phases A to F)."""
