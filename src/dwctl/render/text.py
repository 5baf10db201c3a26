"""Text that came from a file or a server, made safe for a terminal."""

from __future__ import annotations

import unicodedata

_KEPT = {"\n", "\t"}
_UNSAFE = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}


def printable(text: str) -> str:
    """Replace what could steer a terminal or hide itself: controls, bidi overrides, lone surrogates.

    Newlines and tabs stay; everything else of Unicode's category C, and its own line and paragraph
    separators, is shown as an escape like `\\x1b`.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join([_shown(character) for character in text])


def one_line(text: str) -> str:
    """`printable`, with newlines and tabs escaped too: for a table cell or a log line."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def _shown(character: str) -> str:
    if character in _KEPT or unicodedata.category(character) not in _UNSAFE:
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
