"""The words that the workflow library knows; the importer silently drops rows that use others."""

from __future__ import annotations

BUNDLE_SCHEMA = "durable-workflow.v2.history-export"
BUNDLE_SCHEMA_VERSION = 1
CANONICALIZATION = "json-recursive-ksort-v1"
CHECKSUM_ALGORITHM = "sha256"
SIGNATURE_ALGORITHM = "hmac-sha256"
CODEC = "avro"

VALUE_FINGERPRINT = "e2a33dff55802237"
"""CRC-64-AVRO fingerprint of the Value schema, as it stands in a frame and in `codec_schemas`."""

TERMINAL_STATUSES = frozenset({"completed", "failed", "cancelled", "terminated"})
OPEN_STATUSES = frozenset({"pending", "running", "waiting"})

TASK_TYPES = frozenset({"workflow", "activity", "timer"})
TASK_STATUSES = frozenset({"ready", "leased", "completed", "cancelled", "failed"})
TIMER_STATUSES = frozenset({"pending", "fired", "cancelled"})
COMMAND_TYPES = frozenset({"start", "signal", "update", "repair", "cancel", "terminate", "archive"})
COMMAND_STATUSES = frozenset({"accepted", "rejected"})

EVENT_TYPES = frozenset(
    """
    StartAccepted StartRejected WorkflowStarted WorkflowContinuedAsNew WorkflowCompleted WorkflowFailed
    WorkflowCancelled WorkflowTerminated WorkflowTimedOut WorkflowArchived
    ChildWorkflowScheduled ChildRunStarted ChildRunCompleted ChildRunFailed ChildRunCancelled ChildRunTerminated
    ParentClosePolicyApplied ParentClosePolicyFailed
    ConditionWaitOpened ConditionWaitSatisfied ConditionWaitTimedOut
    SignalWaitOpened SignalReceived SignalApplied MessageCursorAdvanced
    UpdateAccepted UpdateRejected UpdateApplied UpdateCompleted
    RepairRequested CancelRequested TerminateRequested ArchiveRequested
    ActivityScheduled ActivityStarted ActivityHeartbeatRecorded ActivityRetryScheduled ActivityCompleted
    ActivityFailed ActivityCancelled ActivityTimedOut FailureHandled
    SideEffectRecorded VersionMarkerRecorded SearchAttributesUpserted MemoUpserted
    TimerScheduled TimerFired TimerCancelled
    ScheduleCreated SchedulePaused ScheduleResumed ScheduleUpdated ScheduleTriggered ScheduleDeleted
    ScheduleTriggerSkipped
    """.split()
)

VALUE_SCHEMA_TEXT = (
    '{"type":"record","name":"Value","namespace":"durable_workflow.protocol","fields":[{"name":"value","type":'
    '["null",{"type":"record","name":"BooleanValue","fields":[{"name":"boolean","type":"boolean"}]},'
    '{"type":"record","name":"LongValue","fields":[{"name":"long","type":"long"}]},'
    '{"type":"record","name":"DoubleValue","fields":[{"name":"double","type":"double"}]},'
    '{"type":"record","name":"BytesValue","fields":[{"name":"bytes","type":"bytes"}]},'
    '{"type":"record","name":"StringValue","fields":[{"name":"string","type":"string"}]},'
    '{"type":"record","name":"ArrayValue","fields":[{"name":"items","type":{"type":"array","items":"Value"}}]},'
    '{"type":"record","name":"MapValue","fields":[{"name":"entries","type":{"type":"map","values":"Value"}}]}]}]}'
)
"""The Value schema as bundles carry it, in `codec_schemas` and in the payload manifest."""
