"""What is wrong in a `cutover.toml`: each mistake with its place and the way out, all of a file at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NamedTuple

from dwctl.cutover.keys import KEYS, LITERAL_SECRETS, TABLES, Table
from dwctl.cutover.kinds import complaint
from dwctl.errors import RequestNotPossible

_TOLD: Final = 30
"""So many mistakes are told; the rest are counted."""


class Mistake(NamedTuple):
    """One mistake: its place in the file, what is wrong (without the value: it may be a secret), and the way out."""

    where: str
    what: str
    next_step: str


def refusal(path: Path, mistakes: Sequence[Mistake]) -> RequestNotPossible:
    """The error that tells all of them, the first one in front."""
    first, *others = mistakes
    count = f" (the first of {len(mistakes)} mistakes)" if others else ""
    also = [f"also: {one.where}: {one.what}. {one.next_step}" for one in others[: _TOLD - 1]]
    if len(mistakes) > _TOLD:
        also.append(f"also: {len(mistakes) - _TOLD} more")
    return RequestNotPossible(
        f"{path.name} is not usable: {first.what}{count}",
        where=f"{path}: {first.where}" if first.where else str(path),
        next_step="\n  ".join((first.next_step, *also)),
        reason="unusable_cutover_file",
    )


def place(table: str, number: int | None = None, key: str | None = None) -> str:
    """`[server] url`, `[[family]] 2 task_queue`: a place as messages name it, counted from 1."""
    shown = named(table)
    if TABLES[table].repeats if table in TABLES else False:
        shown = f"[[{shown}]]" if number is None else f"[[{shown}]] {number}"
    else:
        shown = f"[{shown}]"
    return shown if key is None else f"{shown} {named(key)}"


def named(word: str) -> str:
    """A key of the file as it stands there: quoted where it is none of plain letters."""
    return word if re.fullmatch(r"[A-Za-z0-9_-]{1,60}", word) else json.dumps(word[:60])


def mistakes_of(document: Mapping[str, Any]) -> Iterator[Mistake]:
    """Everything that a read file has in the wrong place, of the wrong type, or left out."""
    for name, value in document.items():
        if name not in TABLES:
            yield _unknown_table(name, value)
        else:
            yield from _of_value(name, TABLES[name], value)


def _of_value(name: str, table: Table, value: object) -> Iterator[Mistake]:
    rows = value if isinstance(value, list) else None
    if table.repeats and rows == []:
        yield Mistake(place(name), f"`{name}` is an empty list", "Leave it out, or write one.")
    elif table.repeats and rows is not None and all(isinstance(row, dict) for row in rows):
        for number, row in enumerate(rows, 1):
            yield from _of_keys(name, table, row, number)
    elif not table.repeats and isinstance(value, dict):
        yield from _of_keys(name, table, value, None)
    elif table.repeats:
        yield Mistake(f"[{name}]" if isinstance(value, dict) else name, f"`{name}` must be a list of tables",
                      f"Write it as [[{name}]], once for each.")  # fmt: skip
    else:
        yield Mistake(
            name if rows is None else f"[[{name}]]", f"`{name}` must be a table", f"Write it as [{name}], once."
        )


def _of_keys(name: str, table: Table, row: Mapping[str, Any], number: int | None) -> Iterator[Mistake]:
    for key, value in row.items():
        where, known = place(name, number, key), table.keys.get(key)
        if known is not None:
            wrong = complaint(key, known.kind, known.choices, value)
            if wrong is not None:
                yield Mistake(where, wrong, f"It holds: {known.meaning}, as in {key} = {known.example}.")
        elif key in LITERAL_SECRETS:
            yield _secret(where, key)
        else:
            yield Mistake(where, f"{_table(name)} has no key `{named(key)}`", _right_place(key, name, table.keys))
    for one_of in table.needs:
        if not any(row.get(key) not in (None, "") for key in one_of):
            words = " or ".join(f"`{key}`" for key in one_of)
            example = table.keys[one_of[0]]
            yield Mistake(place(name, number), f"{words} is missing", f"Write it: {one_of[0]} = {example.example}.")


def _secret(where: str, key: str) -> Mistake:
    return Mistake(
        where,
        f"`{key}` would keep a secret in a file that is shared",
        f"Put it into an environment variable, and name that one in `{LITERAL_SECRETS[key]}`.",
    )


def _unknown_table(name: str, value: object) -> Mistake:
    shown = named(name)
    if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(row, dict) for row in value)):
        near = _nearest(name, TABLES)
        step = f"Did you mean {_table(near)}?" if near else f"It may hold: {', '.join(map(_table, TABLES))}."
        return Mistake(f"[{shown}]", f"there is no table [{shown}]", step)
    if name in LITERAL_SECRETS:
        return _secret(shown, name)
    return Mistake(shown, f"`{shown}` stands outside of any table", _right_place(name, "", {}))


def _right_place(key: str, here: str, known: Mapping[str, object]) -> str:
    """Where a key belongs: into another table as it stands, or with the spelling of a known one."""
    if key in TABLES:
        return f"{_table(key)} is a table of its own: write it at the beginning of a line, in brackets."
    homes = [name for name, keys in KEYS.items() if key in keys and name != here]
    if homes:
        return f"`{key}` belongs into {' or '.join(map(_table, homes))}."
    if near := _nearest(key, known):
        return f"Did you mean `{near}`?"
    everywhere = {one: name for name, keys in KEYS.items() for one in keys}
    if near := _nearest(key, everywhere, cutoff=0.7):
        return f"Did you mean `{near}` of {_table(everywhere[near])}?"
    return f"It may hold: {', '.join(sorted(known))}." if known else "Write it below the table that it belongs to."


def _table(name: str) -> str:
    return place(name)


def _nearest(word: str, known: Iterable[str], cutoff: float = 0.5) -> str | None:
    near = get_close_matches(word.lower().replace("-", "_"), list(known), n=1, cutoff=cutoff)
    return near[0] if near else None
