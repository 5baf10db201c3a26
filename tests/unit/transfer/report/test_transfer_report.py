"""The facts of a report: where each bundle stands, when the answer is yes, what to type next."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dwctl.bundle.rules import RULES
from dwctl.errors import ExitCode
from dwctl.render.transfer_wording import answer_sentence, notes
from dwctl.transfer.ledger.differences import NOT_SHOWN, PRUNED
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.log import LedgerEvent
from dwctl.transfer.ledger.rows import LedgerState
from dwctl.transfer.report.gathering import bundle_of, digest_of, reasons_of, see, without_user
from dwctl.transfer.report.past import MOST_BUCKETS, of_last_session, past_of
from dwctl.transfer.report.standing import STANDINGS, Kind, Standing, standing_of
from dwctl.transfer.report.transfer_report import Answer, ReportedBundle, Scope
from dwctl.transfer.report.travel import NO_FILE, NO_NAME, NOT_ASKED, OTHER_FILE, travel_of
from ledgers import START, edit, opened, row, rows, run_id
from sample_bundles import EXAMPLES
from told_transfers import RESEALED, bundle, everything, report_of, reported

S, T = LedgerState, Standing


@pytest.mark.parametrize(
    ("changes", "standing"),
    [
        ({"state": S.IMPORTED, "compared_at": "x"}, T.ARRIVED),
        ({"state": S.ALREADY_IMPORTED, "compared_at": "x"}, T.ARRIVED),
        ({"state": S.IMPORTED}, T.NOT_COMPARED),
        ({"state": S.IMPORTED, "compared_at": "x", "differs_at": "x"}, T.DIFFERS),
        ({"state": S.IMPORTED, "compared_at": "x", "differs_at": "x", "differences": (PRUNED,)}, T.DIFFERS),
        ({"state": S.IMPORTED, "compared_at": "x", "differs_at": "x", "differences": (NOT_SHOWN,)}, T.NOT_SHOWN),
        ({"state": S.IMPORTED, "compared_at": "x", "drift": "moved_since_import"}, T.IN_BOTH),
        ({"state": S.UNKNOWN, "drift": "moved_since_export"}, T.UNKNOWN),
        ({"state": S.MOVED, "drift": "moved_since_export"}, T.MOVED_ON),
        ({"state": S.SKIPPED}, T.LEFT_OUT),
        ({"state": S.SENDING}, T.SENDING),
    ],
)
def test_what_is_there_has_arrived_only_once_it_was_compared(changes: dict[str, object], standing: Standing) -> None:
    assert standing_of(row(1, **changes)) is standing


def test_every_state_of_the_ledger_stands_somewhere_and_none_of_the_unfinished_is_good() -> None:
    for state in S:
        found = standing_of(row(1, state=state))
        assert STANDINGS[found].kind is not Kind.GOOD
    assert set(STANDINGS) == set(T)
    assert all(one.fix for one in STANDINGS.values() if one.kind is not Kind.GOOD)


def test_only_all_arrived_is_complete(tmp_path: Path) -> None:
    arrived = bundle(1, T.ARRIVED, state=S.IMPORTED, compared_at="x")
    assert report_of([arrived]).exit_code is ExitCode.DONE
    for standing, its in STANDINGS.items():
        report = report_of([arrived, bundle(2, standing)])
        good = its.kind in {Kind.GOOD, Kind.LEFT_OUT}
        assert report.exit_code is (ExitCode.DONE if good else ExitCode.NO), standing
    for nothing in ([], [bundle(1, T.LEFT_OUT)]):
        report = report_of(nothing)
        assert (report.answer, report.exit_code) == (Answer.NOTHING, ExitCode.NO)


def test_archiving_that_was_begun_is_open_until_its_end() -> None:
    closed: dict[str, Any] = {"state": S.IMPORTED, "compared_at": "x", "status": "completed"}
    both = [bundle(1, T.ARRIVED, **closed), bundle(2, T.ARRIVED, **closed)]
    assert report_of(both).answer is Answer.COMPLETE
    begun = report_of([both[0], bundle(2, T.ARRIVED, **closed, archived_at="x")])
    assert begun.answer is Answer.NOT_COMPLETE
    assert any("--archive-terminal" in str(step.command) for step in begun.steps)
    done = [bundle(number, T.ARRIVED, **closed, archived_at="x") for number in (1, 2)]
    assert report_of(done).answer is Answer.COMPLETE


def test_a_ledger_that_met_everything_is_told_bundle_by_bundle(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    everything(path)
    report = reported(path)
    assert {standing: count for standing, count in report.counts.items() if count} == {
        T.ARRIVED: 4, T.DIFFERS: 1, T.IN_BOTH: 1, T.REFUSED: 2, T.MOVED_ON: 1, T.BLOCKED: 1, T.FAILED: 1,
        T.UNKNOWN: 1, T.NOT_COMPARED: 1, T.LEFT_OUT: 1,
    }  # fmt: skip
    assert sum(group.count for group in report.reasons) == len(report.bundles) - 4
    assert [group.reason for group in report.reasons if group.standing is T.MOVED_ON] == ["run_moved"]
    assert (len(report.restored), len(report.resealed), report.archived) == (1, 1, 1)
    assert (report.answer, report.of_a_moment) == (Answer.NOT_COMPLETE, False)
    assert report.archiving_is_open
    commands = " | ".join(str(step.command) for step in report.steps)
    again = "history-import exports --server https://dw.example.com --namespace production --ledger ledger.db"
    for said in ("ledger show", "ledger list --differs", "explain tasks.leased_task_present", "--resolve-links", again):
        assert said in commands
    first, second = report.past.sessions
    assert (first.who, first.there, first.not_there, first.compared, first.archived) == ("ana", 7, 0, 6, 1)
    assert (second.who, second.there, second.not_there) == ("jörg", 0, 3)
    assert first.ended
    assert report.drift_unknown == 4  # 0, 1, 5 and 6 are open; of 2 it was said; 3 and 4 are closed
    assert sum(piece.there for piece in report.past.buckets) == 7
    assert len(report.past.durations) == 7
    assert report.travel is not None
    assert report.travel.not_looked == ((NOT_ASKED, 7),)


def test_links_are_left_out_with_the_partners_at_hand() -> None:
    for rule in ("target.link_taken", "set.link_shared"):
        assert "--resolve-links" in RULES[rule].fix
        (step,) = report_of([bundle(1, T.REFUSED, (rule,)), bundle(2, T.ARRIVED)]).steps
        assert "history-import exports --server" in str(step.command)
        assert str(step.command).endswith("--resolve-links WHY")


def test_warnings_of_a_bundle_that_is_there_are_no_reasons() -> None:
    warned = row(1, state=S.IMPORTED, compared_at="x", rules=("workflow.type_is_class_name",))
    assert reasons_of(warned, standing_of(warned)) == ()
    assert reasons_of(row(1, state=S.BLOCKED), T.BLOCKED) == ("partner_not_compared",)


def test_a_damaged_ledger_is_damaged_and_one_that_cannot_be_read_further_says_so(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    everything(path)
    edit(path, "UPDATE runs SET state = 'imported' WHERE run_id = ?", run_id(11))
    report = reported(path)
    assert (report.answer, report.exit_code) == (Answer.DAMAGED, ExitCode.NO)
    assert "--expect-head" in str(report.steps[0].command)
    edit(path, "UPDATE runs SET repair = '{' WHERE run_id = ?", run_id(5))
    with Ledger.view(path) as view:
        seen = see(view, "ledger.db")
    assert seen.ledger.unreadable is not None
    assert reported(path).answer is Answer.DAMAGED
    edit(path, "UPDATE events SET body = 'x' WHERE seq = 9")
    assert reported(path).answer is Answer.DAMAGED


def test_a_report_while_somebody_writes_is_of_a_moment_and_no_yes(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with opened(path) as ledger:
        ledger.plan(rows(1))
        ledger.sending(run_id(0))
        ledger.settle(run_id(0), S.IMPORTED)
        ledger.note_compared(run_id(0), START)
        report = reported(path)
        assert report.of_a_moment
        assert report.answer is Answer.NOT_COMPLETE
        assert report.steps[0].command == "dwctl ledger status --watch --ledger ledger.db"
    assert reported(path).answer is Answer.COMPLETE


def test_the_digest_is_that_of_the_sorted_lines() -> None:
    bundles = [bundle(2, T.ARRIVED, sent_sha256="b"), bundle(1, T.ARRIVED, sent_sha256="a")]
    assert digest_of(bundles) == hashlib.sha256(f"{run_id(1)} a\n{run_id(2)} b\n".encode()).hexdigest()
    assert digest_of([bundle(1, T.ARRIVED, run_id="\ud800")])


def test_a_password_in_the_server_s_name_is_not_told() -> None:
    assert without_user("https://ana:secret@dw.example.com:8/x") == "https://dw.example.com:8/x"
    assert without_user("https://dw.example.com") == "https://dw.example.com"


def test_a_clock_that_is_set_back_makes_no_negative_time(tmp_path: Path) -> None:
    moments = iter([START + timedelta(seconds=number * step) for number, step in
                    zip(range(200), [5, -3] * 100, strict=True)])  # fmt: skip
    with opened(tmp_path / "ledger.db", clock=lambda: next(moments)) as ledger:
        ledger.plan(rows(20))
        for number in range(20):
            ledger.sending(run_id(number))
            ledger.settle(run_id(number), S.IMPORTED)
    with Ledger.view(tmp_path / "ledger.db") as view:
        past = past_of(view.events())
    assert all(one >= 0 for one in past.durations.values())
    assert all(session.seconds >= 0 for session in past.sessions)
    assert all(piece.seconds >= 0 for piece in past.buckets)
    assert sum(piece.there for piece in past.buckets) == 20


def test_many_sessions_stay_few_pieces_and_the_last_can_be_told_alone() -> None:
    past = past_of(event for session in range(MOST_BUCKETS + 4) for event in session_of_one_import(session))
    assert len(past.sessions) == MOST_BUCKETS + 4
    assert len(past.buckets) <= MOST_BUCKETS
    last = of_last_session(past, {run_id(MOST_BUCKETS + 3)})
    assert (len(last.sessions), len(last.buckets), len(last.durations)) == (1, 1, 1)


def session_of_one_import(session: int) -> Iterator[LedgerEvent]:
    """The events of a command that imported one bundle, an hour after the one before."""
    moment = START + timedelta(hours=session)
    facts = {"opened": {"who": "ana"}, "sending": {"state": "sending"}, "settled": {"state": "imported"}, "closed": {}}
    for second, (kind, told) in enumerate(facts.items()):
        at = (moment + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        run = run_id(session) if kind in {"sending", "settled"} else None
        yield LedgerEvent(session * 4 + second + 1, session * 4 + 1, at, kind, run, json.dumps(told), "", "")


def test_a_killed_session_is_told_as_not_ended(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with opened(path) as ledger:
        ledger.plan(rows(1))
        with Ledger.view(path) as view:
            (session,) = past_of(view.events()).sessions
    assert not session.ended


def test_what_does_not_travel_is_read_off_the_very_files_that_were_imported(tmp_path: Path) -> None:
    content = (EXAMPLES / "waiting-for-timer-reminder-2.json").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    same, other, gone = tmp_path / "same.json", tmp_path / "other.json", tmp_path / "gone.json"
    same.write_bytes(content)
    other.write_bytes(content + b" ")
    bundles = [
        bundle(number, T.ARRIVED, file=str(file), file_sha256=digest, state=S.IMPORTED)
        for number, file in enumerate((same, other, gone, "-"))
    ]
    travel = travel_of([*bundles, bundle(9, T.REFUSED)], lambda opened, total: opened)
    assert (travel.looked_at, travel.of) == (1, 4)
    assert dict(travel.not_looked) == {OTHER_FILE: 1, NO_FILE: 1, NO_NAME: 1}
    assert [(kind.what, kind.runs) for kind in travel.kinds] == [("open_timers", 1)]


def test_a_step_names_the_one_file_or_the_folder_of_all_and_types_no_controls() -> None:
    failed = [bundle(1, T.FAILED, file="exports/a b/x.json")]
    assert "history-import 'exports/a b/x.json'" in str(report_of(failed).steps[0].command)
    both = [*failed, bundle(2, T.FAILED, file="exports/c/y.json")]
    assert "history-import exports --server" in str(report_of(both).steps[0].command)
    mixed = [*failed, bundle(2, T.FAILED, file="/c/y.json")]
    assert "history-import PATHS" in str(report_of(mixed).steps[0].command)
    hostile = [bundle(1, T.FAILED, file="x\x1b[2J.json")]
    assert "\x1b" not in str(report_of(hostile).steps[0].command)


def test_a_run_that_the_server_does_not_show_here_is_not_called_there() -> None:
    differs: dict[str, Any] = {
        "state": S.ALREADY_IMPORTED, "status": "completed", "compared_at": "x", "differs_at": "x",
    }  # fmt: skip
    bundles = [bundle_of(row(at, **differs, differences=(one,))) for at, one in ((1, NOT_SHOWN), (2, PRUNED))]
    report = report_of(bundles)
    assert [(one.standing, one.reasons, one.text) for one in bundles] == [
        (T.NOT_SHOWN, ("run_not_shown",), NOT_SHOWN), (T.DIFFERS, ("target.run_pruned",), PRUNED),
    ]  # fmt: skip
    assert "On the server" not in STANDINGS[T.NOT_SHOWN].meaning
    assert [one.row.run_id for one in report.not_archived] == [run_id(2)]
    assert {group.reason for group in report.reasons} == {"run_not_shown", "target.run_pruned"}
    assert "dwctl explain run_not_shown" in {step.command for step in report.steps}


LINK = {"parent_run_id": run_id(1), "child_run_id": run_id(2), "link_type": "continue_as_new"}


@pytest.mark.parametrize(
    "waiting",
    [
        bundle(2, T.BLOCKED, file="chain/2.json", removed_links=(LINK,)),
        bundle(2, T.BLOCKED, file="chain/2.json"),
        bundle(2, T.UNKNOWN, file="chain/2.json", removed_links=(LINK,), attempts=1),
    ],
)
def test_an_import_that_left_a_link_out_is_run_again_like_that_and_with_the_partner(waiting: ReportedBundle) -> None:
    partner = bundle(1, T.DIFFERS, file="chain/1.json", state=S.IMPORTED, compared_at="x", differs_at="x")
    command = str(report_of([partner, waiting]).steps[-1].command)
    assert command.startswith("dwctl history-import chain --server")
    assert "--resolve-links WHY" in command


def test_a_bundle_that_was_not_sent_is_not_called_resealed() -> None:
    changes: dict[str, Any] = {"removed_links": (LINK,), "repair": RESEALED}
    blocked = bundle(1, T.BLOCKED, state=S.BLOCKED, **changes)
    sent = bundle(2, T.ARRIVED, state=S.IMPORTED, attempts=1, compared_at="x", **changes)
    planned = bundle(3, T.WOULD_ARRIVE, **changes)
    assert report_of([blocked, sent, planned]).resealed == (sent, planned)


@pytest.mark.parametrize("reason", ["http_413", "payload_too_large"])
def test_what_is_too_large_is_not_told_to_be_imported_again_as_it_is(reason: str) -> None:
    commands = [step.command for step in report_of([bundle(1, T.FAILED, (reason,))]).steps]
    assert commands == [f"dwctl explain {reason}"]


def test_a_plan_that_is_good_says_how_to_import(tmp_path: Path) -> None:
    report = report_of([bundle(1, T.WOULD_ARRIVE)], Scope.PLAN)
    assert report.exit_code is ExitCode.DONE
    assert str(report.steps[0].command).startswith("dwctl history-import exports/order-1.json")
    assert replace(report, interrupted=True).exit_code is ExitCode.NO


@pytest.mark.parametrize("scope", [Scope.DRY_RUN, Scope.PLAN])
def test_where_all_are_there_already_nothing_is_left_to_do(scope: Scope) -> None:
    there = [bundle(number, T.ARRIVED, state=S.IMPORTED, compared_at="x") for number in range(3)]
    report = report_of(there, scope)
    assert (report.exit_code, report.steps, report.digest) == (ExitCode.DONE, (), None)
    assert answer_sentence(report) == (
        "All 3 bundles are on the server already, compared, and the same: nothing is left to import."
    )
    some = report_of([*there, bundle(7, T.WOULD_ARRIVE, file="more/seven.json")], scope)
    assert answer_sentence(some) == "1 of 4 bundles would be imported; 3 on the server already."
    (step,) = some.steps
    assert str(step.command).startswith("dwctl history-import more/seven.json ")


def test_an_import_tells_apart_what_an_earlier_one_had_brought() -> None:
    arrived = bundle(1, T.ARRIVED, state=S.IMPORTED, compared_at="x")
    report = report_of([arrived, replace(arrived, before=True), bundle(2, T.REFUSED)], Scope.IMPORT)
    assert answer_sentence(report) == (
        "2 of 3 bundles arrived: on the server, compared, and the same; 1 of them before this import, 1 refused."
    )


def test_what_has_not_moved_is_said_with_its_time_and_is_asked_for_no_more() -> None:
    there: dict[str, Any] = {"state": S.IMPORTED, "compared_at": "x", "status": "waiting"}
    unknown = report_of([bundle(1, T.ARRIVED, **there)])
    assert (unknown.drift_unknown, unknown.unmoved_at) == (1, ())
    assert notes(unknown) == ["Of 1 run that came open nobody has said whether the embedded copy has moved since."]
    ten, eleven = ("2026-11-23T10:00:00.123456Z", "2026-11-23T11:00:00.000000Z")
    later = [bundle(n, T.ARRIVED, **there, drift="unmoved", drift_at=at) for n, at in enumerate((eleven, ten))]
    there |= {"status": "completed", "archived_at": "x"}
    closed = bundle(5, T.ARRIVED, **there, drift="unmoved", drift_at=eleven)
    report = report_of([*later, closed])
    assert (report.drift_unknown, report.unmoved_at) == (0, (ten, eleven))
    (note,) = notes(report)
    assert note.startswith("Of 2 runs that came open the embedded copy had not moved when it was looked at, between ")
    assert note.endswith("between 2026-11-23 10:00:00 UTC and 2026-11-23 11:00:00 UTC.")
    assert notes(report_of(later[:1])) == [
        "Of 1 run that came open the embedded copy had not moved as of 2026-11-23 11:00:00 UTC."
    ]
