"""The checks of items 10 and 12: each state of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dwctl.bundle.links import LinkRow
from dwctl.bundle.verify import Outcome
from dwctl.checklist.checks.exports import bundles as export_bundles
from dwctl.checklist.checks.exports import retention as export_retention
from dwctl.checklist.checks.exports.rows import CHECKS
from dwctl.checklist.description.described import Described
from dwctl.checklist.facts.facts import ArchiveFact, BundleSet, Recorded
from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import KEPT_IDS, Finding, Need, State
from export_worlds import application, bundle, drifted, ledger, open_run, row, world

HARMS: Any = [
    (export_bundles.verified, {"outcome": Outcome.REFUSED, "rules": ("tasks.leased_task_present",)}, "tasks.leased"),
    (export_bundles.verified, {"outcome": Outcome.UNREADABLE, "problem": "it is no JSON"}, "it is no JSON"),
    (export_bundles.verified, {"outcome": None, "problem": "there is no such file"}, "there is no such file"),
    (export_bundles.quiesced, {"rules": ("tasks.leased_task_present",)}, "1 run had a leased task"),
    (export_bundles.quiesced, {"rules": ("activities.running_attempt_present",)}, "running attempt"),
    (export_bundles.as_recorded, {"recorded": Recorded.CHANGED}, "1 file changed since the export"),
    (export_bundles.as_recorded, {"recorded": Recorded.NOT_NAMED}, "1 file that no manifest names"),
    (export_bundles.each_once, {"run_id": "run-1", "dedupe_key": "later"}, "1 run in exports of different moments"),
]  # fmt: skip
"""A check, what is wrong with one of a hundred bundles, and what is said."""


def sound(count: int = 100) -> list[Any]:
    """So many bundles with nothing wrong."""
    return [bundle(number) for number in range(count)]


@pytest.mark.parametrize("ask", list(dict.fromkeys(ask for ask, _, _ in HARMS)))
def test_passes_over_sound_bundles(ask: Any) -> None:
    finding = ask(world(*sound()))

    assert finding.state is State.PASS
    assert (finding.next_step, finding.command, finding.count) == (None, None, 0)
    assert "100 bundles" in finding.evidence[0].came


@pytest.mark.parametrize(("ask", "harm", "said"), HARMS)
def test_one_bad_bundle_of_a_hundred_fails_and_is_named(ask: Any, harm: dict[str, Any], said: str) -> None:
    bad = bundle(100, **harm)

    finding = ask(world(*sound(), bad))

    assert finding.state is State.FAIL
    assert said in finding.said
    assert finding.ids == ("run-1",) if finding.ids_are == "runs" else (bad.file,)
    assert finding.count == 1
    assert finding.next_step
    assert finding.command.startswith("dwctl ")


def test_no_bundle_is_no_pass() -> None:
    finding = export_bundles.there(world(bundles=BundleSet((), 0, ("/exports",))))

    assert finding.state is State.FAIL
    assert finding.ids == ("/exports",)
    assert "--output-dir /exports" in str(finding.command)


def test_a_place_without_bundles_fails_beside_others() -> None:
    finding = export_bundles.there(world(bundles=BundleSet(tuple(sound()), 0, ("/more exports",))))

    assert finding.state is State.FAIL
    assert finding.said == "no bundle lies at /more exports"
    assert "'/more exports'" in str(finding.command)


def test_bundles_that_are_there_pass() -> None:
    finding = export_bundles.there(world(*sound(3), bundle(1)))

    assert (finding.state, finding.said) == (State.PASS, "4 bundles of 3 runs")


def test_what_was_read_now_and_what_is_trusted_is_told() -> None:
    finding = export_bundles.there(world(bundles=BundleSet(tuple(sound(10)), 4)))

    assert "4 read now, 6 as when they were read" in finding.evidence[0].came


def test_only_so_many_ids_are_kept() -> None:
    many = [bundle(number, recorded=Recorded.CHANGED) for number in range(500)]
    finding = export_bundles.as_recorded(world(*many))

    assert (len(finding.ids), finding.count) == (KEPT_IDS, 500)


def test_repairs_and_unchecked_signatures_are_told() -> None:
    finding = export_bundles.verified(world(bundle(1, repaired="lost_fraction"), bundle(2, signed=True)))

    assert finding.state is State.PASS
    assert "1 of them restored" in finding.said
    assert "the signatures of 1 were not checked" in finding.said


def test_what_cannot_be_read_leaves_open_whether_it_was_quiesced() -> None:
    finding = export_bundles.quiesced(world(bundle(1), bundle(2, problem="damaged", outcome=None)))

    assert finding.state is State.UNKNOWN


@pytest.mark.parametrize(
    ("bundles", "state", "said"),
    [
        (BundleSet((bundle(1),), 0, lost=("/exports/gone.json",)), State.FAIL, "1 file that a manifest names gone"),
        (BundleSet((bundle(1),), 0, damaged=("m, line 2",)), State.FAIL, "1 line of a manifest cannot be read"),
        (BundleSet((bundle(1, recorded=Recorded.NO_MANIFEST),), 0), State.WARN, "1 file without a manifest"),
    ],
)
def test_what_a_manifest_says(bundles: BundleSet, state: State, said: str) -> None:
    finding = export_bundles.as_recorded(world(bundles=bundles))

    assert finding.state is state
    assert said in finding.said


def test_the_same_export_twice_is_only_worth_a_warning() -> None:
    finding = export_bundles.each_once(world(bundle(1), bundle(1)))

    assert (finding.state, finding.ids) == (State.WARN, ("run-1",))


LINK = LinkRow("run-1", "run-2", "child")


@pytest.mark.parametrize(
    ("there", "state", "ids"),
    [((), State.WARN, ("run-1", "run-2")), ((1,), State.WARN, ("run-2",)), ((1, 2), State.PASS, ())],
)
def test_a_shared_link_is_told_until_both_runs_are_imported(there: Any, state: State, ids: tuple[str, ...]) -> None:
    rows = [row(number, "imported" if number in there else "planned") for number in (1, 2)]
    finding = export_bundles.links(world(bundle(1, links=(LINK,)), bundle(2, links=(LINK,)), ledger=ledger(*rows)))

    assert (finding.state, finding.ids) == (state, ids)


def test_one_writer_of_a_link_is_no_trouble() -> None:
    finding = export_bundles.links(world(bundle(1, links=(LINK, LINK)), bundle(2)))

    assert (finding.state, finding.said) == (State.PASS, "no two bundles share a link")


@pytest.mark.parametrize(
    ("found", "state", "ids"),
    [
        ({"unmoved": 3}, State.PASS, ()),
        ({"unmoved": 3, "moved_since_export": ("run-4",)}, State.FAIL, ("run-4",)),
        ({"unmoved": 3, "gone": ("run-5",)}, State.FAIL, ("run-5",)),
        ({"unmoved": 3, "unknown": ("run-6",)}, State.UNKNOWN, ("run-6",)),
        ({"unmoved": 3, "doubts": ("its clock is not known",)}, State.UNKNOWN, ()),
        ({}, State.UNKNOWN, ()),
        ({"unmoved": 3, "moved_since_export": ("run-4",), "unknown": ("run-6",)}, State.FAIL, ("run-4",)),
    ],
)
def test_drift(found: dict[str, Any], state: State, ids: tuple[str, ...]) -> None:
    finding = export_bundles.drift(world(drift=drifted(**found)))

    assert (finding.state, finding.ids) == (state, ids)
    assert finding.evidence[0].asked == "database sqlite:///app.db"


def test_what_the_database_does_not_show_is_not_mended_by_another_export() -> None:
    """The gap is said, with what helps; a bundle that cannot be read is what exporting again is for."""
    gap = "the table workflow_runs has no column last_progress_at that this user may read"
    finding = export_bundles.drift(world(drift=drifted(unknown=("run-6",), doubts=(gap,))))
    assert gap in finding.said
    assert str(finding.next_step).startswith("Grant what the database does not show")
    unreadable = export_bundles.drift(world(drift=drifted(unknown=("run-6",))))
    assert str(unreadable.next_step).startswith("Export these runs again")


def test_imported_runs_that_are_gone_are_no_matter_of_exports() -> None:
    finding = export_bundles.drift(world(drift=drifted(gone=("run-1",), unknown=("run-1",)), ledger=ledger(row(1))))

    assert finding.state is State.PASS


def archive(*runs: str, **wrong: Any) -> ArchiveFact:
    """An archive of these runs."""
    return ArchiveFact("/archive", frozenset(runs), **wrong)


def kept(runs: tuple[str, ...], *ended: str, **more: Any) -> Finding:
    """The finding on these archived and these ended runs."""
    return export_retention.exported(
        world(archives=(archive(*runs),), application=application(*ended, is_open=(open_run(0),)), **more)
    )


def test_every_closed_run_is_kept_or_imported() -> None:
    finding = kept(("run-1",), "run-1", "run-2", ledger=ledger(row(2)))

    assert (finding.state, finding.said) == (State.PASS, "2 closed runs: 1 imported, the others kept")


@pytest.mark.parametrize("state", ["planned", "refused", "failed", "unknown", "sending"])
def test_a_closed_run_that_is_nowhere_fails(state: str) -> None:
    finding = kept(("run-1",), "run-1", "run-2", ledger=ledger(row(2, state)))

    assert (finding.state, finding.ids) == (State.FAIL, ("run-2",))
    assert "--output-dir /archive" in str(finding.command)


def test_without_a_ledger_nothing_counts_as_imported() -> None:
    assert kept((), "run-2").state is State.FAIL
    assert kept(()).said == "the embedded application has no closed run"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"changed": ("a.json",)}, "1 changed since the export"),
        ({"missing": ("a.json",)}, "1 missing"),
        ({"extra": ("a.json",)}, "1 of which no manifest tells"),
        ({"unsound": ("a.json",)}, "1 not readable"),
        ({"damaged": ("a.json",)}, "1 lines of the manifest damaged"),
    ],
)
def test_an_archive_that_is_not_as_its_manifest_says_fails(wrong: dict[str, Any], said: str) -> None:
    finding = export_retention.proven(world(archives=(archive("run-1"), archive("run-2", **wrong))))

    assert finding.state is State.FAIL
    assert said in finding.said
    assert finding.ids == ("/archive: a.json",)


def test_an_archive_that_cannot_be_looked_at_fails() -> None:
    finding = export_retention.proven(world(archives=(archive(problem="there is no such folder"),)))

    assert (finding.state, finding.said) == (State.FAIL, "/archive: there is no such folder")


def test_an_export_that_is_still_writing_is_told() -> None:
    finding = export_retention.proven(world(archives=(archive("run-1", writer="pid 7 on shell-1"),)))

    assert finding.state is State.WARN


def test_a_proven_archive_passes() -> None:
    finding = export_retention.proven(world(archives=(archive("run-1", "run-2"),)))

    assert (finding.state, finding.said) == (State.PASS, "2 exports in 1 archive, each as its manifest says")


def test_every_check_can_be_explained() -> None:
    for check in CHECKS:
        assert check.item in (10, 12)
        assert all(text.endswith(".") for text in (check.meaning, check.why, check.fix)), check.id
        assert len(check.evidence) > 20
    assert len({check.id for check in CHECKS}) == len(CHECKS)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_no_check_asks_more_than_it_needs(check: Any) -> None:
    """Whoever is not among a check's needs is not asked: a world of empty facts answers, or fails for its needs."""
    given: dict[Need, dict[str, Any]] = {
        Need.BUNDLES: {"bundles": BundleSet((bundle(1),), 0)},
        Need.DRIFT: {"drift": drifted(unmoved=1)},
        Need.ARCHIVES: {"archives": (archive("run-1"),)},
        Need.EMBEDDED: {"application": application("run-1")},
    }
    if Need.SERVER in check.needs:
        pytest.skip("asks a server: see the functional tests")
    facts = {name: value for need in check.needs for name, value in given[need].items()}

    assert check.ask(world(**facts)).state is State.PASS


def test_the_first_described_folder_is_the_one_to_export_to() -> None:
    described = Described(None, "x", bundles=("/a b",), archives=("s3://kept/runs",), ledger=Path("l.db"))
    seen: World = world(archives=(archive(),), application=application("run-1"), described=described)

    assert str(export_retention.exported(seen).command).endswith("--output-dir s3://kept/runs")
