"""The commands that a worker sends with a completed workflow task: each a row of `TASK_COMMANDS`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from dwctl.bundle.avro_value import decode_blob
from dwctl.rehearsal.activity_deadlines import TIMEOUTS
from dwctl.rehearsal.activity_steps import schedule_activity
from dwctl.rehearsal.attributes import typed
from dwctl.rehearsal.closing import add_failure, close_run
from dwctl.rehearsal.columns import WriteFailedError
from dwctl.rehearsal.groups import PLACE, groups_in, is_place
from dwctl.rehearsal.history_writer import new_attempt_id
from dwctl.rehearsal.run_metadata import upsert_memo_entries, upsert_search_attributes
from dwctl.rehearsal.successors import child_events, continue_as_new, start_child
from dwctl.rehearsal.timers import schedule_timer
from dwctl.rehearsal.turn import Json, TaskCommand, Turn, blob_of, codec_of, group_of
from dwctl.rehearsal.updates import complete_update, fail_update

# -- the end of a run -----------------------------------------------------------------------------------


def _complete_workflow(turn: Turn, command: TaskCommand) -> None:
    result = command.get("result")
    output, codec = blob_of(result), codec_of(result, turn.run["payload_codec"])
    turn.record("WorkflowCompleted", {"output": output, "payload_codec": codec})
    turn.touched |= close_run(
        turn.connection, turn.run["id"], "completed", turn.now, output=output, codec=codec, task_id=turn.task["id"]
    )


def _fail_workflow(turn: Turn, command: TaskCommand) -> None:
    message = str(command["message"])
    given = command.get("exception")
    exception: Json = dict(given) if isinstance(given, Mapping) else {}
    exception_class = str(command.get("exception_class") or exception.get("class") or "")
    non_retryable = command.get("non_retryable") is True
    failure_id = add_failure(
        turn.connection,
        turn.run["id"],
        turn.now,
        category="application",
        propagation="terminal",
        message=message,
        exception_class=exception_class,
        non_retryable=non_retryable,
    )
    failure = {
        "failure_id": failure_id,
        "failure_category": "application",
        "non_retryable": non_retryable,
        "exception_type": command.get("exception_type"),
        "exception_class": exception_class or None,
        "message": message,
        "exception": exception or {"class": exception_class, "message": message},
    }
    turn.record("WorkflowFailed", {"source_kind": "workflow_run", "source_id": turn.run["id"], **failure})
    turn.task_status = "failed"
    turn.touched |= close_run(
        turn.connection, turn.run["id"], "failed", turn.now, failure=failure, task_id=turn.task["id"]
    )


def _continue_as_new(turn: Turn, command: TaskCommand) -> None:
    sequence = turn.step()
    link, run, task_id = continue_as_new(turn.connection, turn.run, command, sequence, turn.now)
    payload = {
        "sequence": sequence,
        "continued_to_run_id": run["id"],
        "continued_to_run_number": run["run_number"],
        "workflow_link_id": link["id"],
        "closed_reason": "continued",
    }
    turn.record("WorkflowContinuedAsNew", payload)
    turn.created_task_ids.append(task_id)
    turn.touched |= {run["id"]} | close_run(
        turn.connection, turn.run["id"], "completed", turn.now, reason="continued", task_id=turn.task["id"]
    )


# -- steps ----------------------------------------------------------------------------------------------


def _start_timer(turn: Turn, command: TaskCommand) -> None:
    delay = command["delay_seconds"]
    schedule_timer(turn.connection, turn.run, turn.task, turn.step(), delay, turn.now, {}, group_of(command))


def _start_child_workflow(turn: Turn, command: TaskCommand) -> None:
    sequence, group = turn.step(), group_of(command)
    link, child, task_id = start_child(turn.connection, turn.run, command, sequence, turn.now)
    scheduled, started = child_events(link, child)
    turn.record("ChildWorkflowScheduled", {**scheduled, **group})
    turn.record("ChildRunStarted", {**started, **group})
    turn.created_task_ids.append(task_id)
    turn.touched.add(child["id"])


def _record_side_effect(turn: Turn, command: TaskCommand) -> None:
    turn.record("SideEffectRecorded", {"sequence": turn.step(), "result": command["result"]})


def _record_version_marker(turn: Turn, command: TaskCommand) -> None:
    keys = ("change_id", "version", "min_supported", "max_supported")
    turn.record("VersionMarkerRecorded", {"sequence": turn.step(), **{key: command.get(key) for key in keys}})


def _upsert_search_attributes(turn: Turn, command: TaskCommand) -> None:
    sequence, attributes = turn.step(), dict(command["attributes"])
    merged = upsert_search_attributes(turn.connection, turn.run, attributes, sequence, turn.now)
    turn.record("SearchAttributesUpserted", {"sequence": sequence, "attributes": attributes, "merged": merged})


def _upsert_memo(turn: Turn, command: TaskCommand) -> None:
    sequence, entries = turn.step(), memo_entries(command) or {}
    merged = upsert_memo_entries(turn.connection, turn.run, entries, sequence, turn.now)
    turn.record("MemoUpserted", {"sequence": sequence, "entries": entries, "merged": merged})


def memo_entries(command: TaskCommand) -> Json | None:
    """The map in a memo command's envelope, or in plain JSON; None where there is none to read."""
    entries = command.get("entries")
    blob = blob_of(entries)
    value = decode_blob(blob).value if blob is not None else entries
    return dict(value) if isinstance(value, Mapping) and value else None


