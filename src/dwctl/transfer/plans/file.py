"""A plan as a file: a JSON line that says what the plan is, then a line for each bundle, in order.

The last line carries the number of lines and their sha256, so that a plan that was cut short or edited by
accident is not taken for one. The file names business ids, so it is private (0600).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from dwctl.errors import RequestNotPossible
from dwctl.transfer.files.private import write_private
from dwctl.transfer.files.sources import read_file
from dwctl.transfer.plans.plan import Plan, PlannedBundle
from dwctl.transfer.plans.soundness import fault_of

SCHEMA: Final = "dwctl.plan"
VERSION: Final = 1
LARGEST: Final = 1 << 30
"""Bytes of a plan file; about four million bundles."""


def write_plan(plan: Plan, file: str, *, replace: bool = False) -> None:
    """Write the plan. Raises RequestNotPossible where the file is there already or cannot be written."""
    body = b"".join(line + b"\n" for line in _lines(plan))
    end = {"lines": body.count(b"\n"), "sha256": hashlib.sha256(body).hexdigest()}
    try:
        write_private(file, body + _text(end) + b"\n", replace=replace)
    except RequestNotPossible as error:
        if error.reason == "file_exists":
            error.next_step = "Choose another name: a plan is not written over another file."
        raise


def read_plan(file: str) -> Plan:
    """Read a plan. Raises UnreadableInput where there is none, RequestNotPossible for what is not a whole plan.

    Whoever edits a plan can make its last line anew; so what it says is looked at, too.
    """
    content = read_file(file, LARGEST)
    lines = content.splitlines(keepends=True)
    end = _document(lines[-1], file, len(lines)) if lines else {}
    body = b"".join(lines[:-1])
    if end.get("lines") != len(lines) - 1 or end.get("sha256") != hashlib.sha256(body).hexdigest():
        raise _damaged(file, "it is not whole, or was changed since it was written")
    head = _document(lines[0], file, 1)
    if head.pop("schema", None) != SCHEMA or head.pop("schema_version", None) != VERSION:
        raise _damaged(file, f"it is no plan of version {VERSION}")
    head["bundles"] = [_document(line, file, number) for number, line in enumerate(lines[1:-1], 2)]
    try:
        plan = TypeAdapter(Plan).validate_python(head)
    except ValidationError as error:
        raise _damaged(file, _first(error)) from None
    if (fault := fault_of(plan)) is not None:
        raise _damaged(file, fault)
    return plan


def plan_head(plan: Plan) -> dict[str, Any]:
    """The plan without its bundles, as JSON values."""
    head = {field.name: _plain(getattr(plan, field.name)) for field in fields(plan) if field.name != "bundles"}
    return {"schema": SCHEMA, "schema_version": VERSION, **head}


def planned_bundle(bundle: PlannedBundle) -> dict[str, Any]:
    """One bundle of a plan as JSON values."""
    document: dict[str, Any] = _plain(bundle)
    # Said for those who read it; who reads a plan back takes them from the findings.
    return document | {"rules": list(bundle.rules)}


def _plain(value: Any) -> Any:
    """Dataclasses and named tuples as objects, so that a person can read and compare a plan."""
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {name: _plain(item) for name, item in zip(value._fields, value, strict=True)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value]


def _lines(plan: Plan) -> Iterator[bytes]:
    yield _text(plan_head(plan))
    yield from (_text(planned_bundle(bundle)) for bundle in plan.bundles)


def _document(line: bytes, file: str, number: int) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _damaged(f"{file}, line {number}", "it is not a JSON object")
    return found


def _text(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def _first(error: ValidationError) -> str:
    problem = error.errors(include_input=False)[0]
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"


def _damaged(where: str, what: str) -> RequestNotPossible:
    return RequestNotPossible(
        f"this is not a plan that can be carried out: {what}", where=where,
        next_step="Make it again with `dwctl history-import … --plan-out FILE`.", reason="unusable_plan",
    )  # fmt: skip
