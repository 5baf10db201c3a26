"""The text of a first `cutover.toml`: every key with its meaning, set where its value is known, else commented out.

A library that writes TOML and keeps comments would be one more dependency for one file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from dwctl.checklist.description.initial import Draft, Row
from dwctl.checklist.toml_values import toml_sign, toml_value
from dwctl.cutover.keys import TABLES, Key, Table

_WIDTH: Final = 110

_HEAD: Final = """\
# The description of one cutover: what `dwctl checklist` holds the world against. Tokens and passwords never
# stand here, only the names of the variables that hold them. A comment begins with # and a blank; # and a key is
# a key that is not set: take the # away and write its value. `dwctl schema show cutover` is its JSON Schema."""


def draft_text(draft: Draft) -> str:
    """The file; what `read_cutover` and `described_of` take without a complaint."""
    return "\n".join(_lines(draft)) + "\n"


def _lines(draft: Draft) -> Iterator[str]:
    yield _HEAD
    if draft.read:
        yield "#"
        yield from (line for sentence in draft.read for line in _comment(f"Read: {sentence}"))
    due = {fill.where: f"To fill in for the phase {fill.phase}: " for fill in draft.to_fill}
    rows = {"family": draft.families, "shadow": draft.shadows}
    for name, table in TABLES.items():
        yield ""
        yield from _comment(f"{due.get(f'[[{name}]]', '')}{table.meaning}")
        yield from (line for note in draft.notes.get(name, ()) for line in _comment(f"Note: {note}"))
        if not table.repeats:
            yield f"[{name}]"
            known = {key: draft.values[name, key] for key in table.keys if (name, key) in draft.values}
            yield from _table(table, known, {key: due.get(f"[{name}] {key}", "") for key in table.keys})
        elif rows[name]:
            yield from _rows(name, table, rows[name])
        else:
            yield f"#[[{name}]]"
            yield from _table(table, {}, {}, _suggested(name, draft))


def _rows(name: str, table: Table, rows: tuple[Row, ...]) -> Iterator[str]:
    """The first with what each key is for, the others with their values alone."""
    first, *others = rows
    yield f"[[{name}]]"
    yield from _table(table, first, {})
    for row in others:
        yield ""
        yield f"[[{name}]]"
        yield from (_setting(key, row[key]) for key in table.keys if key in row)


def _table(
    table: Table, known: Mapping[str, Any], due: Mapping[str, str], suggested: Mapping[str, str] | None = None
) -> Iterator[str]:
    for name, key in table.keys.items():
        yield from _comment(f"{due.get(name, '')}{_meaning(key)}")
        if name in known:
            yield _setting(name, known[name])
        else:
            yield f"#{name} = {(suggested or {}).get(name, key.example)}"


def _setting(name: str, value: Any) -> str:
    line = f"{name} = {toml_value(value)}"
    if len(line) <= _WIDTH or not isinstance(value, list):
        return line
    return "\n".join([f"{name} = [", *(f"    {toml_value(one)}," for one in value), "]"])


def _meaning(key: Key) -> str:
    said = f"{key.meaning[:1].upper()}{key.meaning[1:]}"
    words = f" ({key.expected})" if key.choices else ""
    return f"{said}{words}.{f' Left out: {key.default}.' if key.default else ''}"


def _suggested(name: str, draft: Draft) -> Mapping[str, str]:
    """A shadow of a type that there is: the file then needs the fewest changes."""
    family = next((row for row in draft.families if row.get("workflow_types")), None)
    if name != "shadow" or family is None:
        return {}
    return {"workflow_type": toml_value(family["workflow_types"][0]), "task_queue": toml_value(family["task_queue"])}


def _comment(sentence: str) -> Iterator[str]:
    """A comment, broken into lines; what came from outside cannot end it."""
    words = "".join(sign if sign == " " else toml_sign(sign) if sign not in '"\\' else sign for sign in sentence).split(
        " "
    )
    line = "#"
    for word in words:
        if len(line) + len(word) >= _WIDTH and line != "#":
            yield line
            line = "# "
        line = f"{line} {word}" if line != "# " else f"# {word}"
    yield line
