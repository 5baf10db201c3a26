"""`cutover.toml`, the description of one cutover: read, and what is wrong in it said plainly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dwctl.cutover.keys import KEYS
from dwctl.errors import RequestNotPossible

FILE_NAME = "cutover.toml"


@dataclass(frozen=True, slots=True)
class Cutover:
    """A read and checked `cutover.toml`: its path, and its tables as they stand."""

    path: Path
    tables: Mapping[str, Any]

    def get(self, table: str, key: str) -> Any:
        """The value, or None where the file does not set it; an empty string counts as not set."""
        value = self.tables.get(table, {}).get(key)
        return None if value == "" else value

    def rows(self, table: str) -> tuple[Mapping[str, Any], ...]:
        """The tables of a list such as `[[family]]`, in order; an empty string counts as not set, but for JSON."""
        keys = KEYS[table]
        return tuple(
            {key: value for key, value in row.items() if value != "" or keys[key].kind.is_json}
            for row in self.tables.get(table, ())
        )


def read_cutover(path: Path) -> Cutover | None:
    """Read `path`; None where there is no such file.

    Raises RequestNotPossible for what is not TOML, and for every mistake that shows without looking further: an
    unknown key (naming the nearest right one, or the table that it belongs into), a value of the wrong type, one
    that is missing, or a secret that stands in the file. All mistakes of a file are told at once.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as error:
        raise _unusable(path, f"it is not UTF-8 text at byte {error.start}", "Save it as UTF-8.") from error
    except OSError as error:
        raise _unusable(path, "it cannot be read", "Make it a readable UTF-8 file.") from error
    import tomllib

    try:
        document = tomllib.loads(text)
    except RecursionError as error:
        raise _unusable(path, "it is nested too deeply", "Mend it.") from error
    except tomllib.TOMLDecodeError as error:
        raise _no_toml(path, str(error)) from error
    from dwctl.cutover.mistakes import mistakes_of, refusal

    if mistakes := list(mistakes_of(document)):
        raise refusal(path, mistakes)
    return Cutover(path, document)


_PLACE: Final = re.compile(r"(?P<what>.*) \(at (?:line (?P<line>\d+), column \d+|end of document)\)", re.DOTALL)
_STEPS: Final = {
    "Cannot overwrite a value": "The key stands there twice: leave one of the two out.",
    "Cannot declare": "The table stands there twice: put its keys together, or write [[family]] for one of several.",
    "Unescaped '\\'": "Write a text with backslashes between single quotes: 'a\\b'.",
    "Invalid value": "Quote texts; write moments like 2026-11-23T08:00:00Z and lists between [ and ].",
}
"""How a message of the TOML reader begins → what to do; texts of the standard library, which have been the same
since it came (the tests hold them)."""


def _no_toml(path: Path, said: str) -> RequestNotPossible:
    found = _PLACE.fullmatch(said)
    what = found["what"] if found else said
    line = f"line {found['line']}" if found and found["line"] else "the end of the file"
    step = next((step for begins, step in _STEPS.items() if what.startswith(begins)), "Mend that line.")
    return _unusable(path, f"it is not TOML at {line}: {what}", step, where=line)


def _unusable(path: Path, what: str, next_step: str, *, where: str = "") -> RequestNotPossible:
    from dwctl.cutover.mistakes import Mistake, refusal

    return refusal(path, [Mistake(where, what, next_step)])
