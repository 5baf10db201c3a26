"""The answers of the embedded application: each asked once, when it is wanted, by the moment that it is about."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from application_worlds import cutover
from dwctl.checklist.facts.embedded import Application, EmbeddedAnswers, ServerFacts
from dwctl.embedded.check_artisan import Said
from dwctl.embedded.check_results import Answer, Strategy
from dwctl.embedded.check_rows import CHECK_ROWS
from dwctl.embedded.database import EmbeddedDatabase
from dwctl.errors import DwctlError, ServerUnreachable
from dwctl.secret import Secret
from dwctl.server.results import RunRow
from dwctl.server.walk import Walk
from ledgers import opened
from rows_of_bundles import change, empty_database, insert, prove_utc
from unasked_worlds import nobody

EARLY, LATE = "2026-11-20T00:00:00.000000Z", "2026-11-22T00:00:00.000000Z"
BETWEEN = "2026-11-21 00:00:00.000000"
BOTH, QUEUES = "embedded.started_in_both_runtimes", "embedded.queues_on_both_sides"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """One sound run that was started between the two moments."""
    path = empty_database(tmp_path)
    insert(path, "workflow_instances", id="order-1", current_run_id="run-1", run_count=1, created_at=BETWEEN)
    insert(path, "workflow_runs", id="run-1", workflow_instance_id="order-1", run_number=1, workflow_type="orders.a",
           status="waiting", payload_codec="avro", queue="orders", started_at=BETWEEN, created_at=BETWEEN)  # fmt: skip
    prove_utc(path)
    return path


def database(path: Path) -> EmbeddedDatabase:
    return EmbeddedDatabase.open(Secret(f"sqlite:///{path}"))


def server(*runs: RunRow) -> ServerFacts:
    return ServerFacts(lambda: (), lambda: Walk(runs, True, 1))


class Artisan:
    """An artisan that answers, and notes what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.asked: list[tuple[str, ...]] = []
        self._answers = answers

    def __call__(self, words: tuple[str, ...]) -> Said:
        self.asked.append(words)
        return Said(0, json.dumps(self._answers[words[0].split(":")[-1].replace("-", "_")]).encode())


def artisan(**changes: Any) -> Artisan:
    return Artisan(**{"list": [], "upgrade_status": {"ready": True}, "doctor": {"healthy": True}, **changes})


def test_every_row_of_the_embedded_check_has_an_answer(path: Path) -> None:
    answers = EmbeddedAnswers(Application(database(path), artisan(), server()), cutover())
    assert set(answers) == {row.id for row in CHECK_ROWS}
    assert len(answers) == len(CHECK_ROWS)
    assert {name: found.row.id for name, found in answers.items()} == {name: name for name in answers}


def test_types_and_codecs_are_asked_by_one_moment_and_starters_by_the_other(path: Path) -> None:
    change(path, "UPDATE workflow_runs SET payload_codec = 'y', workflow_type = 'A\\B', status = 'completed'")

    def answered(name: str, **moments: str) -> Answer:
        return EmbeddedAnswers(Application(database(path), None, server()), cutover(**moments))[name].answer

    for name, older in (("embedded.codec_of_new_runs", Answer.UNKNOWN), ("embedded.types_of_runs", Answer.WARN)):
        assert answered(name, avro_since=EARLY, starters_paused_since=LATE) is Answer.FAIL
        assert answered(name, avro_since=LATE, starters_paused_since=EARLY) is older
    assert answered("embedded.starters_paused", avro_since=EARLY, starters_paused_since=LATE) is Answer.PASS
    assert answered("embedded.starters_paused", avro_since=LATE, starters_paused_since=EARLY) is Answer.FAIL
    assert answered("embedded.starters_paused", avro_since=EARLY) is Answer.UNKNOWN
    assert answered(BOTH, avro_since=EARLY) is Answer.UNKNOWN


def test_what_needs_no_server_asks_none(path: Path) -> None:
    answers = EmbeddedAnswers(Application(database(path), None, ServerFacts(nobody, nobody)), cutover())
    assert answers["embedded.v1_drained"].answer is Answer.PASS
    assert answers["embedded.upgrade_status"].answer is Answer.SKIPPED


