"""Where a document that decodes is not what a bundle should be, so that nothing can be told from there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.kinds import kind_of
from dwctl.bundle.loose import entries, field, integer, is_array, string
from dwctl.errors import AnswerIsNo

_ROWS = (
    "history_events",
    "waits",
    "commands",
    "signals",
    "updates",
    "tasks",
    "activities",
    "timers",
    "failures",
)
_OBJECTS = ("workflow", "payloads", "links", "redaction", "codec_schemas", "payload_manifest", "integrity")


@dataclass(frozen=True, slots=True)
class Damage:
    """A damaged place and what is wrong there."""

    path: str
    problem: str


def require_bundle(value: JsonValue) -> None:
    """Raise `AnswerIsNo` unless a decoded document has at least one section of a bundle."""
    if isinstance(value, dict) and any(section in value for section in (*_OBJECTS, *_ROWS)):
        return
    what = "an object without any section of one" if isinstance(value, dict) else kind_of(value)
    raise AnswerIsNo(
        f"the document is not a history-export bundle, but {what}",
        where="$",
        next_step="Name a file that workflow:v2:history-export wrote.",
        reason="not_a_bundle",
    )


def section_damage(bundle: JsonValue) -> Iterator[Damage]:
    """Sections that are missing or neither list nor object, and the first row that is no object of each."""
    for section in (*_OBJECTS, *_ROWS):
        if section not in bundle:
            yield Damage(section, "the section is missing")
        elif not is_array(bundle[section]):
            yield Damage(section, f"{kind_of(bundle[section])} stands where the section belongs")
        elif section in _ROWS:
            yield from _row_damage(section, bundle[section])


def _row_damage(section: str, rows: JsonValue) -> Iterator[Damage]:
    broken = [(key, row) for key, row in entries(rows) if not is_array(row)]
    if broken:
        key, row = broken[0]
        more = f", as in {len(broken) - 1} more rows of this section" if len(broken) > 1 else ""
        yield Damage(f"{section}.{key}", f"{kind_of(row)} stands where a row belongs{more}")


def read_text(bundle: JsonValue, path: str, damage: list[Damage]) -> str | None:
    """The text at a path, None where there is none; something else than text is added to `damage`."""
    value = field(bundle, *path.split("."))
    if value is not None and not isinstance(value, str):
        damage.append(Damage(path, f"{kind_of(value)} stands where text belongs"))
    return string(value)


def read_integer(bundle: JsonValue, path: str, damage: list[Damage]) -> int | None:
    """The integer at a path, as PHP reads one; None and `damage` as for `read_text`."""
    value = field(bundle, *path.split("."))
    number = integer(value)
    if value is not None and number is None:
        damage.append(Damage(path, f"{kind_of(value)} stands where an integer belongs"))
    return number
