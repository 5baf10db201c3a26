"""What the inventory says of a run, and of a workflow of v1: plain records, without SQL."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from dwctl.bundle import vocabulary
from dwctl.bundle.findings import Severity
from dwctl.embedded.positions import PartOfPosition, Position


class When(StrEnum):
    """In which case a foreseen rule refuses: in any, by the way of exporting, or by what else is imported."""

    ALWAYS = "always"
    COMMAND_EXPORT = "command_export"
    WITH_OTHERS = "with_others"


class Foreseen(NamedTuple):
    """A rule that the verdict on the run's export will name, seen in its rows. `detail` says where; never a payload."""

    rule: str
    severity: Severity
    when: When = When.ALWAYS
    detail: str | None = None


class Held(NamedTuple):
    """A leased task, or a running attempt of an activity; `expires_at` is UTC, None where the row has none."""

    kind: str
    id: str
    owner: str | None
    expires_at: str | None


RUNNING_ATTEMPT = "running attempt"
"""The kind of a `Held` that is no task."""


class RunColumns(NamedTuple):
    """A run as its row, its instance and its projection have it. Times are UTC, sizes bytes; None is not known.

    The order is that of the select of `inventory_rows`.
    """

    run_id: str
    instance_id: str
    run_number: int | None
    workflow_type: str
    workflow_class: str | None
    namespace: str | None
    business_key: str | None
    status: str
    closed_reason: str | None
    compatibility: str | None
    payload_codec: str | None
    output_payload_codec: str | None
    connection: str | None
    queue: str | None
    last_history_sequence: int | None
    started_at: str | None
    closed_at: str | None
    archived_at: str | None
    last_progress_at: str | None
    created_at: str | None
    updated_at: str | None
    import_source: str | None
    import_id: str | None
    current_run_id: str | None
    run_count: int | None
    history_events: int | None
    history_bytes: int | None


TIME_COLUMNS = ("started_at", "closed_at", "archived_at", "last_progress_at", "created_at", "updated_at")
"""The columns of `RunColumns` that are times."""


class RunWork(NamedTuple):
    """What hangs on a run: open work and relatives, counted from their own tables; None where one cannot be read.

    `held` is what can be seen: whether that is all of it, `InventoryRun.must_be_quiesced` tells.
    """

    held: tuple[Held, ...] = ()
    ready_tasks: int | None = 0
    pending_timers: int | None = 0
    next_fire_at: str | None = None
    open_signals: int | None = 0
    open_updates: int | None = 0
    children: int | None = 0
    open_children: int | None = 0
    parent_run_id: str | None = None
    previous_run_id: str | None = None
    next_run_id: str | None = None
    whole_floats: tuple[str, ...] | None = ()


class Known(NamedTuple):
    """Which questions about a run the database has rows for: of the others, what is not seen is not known.

    `verdict` is whether a rule refuses its export, `held` whether a worker has it, `links` whether it hangs together
    with another run, `fractions` what the export command loses, `place` how far it has come.
    """

    verdict: bool = True
    held: bool = True
    links: bool = True
    fractions: bool = True
    place: bool = True


ALL_KNOWN = Known()


class InventoryRun(NamedTuple):
    """A v2 run with what decides its fate. `age_seconds` counts from its start to the snapshot.

    `is_current` is None where the number of its run cannot be read.
    """

    row: RunColumns
    is_current: bool | None
    work: RunWork
    foreseen: tuple[Foreseen, ...]
    age_seconds: int | None
    known: Known = ALL_KNOWN

    @property
    def is_open(self) -> bool:
        """Whether the run is not finished; an unknown status counts as open."""
        return self.row.status not in vocabulary.TERMINAL_STATUSES

    @property
    def eligible(self) -> bool | None:
        """Whether no rule refuses its export whatever the way of exporting and whatever else is imported.

        None where no rule is seen to, and not all that rules look at can be read.
        """
        # Of most runs nothing is foreseen, and to look through nothing costs more than to see that.
        if self.foreseen and any(one.severity is Severity.ERROR and one.when is When.ALWAYS for one in self.foreseen):
            return False
        return True if self.known.verdict else None

    @property
    def must_be_quiesced(self) -> bool | None:
        """Whether a worker has it: a leased task or a running attempt (guide, Phase E); None where that is not seen."""
        if self.foreseen and any(one.rule in QUIESCE_RULES for one in self.foreseen):
            return True
        return False if self.known.held else None

    @property
    def dedupe_key(self) -> str | None:
        """The key that an export of this moment carries; None where the database does not show what it is made of."""
        if not self.known.place:
            return self.position.dedupe_key
        row = self.row
        return f"{row.run_id}:{row.last_history_sequence}:{row.last_progress_at or row.updated_at or ''}"

    @property
    def position(self) -> Position:
        """Where the run stands."""
        row = self.row
        position = Position if self.known.place else PartOfPosition
        return position(
            row.run_id, row.instance_id, row.status, row.last_history_sequence, row.last_progress_at, row.updated_at
        )


QUIESCE_RULES = frozenset({"tasks.leased_task_present", "activities.running_attempt_present"})
"""What goes away when the embedded workers pause and their leases end."""


class OldWorkflow(NamedTuple):
    """An open workflow of v1: it stays on the v1 engine until it finishes (guide). Times are UTC."""

    id: str
    workflow_class: str | None
    status: str
    created_at: str | None
    updated_at: str | None
    age_seconds: int | None


class Group(NamedTuple):
    """One line of the summary: how many runs of a type, status and queue, and what keeps them from moving.

    Leases and attempts are None where their table cannot be read.
    """

    workflow_type: str
    status: str
    queue: str | None
    runs: int
    oldest_start: str | None
    last_progress: str | None
    leased_tasks: int | None
    running_attempts: int | None


class OldGroup(NamedTuple):
    """Open workflows of v1 of one class and status."""

    workflow_class: str | None
    status: str
    workflows: int
    oldest_start: str | None


@dataclass(frozen=True, slots=True)
class Summary:
    """The groups, and where they were read. `as_of` is the database's own clock, UTC.

    `v1` is None where the workflows of v1 were not asked for, or where their table cannot be read; `no_v1` says why.
    """

    as_of: str
    groups: tuple[Group, ...]
    v1: tuple[OldGroup, ...] | None
    no_v1: str | None
    gaps: tuple[str, ...]
