"""Names of bundle files: `instance/run.json`, safe on every file system, and from the name back to the ids.

An id may be any text: with slashes, dots, control characters, a name that Windows reserves, or nothing at all.
Two ids never share a name, not even where a file system folds case or normalises Unicode:

- `a-z 0-9 - _ . + = @` stand for themselves; every other byte of the UTF-8 text is `%` and two hex digits. So
  are a leading `-`, a leading or trailing `.`, and the first letter of a reserved name. A lone `%` is no text.
- Capital letters stay as they are, and a `,` at the end tells which letters they are: a hexadecimal number
  whose lowest bit is the first letter. The ids of the library are lower case and carry no mark.
- A text that is too long for one name goes on in a folder below: `,` ends the name that goes on and begins
  the one that it goes on in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dwctl.errors import AnswerIsNo

SUFFIXES = (".json", ".json.gz", ".json.zst")
"""What a bundle's file may end in: as it is, compressed with gzip, with zstd."""

LONGEST = 200
"""Bytes of one name without its suffix; file systems take 255, and some encrypting ones less."""

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.+=@")
# The names of Windows' devices, with or without an extension, and the names of our own manifest and log.
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9]|manifest|export-log)(?:\.|$)", re.IGNORECASE)
_WRITTEN = re.compile(r"(?P<text>(?:[a-z0-9\-_.+=@]|%[0-9a-f]{2})*|%)(?:,(?P<capitals>[1-9a-f][0-9a-f]*))?")
_PIECE = LONGEST - 2


def bundle_file(instance_id: str, run_id: str, suffix: str = ".json") -> str:
    """The name of a run's file within its folder, with `/` between the parts. `suffix` is one of `SUFFIXES`."""
    if suffix not in SUFFIXES:
        raise ValueError(f"{suffix!r} is no suffix of a bundle")
    return f"{_safe(instance_id)}/{_safe(run_id)}{suffix}"


def ids_of(name: str) -> tuple[str, str]:
    """Instance id and run id behind a name, also where a file system has folded its case.

    Raises `AnswerIsNo` for a name that `bundle_file` does not give.
    """
    folded = _without_suffix(name.lower() if name.isascii() else "").split("/")
    texts = [_unsafe(written) for written in _joined(folded)]
    if len(texts) == 2 and None not in texts:
        instance_id, run_id = (text or "" for text in texts)
        if f"{_safe(instance_id)}/{_safe(run_id)}".lower() == "/".join(folded):
            return instance_id, run_id
    raise AnswerIsNo(
        "this is no name that an export gives to a bundle", where=name,
        next_step="Keep other files elsewhere.", reason="foreign_name",
    )  # fmt: skip


def _safe(text: str) -> str:
    body = "".join(character if character in _PLAIN else _escaped(character) for character in text) or "%"
    if body[0] in ".-" or _RESERVED.match(body):
        body = _escaped(body[0]) + body[1:]
    if body[-1] == ".":
        body = body[:-1] + _escaped(".")
    return "/".join(_pieces(body + _capitals(body)))


def _escaped(character: str) -> str:
    # A lone surrogate, which JSON can spell, is no UTF-8; it is kept all the same.
    return "".join(f"%{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))


_LETTER = re.compile("%[0-9a-fA-F]{2}|([A-Za-z])")


def _capitals(body: str) -> str:
    letters = [found[1] for found in _LETTER.finditer(body) if found[1]]
    mark = sum(1 << place for place, letter in enumerate(letters) if letter.isupper())
    return f",{mark:x}" if mark else ""


def _pieces(written: str) -> Iterator[str]:
    """The text as names of at most `LONGEST` bytes; a cut may fall anywhere, since the pieces are joined again."""
    if len(written) <= LONGEST:
        yield written
        return
    last = (len(written) - 1) // _PIECE
    for number in range(last + 1):
        piece = written[number * _PIECE : (number + 1) * _PIECE]
        yield f"{',' if number else ''}{piece}{',' if number < last else ''}"


def _without_suffix(name: str) -> str:
    for suffix in SUFFIXES:
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return ""


def _joined(parts: list[str]) -> Iterator[str]:
    """The pieces of each id put together again."""
    whole, goes_on = "", False
    for part in parts:
        piece = part.removeprefix(",") if goes_on else part
        goes_on = len(part) > 1 and part.endswith(",")
        whole += piece.removesuffix(",") if goes_on else piece
        if not goes_on:
            yield whole
            whole = ""
    if goes_on:
        yield ","


def _unsafe(written: str) -> str | None:
    """The text behind a folded name; None where there is none."""
    found = _WRITTEN.fullmatch(written)
    if found is None or not found["text"]:
        return None
    if found["text"] == "%":
        return "" if found["capitals"] is None else None
    mark, place = int(found["capitals"] or "0", 16), 0
    content = bytearray()
    for step in re.finditer("%(..)|(.)", found["text"]):
        if step[1] is not None:
            content.append(int(step[1], 16))
            continue
        letter = step[2]
        if letter.isalpha():
            letter = letter.upper() if mark >> place & 1 else letter
            place += 1
        content += letter.encode()
    try:
        return content.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None
