"""Which zone the application's clock has, by its own rows: a clock is proven, found, doubted or unknown."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dwctl.embedded.database import EmbeddedDatabase
from dwctl.embedded.gaps import GapKind
from dwctl.errors import RequestNotPossible
from dwctl.secret import Secret
from rows_of_bundles import change

WINTER = datetime(2026, 1, 10, 12, tzinfo=UTC)
SUMMER = datetime(2026, 7, 10, 12, tzinfo=UTC)


def database(folder: Path, *rows: tuple[datetime, timedelta], payload: str | None = None) -> EmbeddedDatabase:
    """Runs that were started at these moments, by a clock so far ahead of UTC."""
    path = folder / "app.sqlite"
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE workflow_runs (id varchar primary key, created_at datetime)")
        made.execute("CREATE TABLE workflow_history_events (workflow_run_id varchar, sequence integer, payload text)")
        for place, (moment, ahead) in enumerate(rows):
            wall = (moment + ahead).strftime("%Y-%m-%d %H:%M:%S.%f")
            made.execute("INSERT INTO workflow_runs VALUES (?, ?)", [f"run-{place:03}", wall])
            started = json.dumps({"command": {"accepted_at": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}})
            made.execute(
                "INSERT INTO workflow_history_events VALUES (?, 1, ?)",
                [f"run-{place:03}", started if payload is None else payload],
            )
        made.commit()
    return EmbeddedDatabase.open(Secret(f"sqlite:///{path}"))


def clock(opened: EmbeddedDatabase) -> tuple[str, str | None, list[str]]:
    """What the clock makes of noon, its sentence, and the doubts."""
    with opened.snapshot() as snapshot:
        doubts = [gap.sentence for gap in snapshot.gaps if gap.kind is GapKind.CLOCK]
        return snapshot.clock.sentence, snapshot.instant("2026-01-10 12:00:00.000000"), doubts


def test_no_difference_is_proof_of_utc(tmp_path: Path) -> None:
    sentence, noon, doubts = clock(database(tmp_path, (WINTER, timedelta(seconds=3)), (SUMMER, timedelta())))
    assert "prove" in sentence
    assert noon == "2026-01-10T12:00:00.000000Z"
    assert doubts == []


def test_one_offset_is_the_clock_and_a_doubt(tmp_path: Path) -> None:
    sentence, noon, doubts = clock(database(tmp_path, (WINTER, timedelta(hours=5, minutes=45))))
    assert "+05:45" in sentence
    assert noon == "2026-01-10T06:15:00.000000Z"
    assert len(doubts) == 1


def test_behind_utc(tmp_path: Path) -> None:
    sentence, noon, _ = clock(database(tmp_path, (WINTER, timedelta(hours=-3))))
    assert "-03:00" in sentence
    assert noon == "2026-01-10T15:00:00.000000Z"


def test_two_offsets_must_be_named(tmp_path: Path) -> None:
    made = database(tmp_path, (WINTER, timedelta(hours=1)), (SUMMER, timedelta(hours=2)))
    with pytest.raises(RequestNotPossible) as raised, made.snapshot():
        pass
    assert raised.value.reason == "time_zone_unknown"
    assert "+01:00" in raised.value.message
    assert "+02:00" in raised.value.message


def test_a_stray_row_proves_nothing(tmp_path: Path) -> None:
    rows = [(WINTER + timedelta(minutes=place), timedelta()) for place in range(39)]
    sentence, _, doubts = clock(database(tmp_path, *rows, (WINTER, timedelta(hours=2))))
    assert "prove" in sentence
    assert doubts == []


@pytest.mark.parametrize("ahead", [timedelta(minutes=7), timedelta(hours=15), timedelta(days=3)])
def test_what_is_no_zone_is_no_evidence(tmp_path: Path, ahead: timedelta) -> None:
    sentence, noon, doubts = clock(database(tmp_path, (WINTER, ahead)))
    assert "taken as UTC" in sentence
    assert noon == "2026-01-10T12:00:00.000000Z"
    assert doubts == [f"{sentence}: no row of its own tells"]


@pytest.mark.parametrize("payload", ["", "no json", "[]", '{"command": 1}', '{"command": {"accepted_at": "today"}}'])
def test_payloads_without_a_moment_are_passed_over(tmp_path: Path, payload: str) -> None:
    sentence, _, doubts = clock(database(tmp_path, (WINTER, timedelta(hours=2)), payload=payload))
    assert "taken as UTC" in sentence
    assert len(doubts) == 1


def test_without_runs_there_is_nothing_to_misread(tmp_path: Path) -> None:
    sentence, _, doubts = clock(database(tmp_path))
    assert "taken as UTC" in sentence
    assert doubts == []


@pytest.mark.parametrize(
    "lost",
    [
        "DROP TABLE workflow_history_events",
        "DELETE FROM workflow_history_events",
        "UPDATE workflow_history_events SET payload = replace(payload, '2026-01-10', '2026-02-30')",
        "UPDATE workflow_runs SET created_at = '2026-02-30 12:00:00.000000'",
        "UPDATE workflow_runs SET created_at = NULL",
        "ALTER TABLE workflow_runs RENAME COLUMN created_at TO begun_at",
    ],
)
def test_a_clock_that_no_row_tells_is_a_doubt_until_it_is_named(tmp_path: Path, lost: str) -> None:
    made = database(tmp_path, (WINTER, timedelta(hours=-5)))
    change(tmp_path / "app.sqlite", lost)
    _, noon, doubts = clock(made)
    assert noon == "2026-01-10T12:00:00.000000Z"
    assert doubts == ["the application's times are taken as UTC, Laravel's default: no row of its own tells"]
    named = EmbeddedDatabase.open(Secret(str(made.location)), zone="America/New_York")
    assert clock(named) == (
        "the application's clock is taken to show America/New_York, as it was named: no row of its own tells",
        "2026-01-10T17:00:00.000000Z", [],
    )  # fmt: skip


def test_a_zone_that_was_named_is_held_against_the_rows(tmp_path: Path) -> None:
    made = database(tmp_path, (WINTER, timedelta(hours=1)), (SUMMER, timedelta(hours=2)))
    path = str(made.location)
    right = EmbeddedDatabase.open(Secret(path), zone="Europe/Berlin")
    assert clock(right) == ("the application's clock is taken to show Europe/Berlin", "2026-01-10T11:00:00.000000Z", [])
    _, _, doubts = clock(EmbeddedDatabase.open(Secret(path), zone="UTC"))
    assert len(doubts) == 1


def test_a_zone_that_does_not_exist(tmp_path: Path) -> None:
    path = str(database(tmp_path).location)
    for name in ("Europe/Bielefeld", "../etc/passwd"):
        with pytest.raises(RequestNotPossible) as raised, EmbeddedDatabase.open(Secret(path), zone=name).snapshot():
            pass
        assert raised.value.reason == "wrong_setting"
