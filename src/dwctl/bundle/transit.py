"""What the server's framework does to a JSON body before the importer sees it (contract/import.md §4.1)."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping

from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.loose import entries
from dwctl.bundle.php_decode import MAX_DEPTH, nesting

_AT_AN_END = re.compile(r"[!-~]")


def rewritten_at(value: JsonValue) -> str | None:
    """The JSON path of the first string that the framework would change, or None for a value that survives.

    It makes every empty string null, and trims white space and invisible characters off both ends. Which
    characters count as invisible differs between its versions, so anything that is not a letter, a mark, a
    number, a punctuation or a symbol counts here: a bundle is rather sent another way than damaged. For the same
    reason its exemption for keys like `password` is not relied on: it compares whole dotted paths, and those of
    a bundle in an envelope are longer.
    """
    pending: list[tuple[str, JsonValue]] = [("", value)]
    while pending:
        path, item = pending.pop()
        if isinstance(item, str):
            if not item or _may_be_trimmed(item[0]) or _may_be_trimmed(item[-1]):
                return path
        else:
            inner = [(f"{path}.{key}" if path else str(key), part) for key, part in entries(item)]
            pending.extend(reversed(inner))
    return None


def fits_an_envelope(value: JsonValue) -> bool:
    """Whether the bundle can be nested one level deeper, under the key `bundle`."""
    return nesting(value) < MAX_DEPTH


def envelope(bundle: bytes, options: Mapping[str, str | bool]) -> bytes:
    """The JSON body `{"bundle": …, options}` around the bundle's own bytes; nothing in them is written anew."""
    written = json.dumps(dict(options), separators=(",", ":")).encode("ascii")
    return b'{"bundle":' + bundle + (b"," + written[1:] if options else b"}")


def _may_be_trimmed(character: str) -> bool:
    if _AT_AN_END.match(character):
        return False
    return unicodedata.category(character)[0] in "CZ" or character in _INVISIBLE


# Letters, marks and symbols by category, invisible all the same: Hangul fillers, Khmer vowels, variation selectors,
# the combining grapheme joiner, the blank Braille pattern, the null notehead.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\ufe0e\ufe0f\U0001d159")
