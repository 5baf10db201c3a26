"""What changed since an earlier run of the gate, out of the JSON document that it wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from dwctl import schema_files
from dwctl.checklist.gate.check import NOT_GOOD, State
from dwctl.checklist.gate.results import GateResult
from dwctl.errors import RequestNotPossible, UnreadableInput

_LARGEST = 64 * 1024 * 1024


class Kind(StrEnum):
    """How a check differs; the worst first. `state` is any other change of its state."""

    FAILING = "newly failing"
    PASSING = "newly passing"
    STATE = "other state"
    APPEARED = "appeared"
    GONE = "gone"
    SENTENCE = "other sentence"


@dataclass(frozen=True, slots=True)
class Change:
    """One check that differs; the state and the sentence are None on the side where it is not there."""

    kind: Kind
    check: str
    before: State | None
    after: State | None
    said_before: str | None
    said_after: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """An earlier run and what is otherwise now. `elsewhere` says that it looked at another cutover, or is None."""

    file: str
    began_at: str
    green: bool
    changes: tuple[Change, ...]
    elsewhere: str | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier document that was read and held against its schema."""

    file: str
    document: Mapping[str, Any]


def read_earlier(path: Path) -> Earlier:
    """Read a document of `dwctl checklist --json`.

    Raises UnreadableInput for a file that cannot be read, RequestNotPossible for one that is something else.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise _other(path, "it is far too large for one")
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableInput(
            f"the earlier result cannot be read: {error.strerror or error}", where=str(path),
            next_step="Name a file that is there.", reason="unreadable",
        ) from None  # fmt: skip
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise _other(path, "it is not JSON") from None
    if not isinstance(document, dict) or document.get("schema") != "dwctl.checklist":
        raise _other(path, "it does not call itself dwctl.checklist")
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    wrong = best_match(Draft202012Validator(schema_files.load("checklist")).iter_errors(document))
    if wrong is not None:
        raise _other(path, f"it is not as its schema says at {wrong.json_path}")
    return Earlier(str(path), document)


def compared(earlier: Earlier, now: GateResult) -> Comparison:
    """What is otherwise now, the worst first, and within a kind in the order of the table."""
    before = {str(row["id"]): row for row in earlier.document["checks"]}
    changes = sorted(_changes(before, now), key=lambda change: list(Kind).index(change.kind))
    return Comparison(
        earlier.file, str(earlier.document["began_at"]), bool(earlier.document["green"]), tuple(changes),
        _elsewhere(earlier.document, now),
    )  # fmt: skip


def _changes(before: Mapping[str, Mapping[str, Any]], now: GateResult) -> Iterator[Change]:
    after = {result.check.id: result.finding for result in now.results}
    for name, finding in after.items():
        if name not in before:
            yield Change(Kind.APPEARED, name, None, finding.state, None, finding.said)
            continue
        was, said = State(before[name]["state"]), str(before[name]["said"])
        if was is not finding.state:
            yield Change(_kind(was, finding.state), name, was, finding.state, said, finding.said)
        elif said != finding.said:
            yield Change(Kind.SENTENCE, name, was, finding.state, said, finding.said)
    for name, row in before.items():
        if name not in after:
            yield Change(Kind.GONE, name, State(row["state"]), None, str(row["said"]), None)


def _kind(before: State, after: State) -> Kind:
    if after in NOT_GOOD and before not in NOT_GOOD:
        return Kind.FAILING
    return Kind.PASSING if after is State.PASS else Kind.STATE


def _elsewhere(earlier: Mapping[str, Any], now: GateResult) -> str | None:
    pairs = (("cutover", "name", now.name), ("server", "server", now.server), ("namespace", "namespace", now.namespace))
    others = [f"{word} {earlier[key] or '(none)'}" for word, key, value in pairs if earlier[key] != value]
    return f"the earlier result is of {', '.join(others)}" if others else None


def _other(path: Path, why: str) -> RequestNotPossible:
    return RequestNotPossible(
        f"this is no earlier result of the gate: {why}", where=str(path),
        next_step="Name a file that `dwctl checklist --json` wrote.", reason="not_a_gate_result",
    )  # fmt: skip
