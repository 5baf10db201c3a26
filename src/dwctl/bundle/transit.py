"""What the server's framework does to a JSON body before the importer sees it (contract/import.md §4.1)."""

from __future__ import annotations

import json
import re
import unicodedata

from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.php_decode import MAX_DEPTH, nesting

_UNTRIMMED_KEYS = frozenset({"current_password", "password", "password_confirmation"})
_AT_AN_END = re.compile(r"[!-~]")


def rewritten_at(value: JsonValue) -> str | None:
    """The JSON path of the first string that the framework would change, or None for a bundle that survives.

    It makes every empty string null, and trims white space and invisible characters off both ends. Which
    characters count as invisible differs between its versions, so anything that is not a letter, a mark, a
    number, a punctuation or a symbol counts here: a bundle is rather sent another way than damaged.
    """
    pending: list[tuple[str, str | int, JsonValue]] = [("", "", value)]
    while pending:
        path, key, item = pending.pop()
        if isinstance(item, str):
            if not item or (_trimmed(item) and key not in _UNTRIMMED_KEYS):
                return path
        elif isinstance(item, (dict, list)):
            entries = item.items() if isinstance(item, dict) else enumerate(item)
            pending.extend((f"{path}.{name}" if path else str(name), name, inner) for name, inner in entries)
    return None


def fits_an_envelope(value: JsonValue) -> bool:
    """Whether the bundle can be nested one level deeper, under the key `bundle`."""
    return nesting(value) < MAX_DEPTH


def envelope(bundle: bytes, options: dict[str, str | bool]) -> bytes:
    """The JSON body `{"bundle": …, options}` around the bundle's own bytes; nothing in them is written anew."""
    written = json.dumps(options, separators=(",", ":")).encode("ascii")
    return b'{"bundle":' + bundle + (b"," + written[1:] if options else b"}")


def _trimmed(text: str) -> bool:
    return _may_be_trimmed(text[0]) or _may_be_trimmed(text[-1])


def _may_be_trimmed(character: str) -> bool:
    if _AT_AN_END.match(character):
        return False
    return unicodedata.category(character)[0] in "CZ" or character in _INVISIBLE


# Letters and marks by category, invisible all the same: Hangul fillers, Khmer vowels, variation selectors,
# the combining grapheme joiner, the blank Braille pattern.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\ufe0f\ufe0e")
