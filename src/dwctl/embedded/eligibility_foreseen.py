"""The verdict on a run's export, foreseen from its rows (contract/import.md §2, §4.3, §5).

Rows do not show everything: a redactor, the signature, the codec inside an event's payload, or what was damaged on the
way are only seen in the export. `UNSEEN` names those rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from dwctl.bundle import vocabulary
from dwctl.bundle.links import LinkRow
from dwctl.bundle.rules import RULES
from dwctl.embedded.inventory_rows import OddRow, PageWork, is_only_run
from dwctl.embedded.inventory_runs import Foreseen, RunColumns, When

UNSEEN = (
    "bundle.signature_required", "redaction.payloads_redacted", "payloads.external_storage",
    "target.memo_value_too_large", "workflow.source_runtime_unsupported", "workflow.terminal_history_incomplete",
    "commands.history_event_missing",
)  # fmt: skip
"""Rules that can only be seen in the export itself. Without the deep look also `history_events.type_unsupported`."""


def is_current(run: RunColumns, work: PageWork) -> bool | None:
    """Whether an export calls the run the current one: the newest of its instance. None where no number says."""
    if run.run_number is None:
        return None
    return is_only_run(run) or run.run_number >= work.highest_run.get(run.instance_id, run.run_number)


def is_ordinary(run: RunColumns) -> bool:
    """Whether nothing in the row of a current run is foreseen to be named, as of nearly every run."""
    return _are_ordinary(
        run.payload_codec, run.output_payload_codec, run.status, run.workflow_type, run.workflow_class
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _are_ordinary(codec: str | None, result_codec: str | None, status: str, type_key: str, class_: str | None) -> bool:
    """Whether a run with these words is: an application has few sets of them, whatever the number of its runs."""
    return (
        codec == vocabulary.CODEC
        and status in _STATUSES
        and bool(type_key)
        and not _is_foreign(result_codec)
        and not _is_class_name(type_key, class_)
    )


_STATUSES = vocabulary.TERMINAL_STATUSES | vocabulary.OPEN_STATUSES


def foresee(run: RunColumns, work: PageWork, *, current: bool | None) -> Iterator[Foreseen]:
    """What the verdict on this run's export will name, in the importer's order; see also `LinkForesight`."""
    if run.run_id in work.whole_floats:
        keys = ", ".join(work.whole_floats[run.run_id])
        for rule in ("integrity.checksum_mismatch", "bundle.integrity_failed"):
            yield _of(rule, f"search attributes {keys}", when=When.COMMAND_EXPORT)
    if not run.workflow_type:
        yield _of("workflow.workflow_type_missing")
        yield _of("bundle.integrity_failed")
    if run.status not in vocabulary.TERMINAL_STATUSES:
        if run.status not in vocabulary.OPEN_STATUSES:
            yield _of("workflow.status_unsupported", run.status)
        elif current is False:
            yield _of("workflow.non_terminal_not_current", run.current_run_id)
    odd = work.odd.get(run.run_id, ())
    yield from _codecs(run, odd)
    yield from _held(run, work)
    yield from _odd_words(odd)
    if _is_class_name(run.workflow_type, run.workflow_class):
        yield _of("workflow.type_is_class_name", run.workflow_type)
    yield from _class_names(odd)


def _of(rule: str, detail: str | None = None, *, when: When = When.ALWAYS) -> Foreseen:
    return Foreseen(rule, RULES[rule].severity, when, detail)


def _codecs(run: RunColumns, odd: list[OddRow] | tuple[OddRow, ...]) -> Iterator[Foreseen]:
    found = [f"{run.payload_codec} of the run"] if _is_foreign(run.payload_codec) else []
    if _is_foreign(run.output_payload_codec):
        found.append(f"{run.output_payload_codec} of the result")
    found += sorted({f"{row.codec} of {row.table}" for row in odd if _is_foreign(row.codec)})
    if found:
        yield _of("payload_codec.unsupported", ", ".join(found))


def _is_foreign(codec: str | None) -> bool:
    return bool(codec) and codec != vocabulary.CODEC


def _held(run: RunColumns, work: PageWork) -> Iterator[Foreseen]:
    """The importer names one of the two rules, the leased task first."""
    if tasks := work.held_tasks.get(run.run_id):
        yield _of("tasks.leased_task_present", tasks[0].id)
    elif attempts := work.attempts.get(run.run_id):
        yield _of("activities.running_attempt_present", attempts[0].id)


_KNOWN_WORDS = (
    ("history_events", "type", vocabulary.EVENT_TYPES, "history_events.type_unsupported"),
    ("commands", "type", vocabulary.COMMAND_TYPES, "commands.type_unsupported"),
    ("commands", "status", vocabulary.COMMAND_STATUSES, "commands.status_unsupported"),
    ("tasks", "type", vocabulary.TASK_TYPES, "tasks.type_unsupported"),
    ("tasks", "status", vocabulary.TASK_STATUSES, "tasks.status_unsupported"),
    ("timers", "status", vocabulary.TIMER_STATUSES, "timers.status_unsupported"),
)


def _odd_words(odd: list[OddRow] | tuple[OddRow, ...]) -> Iterator[Foreseen]:
    if not odd:
        return
    for table, column, known, rule in _KNOWN_WORDS:
        words = sorted({str(getattr(row, column)) for row in odd if row.table == table} - known)
        if words:
            yield _of(rule, ", ".join(words))


def _class_names(odd: list[OddRow] | tuple[OddRow, ...]) -> Iterator[Foreseen]:
    activities = (row for row in odd if row.table == "activities")
    names = sorted({row.type or "" for row in activities if _is_class_name(row.type, row.class_name)})
    if names:
        yield _of("activities.type_is_class_name", ", ".join(names))


def _is_class_name(type_key: str | None, class_name: str | None) -> bool:
    return bool(type_key) and ("\\" in (type_key or "") or type_key == class_name)


@dataclass(slots=True)
class LinkForesight:
    """Which runs come second to a link row, when runs are imported in the order in which they are looked at.

    Both ends of a link carry the row, and the server takes it once: the later end fails, unless the earlier
    one is not imported (contract/import.md §4.3; `bundle.foresight` does the same for files). A link is
    forgotten as soon as both ends have passed, so memory holds the links that are open between two places.

    `is_imported` tells, by run id, what is on the server already: its link rows are there, whatever the order.
    """

    is_imported: Callable[[str], bool] | None = None
    _waiting: dict[LinkRow, str | None] = field(default_factory=dict)

    def look(self, run_id: str, work: PageWork, *, importable: bool) -> Foreseen | None:
        """The obstacle of the next run, if it has one. `importable`: no rule of its own refuses it."""
        links = [LinkRow(row.parent_run_id, row.child_run_id, row.link_type) for row in work.links.get(run_id, ())]
        there = self.is_imported is not None and self.is_imported(run_id)
        earlier = [other for link in links if (other := self._before(link, run_id)) is not None]
        second = importable and not there and bool(earlier)
        for link in links:
            if link in self._waiting:
                del self._waiting[link]
            elif link.parent_run_id != link.child_run_id:
                self._waiting[link] = run_id if there or (importable and not second) else None
        return _of("set.link_shared", earlier[0], when=When.WITH_OTHERS) if second else None

    def _before(self, link: LinkRow, run_id: str) -> str | None:
        """The run that has written this link row before, or will have: the other end."""
        other = link.child_run_id if link.parent_run_id == run_id else link.parent_run_id
        if self.is_imported is not None and other != run_id and self.is_imported(other):
            return other
        return self._waiting.get(link)
