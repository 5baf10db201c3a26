"""The files of attestations and waivers: TOML that people review, read strictly, and appended to by dwctl."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from dwctl.checklist.toml_values import toml_value
from dwctl.embedded.instants import moment, shown
from dwctl.errors import RequestNotPossible, UnreadableInput


class Kind(NamedTuple):
    """One kind of record: the name of its tables, which keys they must and may have, and which hold moments."""

    table: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    moments: tuple[str, ...]
    heading: str


ATTESTATION: Final = Kind(
    "attestation", ("item", "by", "note", "at"), ("evidence", "sha256", "expires"), ("at", "expires"),
    "# What people vouch for where nothing could be measured: an [[attestation]] for an item of the checklist.\n"
    "# It covers what is unknown, and never overrules a measurement that fails. `dwctl checklist attest` adds to this\n"
    "# file and changes nothing in it; to renew or withdraw one, edit or remove it here. Keep it under review.\n",
)  # fmt: skip
WAIVER: Final = Kind(
    "waiver", ("check", "reason", "owner", "at", "expires"), (), ("at", "expires"),
    "# Checks that the cutover goes on without, each with its owner and its last moment: a [[waiver]] for a check.\n"
    "# One that has expired shuts the gate until it is removed or renewed. `dwctl checklist waive` adds to this file\n"
    "# and changes nothing in it; to renew or withdraw one, edit or remove it here. Keep it under review.\n",
)  # fmt: skip

Value = str | int
"""What a key of a record holds; moments are text as dwctl writes them."""


@dataclass(frozen=True, slots=True)
class Record:
    """One table of a file, its values checked, and the place where it stands (`file:line`)."""

    values: Mapping[str, Value]
    place: str

    def text(self, key: str) -> str:
        """A value that is there."""
        return str(self.values[key])

    def may(self, key: str) -> str | None:
        """A value that may be missing."""
        return None if key not in self.values else str(self.values[key])

    def mistake(self, what: str, next_step: str, key: str | None = None) -> RequestNotPossible:
        """The refusal of this record."""
        return unusable(self.place + (f": {key}" if key else ""), what, next_step)


def unusable(where: str, what: str, next_step: str) -> RequestNotPossible:
    """The refusal of a file of records: a sentence, and the place."""
    return RequestNotPossible(what, where=where, next_step=next_step, reason="unusable_record")


def read_text(path: Path) -> str:
    """The text of a file; empty where there is none. Raises UnreadableInput."""
    try:
        return path.read_bytes().decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except UnicodeDecodeError:
        raise UnreadableInput(
            "the file is not UTF-8 text", where=str(path), next_step="Save it as UTF-8.", reason="unreadable"
        ) from None
    except OSError as error:
        raise UnreadableInput(
            f"the file cannot be read: {error.strerror or error}", where=str(path),
            next_step="Check its permissions.", reason="unreadable",
        ) from None  # fmt: skip


def parse(text: str, path: Path, kind: Kind) -> tuple[Record, ...]:
    """The records of a text. Raises RequestNotPossible for the first mistake, with its place."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise unusable(str(path), f"the file is not TOML: {error}", "Mend that line.") from None
    for name in document:
        if name != kind.table:
            raise unusable(
                f"{path}: {name}", f"the file has no `{name}`", f"It holds [[{kind.table}]] tables and nothing else."
            )
    tables = document.get(kind.table, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise unusable(f"{path}: {kind.table}", f"`{kind.table}` must be a list of tables",
                       f"Write each as [[{kind.table}]].")  # fmt: skip
    places = _places(text, path, kind, len(tables))
    return tuple(_record(table, place, kind) for table, place in zip(tables, places, strict=True))


def _places(text: str, path: Path, kind: Kind, count: int) -> list[str]:
    """`file:line` of each table; its number where the lines cannot be told from the text."""
    heads = re.compile(rf"^[ \t]*\[\[[ \t]*{kind.table}[ \t]*\]\]")
    lines = [number for number, line in enumerate(text.split("\n"), 1) if heads.match(line)]
    if len(lines) != count:
        return [f"{path}: {kind.table} {number}" for number in range(1, count + 1)]
    return [f"{path}:{line}" for line in lines]


def _record(table: Mapping[str, Any], place: str, kind: Kind) -> Record:
    known = (*kind.required, *kind.optional)
    values: dict[str, Value] = {}
    record = Record(values, place)
    for key, value in table.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            hint = f"Did you mean `{near[0]}`?" if near else f"It may hold: {', '.join(known)}."
            raise record.mistake(f"{_a(kind)} has no key `{key}`", hint, key)
        values[key] = _value(record, key, value, kind)
    for key in kind.required:
        if key not in values:
            raise record.mistake(f"{_a(kind)} needs `{key}`, and this one has none", f"Add {key} = ….", key)
    return record


def _a(kind: Kind) -> str:
    return f"an {kind.table}" if kind is ATTESTATION else f"a {kind.table}"


def _value(record: Record, key: str, value: Any, kind: Kind) -> Value:
    if key == "item":
        if not isinstance(value, int) or isinstance(value, bool):
            raise record.mistake("`item` must be the number of an item", "Write it without quotes: item = 1.", key)
        return value
    if key in kind.moments:
        return _moment(record, key, value)
    if not isinstance(value, str) or not value.strip():
        raise record.mistake(f"`{key}` must be text, and not empty", f'Write {key} = "…".', key)
    return value


def _moment(record: Record, key: str, value: Any) -> str:
    """A TOML date or date-time, or the same as text; a date begins at 00:00 UTC."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return shown(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return shown(datetime(value.year, value.month, value.day, tzinfo=UTC))
    if isinstance(value, str):
        try:
            return moment(value, f"`{key}`")
        except RequestNotPossible as error:
            raise record.mistake(error.message, error.next_step or "", key) from None
    raise record.mistake(
        f"`{key}` must be a moment like 2026-11-23T08:00:00Z, or a date", "Write the zone too: Z for UTC.", key
    )


def appended(text: str, kind: Kind, values: Mapping[str, Value | None]) -> str:
    """The text with one more record; what was there stays as it was, byte for byte."""
    lines = [f"[[{kind.table}]]"]
    for key, value in values.items():
        if value is not None:
            lines.append(f"{key} = {_toml(value, is_moment=key in kind.moments)}")
    before = text or kind.heading
    before += "" if before.endswith("\n") else "\n"
    return before + "\n" + "\n".join(lines) + "\n"


def _toml(value: Value, *, is_moment: bool) -> str:
    return re.sub(r"\.0+Z$", "Z", str(value)) if is_moment else toml_value(value)
