"""Which questions about a run the rows of a database answer: what nobody can see is unknown, and never good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from dwctl.embedded.inventory_rows import NEEDED
from dwctl.embedded.inventory_runs import ALL_KNOWN, Known, RunWork
from dwctl.embedded.positions import KEY_COLUMNS
from dwctl.errors import RequestNotPossible

if TYPE_CHECKING:
    from dwctl.embedded.filters import RunFilter
    from dwctl.embedded.gaps import Gap
    from dwctl.embedded.snapshot import Snapshot

_Columns = Mapping[str, tuple[str, ...]]

_HELD: Final[_Columns] = {name: NEEDED[name] for name in ("workflow_tasks", "activity_attempts")}
_WITH_CODEC: Final = ("workflow_commands", "workflow_updates", "workflow_signal_records", "activity_executions")
_VERDICT: Final[_Columns] = {
    "workflow_runs": ("run_number", "payload_codec", "output_payload_codec"),
    **_HELD,
    "workflow_run_timers": NEEDED["workflow_run_timers"],
    **{name: (*NEEDED[name], "payload_codec") for name in _WITH_CODEC},
}
"""What the rules look at that refuse an export whatever else is imported (`eligibility_foreseen`)."""

_EVENTS: Final = "workflow_history_events"


def known_of(snapshot: Snapshot, *, deep: bool) -> Known:
    """What can be known of the runs of this database; `deep` as for `inventory`."""
    known = Known(
        verdict=_verdict_gap(snapshot, deep=deep) is None,
        held=_first_gap(snapshot, _HELD) is None,
        links=_sees(snapshot, "workflow_links"),
        fractions=_sees(snapshot, "workflow_search_attributes"),
        place=snapshot.has("workflow_runs", *KEY_COLUMNS),
    )
    return ALL_KNOWN if known == ALL_KNOWN else known


def no_work(snapshot: Snapshot) -> RunWork:
    """The work of a run on which nothing is seen to hang: none, and not known where its table cannot be read."""
    counts = {
        "ready_tasks": "workflow_tasks", "pending_timers": "workflow_run_timers",
        "open_signals": "workflow_signal_records", "open_updates": "workflow_updates",
        "children": "workflow_links", "open_children": "workflow_links", "whole_floats": "workflow_search_attributes",
    }  # fmt: skip
    unseen: dict[str, Any] = {name: None for name, table in counts.items() if not _sees(snapshot, table)}
    return RunWork()._replace(**unseen)


def require_answers(snapshot: Snapshot, wanted: RunFilter, *, deep: bool) -> None:
    """Raise RequestNotPossible where the filter asks what these rows cannot answer: the list would not be true."""
    asked = (
        ("whether a run may be exported", wanted.eligible, _verdict_gap(snapshot, deep=deep)),
        ("whether a worker holds a run", wanted.quiesce, _first_gap(snapshot, _HELD)),
    )
    for question, answer, gap in asked:
        if answer is not None and gap is not None:
            step = f" {gap.next_step}" if gap.next_step else ""
            raise RequestNotPossible(
                f"this database cannot answer the filter: {question} is not known, since {gap.sentence}",
                next_step=f"Leave the filter out, and see what is not known.{step}",
                reason="database_column_missing",
            )


def _verdict_gap(snapshot: Snapshot, *, deep: bool) -> Gap | None:
    return _first_gap(snapshot, {**_VERDICT, _EVENTS: NEEDED[_EVENTS]} if deep else _VERDICT)


def _first_gap(snapshot: Snapshot, needed: _Columns) -> Gap | None:
    gaps = (snapshot.gap(table, *columns) for table, columns in needed.items())
    return next((gap for gap in gaps if gap is not None), None)


def _sees(snapshot: Snapshot, table: str) -> bool:
    return snapshot.has(table, *NEEDED[table])
