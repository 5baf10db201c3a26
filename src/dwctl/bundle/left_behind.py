"""What a bundle holds that an import leaves behind (contract/import.md §4.9), a row for each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.loose import count, entries, field, integer, string

PATHS_NAMED = 10
"""How many places of one kind are named; the rest is counted."""


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """Something that the bundle has and the imported run will not; `paths` are the first of `count`."""

    what: str
    meaning: str
    count: int
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Kind:
    what: str
    meaning: str
    places: Callable[[JsonValue], Iterator[str]]


def left_behind(bundle: JsonValue) -> tuple[LeftBehind, ...]:
    """What will not travel, only where the bundle really has it; reads documents of any shape."""
    found = []
    for kind in _KINDS:
        paths = list(kind.places(bundle))
        if paths:
            found.append(LeftBehind(kind.what, kind.meaning, len(paths), tuple(paths[:PATHS_NAMED])))
    return tuple(found)


_TIMEOUTS = ("execution_timeout_seconds", "run_timeout_seconds", "execution_deadline_at", "run_deadline_at")


def _timeouts(bundle: JsonValue) -> Iterator[str]:
    for key in _TIMEOUTS:
        if field(bundle, "workflow", key) is not None:
            yield f"workflow.{key}"
    for path, payload in _events(bundle, "WorkflowStarted"):
        for key in _TIMEOUTS:
            if field(payload, key) is not None:
                yield f"{path}.payload.{key}"


# The values that a server gives to a run for which none was asked.
_DISPATCH_DEFAULTS = {"priority": (None, 5), "fairness_key": (None, ""), "fairness_weight": (None, 1)}


def _priority(bundle: JsonValue) -> Iterator[str]:
    tasks = ((f"tasks.{key}", task) for key, task in entries(field(bundle, "tasks")))
    for path, row in (("workflow", field(bundle, "workflow")), *tasks):
        for key, defaults in _DISPATCH_DEFAULTS.items():
            if field(row, key) not in defaults:
                yield f"{path}.{key}"


def _message_streams(bundle: JsonValue) -> Iterator[str]:
    for section in ("messages", "message_streams"):
        if count(field(bundle, section)):
            yield section
    # On its own instance's stream, the messages of a run are its signals and updates: commands, which travel.
    own = f"instance:{field(bundle, 'workflow', 'instance_id')}"
    commands = {integer(field(row, "message_sequence")) for _, row in entries(field(bundle, "commands"))}
    seen = set()
    for path, payload in _events(bundle, "MessageCursorAdvanced"):
        stream = string(field(payload, "stream_key"))
        is_command = stream == own and integer(field(payload, "new_position")) in commands - {None}
        if not is_command and stream not in seen:
            seen.add(stream)
            yield path


def _schedules(bundle: JsonValue) -> Iterator[str]:
    for section in ("schedule", "schedules"):
        if count(field(bundle, section)):
            yield section
    for key in ("schedule_id", "workflow_schedule_id"):
        if field(bundle, "workflow", key) is not None:
            yield f"workflow.{key}"
    for index, event in entries(field(bundle, "history_events")):
        if (string(field(event, "type")) or "").startswith("Schedule"):
            yield f"history_events.{index}"


def _child_calls(bundle: JsonValue) -> Iterator[str]:
    linked: set[str] = set()
    for key, link in entries(field(bundle, "links", "children")):
        call = string(field(link, "child_call_id"))
        if call is not None and field(link, "type") != "continue_as_new":
            linked.add(call)
            yield f"links.children.{key}.child_call_id"
    for path, payload in _events(bundle, "ChildWorkflowScheduled"):
        call = string(field(payload, "child_call_id"))
        if call is not None and call not in linked:
            yield f"{path}.payload.child_call_id"


# What says nothing that the command's own `source`, which travels, does not say too.
_SAYS_NOTHING: dict[str, tuple[JsonValue, ...]] = {
    "caller_label": (None, "PHP API", "Workflow"),
    "auth_status": (None, "not_applicable"),
    "auth_method": (None, "none"),
    "principal_type": (None,),
    "principal_id": (None,),
    "principal_label": (None,),
    "request_method": (None,),
    "request_path": (None,),
    "request_route_name": (None,),
    "request_fingerprint": (None,),
    "correlation_id": (None,),
}


def _command_callers(bundle: JsonValue) -> Iterator[str]:
    for key, command in entries(field(bundle, "commands")):
        for name, empty in _SAYS_NOTHING.items():
            if field(command, name) not in empty:
                yield f"commands.{key}.{name}"


def _memo_keys(bundle: JsonValue) -> Iterator[str]:
    for key, _ in entries(field(bundle, "workflow", "memo")):
        if integer(str(key)) is not None:
            yield f"workflow.memo.{key}"


def _open_timers(bundle: JsonValue) -> Iterator[str]:
    for key, timer in entries(field(bundle, "timers")):
        if field(timer, "status") == "pending":
            yield f"timers.{key}"


def _events(bundle: JsonValue, event_type: str) -> Iterator[tuple[str, JsonValue]]:
    for key, event in entries(field(bundle, "history_events")):
        if field(event, "type") == event_type:
            yield f"history_events.{key}", field(event, "payload")


_KINDS = (
    _Kind(
        "timeouts",
        "Run and execution timeouts and deadlines: the imported run has none, and never times out.",
        _timeouts,
    ),
    _Kind(
        "priority",
        "Priority and fairness: the imported run and its tasks get the server's defaults.",
        _priority,
    ),
    _Kind(
        "message_streams",
        "Message streams: how far the run has read travels, the messages themselves do not.",
        _message_streams,
    ),
    _Kind(
        "schedules",
        "Schedules: what started this run on a schedule stays in the embedded application.",
        _schedules,
    ),
    _Kind(
        "child_calls",
        "Child-call rows: the link to the child travels, the options of the call (timeouts, retries, "
        "cancellation) do not.",
        _child_calls,
    ),
    _Kind(
        "command_callers",
        "Details of who sent a command: principal, authentication, request.",
        _command_callers,
    ),
    _Kind(
        "memo_keys",
        "Memo entries whose key looks like an integer: they get no row that can be searched.",
        _memo_keys,
    ),
    _Kind(
        "open_timers",
        "Open timers keep their fire_at but lose their queue job: once due, the run shows liveness_state "
        "repair_needed until the server's repair pass fires them.",
        _open_timers,
    ),
)
