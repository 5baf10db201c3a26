"""Gates to be told in tests: one of every state, a green one, a hostile one, a large one; facts and worlds for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import cycle
from typing import Any, Final, TypeVar

from dwctl.bundle.demand import Demand, DemandKind
from dwctl.checklist.description.described import Described, Family
from dwctl.checklist.facts.facts import BundleFact, BundleSet, LedgerFact, LedgerFacts
from dwctl.checklist.facts.world import Fact, Missing, World
from dwctl.checklist.gate.check import Check, Evidence, Finding, Need, Severity, State
from dwctl.checklist.gate.report import GateReport, gate_report
from dwctl.checklist.gate.results import Attestation, GateResult, Result, Waiver
from dwctl.server.results import Worker
from dwctl.transfer.ledger.changes import MOVED_SINCE_IMPORT
from dwctl.transfer.report.transfer_report import Bucket, Past, Session
from told_transfers import HOSTILE
from unasked_worlds import world_of

T = TypeVar("T")
BEGAN: Final = "2026-11-24T08:00:00.000000Z"
NOW: Final = "2026-11-24T08:00:04.000000Z"
SERVER: Final = "https://dw.example.com"
SEEN: Final = "2026-11-23T22:20:45.000000Z"
NAMES: Final = {
    1: ("v1.drained",), 2: ("types.keys", "types.workers"), 3: ("codec.avro",),
    4: ("server.health", "server.version", "server.certificate"), 5: ("namespace.exists", "namespace.retention"),
    6: ("workers.active", "workers.coverage"), 7: ("shadow.completed",), 8: ("operators.list",),
    9: ("starters.paused", "starters.duplicates"), 10: ("exports.verified", "exports.drift"),
    11: ("imports.present", "imports.compared"), 12: ("retention.exported",),
}  # fmt: skip
"""Checks by item: names as those of the table, so that a picture looks like one of a real run."""


def never(world: World) -> Finding:
    """A check of these tests is told, not asked."""
    raise AssertionError


def check(name: str, item: int, **changes: Any) -> Check:
    """A row of the table."""
    made = Check(name, item, "server", f"What {name} holds.", "why", "fix", "what is measured", never)
    return replace(made, **changes)


def found(state: State, said: str, **changes: Any) -> Finding:
    """A finding with one piece of evidence."""
    made = Finding(state, said, evidence=(Evidence("GET /api/health", "200, status ok", BEGAN),))
    return replace(made, **changes)


def result(
    name: str = "server.health", item: int = 4, state: State = State.PASS, *, offset: float = 0.0,
    seconds: float = 0.25, said: str | None = None, severity: Severity = Severity.REQUIRED, **changes: Any,
) -> Result:  # fmt: skip
    """A check with its finding; `offset` is when it was asked, in seconds after the beginning."""
    at = f"2026-11-24T08:00:{offset:09.6f}Z"
    finding = found(state, said or f"{name} is as it should be.")
    made = Result(check(name, item, severity=severity), finding, state, at, seconds)
    return replace(made, **changes)


def gate(results: Sequence[Result], **changes: Any) -> GateResult:
    """A run of the gate."""
    made = GateResult("orders", SERVER, "production", BEGAN, 3.2, tuple(results))
    return replace(made, **changes)


def passing() -> list[Result]:
    """Every item with checks that pass."""
    names = [(name, item) for item, names in NAMES.items() for name in names]
    return [result(name, item, offset=place * 0.15, seconds=0.05 + place % 5 * 0.12)
            for place, (name, item) in enumerate(names)]  # fmt: skip


WAIVER: Final = Waiver(
    "server.certificate", "the new certificate is ordered, ticket 4711", "ana",
    "2026-11-20T09:00:00.000000Z", "2026-12-01T00:00:00.000000Z",
)  # fmt: skip
ATTESTATION: Final = Attestation(
    9, "jörg", "All starters were paused at 22:00, seen in the deployment.", "2026-11-23T22:05:00.000000Z",
    "evidence/starters.png", "e" * 64, "2026-11-30T00:00:00.000000Z",
)  # fmt: skip


def mixed() -> list[Result]:
    """Every state, an attestation, a waiver, advice."""
    results = {one.check.id: one for one in passing()}

    def turn(name: str, state: State, said: str, **changes: Any) -> None:
        old = results[name]
        kept = {key: changes.pop(key) for key in ("attested", "waived", "left_out") if key in changes}
        measured = changes.pop("measured", state)
        results[name] = replace(old, finding=found(state, said, **changes), measured=measured, **kept)

    turn("v1.drained", State.SKIPPED, "The cutover has no v1 runs, so nothing drains.")
    turn("types.workers", State.FAIL, "2 workers register PHP class names: App\\Workflows\\OrderProcess.",
         ids=("w-php-1", "w-php-2"), ids_are="workers", count=2,
         next_step="Register the type key in place of the class.", command="dwctl worker show w-php-1")  # fmt: skip
    turn("server.certificate", State.WAIVED, "The certificate of the server ends in 9 days.", measured=State.FAIL,
         waived=WAIVER, next_step="Renew the certificate.")  # fmt: skip
    turn("namespace.retention", State.WARN, "The namespace keeps closed runs for 30 days; 14 runs closed before that.",
         ids=tuple(f"01RUN{number:08d}" for number in range(14)), count=14,
         next_step="Export these runs before they are pruned.",
         command="dwctl history-export --source server --status completed --output-dir archive")  # fmt: skip
    turn("workers.coverage", State.FAIL, "3 of 8 needs are not served: nobody polls queue billing.",
         ids=("billing", "shipping"), ids_are="queues", count=2,
         next_step="Start a worker on queue billing that takes the workflow type billing.invoice.",
         command="dwctl worker coverage exports/ --namespace production --server https://dw.example.com")  # fmt: skip
    turn("shadow.completed", State.UNKNOWN, "not asked: workers.coverage does not pass", evidence=(),
         next_step="Mend workers.coverage first.")  # fmt: skip
    results["shadow.completed"] = replace(results["shadow.completed"], seconds=0.0)
    turn("starters.paused", State.PASS, "Attested: nothing says when the embedded starters were paused.",
         measured=State.UNKNOWN, attested=ATTESTATION)  # fmt: skip
    turn("imports.compared", State.FAIL, "Of 10,000 imported runs 12 were not compared with their bundles.",
         ids=tuple(f"01RUN{number:08d}" for number in range(12)), count=12,
         next_step="Run the import again: it compares what it has not.",
         command="dwctl history-import exports/")  # fmt: skip
    turn("retention.exported", State.SKIPPED, "left out by --skip", left_out=True, evidence=())
    advice = result("server.clock", 4, State.UNKNOWN, offset=0.4, said="The server sends no date.",
                    severity=Severity.ADVICE)  # fmt: skip
    return [*results.values(), advice]


def mixed_gate() -> GateResult:
    """A shut gate in which everything occurs."""
    return gate(mixed(), complaints=("the waiver of server.health by ana ended on 2026-11-01; renew or remove it",),
                notes=("the waiver of codec.avro is not needed: it passes",))  # fmt: skip


# --- what was seen on the way ---


def worker(worker_id: str, queue: str = "orders", **changes: Any) -> Worker:
    """A worker of the namespace."""
    fields: dict[str, Any] = {
        "worker_id": worker_id, "namespace": "production", "task_queue": queue, "runtime": "php",
        "sdk_version": None, "build_id": "b-2", "workflow_types": ("orders.process", "orders.refund"),
        "activity_types": ("orders.charge",), "max_concurrent_workflow_tasks": 1,
        "max_concurrent_activity_tasks": 1, "status": "active", "last_heartbeat_at": SEEN, "registered_at": SEEN,
    }  # fmt: skip
    return Worker(**{**fields, **changes})


WORKERS: Final = (
    worker("w-1"), worker("w-2"), worker("w-3", build_id="b-1", workflow_types=("orders.process",)),
    worker("w-4", status="stale"), worker("w-5", "shipping", workflow_types=("shipping.pack",), status="draining"),
)  # fmt: skip
DEMANDS: Final = (
    Demand(DemandKind.WORKFLOW, "orders", "orders.process", None),
    Demand(DemandKind.WORKFLOW, "orders", "orders.process", "b-1"),
    Demand(DemandKind.WORKFLOW, "orders", "orders.refund", "b-7"),
    Demand(DemandKind.ACTIVITY, "orders", "orders.charge", None),
    Demand(DemandKind.ACTIVITY, "orders", "orders.mail", None),
    Demand(DemandKind.WORKFLOW, "billing", "billing.invoice", None),
    Demand(DemandKind.WORKFLOW, "shipping", "shipping.pack", None),
)  # fmt: skip


def bundle_fact(number: int, *demands: Demand, **changes: Any) -> BundleFact:
    """A bundle that needs these."""
    made = BundleFact(f"exports/order-{number}.json", "a" * 64, 60_000, BEGAN, demands=demands)
    return replace(made, **changes)


BUNDLES: Final = BundleSet(
    (*(bundle_fact(number, DEMANDS[number % len(DEMANDS)]) for number in range(40)),
     bundle_fact(99, problem="it is no export bundle")), 41,
)  # fmt: skip


def ledger_fact(number: int, state: str = "imported", **changes: Any) -> LedgerFact:
    """A row of the ledger; an imported one was compared."""
    fields: dict[str, Any] = {
        "run_id": f"01RUN{number:08d}", "instance_id": f"order-{number}", "workflow_type": "orders.process",
        "task_queue": "orders", "status": "waiting", "state": state, "import_id": "orders-1",
        "compared_at": BEGAN if state == "imported" else None, "differs_at": None, "drift": None, "drift_at": None,
        "archived_at": None, "dedupe_key": None,
    }  # fmt: skip
    return LedgerFact(**{**fields, **changes})


def ledger_facts(rows: Sequence[LedgerFact], **changes: Any) -> LedgerFacts:
    """What a ledger says."""
    fields: dict[str, Any] = {
        "path": ".dwctl/ledger.db", "server": SERVER, "namespace": "production", "import_id": "orders-1",
        "rows": tuple(rows), "head": "d" * 64, "sound": True, "trouble": None,
    }  # fmt: skip
    return LedgerFacts(**{**fields, **changes})


LEDGER: Final = ledger_facts([
    *(ledger_fact(number) for number in range(880)),
    *(ledger_fact(number, compared_at=None) for number in range(880, 892)),
    ledger_fact(892, differs_at=BEGAN), ledger_fact(893, drift=MOVED_SINCE_IMPORT),
    *(ledger_fact(number, "refused") for number in range(894, 920)),
    *(ledger_fact(number, "planned") for number in range(920, 980)),
    *(ledger_fact(number, "skipped") for number in range(980, 1000)),
])  # fmt: skip


def _session(start: str, end: str, seconds: float, there: int, **changes: Any) -> Session:
    fields: dict[str, Any] = {
        "started_at": start, "ended_at": end, "ended": True, "who": "ana", "host": "shell-1",
        "command": "history-import", "import_id": "orders-1", "dwctl_version": "0.1.0", "server_version": "0.2.9",
        "there": there, "seconds": seconds,
    }  # fmt: skip
    return Session(**{**fields, **changes})


PAST: Final = Past(
    (
        _session("2026-11-21T20:00:00.000000Z", "2026-11-21T23:30:00.000000Z", 12_600.0, 400, compared=390),
        _session("2026-11-22T21:00:00.000000Z", "2026-11-22T22:00:00.000000Z", 3_600.0, 200, ended=False, not_there=12),
        _session("2026-11-23T19:00:00.000000Z", "2026-11-24T02:00:00.000000Z", 25_200.0, 294, compared=490,
                 not_there=14),
    ),
    tuple(
        Bucket(session, SEEN, float(piece), count, lost, count)
        for session, pieces, count, lost in ((0, 10, 40, 0), (1, 5, 40, 2), (2, 14, 21, 1)) for piece in range(pieces)
    ),
    {}, 0.021, 0.04, 1.5,
)  # fmt: skip


def fact(value: T) -> Fact[T]:
    """A fact that a check has asked for."""
    known = Fact(lambda: value)
    known()
    return known


def failing(error: Exception) -> Callable[[], Any]:
    """What makes a fact that cannot be had."""

    def make() -> Any:
        raise error

    return make


def world(missing: Mapping[Need, Missing] | None = None, families: tuple[Family, ...] = (), **facts: Any) -> World:
    """The last look; what is not named was not asked."""
    return world_of(Described(None, "orders", families=families), NOW, missing, facts)


FAMILY: Final = Family("orders", "orders", ("orders.process",), ("orders.charge",))


def whole_world() -> World:
    """A look at which everything that a report shows was asked."""
    return world(families=(FAMILY,), workers=fact(WORKERS), bundles=fact(BUNDLES), ledger=fact(LEDGER))


def report_of(gate_result: GateResult, seen: World | None = None, past: Past = PAST) -> GateReport:
    """The report of a result, without opening a ledger."""
    return gate_report(gate_result, seen or whole_world(), now=NOW, past=lambda path: past)


def mixed_report() -> GateReport:
    """A shut gate with all pictures."""
    return report_of(mixed_gate())


def green_report() -> GateReport:
    """An open gate: everything passes, served and compared."""
    served = [one for one in DEMANDS if one.queue == "orders" and one.compatibility is None and "mail" not in str(one)]
    bundles = BundleSet(tuple(bundle_fact(number, served[number % 2]) for number in range(40)), 0)
    ledger = ledger_facts([ledger_fact(number) for number in range(40)])
    return report_of(gate(passing()), world(families=(FAMILY,), workers=fact(WORKERS), bundles=fact(bundles),
                                            ledger=fact(ledger)))  # fmt: skip


def hostile_report() -> GateReport:
    """A report in which every text from elsewhere is hostile."""
    text = cycle(HOSTILE)
    states = cycle(State)

    def one(number: int) -> Result:
        said, state = next(text), next(states)
        finding = Finding(state, said, (said, f"{number}{said}"), said, 7, (Evidence(said, said, BEGAN),), said, said)
        attested = Attestation(number % 12 + 1, said, said, said, said, said, said)
        waived = Waiver(said, said, said, said, said)
        made = Result(check(f"c.{number}", number % 12 + 1), finding, State.FAIL, said, 0.1)
        return replace(made, attested=attested if state is State.PASS else None,
                       waived=waived if state is State.WAIVED else None)  # fmt: skip

    results = [one(number) for number in range(6 * len(HOSTILE))]
    hostile = replace(gate(results), name=HOSTILE[0], server=HOSTILE[1], namespace=HOSTILE[2], complaints=HOSTILE,
                      notes=HOSTILE, began_at=HOSTILE[3])  # fmt: skip
    demands = [Demand(DemandKind.WORKFLOW, said, said, said) for said in HOSTILE]
    bundles = BundleSet(
        (*(bundle_fact(place, one, file=HOSTILE[place]) for place, one in enumerate(demands)),
         bundle_fact(0, problem=HOSTILE[6], file=HOSTILE[5])), 1,
    )  # fmt: skip
    workers = tuple(worker(f"{said}{place}", said, build_id=said, workflow_types=(said,), status=next(text))
                    for place, said in enumerate(HOSTILE))  # fmt: skip
    ledger = ledger_facts([ledger_fact(1)], path=HOSTILE[0], server=HOSTILE[1], namespace=HOSTILE[2],
                          import_id=HOSTILE[3], head=HOSTILE[4], sound=True)  # fmt: skip
    past = Past((_session(HOSTILE[0], HOSTILE[1], 1.0, 1, who=HOSTILE[2], host=HOSTILE[3], command=HOSTILE[4],
                          dwctl_version=HOSTILE[5], server_version=HOSTILE[6]),), (), {})  # fmt: skip
    return report_of(hostile, world(workers=fact(workers), bundles=fact(bundles), ledger=fact(ledger)), past)


def large_report() -> GateReport:
    """10,000 runs, every check full of ids and evidence, many types and workers, long names."""
    long = "ü" * 150
    results = []
    for place in range(90):
        ids = tuple(f"01RUN{number:08d}{long}" for number in range(100))
        finding = Finding(
            list(State)[place % 6], "x" * 2_000, ids, "runs", 10_000,
            tuple(Evidence(f"asked {long}", f"came {long}" * 4, BEGAN) for _ in range(60)), "y" * 900,
            "dwctl history-import " + "z" * 900,
        )  # fmt: skip
        results.append(Result(check(f"check.{place}", place % 12 + 1), finding, State.FAIL, BEGAN, 0.1))
    demands = [Demand(DemandKind.WORKFLOW, f"queue-{number % 40}", f"type.{number}.{long}", None)
               for number in range(2_000)]  # fmt: skip
    bundles = BundleSet(tuple(bundle_fact(number, demands[number % 2_000]) for number in range(10_000)), 0)
    workers = tuple(worker(f"w-{number}-{long}", f"queue-{number % 30}", workflow_types=(f"type.{number}.{long}",))
                    for number in range(400))  # fmt: skip
    ledger = ledger_facts([ledger_fact(number) for number in range(10_000)])
    return report_of(
        gate(results, complaints=tuple("c" * 300 for _ in range(150))),
        world(workers=fact(workers), bundles=fact(bundles), ledger=fact(ledger)),
    )
