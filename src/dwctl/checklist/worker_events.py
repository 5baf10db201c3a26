"""Which events of a history show that a worker has had the run."""

from __future__ import annotations

from typing import Final

WORKERS_EVENTS: Final = frozenset(
    """
    ActivityScheduled ActivityStarted ActivityHeartbeatRecorded ActivityRetryScheduled ActivityCompleted ActivityFailed
    ChildWorkflowScheduled ConditionWaitOpened SignalWaitOpened SignalApplied UpdateApplied UpdateCompleted
    SideEffectRecorded VersionMarkerRecorded SearchAttributesUpserted MemoUpserted TimerScheduled FailureHandled
    """.split()
)
"""What is written into a history only because a worker has had a task; a signal may come without one."""
