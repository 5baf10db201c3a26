"""The step "finish": imported runs are brought to their end by workers, or it is said why they cannot be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from dwctl.bundle.vocabulary import TERMINAL_STATUSES
from dwctl.embedded.instants import instant
from dwctl.errors import AnswerIsNo, DwctlError, NotAuthorized, NotFound
from dwctl.server.results import HistoryEvent, Run
from dwctl.server.system import repair_pass
from dwctl.server.workflows import describe, history
from dwctl.transfer.rehearsals.play import NothingToDo, Play
from dwctl.transfer.rehearsals.work import Outlook, Turn, shown_moment, waits_for

_AT_REST = frozenset({"signal", "update", "child", "condition"})
"""What a run waits for that no worker and no clock brings, in the words of `wait_kind`."""
_BETWEEN_PASSES = 1.0


def finish(play: Play) -> Sequence[str]:
    """Wait until every run that can go on has ended or rests; raises for one that does not, or ends badly."""
    outlooks = play.outlooks()
    waiting = [one for one in outlooks if one.goes_on]
    play.left_open.update({one.workflow_id: one.told for one in outlooks if not one.goes_on})
    if waiting:
        _Finish(play, waiting).go()
    open_runs = [f"left open: {name}, {why}" for name, why in play.left_open.items()]
    if not waiting:
        raise NothingToDo("no imported run has anything to do for a worker", *open_runs)
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for one in waiting:
        if one.workflow_id in play.finished:
            groups[one.told].append(one.workflow_id)
    ended = [f"{', '.join(names)} went on to the end: {told}" for told, names in groups.items()]
    return [*ended, *play.notes, *open_runs]


class _Finish:
    """The runs that are still on their way, looked at until none is."""

    def __init__(self, play: Play, runs: Sequence[Outlook]) -> None:
        self._play = play
        self._open = {one.run_id: one for one in runs}
        self._last: dict[str, Run] = {}
        self._passes, self._dispatched, self._next_pass = 0, 0, play.clock()
        self._no_pass = ""
        self._until = play.clock() + play.patience

    def go(self) -> None:
        in_time = self._play.waiting_for(self._all_settled)
        if self._passes:
            self._play.notes.append(
                f"overdue tasks that a repair pass dispatched: {self._dispatched} (without one, today's server fires "
                "no imported timer)"
                if self._dispatched
                else "a repair pass found nothing overdue: the server fires due timers by itself"
            )
        if not in_time:
            raise self._late()

    def _all_settled(self) -> bool:
        for run_id, one in list(self._open.items()):
            if self._settled(one):
                del self._open[run_id]
        self._repair()
        return not self._open

    def _settled(self, one: Outlook) -> bool:
        run = self._last[one.run_id] = describe(self._play.server, one.workflow_id, one.run_id)
        status, kind = run.row.status, run.wait_kind
        if status in TERMINAL_STATUSES:
            if status != "completed":
                raise AnswerIsNo(
                    f"{one.workflow_id} ({one.workflow_type}) ended as {status}, not completed; {one.told}",
                    next_step="Does the worker take the same steps as the PHP class? Its own log says why it failed.",
                )
            self._play.finished[one.workflow_id] = one.told
            return True
        if kind in _AT_REST and (one.turn in {Turn.START, Turn.RESUME} or self._grown(one)):
            self._play.left_open[one.workflow_id] = f"a worker went on with it, and now {waits_for(kind)}"
            return True
        return kind == "timer" and self._sleeps(one)

    def _events(self, one: Outlook) -> list[HistoryEvent]:
        return list(history(self._play.server, one.workflow_id, one.run_id))

    def _grown(self, one: Outlook) -> bool:
        return len(self._events(one)) > one.events

    def _sleeps(self, one: Outlook) -> bool:
        """Whether a run has gone on to a timer that is due only after our patience has ended."""
        events = self._events(one)
        added = [event.payload for event in events[one.events :] if event.event_type == "TimerScheduled"]
        due = instant(added[-1].get("fire_at")) if added and isinstance(added[-1], dict) else None
        if due is None or (due - self._play.now()).total_seconds() < self._until - self._play.clock():
            return False
        self._play.left_open[one.workflow_id] = f"a worker went on with it, and now it sleeps until {shown_moment(due)}"
        return True

    def _repair(self) -> None:
        """Ask for a repair pass while timers are due that have not fired, now and then and for these runs alone."""
        asleep = [run_id for run_id, one in self._open.items() if self._is_unfired(one)]
        if not asleep or self._no_pass or self._play.clock() < self._next_pass:
            return
        self._next_pass = self._play.clock() + _BETWEEN_PASSES
        try:
            self._dispatched += repair_pass(self._play.server, asleep)
            self._passes += 1
        except (NotAuthorized, NotFound) as error:
            self._no_pass = error.message

    def _is_unfired(self, one: Outlook) -> bool:
        run = self._last.get(one.run_id)
        return one.turn is Turn.TIMER and run is not None and run.wait_kind in {"timer", *_AT_REST}

    def _late(self) -> DwctlError:
        one = next(iter(self._open.values()))
        run = self._last[one.run_id]
        others = f" (and {len(self._open) - 1} more)" if len(self._open) > 1 else ""
        where = f"it waits for {run.wait_kind}" if run.wait_kind else "it does not say what it waits for"
        if self._no_pass:
            where += f"; a repair pass was refused: {self._no_pass}"
        return AnswerIsNo(
            f"{one.workflow_id} ({one.workflow_type}) is still {run.row.status} after "
            f"{self._play.patience:.0f} s{others}: {where}",
            next_step=f"Does a worker on queue {run.row.task_queue} take its type? See `dwctl task-queue show`.",
        )