# -- waits and updates ----------------------------------------------------------------------------------


def _open_condition_wait(turn: Turn, command: TaskCommand) -> None:
    sequence, wait_id = turn.step(), new_attempt_id()
    keys = ("condition_key", "condition_definition_fingerprint")
    wait = {"condition_wait_id": wait_id, **{key: command[key] for key in keys if command.get(key)}}
    _open_wait(turn, command, "ConditionWaitOpened", "condition_timeout", sequence, wait)


def _open_signal_wait(turn: Turn, command: TaskCommand) -> None:
    wait = {"signal_name": command["signal_name"], "signal_wait_id": new_attempt_id()}
    _open_wait(turn, command, "SignalWaitOpened", "signal_timeout", turn.step(), wait)


def _open_wait(turn: Turn, command: TaskCommand, event_type: str, timer_kind: str, sequence: int, wait: Json) -> None:
    """The wait's event; with a timeout, also the timer that ends it, at the same sequence."""
    timeout, group = command.get("timeout_seconds"), group_of(command)
    limit = {} if timeout is None else {"timeout_seconds": timeout}
    turn.record(event_type, {**wait, "sequence": sequence, **limit, **group})
    if timeout is not None:
        of_wait = {"timer_kind": timer_kind, **wait}
        schedule_timer(turn.connection, turn.run, turn.task, sequence, timeout, turn.now, of_wait, group)


def _complete_update(turn: Turn, command: TaskCommand) -> None:
    result = blob_of(command.get("result"))
    complete_update(turn.connection, turn.run, turn.task, str(command["update_id"]), result, turn.now)


def _fail_update(turn: Turn, command: TaskCommand) -> None:
    fail_update(turn.connection, turn.run, turn.task, str(command["update_id"]), command, turn.now)


# -- the table ------------------------------------------------------------------------------------------

TASK_COMMANDS: dict[str, tuple[Callable[[Turn, TaskCommand], None], tuple[str, ...]]] = {
    "complete_workflow": (_complete_workflow, ()),
    "fail_workflow": (_fail_workflow, ("message",)),
    "continue_as_new": (_continue_as_new, ()),
    "schedule_activity": (schedule_activity, ("activity_type",)),
    "start_timer": (_start_timer, ("delay_seconds",)),
    "start_child_workflow": (_start_child_workflow, ("workflow_type",)),
    "record_side_effect": (_record_side_effect, ("result",)),
    "record_version_marker": (_record_version_marker, ("change_id", "version")),
    "upsert_search_attributes": (_upsert_search_attributes, ("attributes",)),
    "upsert_memo": (_upsert_memo, ("entries",)),
    "open_condition_wait": (_open_condition_wait, ()),
    "open_signal_wait": (_open_signal_wait, ("signal_name",)),
    "complete_update": (_complete_update, ("update_id",)),
    "fail_update": (_fail_update, ("update_id", "message")),
}
"""Command type → what applies it, and the fields that it must have."""

UPDATE_COMMANDS = frozenset({"complete_update", "fail_update"})
"""The commands that answer an update and leave the run where it is."""

_CLOSING = frozenset({"complete_workflow", "fail_workflow", "continue_as_new"})
_SECONDS = ("delay_seconds", "timeout_seconds", "execution_timeout_seconds", "run_timeout_seconds", *TIMEOUTS)
_OBJECTS = ("retry_policy", "attributes", "exception")

