"""The export itself, with a source and a place of the test's own: threads, order, ends, and what ends it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from dwctl.bundle.verify import Verdict, VerifyOptions
from dwctl.errors import DwctlError, LocalStateError, NotAuthorized, NotFound, ServerUnreachable
from dwctl.transfer.exports.exporting import Exporting, ExportOptions
from dwctl.transfer.exports.judges import Judges
from dwctl.transfer.exports.outcomes import ExportResult, ExportState, Purpose
from dwctl.transfer.exports.quiescing import Quiescing
from dwctl.transfer.exports.selection import Target
from dwctl.transfer.exports.sources import Fetched
from dwctl.transfer.lanes import Stop
from dwctl.transfer.storage.manifest import ManifestEntry
from sample_bundles import sealed, small_bundle

LEASE = {"tasks": [{"id": "t", "type": "workflow", "status": "leased", "payload": {}, "lease_owner": "w"}]}


def bundle(number: int, **changes: object) -> bytes:
    """The bundle of `run-N` of `order-N`."""
    named = {
        "workflow.run_id": f"run-{number}",
        "workflow.instance_id": f"order-{number}",
        "dedupe_key": f"run-{number}:2:x",
    }
    return sealed(small_bundle(named | changes))


@dataclass
class Source:
    """A source that answers from `answers`, by the instance: a bundle, an error, or what a function gives."""

    answers: dict[str, bytes | DwctlError | Callable[[], bytes]]
    name: str = "embedded"
    way: str = "batch"
    exporter: str = "test"
    purpose: Purpose = Purpose.IMPORT
    fetched: list[str] = field(default_factory=list)
    open: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    def session(self) -> Session:
        self.open += 1
        return Session(self)


@dataclass
class Session:
    """One conversation with it."""

    source: Source

    def located(self, target: Target) -> Target:
        return target

    def unmoved(self, entry: ManifestEntry) -> bool:
        return False

    def fetch(self, target: Target) -> Fetched:
        self.source.fetched.append(str(target))
        answer = self.source.answers[target.instance_id or ""]
        if isinstance(answer, DwctlError):
            raise answer
        return Fetched(answer if isinstance(answer, bytes) else answer(), 0.0)

    def stop(self) -> None:
        self.source.stopped.set()

    def close(self) -> None:
        self.source.open -= 1


@dataclass
class Place:
    """A place that keeps everything in memory; `full` is raised by every save after so many."""

    full_after: int | None = None
    kept: dict[str, tuple[ManifestEntry, bytes]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def entry(self, run_id: str) -> ManifestEntry | None:
        found = self.kept.get(run_id)
        return None if found is None else found[0]

    def newest_of(self, instance_id: str) -> ManifestEntry | None:
        return next((entry for entry, _ in self.kept.values() if entry.instance_id == instance_id), None)

    def content(self, entry: ManifestEntry) -> bytes:
        return self.kept[entry.run_id][1]

    def save(self, content: bytes, verdict: Verdict, exporter: str) -> ManifestEntry:
        with self.lock:
            if self.full_after is not None and len(self.kept) >= self.full_after:
                raise LocalStateError("the disk is full", reason="disk_full")
            run = verdict.run
            assert run is not None
            rules = tuple(finding.rule for finding in verdict.findings)
            made = ManifestEntry(
                str(run.instance_id), str(run.run_id), run.workflow_type, run.status, run.dedupe_key, "file",
                len(content), "0" * 64, None, verdict.outcome, rules, exporter, "now",
            )  # fmt: skip
            self.kept[made.run_id] = made, content
            return made


@pytest.fixture
def judges() -> Iterator[Judges]:
    """Judging in this process."""
    with Judges(VerifyOptions(), 0) as made:
        yield made


def targets(*numbers: int) -> list[Target]:
    """The newest runs of `order-N`."""
    return [Target(f"order-{number}") for number in numbers]


def states(results: list[ExportResult]) -> dict[str, str]:
    """What became of each, by instance."""
    return {result.target.instance_id or "": result.state.value for result in results}


@pytest.mark.parametrize("jobs", [1, 4])
def test_everything_is_exported_once_and_every_session_is_closed(judges: Judges, jobs: int) -> None:
    source = Source({f"order-{number}": bundle(number) for number in range(30)})
    place = Place()
    results = list(Exporting(source, place, judges, ExportOptions(jobs), stop=Stop()).run(targets(*range(30))))
    assert states(results) == {f"order-{number}": "exported" for number in range(30)}
    assert sorted(source.fetched) == sorted(f"order-{number}" for number in range(30))
    assert len(place.kept) == 30
    assert source.open == 0


def test_one_run_under_two_names_is_exported_once(judges: Judges) -> None:
    source, place = Source({"order-1": bundle(1)}), Place()
    both = [Target("order-1"), Target("order-1", "run-1")]
    results = list(Exporting(source, place, judges, ExportOptions(2), stop=Stop()).run(both))
    assert sorted(result.state.value for result in results) == ["already_exported", "exported"]


def test_a_run_of_its_own_trouble_does_not_end_the_export(judges: Judges) -> None:
    source = Source({"order-1": bundle(1), "order-2": NotFound("gone"), "order-3": b"no json", "order-4": bundle(4)})
    results = list(Exporting(source, Place(), judges, ExportOptions(1), stop=Stop()).run(targets(1, 2, 3, 4)))
    assert [result.state.value for result in sorted(results, key=lambda one: str(one.target))] == [
        "exported", "failed", "failed", "exported",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "place"),
    [
        ({number: NotAuthorized("no") for number in range(40)}, Place()),
        ({number: ServerUnreachable("gone") for number in range(40)}, Place()),
        ({number: bundle(number) for number in range(40)}, Place(full_after=3)),
    ],
)
def test_what_every_run_would_meet_ends_the_export(
    judges: Judges, answers: dict[int, bytes | DwctlError], place: Place
) -> None:
    source = Source({f"order-{number}": answer for number, answer in answers.items()})
    results = list(Exporting(source, place, judges, ExportOptions(2), stop=Stop()).run(targets(*range(40))))
    assert len(results) < 20
    assert any(result.error is not None for result in results)
    assert source.open == 0


def test_a_server_that_answers_in_between_is_asked_on(judges: Judges) -> None:
    answers: dict[str, bytes | DwctlError | Callable[[], bytes]] = {}
    for number in range(20):
        answers[f"order-{number}"] = bundle(number) if number % 3 == 0 else ServerUnreachable("gone")
    results = list(Exporting(Source(answers), Place(), judges, ExportOptions(1), stop=Stop()).run(targets(*range(20))))
    assert len(results) == 20


def test_a_stop_finishes_what_is_in_flight_and_takes_nothing_new(judges: Judges) -> None:
    stop, place = Stop(), Place()

    def asking() -> bytes:
        stop.ask()
        return bundle(1)

    source = Source({f"order-{number}": bundle(number) for number in range(2, 400)})
    source.answers["order-1"] = asking
    results = list(Exporting(source, place, judges, ExportOptions(1), stop=stop).run(targets(*range(1, 400))))
    assert results[0].state is ExportState.EXPORTED
    assert len(results) == len(place.kept) < 399
    assert not stop.at_once


def test_the_second_stop_does_not_wait(judges: Judges) -> None:
    stop, place = Stop(), Place()
    source = Source({"order-2": bundle(2)})

    def hanging() -> bytes:
        stop.ask()
        stop.ask()
        assert source.stopped.wait(60)
        return bundle(1)

    source.answers["order-1"] = hanging
    assert list(Exporting(source, place, judges, ExportOptions(1), stop=stop).run(targets(1, 2))) == []
    assert stop.at_once
    assert source.stopped.is_set()


def test_a_held_run_is_tried_again_until_it_is_free(judges: Judges) -> None:
    answers = iter([bundle(1, **LEASE), bundle(1, **LEASE), bundle(1)])
    source, place = Source({"order-1": lambda: next(answers), "order-2": bundle(2)}), Place()
    options = ExportOptions(1, quiescing=Quiescing(refuse=True, wait=60.0, first=0.001))
    results = list(Exporting(source, place, judges, options, stop=Stop()).run(targets(1, 2)))
    assert states(results) == {"order-1": "exported", "order-2": "exported"}
    assert source.fetched.count("order-1") == 3


def test_a_run_that_stays_held_is_refused_when_the_time_is_over(judges: Judges) -> None:
    source, place = Source({"order-1": bundle(1, **LEASE)}), Place()
    now = iter(range(10_000))
    options = ExportOptions(1, quiescing=Quiescing(refuse=True, wait=20.0, first=0.001))
    exporting = Exporting(source, place, judges, options, stop=Stop(), clock=lambda: float(next(now)))
    (result,) = exporting.run(targets(1))
    assert (result.state, result.held_by, place.kept) == (ExportState.HELD, ("tasks.leased_task_present",), {})
    assert len(source.fetched) > 1


def test_a_bug_is_not_swallowed(judges: Judges) -> None:
    def broken() -> bytes:
        raise ZeroDivisionError

    source = Source({"order-1": broken})
    with pytest.raises(ZeroDivisionError):
        list(Exporting(source, Place(), judges, ExportOptions(1), stop=Stop()).run(targets(1)))
