"""The rows of `cutover.toml` as typed values, and what is contradictory among them.

Each function adds the mistakes that it finds to the list that it is given, and goes on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from dwctl.checklist.description.described import Family, ShadowWorkflow
from dwctl.cutover.mistakes import Mistake, place
from dwctl.errors import DwctlError, RequestNotPossible
from dwctl.setting_values import duration

Row = Mapping[str, Any]
Mistakes = list[Mistake]

_LONGEST_INPUT: Final = 4 << 20
"""Bytes of an input file; a shadow's arguments are a few words."""


def families(rows: Sequence[Row], mistakes: Mistakes) -> tuple[Family, ...]:
    """The families; two of one name, or one type of one queue and build in two of them, are mistakes."""
    found = tuple(
        Family(
            row["name"],
            row["task_queue"],
            tuple(row.get("workflow_types", ())),
            tuple(row.get("activity_types", ())),
            row.get("compatibility"),
        )
        for row in rows
    )
    mistakes.extend(_contradictions(found))
    return found


def _contradictions(found: Sequence[Family]) -> Iterator[Mistake]:
    names: dict[str, int] = {}
    homes: dict[tuple[str, str, str, str | None], str] = {}
    for number, family in enumerate(found, 1):
        if (first := names.setdefault(family.name, number)) != number:
            yield Mistake(place("family", number, "name"), f"family {first} has the name {_shown(family.name)} too",
                          "Give each family a name of its own.")  # fmt: skip
            continue
        for key, types in (("workflow_types", family.workflow_types), ("activity_types", family.activity_types)):
            for one in types:
                other = homes.setdefault((key, one, family.task_queue, family.compatibility), family.name)
                if other != family.name:
                    yield Mistake(
                        place("family", number, key),
                        f"{_shown(one)} is in the family {_shown(other)} too, with the same queue and build",
                        "A type moves with one family: leave it out of the other, or give its own queue or build.",
                    )


def shadows(
    rows: Sequence[Row], found: Sequence[Family], folder: Path, mistakes: Mistakes
) -> tuple[ShadowWorkflow, ...]:
    """The shadow workflows; where families are described, each is of a type of theirs."""
    return tuple(_shadow(number, row, found, folder, mistakes) for number, row in enumerate(rows, 1))


def _shadow(number: int, row: Row, found: Sequence[Family], folder: Path, mistakes: Mistakes) -> ShadowWorkflow:
    status, type_key = row.get("expect_status", "completed"), row["workflow_type"]
    if "expect_output" in row and status != "completed":
        mistakes.append(Mistake(place("shadow", number, "expect_output"), "only a completed run has an output",
                                'Leave it out, or expect the status "completed".'))  # fmt: skip
    mistakes.extend(_of_no_family(number, type_key, found))
    return ShadowWorkflow(
        type_key,
        row.get("task_queue") or _queue_of(number, type_key, found, mistakes),
        _arguments(number, row, folder, mistakes),
        status,
        (row["expect_output"],) if "expect_output" in row else (),
        _seconds(number, row.get("timeout", "60s"), mistakes),
        row.get("cleanup", False),
    )


def _of_no_family(number: int, type_key: str, found: Sequence[Family]) -> Iterator[Mistake]:
    known = sorted({one for family in found for one in family.workflow_types})
    if not known or type_key in known:
        return
    near = get_close_matches(type_key, known, n=1)
    yield Mistake(
        place("shadow", number, "workflow_type"),
        f"no family has the workflow type {_shown(type_key)}",
        f"Did you mean {_shown(near[0])}?" if near else "Add it to the workflow_types of a [[family]].",
    )


def _queue_of(number: int, type_key: str, found: Sequence[Family], mistakes: Mistakes) -> str:
    """The queue of the family that has the type, where only one could be meant."""
    queues = {family.task_queue for family in found if type_key in family.workflow_types}
    if len(queues) == 1:
        return queues.pop()
    why = "several families have its type, on different queues" if queues else "no family has its type"
    mistakes.append(Mistake(place("shadow", number), f"`task_queue` is missing, and {why}",
                            'Write it: task_queue = "orders".'))  # fmt: skip
    return ""


def _arguments(number: int, row: Row, folder: Path, mistakes: Mistakes) -> Sequence[Any]:
    if "input" in row and "input_file" in row:
        mistakes.append(Mistake(place("shadow", number, "input_file"), "`input` and `input_file` cannot both be given",
                                "Leave one of the two out."))  # fmt: skip
        return ()
    if "input_file" not in row:
        return tuple(row.get("input", ()))
    try:
        return _read_arguments(folder / row["input_file"])
    except DwctlError as error:
        mistakes.append(Mistake(place("shadow", number, "input_file"), error.message, error.next_step or "Mend it."))
        return ()


def _read_arguments(file: Path) -> Sequence[Any]:
    """The arguments in a file. What is wrong with it is told without them: they may be business data."""
    step = "Make it a file with the arguments between [ and ], in their order."
    try:
        with file.open("rb") as stream:
            content = stream.read(_LONGEST_INPUT + 1)
        if len(content) > _LONGEST_INPUT:
            raise RequestNotPossible(f"the file is longer than {_LONGEST_INPUT:,} bytes", next_step=step)
        value = json.loads(content.decode("utf-8"), parse_constant=_no_constant)
    except OSError as error:
        raise RequestNotPossible(f"the file cannot be read: {error.strerror or error}", next_step=step) from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise RequestNotPossible(f"the file is not JSON: {error.msg} at {where}", next_step=step) from None
    except (ValueError, RecursionError):
        raise RequestNotPossible("the file is not JSON in UTF-8", next_step=step) from None
    if not isinstance(value, list):
        raise RequestNotPossible("the file holds no JSON array", next_step=step)
    return tuple(value)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _seconds(number: int, value: Any, mistakes: Mistakes) -> float:
    try:
        return duration(f"{value:.9f}" if isinstance(value, float) else str(value), "`timeout`")
    except RequestNotPossible as error:
        mistakes.append(Mistake(place("shadow", number, "timeout"), error.message, 'Write it as timeout = "60s".'))
        return 0.0


def moment_of(value: str | date | None, key: str, mistakes: Mistakes) -> str | None:
    """A moment of `[cutover]` as dwctl writes moments; None where it is not set."""
    from dwctl.embedded.instants import moment

    if value is None:
        return None
    try:
        return moment(value if isinstance(value, str) else value.isoformat(), f"`{key}`")
    except RequestNotPossible as error:
        step = f"Write it as {key} = 2026-11-23T08:00:00Z."
        mistakes.append(Mistake(place("cutover", None, key), error.message, step))
        return None


def archives(values: Sequence[str], folder: Path, mistakes: Mistakes) -> tuple[str, ...]:
    """Folders as absolute paths, URLs as they are; one with a password in it is a mistake."""
    return tuple(_archive(value, number, folder, mistakes) for number, value in enumerate(values, 1))


def _archive(value: str, number: int, folder: Path, mistakes: Mistakes) -> str:
    if "://" not in value:
        return str(folder / value)
    where = place("retention", None, "archives")
    try:
        parts = urlsplit(value)
    except ValueError:
        mistakes.append(Mistake(where, f"number {number} of `archives` is no URL",
                                "Write it as s3://bucket/folder."))  # fmt: skip
        return value
    if parts.username is not None or parts.password is not None:
        what = f"number {number} of `archives` would keep a secret in a file that is shared"
        step = "Leave it out of the URL: the library of the object store reads its own variables."
        mistakes.append(Mistake(where, what, step))
    return value


def _shown(text: str) -> str:
    return json.dumps(text[:255], ensure_ascii=False)
