"""Facts of event payloads that the projections rely on: those of another type than the reference writes are left out.

An import keeps every payload as it came, and the history and its export show it so. What is told from it (waits,
timers, the timeline) cannot be made from a task that is a number; the reference's own code would fail over some.
"""

from __future__ import annotations

from typing import Any

Payload = dict[str, Any]

_MAPS = "command task activity activity_attempt exception"
_TEXTS = (
    "signal_id signal_wait_id signal_name condition_wait_id condition_key timer_id timer_kind child_call_id"
    " child_workflow_run_id child_workflow_instance_id child_workflow_type child_workflow_class workflow_link_id"
    " update_id update_name workflow_command_id activity_execution_id activity_attempt_id activity_type activity_class"
    " failure_id exception_class exception_type message fire_at fired_at cancelled_at change_id ordering_state"
    " declared_entry_mode"
)
_NUMBERS = "sequence delay_seconds timeout_seconds"

_EXPECTED: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(_MAPS.split(), dict),
    **dict.fromkeys(_TEXTS.split(), str),
    **dict.fromkeys(_NUMBERS.split(), (int, float)),
    "parallel_group_path": list,
}


def well_typed(payload: Payload) -> Payload:
    """The payload itself, or a copy without the facts whose type is not the expected one."""
    wrong = [
        name
        for name, value in payload.items()
        if name in _EXPECTED and value is not None and not isinstance(value, _EXPECTED[name])
    ]
    return {name: value for name, value in payload.items() if name not in wrong} if wrong else payload
