"""Which zone the application's clock has, found out from its own rows.

Laravel writes times as its clock shows them (`app.timezone`), without a zone. But the first event of a run's
history holds the moment of its start with a `Z` in its payload. Where the run's row says another hour for the
same moment, the difference is the clock's offset; no difference is proof of UTC.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from dwctl.embedded.database_reasons import failure
from dwctl.embedded.gaps import Gap, GapKind
from dwctl.embedded.instants import instant
from dwctl.embedded.wall_clock import UTC_CLOCK, WallClock
from dwctl.errors import RequestNotPossible

if TYPE_CHECKING:
    from dwctl.embedded.snapshot import Snapshot

_SAMPLE: Final = 50
"""Runs looked at, of the oldest and of the newest."""

_STEP: Final = timedelta(minutes=15)
_TOLERANCE: Final = timedelta(minutes=2)
_STRAY: Final = 0.05
"""The share of rows that may say something else: rows that were restored or changed by hand."""

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")

Evidence = list[tuple[datetime, timedelta]]
"""Moments (UTC), and how far the application's clock was ahead of UTC then."""


def clock_of(snapshot: Snapshot, zone: str | None) -> tuple[WallClock, Gap | None]:
    """The application's clock, and what is doubtful about it: a zone that is named is believed where no row tells.

    Raises RequestNotPossible for a zone that does not exist, and where the rows show a clock that changes (summer
    time) and nobody named its zone.
    """
    evidence = list(_evidence(snapshot))
    if zone is not None:
        return _named(zone, evidence)
    common = _common(evidence)
    if not common:
        return UTC_CLOCK, _not_known(snapshot)
    if common == [timedelta()]:
        return WallClock(UTC, "the application's clock shows UTC: its own rows prove it"), None
    if len(common) > 1:
        said = " and ".join(_shown(offset) for offset in sorted(common))
        raise failure(
            "time_zone_unknown",
            f"the application's clock was {said} ahead of UTC at different times, and its zone is not known",
            where=snapshot.location,
        )
    sentence = f"the application's clock is not UTC: its own rows are {_shown(common[0])} off, and are read so"
    step = "Name the zone of its config/app.php with --database-timezone; with summer time an hour may be missing."
    return WallClock(timezone(common[0]), sentence), Gap(GapKind.CLOCK, None, None, sentence, step)


def _not_known(snapshot: Snapshot) -> Gap | None:
    """The doubt where no row tells of the clock; None where there is no row that could be misread."""
    from sqlalchemy import literal_column, select

    if not snapshot.has("workflow_runs"):
        return None
    if not snapshot.all(select(literal_column("1")).select_from(snapshot.table("workflow_runs")).limit(1)):
        return None
    step = "Name the zone of its config/app.php with --database-timezone; UTC too, where it is."
    return Gap(GapKind.CLOCK, None, None, f"{UTC_CLOCK.sentence}: no row of its own tells", step)


def _named(name: str, evidence: Evidence) -> tuple[WallClock, Gap | None]:
    zone = _zone(name)
    proof = "" if evidence else ", as it was named: no row of its own tells"
    clock = WallClock(zone, f"the application's clock is taken to show {name}{proof}")
    wrong = [offset for moment, offset in evidence if moment.astimezone(zone).utcoffset() != offset]
    if len(wrong) <= len(evidence) * _STRAY:
        return clock, None
    offset = Counter(wrong).most_common(1)[0][0]
    sentence = f"the application's clock is said to show {name}, but its own rows are {_shown(offset)} off UTC"
    return clock, Gap(GapKind.CLOCK, None, None, sentence, "Compare --database-timezone with its config/app.php.")


def _zone(name: str) -> tzinfo:
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise RequestNotPossible(
            f"there is no time zone {name!r} on this machine", reason="wrong_setting",
            where="--database-timezone, database_timezone of cutover.toml, or APP_TIMEZONE of --laravel-env",
            next_step="Write it as config/app.php does, such as Europe/Berlin. Without the system's own tables of "
            "zones: pip install tzdata",
        ) from None  # fmt: skip


def _common(evidence: Evidence) -> list[timedelta]:
    """The offsets that more than a stray row shows; none where the rows agree on nothing."""
    counted = Counter(offset for _, offset in evidence)
    return [offset for offset, count in counted.items() if count > len(evidence) * _STRAY]


def _evidence(snapshot: Snapshot) -> Iterator[tuple[datetime, timedelta]]:
    if not (
        snapshot.has("workflow_runs", "id", "created_at")
        and snapshot.has("workflow_history_events", "workflow_run_id", "sequence", "payload")
    ):
        return
    from sqlalchemy import select

    runs, events = snapshot.table("workflow_runs"), snapshot.table("workflow_history_events")
    wanted = select(runs.c.id, runs.c.created_at)
    created: dict[str, Any] = {}
    for order in (runs.c.id, runs.c.id.desc()):
        created.update((row[0], row[1]) for row in snapshot.all(wanted.order_by(order).limit(_SAMPLE)))
    first = select(events.c.workflow_run_id, events.c.payload).where(
        events.c.sequence == 1, events.c.workflow_run_id.in_(sorted(created))
    )
    for run_id, payload in snapshot.all(first):
        started, wall = _started(payload), _wall(created[run_id])
        if started is None or wall is None:
            continue
        ahead = wall - started
        offset = round(ahead / _STEP) * _STEP
        if abs(ahead - offset) <= _TOLERANCE and abs(offset) <= timedelta(hours=14):
            yield started, offset


def _started(payload: object) -> datetime | None:
    """When the start was accepted, by the event's payload."""
    try:
        command = json.loads(str(payload)).get("command")
    except (ValueError, AttributeError, RecursionError):
        return None
    said = command.get("accepted_at") if isinstance(command, dict) else None
    return instant(said) if isinstance(said, str) and _MOMENT.fullmatch(said) else None


def _wall(value: object) -> datetime | None:
    """A time column's value, as if it were UTC."""
    return None if value is None else instant(UTC_CLOCK.instant(value))


def _shown(offset: timedelta) -> str:
    minutes = int(abs(offset).total_seconds() // 60)
    return f"{'-' if offset < timedelta() else '+'}{minutes // 60:02d}:{minutes % 60:02d}"
