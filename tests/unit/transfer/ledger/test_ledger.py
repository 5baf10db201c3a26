"""The ledger: what it writes down, what it refuses, and what it says again."""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from dwctl.errors import LocalStateError, UnreadableInput
from dwctl.transfer.ledger import schema as ledger_schema
from dwctl.transfer.ledger import writer as ledger_writer
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.reasons import LEDGER_REASONS
from dwctl.transfer.ledger.rows import (
    PLANNABLE,
    RETRYABLE,
    THERE,
    TRANSITIONS,
    IllegalTransition,
    LedgerState,
    Planned,
)
from dwctl.transfer.ledger.watch import watch
from dwctl.transfer.ledger.writer import text_of
from ledgers import NAMESPACE, SERVER, START, edit, opened, row, rows, run_id, ticking

S = LedgerState
FIRST = run_id(0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a ledger may be made."""
    return tmp_path / "cutover" / "ledger.db"


# --- the file ---


def test_a_new_ledger_is_private_and_bound_to_its_target(path: Path) -> None:
    with opened(path) as ledger:
        assert ledger.target.server == SERVER
        assert ledger.target.namespace == NAMESPACE
        assert ledger.target.import_id == ledger.import_id == "orders-1"
        ledger.plan(rows(1))
        files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(files) >= {"ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db.lock"}
    assert set(files.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_closed_ledger_is_one_file_that_can_be_copied(path: Path, tmp_path: Path) -> None:
    with opened(path) as ledger:
        ledger.plan(rows(3))
    assert {file.name for file in path.parent.iterdir()} == {"ledger.db", "ledger.db.lock"}
    copy = tmp_path / "copy.db"
    copy.write_bytes(path.read_bytes())
    with Ledger.view(copy) as view:
        assert view.counts()[S.PLANNED] == 3
        assert view.audit().ok


def test_a_file_that_others_could_read_is_narrowed(path: Path) -> None:
    opened(path).close()
    path.chmod(0o644)
    opened(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("server", "namespace", "said"),
    [
        (SERVER, "staging", "another namespace"),
        ("https://other.example.com", NAMESPACE, "another server"),
    ],
)
def test_a_ledger_of_another_target_is_refused_and_says_of_which(
    path: Path, server: str, namespace: str, said: str
) -> None:
    opened(path).close()
    before = path.read_bytes()
    with pytest.raises(LocalStateError) as caught:
        opened(path, server=server, namespace=namespace)
    assert caught.value.exit_code == 10
    assert caught.value.reason == "ledger_of_another_target"
    assert said in caught.value.message
    assert f"namespace {NAMESPACE} of {SERVER}" in caught.value.message
    assert path.read_bytes() == before


def test_the_same_target_in_another_spelling_is_the_same(path: Path) -> None:
    opened(path).close()
    with opened(path, server="HTTPS://DW.example.com/", namespace="Production") as ledger:
        assert ledger.target.server == SERVER


def test_a_rerun_without_import_id_takes_the_ledgers_own(path: Path) -> None:
    with opened(path, import_id=None) as ledger:
        made = ledger.import_id
        assert made.startswith("dwctl-")
    with opened(path, import_id=None) as ledger:
        assert ledger.import_id == made
        ledger.plan(rows(1))
        ledger.sending(FIRST)
        assert ledger.row(FIRST).import_id == made  # type: ignore[union-attr]


def test_the_import_id_of_a_session_stands_in_the_rows_that_it_sends(path: Path) -> None:
    with opened(path) as ledger:
        ledger.plan(rows(2))
        ledger.sending(FIRST)
    with opened(path, import_id="orders-2") as ledger:
        ledger.sending(run_id(1))
        assert [found.import_id for found in ledger.rows()] == ["orders-1", "orders-2"]
        assert ledger.target.import_id == "orders-1"


def test_what_is_not_there_is_not_made_without_a_target(path: Path) -> None:
    with pytest.raises(UnreadableInput) as caught:
        opened(path, server=None, namespace=None)
    assert caught.value.reason == "no_ledger"
    assert not path.parent.exists()


def test_an_empty_file_is_a_ledger_that_was_never_begun(path: Path) -> None:
    path.parent.mkdir()
    path.touch(0o600)
    with pytest.raises(UnreadableInput):
        Ledger.view(path)
    opened(path).close()
    with Ledger.view(path) as view:
        assert view.audit().ok


def test_an_older_schema_is_brought_up_to_date_by_a_writer_only(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(path) as ledger:
        ledger.plan(rows(2))
    version = ledger_schema.SCHEMA_VERSION
    monkeypatch.setattr(ledger_schema, "SCHEMA_VERSION", version + 1)
    monkeypatch.setitem(ledger_schema.MIGRATIONS, version, ["CREATE TABLE added (one INTEGER)"])
    with pytest.raises(LocalStateError) as caught:
        Ledger.view(path)
    assert caught.value.reason == "ledger_older"
    with opened(path) as ledger:
        assert ledger.counts()[S.PLANNED] == 2
        assert ledger.audit().ok
    assert edit(path, "INSERT INTO added VALUES (1)") == 1


# --- a bundle's way ---


def test_a_bundle_goes_from_planned_to_imported_compared_and_archived(path: Path) -> None:
    with opened(path, server_version="2.0.3") as ledger:
        ledger.plan(rows(1))
        ledger.sending(FIRST)
        assert ledger.row(FIRST).state is S.SENDING  # type: ignore[union-attr]
        ledger.settle(FIRST, S.IMPORTED, sent_sha256="c" * 64, way="byte-exact")
        ledger.note_compared(FIRST, START)
        ledger.note_archived(FIRST, START + timedelta(seconds=1))
        found = ledger.row(FIRST)
    assert found is not None
    assert (found.state, found.attempts, found.there) == (S.IMPORTED, 1, True)
    assert (found.sent_sha256, found.way, found.import_id) == ("c" * 64, "byte-exact", "orders-1")
    assert found.compared_at == "2026-11-23T10:00:00.000000Z"
    assert found.archived_at == "2026-11-23T10:00:01.000000Z"
    assert found.differs_at is None
    assert (found.who, found.server_version) == ("ana", "2.0.3")
    assert found.dwctl_version


def test_a_session_that_asks_no_server_takes_nothing_from_what_is_known_of_it(path: Path) -> None:
    for who, version in (("ana", "2.0.3"), ("jörg", None), ("ana", "2.0.4")):
        with opened(path, who=who, server_version=version) as ledger:
            ledger.plan(rows(1) if version == "2.0.3" else [])
            if version != "2.0.4":
                ledger.note_drift(FIRST, START, "unmoved")
    with Ledger.view(path) as view:
        found = view.row(FIRST)
    assert found is not None
    assert (found.who, found.server_version) == ("jörg", "2.0.3")


def test_a_difference_is_a_fact_beside_the_state_until_a_comparison_finds_none(path: Path) -> None:
    with opened(path) as ledger:
        ledger.plan(rows(1))
        ledger.sending(FIRST)
        ledger.settle(FIRST, S.ALREADY_IMPORTED)
        ledger.note_compared(FIRST, START, ["status: waiting, and the server shows completed"])
        assert ledger.status().facts.differs == 1
        assert ledger.row(FIRST).differences == ("status: waiting, and the server shows completed",)  # type: ignore[union-attr]
        ledger.note_compared(FIRST, START)
        assert ledger.status().facts.differs == 0
        assert ledger.status().facts.compared == 1


def test_every_step_that_the_table_does_not_name_is_refused_and_leaves_nothing(path: Path) -> None:
    """All ten by ten: a row is brought into a state by the ledger's own means, then settled into another."""
    numbers = count()
    ways: dict[S, list[S]] = {state: [S.SENDING, state] for state in S}
    ways |= {S.PLANNED: [], S.SENDING: [S.SENDING]} | {state: [state] for state in (S.BLOCKED, S.MOVED, S.SKIPPED)}
    with opened(path) as ledger:
        for old in S:
            for new in S:
                one = row(next(numbers))
                ledger.plan([one])
                for step in ways[old]:
                    ledger.sending(one.run_id) if step is S.SENDING else ledger.settle(one.run_id, step)
                before = ledger.row(one.run_id), ledger.head()
                assert before[0] is not None
                assert before[0].state is old
                if new in TRANSITIONS[old]:
                    ledger.sending(one.run_id) if new is S.SENDING else ledger.settle(one.run_id, new)
                    assert ledger.row(one.run_id).state is new  # type: ignore[union-attr]
                    continue
                with pytest.raises(IllegalTransition):
                    ledger.sending(one.run_id) if new is S.SENDING else ledger.settle(one.run_id, new)
                assert (ledger.row(one.run_id), ledger.head()) == before
        assert ledger.audit().ok


def test_the_table_of_states_keeps_its_promises() -> None:
    assert set(TRANSITIONS) == set(S)
    assert all(not TRANSITIONS[state] for state in THERE)
    assert {state for state, following in TRANSITIONS.items() if S.IMPORTED in following} == {S.SENDING}
    assert {state for state, following in TRANSITIONS.items() if S.UNKNOWN in following} == {S.SENDING}
    assert TRANSITIONS[S.UNKNOWN] == {S.SENDING}, "nobody but the server takes a doubt away"
    assert {old for old in S if S.SKIPPED in TRANSITIONS[old]} == {S.PLANNED, S.SKIPPED}, "a choice forgets no outcome"
    assert all(S.PLANNED in TRANSITIONS[state] for state in RETRYABLE)


@pytest.mark.parametrize("state", [S.REFUSED, S.BLOCKED, S.MOVED, S.FAILED, S.UNKNOWN, S.SENDING])
def test_a_choice_of_a_later_plan_forgets_no_outcome(path: Path, state: S) -> None:
    with opened(path) as ledger:
        ledger.plan(rows(1))
        if state in {S.UNKNOWN, S.FAILED, S.SENDING}:
            ledger.sending(FIRST)
        if state is not S.SENDING:
            ledger.settle(FIRST, state, error_reason="why")
        before = ledger.row(FIRST), ledger.head()
        assert ledger.plan([row(0, state=S.SKIPPED, error_reason="limit")]).kept == 1
        assert (ledger.row(FIRST), ledger.head()) == before


def test_steps_that_an_earlier_dwctl_took_are_no_edit_of_its_ledger(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(path) as ledger, monkeypatch.context() as earlier:
        ledger.plan(rows(2))
        for state in (S.REFUSED, S.UNKNOWN):
            earlier.setitem(TRANSITIONS, state, TRANSITIONS[state] | {S.SKIPPED, S.PLANNED})
        ledger.settle(FIRST, S.REFUSED)
        ledger.settle(FIRST, S.SKIPPED)
        ledger.sending(run_id(1))
        ledger.settle(run_id(1), S.UNKNOWN)
        ledger.settle(run_id(1), S.PLANNED)
    with Ledger.view(path) as view:
        assert view.audit().ok


def test_a_run_that_the_ledger_does_not_know_is_a_bug(path: Path) -> None:
    with opened(path) as ledger:
        for change in (
            lambda: ledger.sending("nobody"),
            lambda: ledger.settle("nobody", S.FAILED),
            lambda: ledger.note_compared("nobody", START),
            lambda: ledger.note_moved("nobody", START),
        ):
            with pytest.raises(IllegalTransition):
                change()
        assert sum(ledger.counts().values()) == 0


def test_what_is_not_on_the_server_is_neither_compared_nor_archived(path: Path) -> None:
    with opened(path) as ledger:
        ledger.plan(rows(1))
        with pytest.raises(IllegalTransition):
            ledger.note_compared(FIRST, START)
        with pytest.raises(IllegalTransition):
            ledger.note_archived(FIRST, START)


def test_a_fact_that_no_outcome_has_is_a_bug(path: Path) -> None:
    with opened(path) as ledger:
        ledger.plan(rows(1))
        ledger.sending(FIRST)
        with pytest.raises(TypeError, match="attempts"):
            ledger.settle(FIRST, S.FAILED, attempts=0)


def test_an_error_is_one_bounded_line_and_ends_with_the_next_outcome(path: Path) -> None:
    page = "<html>\n" + "\x1b[31mno\x00\n" * 5000
    with opened(path) as ledger:
        ledger.plan(rows(1))
        ledger.sending(FIRST)
        ledger.settle(FIRST, S.FAILED, error_reason="server_unavailable", error_text=page)
        found = ledger.row(FIRST)
        assert found is not None
        assert found.error_text is not None
        assert len(found.error_text) == 500
        assert found.error_text.isprintable()
        ledger.retry([FIRST])
        ledger.sending(FIRST)
        ledger.settle(FIRST, S.IMPORTED)
        found = ledger.row(FIRST)
        assert found is not None
        assert (found.error_reason, found.error_text, found.attempts) == (None, None, 2)


def test_a_value_that_no_column_takes_is_a_bug_and_leaves_the_others_alone(path: Path) -> None:
    with opened(path) as ledger:
        with pytest.raises(Exception, match="instance_id"):
            ledger.plan([row(0), row(1, instance_id=None)])
        with pytest.raises(TypeError):
            ledger.plan([row(0, bytes=object())])
        assert sum(ledger.counts().values()) == 0
        ledger.plan(rows(1))
        assert ledger.audit().ok


def test_every_failure_of_the_database_has_a_reason_that_can_be_explained() -> None:
    explained = {reason.id for reason in LEDGER_REASONS}
    assert {reason for _, reason in ledger_schema._WHAT.values()} <= set(ledger_schema._STEPS) <= explained


# --- plans ---


def test_a_plan_that_is_taken_up_twice_changes_nothing(path: Path) -> None:
    with opened(path) as ledger:
        assert ledger.plan(rows(5)) == Planned(new=5)
        head = ledger.head()
        assert ledger.plan(rows(5)) == Planned(kept=5)
        assert ledger.head() == head


def test_a_plan_takes_up_what_failed_and_leaves_what_is_there(path: Path) -> None:
    with opened(path) as ledger:
        ledger.plan(rows(5))
        for number, state in enumerate((S.IMPORTED, S.FAILED, S.UNKNOWN, None)):
            ledger.sending(run_id(number))
            if state is not None:
                ledger.settle(run_id(number), state, error_reason="x")
        assert ledger.plan(rows(5)) == Planned(changed=1, kept=4)
        # What may be there stays in doubt until the server was asked.
        assert [found.state for found in ledger.rows()] == [S.IMPORTED, S.PLANNED, S.UNKNOWN, S.SENDING, S.PLANNED]
        assert [found.error_reason for found in ledger.rows()] == ["x", None, "x", None, None]


def test_another_export_of_a_run_on_the_server_is_told_and_not_taken_up(path: Path) -> None:
    with opened(path) as ledger:
        ledger.plan(rows(2))
        ledger.sending(FIRST)
        ledger.settle(FIRST, S.IMPORTED)
        moved = [replace(one, dedupe_key="moved", file_sha256="d" * 64) for one in rows(2)]
        assert ledger.plan(moved) == Planned(changed=1, kept=1, conflicting=(FIRST,))
        assert [found.dedupe_key for found in ledger.rows()] == [row(0).dedupe_key, "moved"]


def test_a_plan_says_why_a_bundle_is_not_sent(path: Path) -> None:
    link = {"parent_run_id": run_id(0), "child_run_id": run_id(1)}
    foreseen = [
        row(0, state=S.REFUSED, rules=("tasks.leased_task_present", "set.link_shared")),
        row(1, state=S.BLOCKED, removed_links=(link,), reason="partner first"),
        row(2, state=S.SKIPPED, repair={"restored": ["$.a"], "proof": "checksum"}),
    ]
    with opened(path) as ledger:
        ledger.plan(foreseen)
        first, second, third = ledger.rows()
        assert (first.state, first.rules) == (S.REFUSED, ("tasks.leased_task_present", "set.link_shared"))
        assert (second.state, second.removed_links, second.reason) == (S.BLOCKED, (link,), "partner first")
        assert (third.state, third.repair) == (S.SKIPPED, {"restored": ["$.a"], "proof": "checksum"})
        assert [found.run_id for found in ledger.rows(rule="set.link_shared")] == [run_id(0)]


@pytest.mark.parametrize("state", sorted(set(S) - PLANNABLE))
def test_a_plan_cannot_foresee_what_only_the_server_can_say(path: Path, state: S) -> None:
    with opened(path) as ledger:
        with pytest.raises(IllegalTransition):
            ledger.plan([row(0), row(1, state=state)])
        assert ledger.counts()[S.PLANNED] == 0
        assert ledger.audit().ok


# --- moved, and tried again ---


def test_a_run_that_moved_is_not_sent_and_one_that_is_there_is_in_both(path: Path) -> None:
    with opened(path) as ledger:
        ledger.plan(rows(3))
        ledger.sending(run_id(1))
        ledger.settle(run_id(1), S.IMPORTED)
        ledger.sending(run_id(2))
        assert ledger.note_moved(run_id(0), START) is S.MOVED
        assert ledger.note_moved(run_id(1), START) is S.IMPORTED
        assert ledger.note_moved(run_id(2), START) is S.SENDING
        assert [found.drift for found in ledger.rows()] == [
            "moved_since_export", "moved_since_import", "moved_since_export",
        ]  # fmt: skip
        assert ledger.status().facts.moved_since_import == 1
        with pytest.raises(IllegalTransition):
            ledger.sending(run_id(0))
        assert ledger.note_drift(run_id(1), START, "unmoved").result()
        assert ledger.status().facts.moved_since_import == 0


def test_the_last_answer_of_the_embedded_side_counts_and_moved_lasts_until_it_is_exported_again(path: Path) -> None:
    def said() -> tuple[LedgerState, str | None, str | None]:
        found = ledger.row(run_id(0))
        assert found is not None
        return found.state, found.drift, found.drift_at

    with opened(path) as ledger:
        ledger.plan(rows(2))
        assert ledger.note_drift(run_id(0), START, "unmoved").result()
        ledger.note_moved(run_id(0), START)
        assert not ledger.note_drift(run_id(0), START, "unmoved").result()
        assert said() == (S.MOVED, "moved_since_export", text_of(START))
        # A new export: what was said of the one before says nothing of it.
        ledger.plan([row(0, dedupe_key="another")])
        assert said() == (S.PLANNED, None, None)
        assert ledger.note_drift(run_id(0), START, "unmoved").result()
        assert ledger.audit().ok


def test_an_answer_is_not_noted_over_what_was_written_since_it_was_asked_for(path: Path) -> None:
    with opened(path) as ledger:
        ledger.plan(rows(2))
        asked = ledger.head().seq
        ledger.note_moved(run_id(0), START)
        for word in ("unmoved", "gone"):
            assert not ledger.note_drift(run_id(0), START, word, since=asked).result()
        assert ledger.note_drift(run_id(1), START, "unmoved", since=asked).result()
        assert [found.drift for found in ledger.rows()] == ["moved_since_export", "unmoved"]


def test_a_retry_is_recorded_and_takes_what_was_chosen(path: Path) -> None:
    with opened(path) as ledger:
        ledger.plan(rows(4))
        for number, reason in enumerate(("database_busy", "rewritten_in_transit", "database_busy")):
            ledger.sending(run_id(number))
            ledger.settle(run_id(number), S.FAILED, error_reason=reason)
        assert ledger.retry(state=[S.FAILED], rule="database_busy", reason="quiet now") == (run_id(0), run_id(2))
        assert ledger.counts()[S.FAILED] == 1
        assert [event.kind for event in ledger.events(run_id(0))] == ["planned", "sending", "settled", "retried"]
        assert ledger.row(run_id(0)).reason == "quiet now"  # type: ignore[union-attr]
        assert ledger.retry(state=[S.FAILED, S.IMPORTED]) == (run_id(1),)
        with pytest.raises(IllegalTransition):
            ledger.retry([run_id(3)])


# --- time, text, threads ---


def test_a_clock_that_jumps_back_changes_no_order(path: Path) -> None:
    moments = iter([START + timedelta(hours=hour) for hour in (5, 5, 5, 9, 3, -40)])
    with opened(path, clock=lambda: next(moments, START)) as ledger:
        ledger.plan(rows(1))
        ledger.sending(FIRST)
        ledger.settle(FIRST, S.FAILED)
        events = list(ledger.events(FIRST))
        assert [event.kind for event in events] == ["planned", "sending", "settled"]
        assert [event.seq for event in events] == [3, 4, 5]
        assert events[0].at > events[2].at
        assert ledger.row(FIRST).state is S.FAILED  # type: ignore[union-attr]
        assert ledger.status().rate is None
        assert ledger.audit().ok


def test_names_that_are_no_utf8_come_back_as_they_were(path: Path) -> None:
    strange = row(0, file="exports/\udcff\udc80.json", instance_id='o"rder\u2028\U0001f4a3', run_id="r\udcff")
    with opened(path) as ledger:
        ledger.plan([strange, row(1)])
        ledger.sending("r\udcff")
        found = ledger.row("r\udcff")
        assert found is not None
        assert (found.file, found.instance_id) == (strange.file, strange.instance_id)
        assert [one.run_id for one in ledger.rows(instance_id=strange.instance_id)] == ["r\udcff"]
        assert len(list(ledger.events("r\udcff"))) == 2
        assert ledger.audit().ok


def test_many_threads_share_commits_and_lose_nothing(path: Path) -> None:
    problems: list[BaseException] = []

    def job(numbers: range) -> None:
        try:
            for number in numbers:
                ledger.sending(run_id(number))
                ledger.settle(run_id(number), S.IMPORTED, wait=number % 2 == 0)
                ledger.note_compared(run_id(number), START, wait=False)
        except BaseException as problem:
            problems.append(problem)

    with opened(path, clock=lambda: datetime.now(UTC)) as ledger:
        ledger.plan(rows(160))
        threads = [threading.Thread(target=job, args=(range(k * 20, k * 20 + 20),)) for k in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ledger.flush()
        assert problems == []
        assert ledger.counts()[S.IMPORTED] == ledger.status().facts.compared == 160
        assert ledger.audit().ok


def imported(ledger: Ledger, count: int = 1) -> None:
    """The first runs of a ledger are on the server."""
    ledger.plan(rows(count))
    for number in range(count):
        ledger.sending(run_id(number))
        ledger.settle(run_id(number), S.IMPORTED)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A comparison that nobody waits for goes along with another change, however long that takes to come."""
    monkeypatch.setattr(ledger_writer, "_LONGEST_RIDE", None)


@pytest.mark.usefixtures("patient")
def test_a_comparison_that_nobody_waits_for_goes_along_with_the_next_change(path: Path) -> None:
    with opened(path) as ledger:
        imported(ledger, 2)
        noted = ledger.note_compared(FIRST, START, wait=False)
        assert not noted.done()
        ledger.note_archived(run_id(1), START)
        assert noted.done()
        kinds = [event.kind for event in ledger.events()][-2:]
        assert kinds == ["compared", "archived"]


@pytest.mark.usefixtures("patient")
def test_an_outcome_goes_along_only_where_that_is_asked_for(path: Path) -> None:
    with opened(path) as ledger:
        ledger.plan(rows(3))
        for number in range(3):
            ledger.sending(run_id(number))
        settled = ledger.settle(FIRST, S.IMPORTED, wait=False, along=True)
        assert not settled.done()
        assert ledger.settle(run_id(1), S.FAILED, wait=False).exception() is None
        assert settled.done()
        assert ledger.settle(run_id(2), S.IMPORTED, along=True).done(), "who waits goes at once"


def test_a_comparison_that_finds_nobody_to_go_along_with_is_on_the_disk_all_the_same(path: Path) -> None:
    with opened(path) as ledger:
        imported(ledger)
        assert ledger.note_compared(FIRST, START, wait=False).exception() is None
        with Ledger.view(path) as view:
            assert view.status().facts.compared == 1


@pytest.mark.usefixtures("patient")
def test_very_many_comparisons_wait_for_nobody(path: Path) -> None:
    with opened(path) as ledger:
        imported(ledger, 300)
        noted = [ledger.note_compared(run_id(number), START, wait=False) for number in range(300)]
        assert noted[0].exception() is None
    with Ledger.view(path) as view:
        assert view.status().facts.compared == 300
        assert view.audit().ok


@pytest.mark.usefixtures("patient")
def test_closing_takes_the_comparisons_along(path: Path) -> None:
    with opened(path) as ledger:
        imported(ledger)
        ledger.note_compared(FIRST, START, wait=False)
    with Ledger.view(path) as view:
        assert view.status().facts.compared == 1


def test_a_change_of_another_thread_that_is_wrong_does_not_take_mine_with_it(path: Path) -> None:
    ledger = opened(path)
    ledger.plan(rows(2))
    ledger.sending(FIRST)
    mine = ledger.settle(FIRST, S.REFUSED, wait=False)
    wrong = ledger.note_compared(run_id(1), START, wait=False)
    assert mine.result() is None
    assert isinstance(wrong.exception(), IllegalTransition)
    assert ledger.row(FIRST).state is S.REFUSED  # type: ignore[union-attr]
    with pytest.raises(IllegalTransition), ledger:
        pass


def test_what_nobody_waited_for_is_raised_by_the_next_call(path: Path) -> None:
    with opened(path) as ledger:
        ledger.plan(rows(2))
        ledger.settle(FIRST, S.IMPORTED, wait=False)
        with pytest.raises(IllegalTransition):
            ledger.flush()
        with pytest.raises(IllegalTransition):
            ledger.sending(run_id(1))
    with Ledger.view(path) as view:
        assert view.counts()[S.PLANNED] == 2


def test_a_change_that_fails_half_way_is_taken_back_and_the_others_of_its_commit_stay(path: Path) -> None:
    with opened(path) as ledger:
        ledger.plan(rows(3))
        ledger.sending(FIRST)
        ledger.settle(FIRST, S.FAILED)
        with pytest.raises(IllegalTransition):
            ledger.retry([FIRST, run_id(1)])
        assert ledger.row(FIRST).state is S.FAILED  # type: ignore[union-attr]
        assert ledger.audit().ok


def test_after_closing_nothing_is_taken(path: Path) -> None:
    ledger = opened(path)
    ledger.close()
    ledger.close()
    with pytest.raises(LocalStateError):
        ledger.plan(rows(1))


# --- reading ---


def test_rows_come_in_the_order_of_the_plan_page_by_page(path: Path) -> None:
    order = [7, 3, 9, 1, *range(100, 1400)]
    with opened(path) as ledger:
        ledger.plan([row(number) for number in order])
        ledger.sending(run_id(9))
        assert [found.run_id for found in ledger.rows()] == [run_id(number) for number in order]
        assert [found.run_id for found in ledger.rows(state=S.SENDING)] == [run_id(9)]
        assert len(list(ledger.rows(state=[S.SENDING, S.PLANNED]))) == len(order)
        assert ledger.row("nobody") is None


def test_a_view_sees_what_the_writer_has_committed_and_who_it_is(path: Path) -> None:
    with opened(path) as ledger, Ledger.view(path) as view:
        ledger.plan(rows(2))
        assert view.counts()[S.PLANNED] == 2
        writer = view.writer()
        assert writer is not None
        assert writer.command == "history-import"
        assert writer.since == "2026-11-23T10:00:00.000000Z"
        assert view.head() == ledger.head()
        ledger.close()
        assert view.writer() is None


def test_watching_ends_when_the_writer_ends(path: Path) -> None:
    ledger = opened(path)
    ledger.plan(rows(3))
    steps: list[Callable[[], object]] = [
        lambda: ledger.sending(FIRST),
        lambda: ledger.settle(FIRST, S.FAILED),
        ledger.close,
    ]

    def sleep(_: float) -> None:
        steps.pop(0)()

    with Ledger.view(path) as view:
        seen = list(watch(view, sleep, 1.0))
    assert [status.counts[S.SENDING] for status in seen] == [0, 1, 0, 0]
    assert [status.writer is None for status in seen] == [False, False, False, True]


def test_the_rate_is_that_of_the_settled_bundles(path: Path) -> None:
    with opened(path, clock=ticking(step=0.5)) as ledger:
        ledger.plan(rows(10))
        for number in range(10):
            ledger.sending(run_id(number))
            ledger.settle(run_id(number), S.IMPORTED)
        assert ledger.status().rate == pytest.approx(1.0)
