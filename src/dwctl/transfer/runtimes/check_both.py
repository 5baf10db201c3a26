"""The checks that look at both runtimes: queues, and what was started in both (guide, Phase D)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from dwctl.embedded import check_rows as rows
from dwctl.embedded.both_runtimes import EmbeddedTwin, open_queues, runs_of_business_keys, runs_of_instances
from dwctl.embedded.check_queries import clock_evidence
from dwctl.embedded.check_results import KEPT_IDS, Answer, CheckResult, Evidence, passed, unknown
from dwctl.embedded.snapshot import Snapshot
from dwctl.server.results import RunRow, TaskQueue
from dwctl.server.walk import Walk
from dwctl.transfer.runtimes.inventory import LedgerLookup

_SHOWN = 10
"""Pairs, or queues, that the evidence names one by one."""


def queues(snapshot: Snapshot, there: Sequence[TaskQueue]) -> CheckResult:
    """Queues that open embedded runs need, against those of the server and whether somebody polls them."""
    row = rows.QUEUES
    needed = open_queues(snapshot)
    known = {queue.name: queue for queue in there}
    evidence = [
        Evidence(
            "queues of open embedded runs", ", ".join(f"{name} ({count:,} runs)" for name, count in needed.items())
        ),
        Evidence("task queues of the server", ", ".join(sorted(known)) or "none"),
    ]
    if not needed:
        return passed(row, "no run is open, so no queue is needed", *evidence)
    missing = [name for name in needed if name not in known]
    unpolled = [name for name in needed if name in known and known[name].polled is False]
    unsure = [name for name in needed if name in known and known[name].polled is None]
    if missing or unpolled:
        words = [f"{name} does not exist on the server" for name in missing]
        words += [f"nobody polls {name} there" for name in unpolled]
        names = (*missing, *unpolled)
        said = "; ".join(words[:_SHOWN])
        return CheckResult(row, Answer.FAIL, said, names[:KEPT_IDS], "queues", len(names), tuple(evidence), row.fix)
    if unsure:
        said = f"the server does not say whether somebody polls {', '.join(unsure[:_SHOWN])}"
        return CheckResult(row, Answer.UNKNOWN, said, tuple(unsure), "queues", len(unsure), tuple(evidence), row.fix)
    return passed(row, f"all {len(needed):,} queues of open runs exist on the server and are polled", *evidence)


@dataclass(frozen=True, slots=True)
class _Pair:
    """A run of each runtime that share an instance id or a business key."""

    key: str
    ours: EmbeddedTwin
    theirs: RunRow


def started_in_both(snapshot: Snapshot, walk: Walk, *, since: str, ledger: LedgerLookup | None) -> CheckResult:
    """Instance ids and business keys that a start in either runtime since the moment has put into both.

    A run that the ledger imported is in both by design, and so is what the server makes of it under the same instance.
    Without a ledger a run that has the same id in both is taken for imported: a run id is never given twice.
    """
    row = rows.BOTH
    imported, no_keys = _Imported(snapshot, walk.rows, ledger), snapshot.gap("workflow_runs", "business_key")
    by_key = _by_key(walk.rows, imported)
    pairs = list(_same_instance(snapshot, walk.rows, imported, since))
    if no_keys is None:
        pairs += _same_key(snapshot, by_key, imported, since)
    complete = "" if walk.complete else ", which changed faster than it could be read"
    evidence = [
        Evidence("the server's list of runs", f"{len(walk.rows):,} runs{complete}"),
        Evidence("runs that are in both by their import", f"{len(imported.runs):,}, {imported.known_by}"),
        clock_evidence(snapshot),
        *(
            Evidence(pair.key, f"embedded run {pair.ours.run_id} ({pair.ours.begun_at}), "
                     f"server run {pair.theirs.run_id} ({pair.theirs.started_at})")
            for pair in pairs[:_SHOWN]
        ),
    ]  # fmt: skip
    if pairs:
        keys = tuple(dict.fromkeys(pair.key for pair in pairs))
        said = f"{len(keys):,} {'was' if len(keys) == 1 else 'were'} started in both runtimes since {since}"
        return CheckResult(row, Answer.FAIL, said, keys[:KEPT_IDS], "keys", len(keys), tuple(evidence), row.fix)
    if not walk.complete:
        return unknown(row, "the server's list changed faster than it could be read", "Run the same command again.")
    if no_keys is not None and by_key:
        return unknown(row, f"business keys cannot be compared: {no_keys.sentence}", no_keys.next_step)
    return passed(row, f"nothing was started in both runtimes since {since}", *evidence)


class _Imported:
    """The runs, and instances, that are on the server because they were imported."""

    def __init__(self, snapshot: Snapshot, there: Sequence[RunRow], ledger: LedgerLookup | None) -> None:
        self.known_by = "by the ledger" if ledger is not None else "by their run id, since no ledger is given"
        if ledger is not None:
            self.runs = {row.run_id for row in there if ledger.is_there(row.run_id)}
        else:
            ids = {row.run_id for row in there}
            instances = dict.fromkeys(row.workflow_id for row in there)
            self.runs = {twin.run_id for twin in runs_of_instances(snapshot, instances) if twin.run_id in ids}
        self.instances = {row.workflow_id for row in there if row.run_id in self.runs}


def _same_instance(snapshot: Snapshot, there: Sequence[RunRow], imported: _Imported, since: str) -> Iterable[_Pair]:
    by_instance: defaultdict[str, list[RunRow]] = defaultdict(list)
    for row in there:
        by_instance[row.workflow_id].append(row)
    for twin in runs_of_instances(snapshot, list(by_instance)):
        if twin.run_id in imported.runs:
            continue
        theirs = _partner(twin, by_instance[twin.instance_id], imported, since)
        if theirs is not None:
            yield _Pair(f"instance {twin.instance_id}", twin, theirs)


def _partner(twin: EmbeddedTwin, theirs: Sequence[RunRow], imported: _Imported, since: str) -> RunRow | None:
    """The server's run that an embedded one collides with.

    Of an imported instance the embedded history is there by design, and only what was started here since counts.
    """
    if twin.instance_id in imported.instances:
        return theirs[0] if _since(twin.begun_at, since) else None
    return next((row for row in theirs if _since(twin.begun_at, since) or _since(row.started_at, since)), None)


def _by_key(there: Sequence[RunRow], imported: _Imported) -> Mapping[str, Sequence[RunRow]]:
    """The server's runs by their business keys, but for what is there by its import."""
    by_key: defaultdict[str, list[RunRow]] = defaultdict(list)
    for row in there:
        if row.business_key and row.run_id not in imported.runs and row.workflow_id not in imported.instances:
            by_key[row.business_key].append(row)
    return by_key


def _same_key(
    snapshot: Snapshot, by_key: Mapping[str, Sequence[RunRow]], imported: _Imported, since: str
) -> Iterable[_Pair]:
    for twin in runs_of_business_keys(snapshot, list(by_key)):
        others = [row for row in by_key.get(twin.business_key or "", ()) if row.workflow_id != twin.instance_id]
        if twin.run_id in imported.runs:
            others = [row for row in others if _since(row.started_at, since)]
        partner = next((row for row in others if _since(twin.begun_at, since) or _since(row.started_at, since)), None)
        if partner is not None:
            yield _Pair(f"business key {twin.business_key}", twin, partner)


def _since(moment: str | None, since: str) -> bool:
    """Whether a moment is not before another; one that is not known, or not a time, may be."""
    if moment is None:
        return True
    try:
        found = datetime.fromisoformat(moment)
    except ValueError:
        return True
    aware = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return aware >= datetime.fromisoformat(since)