# The names become keys and columns.
_TEXTS = ("activity_type", "workflow_type", "queue", "signal_name", "update_id", "message", "change_id",
          "condition_key", "condition_definition_fingerprint", "parent_close_policy", "exception_class")  # fmt: skip


def command_problems(commands: list[Any], supported: frozenset[str]) -> dict[str, list[str]]:
    """What is wrong with the commands of a request: field → sentences; empty where they can be applied."""
    problems: dict[str, list[str]] = {}
    for index, command in enumerate(commands):
        where = f"commands.{index}"
        kind = command.get("type") if isinstance(command, Mapping) else None
        if not isinstance(kind, str) or kind not in TASK_COMMANDS or kind not in supported:
            problems[f"{where}.type"] = [f"This server has no command {json.dumps(kind)}."]
            continue
        if kind in _CLOSING and index != len(commands) - 1:
            problems[f"{where}.type"] = [f"No command can follow {kind}."]
        for name, sentence in _wrong_fields(kind, command):
            problems.setdefault(f"{where}.{name}", []).append(sentence)
    return problems


def _wrong_fields(kind: str, command: TaskCommand) -> list[tuple[str, str]]:
    given = {name: value for name, value in command.items() if value is not None}
    wrong = [(name, f"A command {kind} needs {name}.") for name in TASK_COMMANDS[kind][1] if name not in given]
    for name, value in given.items():
        if name in _SECONDS and (type(value) is not int or not 0 <= value < 2**31):
            wrong.append((name, f"{name} is a whole number of seconds, not negative."))
        elif (name in _OBJECTS and not isinstance(value, Mapping)) or (name in _TEXTS and not isinstance(value, str)):
            wrong.append((name, f"{name} is {'an object' if name in _OBJECTS else 'a text'}."))
    wrong += [*_wrong_group(given), *_wrong_retries(given)]
    if "arguments" in given and blob_of(given["arguments"]) is None:
        wrong.append(("arguments", "arguments is a payload with a codec and a blob."))
    if kind == "upsert_memo" and "entries" in given and memo_entries(command) is None:
        wrong.append(("entries", "entries is a payload of a map with at least one entry."))
    if kind == "upsert_search_attributes" and isinstance(given.get("attributes"), Mapping):
        wrong += [("attributes", problem) for problem in _untyped(given["attributes"])]
    return wrong


def _wrong_group(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A path of groups that each have their place; a selection needs a server that decides who has won."""
    path = given.get("parallel_group_path", [])
    if not isinstance(path, list) or not all(isinstance(entry, Mapping) for entry in path):
        return [("parallel_group_path", "parallel_group_path is a list of groups.")]
    if any(entry.get("parallel_group_mode") == "select" for entry in path):
        return [("parallel_group_path", "This server has no durable selection.")]
    if len(groups_in(path)) < len(path):
        return [("parallel_group_path", f"Each group has {', '.join(PLACE)} as whole numbers.")]
    wrong = [(name, f"{name} is a whole number.") for name in PLACE if not is_place(given.get(name, 0))]
    names = ("parallel_group_id", "parallel_group_kind")
    return wrong + [(name, f"{name} is a text.") for name in names if not isinstance(given.get(name, ""), str)]


def _wrong_retries(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    policy = given.get("retry_policy")
    if not isinstance(policy, Mapping):
        return []
    attempts, backoff = policy.get("max_attempts", 1), policy.get("backoff_seconds", [])
    if type(attempts) is not int or attempts < 1:
        return [("retry_policy.max_attempts", "max_attempts is a whole number of at least 1.")]
    if not isinstance(backoff, list) or any(type(step) is not int or not 0 <= step < 2**31 for step in backoff):
        return [("retry_policy.backoff_seconds", "backoff_seconds is a list of whole seconds.")]
    types = policy.get("non_retryable_error_types", [])
    if not isinstance(types, list) or not all(isinstance(name, str) for name in types):
        return [("retry_policy.non_retryable_error_types", "non_retryable_error_types is a list of texts.")]
    return []


def _untyped(attributes: Mapping[str, Any]) -> list[str]:
    problems = []
    for name, value in attributes.items():
        try:
            typed(name, value)
        except WriteFailedError as error:
            problems.append(str(error))
    return problems
