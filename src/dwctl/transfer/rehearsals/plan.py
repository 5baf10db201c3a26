"""`rehearsal.toml`: what a rehearsal of a folder expects to be refused, which worker it starts, and its shadow run.

A TOML file beside the bundles; every table may be absent::

    [refused]                                 # file → the rule that must refuse it; any other refusal is a failure
    "order-7.json" = "tasks.leased_task_present"

    [worker]                                  # started in this folder, once for each queue
    command = ["php", "worker.php", "--queue={task_queue}"]
    types = ["orders.process"]                # that it must register

    [shadow]                                  # the run that is started and nobody needs
    type = "orders.process"
    input = ["shadow-1", 12.5]
    queue = "orders"                          # instead of the first that the bundles need
    reaches = "completed"                     # or waiting, failed: the state in which the step ends
"""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dwctl.errors import RequestNotPossible, UnreadableInput

PLAN = "rehearsal.toml"
PLACEHOLDERS = ("python", "url", "namespace", "task_queue", "worker_id")
"""What may stand in braces in an argument of a worker's command."""
REACHES = ("completed", "waiting", "failed")
"""The states in which a shadow run may be expected to end, or to rest."""

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_KEYS = {"worker": {"command", "types"}, "shadow": {"type", "input", "queue", "reaches"}}
_AS_SHOWN = "`dwctl rehearse --help` shows how it is written."


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """How a worker is started: its arguments with placeholders, the folder, and the types that it must register."""

    command: tuple[str, ...]
    folder: Path
    types: tuple[str, ...] = ()

    @property
    def takes_an_id(self) -> bool:
        """Whether the worker registers the id that it is given, or one of its own."""
        return any("{worker_id}" in argument for argument in self.command)

    def arguments(self, values: Mapping[str, str]) -> list[str]:
        """The command with a value for each of `PLACEHOLDERS`."""
        return [_PLACEHOLDER.sub(lambda found: values[found[1]], argument) for argument in self.command]


@dataclass(frozen=True, slots=True)
class ShadowPlan:
    """A run that is started to see the whole way; `queue` is None for the first queue of the rehearsal."""

    type: str
    input: tuple[Any, ...] = ()
    queue: str | None = None
    reaches: str = "completed"


@dataclass(frozen=True, slots=True)
class Plan:
    """What `rehearsal.toml` says; a table that is absent is None, or empty."""

    refused: Mapping[str, str] = field(default_factory=dict)
    worker: WorkerPlan | None = None
    shadow: ShadowPlan | None = None


def read_plan(folder: Path) -> Plan:
    """The plan of a folder, an empty one where it has none.

    Raises UnreadableInput for a file that cannot be read, and RequestNotPossible for one that makes no sense or
    names a program that is not there.
    """
    file = folder / PLAN
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Plan()
    except OSError as error:
        raise UnreadableInput(f"it cannot be read: {error.strerror or error}", where=str(file)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RequestNotPossible(f"this is no TOML: {error}", where=str(file)) from error
    return _Reader(file).plan(document)


class _Reader:
    """Reads one document; every refusal names the file and the key."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def plan(self, document: Mapping[str, Any]) -> Plan:
        for name, table in document.items():
            if name not in {"refused", *_KEYS}:
                raise self._wrong(f"there is no table [{name}]", "Its tables are [refused], [worker] and [shadow].")
            if not isinstance(table, dict):
                raise self._wrong(f"{name} is a table, written as [{name}]")
            for key in table:
                if name in _KEYS and key not in _KEYS[name]:
                    raise self._wrong(f"[{name}] has no key {key}", f"Its keys: {', '.join(sorted(_KEYS[name]))}.")
        worker, shadow = document.get("worker"), document.get("shadow")
        return Plan(
            self._refused(document.get("refused", {})),
            None if worker is None else self._worker(worker),
            None if shadow is None else self._shadow(shadow),
        )

    def _refused(self, table: Mapping[str, Any]) -> dict[str, str]:
        for name, rule in table.items():
            if not isinstance(rule, str) or not rule:
                raise self._wrong(
                    f"refused.{name} is not the id of a rule",
                    'Write it like "order-1.json" = "tasks.leased_task_present"; `dwctl explain` lists the rules.',
                )
        return dict(table)

    def _worker(self, table: Mapping[str, Any]) -> WorkerPlan:
        command = self._texts(table.get("command"), "worker.command")
        if not command:
            raise self._wrong("worker.command is missing", 'Write it as a list: command = ["php", "worker.php"].')
        for argument in command:
            for name in _PLACEHOLDER.findall(argument):
                if name not in PLACEHOLDERS:
                    known = ", ".join(f"{{{one}}}" for one in PLACEHOLDERS)
                    raise self._wrong(f"worker.command: nothing is known as {{{name}}}", f"There are {known}.")
        self._require_program(command[0])
        return WorkerPlan(command, self._file.parent, self._texts(table.get("types", []), "worker.types"))

    def _require_program(self, program: str) -> None:
        if program == "{python}":
            return
        sought = str(self._file.parent / program) if "/" in program else program
        if shutil.which(sought) is None:
            raise self._wrong(
                f"worker.command: {program} is no program that can be started here",
                "Name one on the PATH, or one in this folder, as in ./worker; {python} is the Python of dwctl.",
            )

    def _shadow(self, table: Mapping[str, Any]) -> ShadowPlan:
        for key in ("type", "queue"):
            if not (isinstance(table.get(key, "-"), str) and table.get(key, "-")):
                raise self._wrong(f"shadow.{key} is not a text")
        if "type" not in table:
            raise self._wrong("shadow.type is missing", "Name the type of the run, as a worker registers it.")
        given = table.get("input", [])
        if not isinstance(given, list) or not _is_json(given):
            raise self._wrong("shadow.input is not a list of JSON values", 'Write it like input = ["shadow-1", 12.5].')
        reaches = table.get("reaches", REACHES[0])
        if reaches not in REACHES:
            raise self._wrong(f"shadow.reaches is none of {', '.join(REACHES)}")
        return ShadowPlan(table["type"], tuple(given), table.get("queue"), reaches)

    def _texts(self, value: object, key: str) -> tuple[str, ...]:
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            raise self._wrong(f"{key} is not a list of texts", f'Write it as a list: {key.split(".")[1]} = ["…", "…"].')
        return tuple(value)

    def _wrong(self, message: str, next_step: str = _AS_SHOWN) -> RequestNotPossible:
        return RequestNotPossible(message, where=str(self._file), next_step=next_step, reason="wrong_plan")


def _is_json(value: object) -> bool:
    """Whether JSON can carry a value of TOML: no dates, no infinities."""
    if isinstance(value, dict):
        return all(_is_json(one) for one in value.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return all(_is_json(one) for one in value)
    if isinstance(value, float):
        return value - value == 0
    return isinstance(value, (str, int))
