"""A first `cutover.toml`: the families that bundles, database and workers show, and what is left to a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from dwctl.bundle.demand import DemandKind
from dwctl.checklist.gate.items import Phase
from dwctl.cutover.keys import TABLES

Row = Mapping[str, Any]
Values = Mapping[tuple[str, str], Any]

_KEYS: Final = {DemandKind.WORKFLOW: "workflow_types", DemandKind.ACTIVITY: "activity_types"}
_LONGEST: Final = 255


class Seen(NamedTuple):
    """A type key that a source shows, with its queue and build; `is_open` where an open run needs it."""

    kind: DemandKind
    type_key: str | None
    queue: str | None
    compatibility: str | None = None
    is_open: bool = True


class LeftOut(NamedTuple):
    """A type that cannot stand in a family, and why."""

    type_key: str | None
    queue: str | None
    why: str


class ToFill(NamedTuple):
    """What a person still has to write: its place, what it is, and the phase that needs it."""

    where: str
    meaning: str
    phase: Phase


@dataclass(frozen=True, slots=True)
class Draft:
    """What the file is written from.

    `values` are by table and key, `families` and `shadows` rows as the file has them. `read` are sentences on what was
    read, `notes` on what a person should look at, by table. Text in them may come from outside.
    """

    values: Values
    families: tuple[Row, ...] = ()
    shadows: tuple[Row, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    read: tuple[str, ...] = ()
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def to_fill(self) -> tuple[ToFill, ...]:
        """What is left to a person, in the order of the phases."""
        rows = (ToFill(_where(table, key), _meaning(table, key), phase) for table, key, phase, any_of in _DUE
                if not self._has(table, any_of))  # fmt: skip
        return tuple(rows)

    def _has(self, table: str, any_of: Sequence[str]) -> bool:
        if table == "family":
            return bool(self.families)
        return bool(self.shadows) if table == "shadow" else any((table, key) in self.values for key in any_of)


_DUE: Final = (
    ("family", None, Phase.PREPARE, ()),
    ("embedded", "database_url_env", Phase.PREPARE, ("database_url_env", "database_url")),
    ("embedded", "artisan", Phase.PREPARE, ("artisan", "php")),
    ("cutover", "avro_since", Phase.PREPARE, ("avro_since",)),
    ("server", "url", Phase.DEPLOY, ("url",)),
    ("server", "namespace", Phase.DEPLOY, ("namespace",)),
    ("retention", "days", Phase.DEPLOY, ("days",)),
    ("shadow", None, Phase.STARTS, ()),
    ("cutover", "starters_paused_since", Phase.STARTS, ("starters_paused_since",)),
    ("cutover", "import_id", Phase.IMPORT, ("import_id",)),
    ("bundles", "paths", Phase.IMPORT, ("paths",)),
    ("retention", "archives", Phase.CLOSE, ("archives", "closed_runs")),
)
"""Table, key (None for a table that repeats), the phase that needs it, and the keys of which one will do."""


def _where(table: str, key: str | None) -> str:
    return f"[[{table}]]" if key is None else f"[{table}] {key}"


def _meaning(table: str, key: str | None) -> str:
    meaning = TABLES[table].meaning if key is None else TABLES[table].keys[key].meaning
    return meaning.removesuffix(".")


def with_families(
    seen: Iterable[Seen], rows: Sequence[Row] = ()
) -> tuple[tuple[Row, ...], tuple[LeftOut, ...], tuple[str, ...]]:
    """Families by queue and build: the `rows` that stand there already, and what they lack.

    Also what could not be placed, and the workflow types that only closed runs show.
    """
    families = [dict(row) for row in rows]
    placed = {(one.kind, one.type_key, one.queue, one.compatibility) for one in seen_in_rows(rows)}
    left_out: dict[LeftOut, None] = {}
    is_open: dict[str, bool] = {}
    for one in sorted(set(seen), key=_order):
        why = _unfit(one)
        if why is not None:
            left_out[LeftOut(one.type_key, one.queue, why)] = None
            continue
        type_key, queue = str(one.type_key), str(one.queue)
        if one.kind is DemandKind.WORKFLOW:
            is_open[type_key] = is_open.get(type_key, False) or one.is_open
        if (one.kind, type_key, queue, one.compatibility) not in placed:
            placed.add((one.kind, type_key, queue, one.compatibility))
            family = _family(families, queue, one.compatibility)
            family[_KEYS[one.kind]] = [*family.get(_KEYS[one.kind], ()), type_key]
    closed = tuple(sorted(type_key for type_key, opened in is_open.items() if not opened))
    return tuple(families), tuple(left_out), closed


def seen_in_rows(rows: Iterable[Row]) -> Iterator[Seen]:
    """What the families that stand there already name."""
    for row in rows:
        for kind, key in _KEYS.items():
            yield from (Seen(kind, one, row["task_queue"], row.get("compatibility")) for one in row.get(key, ()))


def without_known(seen: Iterable[Seen], known: Iterable[Seen]) -> Iterator[Seen]:
    """What a source that names no builds adds: (type, queue) that no other source has shown with a build."""
    there = {(one.kind, one.type_key, one.queue) for one in known}
    return (one for one in seen if (one.kind, one.type_key, one.queue) not in there)


def _order(one: Seen) -> tuple[str, str, bool, str]:
    return one.queue or "", one.compatibility or "", one.kind is not DemandKind.WORKFLOW, one.type_key or ""


def _unfit(one: Seen) -> str | None:
    """Why a type cannot stand in a family; None where it can."""
    if one.type_key is not None and "\\" in one.type_key:
        return "a PHP class name, not a type key"
    for word, value in (("type key", one.type_key), ("queue", one.queue), ("build", one.compatibility)):
        if value is None:
            if word != "build":
                return f"no {word}"
        elif not value.strip() or len(value) > _LONGEST or any("\ud800" <= sign <= "\udfff" for sign in value):
            return f"a {word} that no server takes: blank, too long, or no text"
    return None


def _family(families: list[dict[str, Any]], queue: str, build: str | None) -> dict[str, Any]:
    """The family of this queue and build; a new one where there is none."""
    for family in families:
        if family["task_queue"] == queue and family.get("compatibility") == build:
            return family
    family = {"name": _name({one["name"] for one in families}, queue, build), "task_queue": queue}
    if build is not None:
        family["compatibility"] = build
    families.append(family)
    return family


def _name(taken: set[str], queue: str, build: str | None) -> str:
    wanted = (queue if build is None else f"{queue} {build}")[:200]
    number = 1
    name = wanted
    while name in taken:
        number += 1
        name = f"{wanted} {number}"
    return name
