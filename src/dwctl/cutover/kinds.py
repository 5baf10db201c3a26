"""The kinds of values that `cutover.toml` holds: how each is written, said in words, and checked."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Final, NamedTuple


class Kind(NamedTuple):
    """A kind of value.

    `pattern` is for the whole of a string (of each word, in a list), and is published in the JSON Schema, so it is
    written as Python and JavaScript both read it. `least` and `most` bound a number. A list of words is never empty;
    `is_set` says that no word may stand in it twice, `is_json` that any JSON values may.
    """

    types: tuple[type, ...]
    expected: str
    pattern: str | None = None
    item: str = "a word that is not empty"
    least: float | None = None
    most: float | None = None
    is_set: bool = False
    is_json: bool = False


_NAME: Final = r"(?=[\s\S]*\S)[\s\S]{1,255}"
_TYPE_KEY: Final = r"(?=[\s\S]*\S)[^\\]{1,255}"
_PATH: Final = r"(?![A-Za-z][A-Za-z0-9+.-]*://)[^\u0000]+"
_KEPT: Final = r"(?:(?:s3|s3a|gs|gcs|az|abfs|abfss|memory)://|(?![A-Za-z][A-Za-z0-9+.-]*://))[^\u0000]+"
_DURATION: Final = r"[0-9]{1,9}(?:\.[0-9]{1,9})?(?:ms|s|m|h)?"
_MOMENT: Final = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2}))?"
)
_IS_KEY: Final = "a type key such as orders.process, and no PHP class name"

STRING: Final = Kind((str,), "a string")
FLAG: Final = Kind((bool,), "true or false")
WORDS: Final = Kind((list,), "a list of strings")
SECONDS: Final = Kind((int, float, str), 'seconds or a duration such as "30s"', _DURATION, least=0.001)
VARIABLE: Final = Kind((str,), "the name of an environment variable", "[A-Za-z_][A-Za-z0-9_]*")
NAME: Final = Kind((str,), "a name of 1 to 255 characters", _NAME)
IMPORT_ID: Final = Kind((str,), "an id of 1 to 64 characters", r"(?=[\s\S]*\S)[\s\S]{1,64}")
NAMES: Final = Kind((list,), "a list of names", _NAME, "a name of 1 to 255 characters", is_set=True)
TYPE_KEY: Final = Kind((str,), _IS_KEY, _TYPE_KEY)
TYPE_KEYS: Final = Kind((list,), "a list of type keys", _TYPE_KEY, _IS_KEY, is_set=True)
CHOICE: Final = Kind((str,), "one of the words that it may be")
PATH: Final = Kind((str,), "a path on this machine", _PATH)
PATHS: Final = Kind((list,), "a list of paths on this machine", _PATH, "a path on this machine", is_set=True)
KEPT_AT: Final = Kind(
    (list,), "a list of folders or URLs of object stores", _KEPT,
    "a folder, or a URL such as s3://bucket/exports", is_set=True,
)  # fmt: skip
MOMENT: Final = Kind(
    (str, datetime, date), "a moment with its zone such as 2026-11-23T08:00:00Z, or a date", _MOMENT
)  # fmt: skip
DAYS: Final = Kind((int,), "a whole number of days from 1 to 36500", least=1, most=36500)
JSON_LIST: Final = Kind((list,), "a list of JSON values", is_json=True)
JSON_VALUE: Final = Kind((str, bool, int, float, list, dict), "a JSON value", is_json=True)


def complaint(key: str, kind: Kind, choices: tuple[str, ...], value: object) -> str | None:
    """What is wrong with a value, as a sentence without it: it may be a secret. None where nothing is."""
    wanted = expected(kind, choices)
    if not isinstance(value, kind.types) or (isinstance(value, bool) and bool not in kind.types):
        return f"`{key}` must be {wanted}"
    if kind.is_json:
        return next(_no_json(key, value), None)
    if isinstance(value, list):
        return _wrong_list(key, kind, value)
    if isinstance(value, date):
        value = value.isoformat()
    if value == "":
        return None
    if isinstance(value, str):
        right = value in choices if choices else kind.pattern is None or re.fullmatch(kind.pattern, value)
        return None if right else f"`{key}` must be {wanted}"
    return None if _is_within(kind, value) else f"`{key}` must be {wanted}"


def expected(kind: Kind, choices: tuple[str, ...]) -> str:
    """What a value must be, in words."""
    if not choices:
        return kind.expected
    words = [f'"{word}"' for word in choices]
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _wrong_list(key: str, kind: Kind, words: list[Any]) -> str | None:
    if not words:
        return f"`{key}` must be {kind.expected}, and is empty"
    for number, word in enumerate(words, 1):
        if not isinstance(word, str) or not word or (kind.pattern and not re.fullmatch(kind.pattern, word)):
            return f"`{key}` must be {kind.expected}: number {number} must be {kind.item}"
        if kind.is_set and word in words[: number - 1]:
            return f"`{key}` names the same twice: number {number} stands there before"
    return None


def _is_within(kind: Kind, value: Any) -> bool:
    is_number = not isinstance(value, float) or math.isfinite(value)
    return is_number and (kind.least is None or value >= kind.least) and (kind.most is None or value <= kind.most)


def _no_json(key: str, value: object) -> Iterator[str]:
    """TOML has dates, infinities and more; JSON has not."""
    if isinstance(value, dict):
        for one in value.values():
            yield from _no_json(key, one)
    elif isinstance(value, list):
        for one in value:
            yield from _no_json(key, one)
    elif not isinstance(value, (str, bool, int, float)):
        yield f"`{key}` holds a date or a time, which JSON has not: write it as a string"
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"`{key}` holds a number that JSON has not"