def test_without_a_server_what_is_in_both_is_unknown_with_the_reason(path: Path) -> None:
    application = Application(database(path), no_server="the server is left out")
    answers = EmbeddedAnswers(application, cutover(starters_paused_since=LATE))
    assert (answers[BOTH].answer, answers[BOTH].said) == (Answer.UNKNOWN, "the server is left out")
    assert answers[QUEUES].answer is Answer.UNKNOWN


def test_a_server_that_does_not_answer_leaves_the_others_as_they_are(path: Path) -> None:
    def down() -> Any:
        raise ServerUnreachable("nobody listens", next_step="Start the server.")

    described = cutover(starters_paused_since=LATE)
    answers = EmbeddedAnswers(Application(database(path), None, ServerFacts(down, down)), described)
    assert (answers[BOTH].answer, answers[BOTH].said) == (Answer.UNKNOWN, "nobody listens")
    assert answers[BOTH].next_step == "Start the server."
    assert answers["embedded.starters_paused"].answer is Answer.PASS


def test_each_source_is_asked_once(path: Path) -> None:
    one, walks = artisan(), []

    def walk() -> Walk:
        walks.append(1)
        return Walk((), True, 1)

    application = Application(database(path), one, ServerFacts(tuple, walk))
    answers = EmbeddedAnswers(application, cutover(v1=Strategy.COEXIST, starters_paused_since=LATE))
    assert not one.asked
    for _ in range(2):
        assert answers["embedded.upgrade_status"].answer is Answer.PASS
        assert answers["embedded.doctor"].answer is Answer.PASS
        assert answers["embedded.v1_drained"].answer is Answer.PASS
        assert answers[BOTH].answer is Answer.PASS
    assert one.asked == [
        ("workflow:v2:upgrade-status", "--strategy=coexist", "--json"),
        ("workflow:v2:doctor", "--json"),
    ]
    assert walks == [1]


def test_a_database_that_cannot_be_read_raises_and_artisan_says_what_it_can(tmp_path: Path) -> None:
    lost = database(tmp_path / "gone.sqlite")
    alone = EmbeddedAnswers(Application(lost), cutover())
    for name in ("embedded.v1_drained", BOTH):
        with pytest.raises(DwctlError):
            alone[name]
    assert alone["embedded.doctor"].answer is Answer.SKIPPED
    answers = EmbeddedAnswers(Application(lost, artisan(list=[{"id": 7}])), cutover())
    assert (answers["embedded.v1_drained"].answer, answers["embedded.v1_drained"].ids) == (Answer.FAIL, ("7",))
    types = answers["embedded.types_of_runs"]
    assert types.answer is Answer.UNKNOWN
    assert "gone.sqlite" in types.said or types.next_step
    assert "--database-url" not in str(types.next_step)


def test_artisan_alone_answers_v1_and_leaves_the_rest_unknown() -> None:
    answers = EmbeddedAnswers(Application(artisan=artisan()), cutover())
    assert {name: found.answer for name, found in answers.items() if found.answer is not Answer.UNKNOWN} == {
        "embedded.v1_drained": Answer.PASS, "embedded.upgrade_status": Answer.PASS, "embedded.doctor": Answer.PASS,
    }  # fmt: skip


def test_the_ledger_says_what_is_in_both_by_design(path: Path, tmp_path: Path) -> None:
    there = RunRow(
        "order-1", "other", "orders.a", None, "running", "open", "orders", False, "2026-11-22T12:00:00Z", None
    )
    ledger = tmp_path / "ledger.db"
    described = cutover(starters_paused_since=LATE, ledger=ledger)
    application = Application(database(path), None, server(there))
    assert EmbeddedAnswers(application, described)[BOTH].ids == ("instance order-1",)
    opened(ledger).close()
    told = EmbeddedAnswers(application, described)[BOTH]
    assert (told.answer, told.evidence[1].found) == (Answer.FAIL, "0, by the ledger")


def test_a_ledger_that_cannot_be_read_leaves_it_unknown_what_was_imported(path: Path, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    sqlite3.connect(ledger).close()
    ledger.write_bytes(b"no ledger" * 1000)
    described = cutover(starters_paused_since=LATE, ledger=ledger)
    answers = EmbeddedAnswers(Application(database(path), None, server()), described)
    assert answers[BOTH].answer is Answer.UNKNOWN
    assert answers[BOTH].said.startswith("the ledger cannot be looked at: ")
    assert answers[QUEUES].answer is Answer.FAIL
