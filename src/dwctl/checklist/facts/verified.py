"""The record of what was read before: files that are still the same need not be read again.

It says for each file what was found in it, under the mark that the file had (`transfer/files/marks.py`). It is private,
written whole or not at all, and carries the sha256 of its own lines: what is damaged, written by another version of
dwctl, or open to others to write, is not trusted, and everything is read again.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec

from dwctl import __version__
from dwctl.transfer.files.private import place_private

T = TypeVar("T")

SCHEMA: Final = "dwctl.verified"


class Row(NamedTuple, Generic[T]):
    """What was found in a file, and the mark that it had when it was read."""

    mark: str
    found: T

    def of(self, found: T) -> Row[T]:
        """The same file with this found in it; the row itself where that is what it says."""
        return self if found is self.found else Row(self.mark, found)


class _Head(msgspec.Struct):
    schema: str
    dwctl: str
    of: str
    rows: int
    sha256: str


class VerifiedFiles(Generic[T]):
    """A record at `path`. `of` says what of, and by which options; another `of` is another record.

    `tell` gets a sentence where a record is thrown away, or cannot be kept.
    """

    def __init__(self, path: Path, kind: type[T], of: str, tell: Callable[[str], None]) -> None:
        self._path, self._of, self._tell = path, of, tell
        self._rows: msgspec.json.Decoder[tuple[str, str, T]] = msgspec.json.Decoder(tuple[str, str, kind])  # type: ignore[valid-type]

    def read(self) -> dict[str, Row[T]]:
        """File → what the record says of it; empty where there is none, or none that can be trusted."""
        try:
            content = self._content()
        except FileNotFoundError:
            return {}
        except OSError as error:
            return self._thrown_away(f"it cannot be read: {error.strerror or error}")
        if content is None:
            return self._thrown_away("others may write to it")
        head_line, _, lines = content.partition(b"\n")
        try:
            head = msgspec.json.decode(head_line, type=_Head)
            if head.schema != SCHEMA or hashlib.sha256(lines).hexdigest() != head.sha256:
                return self._thrown_away("it is damaged")
            if head.dwctl != __version__ or head.of != self._of:
                return {}  # other rules, or other options: no damage
            found = {file: Row(mark, fact) for file, mark, fact in self._rows.decode_lines(lines)}
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._thrown_away("it is damaged")
        return found if len(found) == head.rows else self._thrown_away("it is damaged")

    def _content(self) -> bytes | None:
        """The bytes; None where somebody else may have written them."""
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(file.fileno())
            foreign = hasattr(os, "geteuid") and found.st_uid != os.geteuid()
            if foreign or not stat.S_ISREG(found.st_mode) or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                return None
            return file.read()

    def _thrown_away(self, why: str) -> dict[str, Row[T]]:
        self._tell(f"note: the record of what was verified before is not used ({self._path}): {why}; all is read again")
        return {}

    def write(self, rows: Mapping[str, Row[T]]) -> None:
        """Put these rows in the place of all others. Without a record nothing is lost but time, so nothing is raised.

        A file whose name is no text is left out: it is read each time.
        """
        encoded = [line for file, row in rows.items() if (line := _line(file, row)) is not None]
        lines = b"\n".join(encoded)
        head = _Head(SCHEMA, __version__, self._of, len(encoded), hashlib.sha256(lines).hexdigest())
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            place_private(self._path, msgspec.json.encode(head) + b"\n" + lines, replace=True)
        except OSError as error:
            why = error.strerror or error
            self._tell(f"note: what was verified is not recorded ({self._path}): {why}; it is read again each time")


def _line(file: str, row: Row[Any]) -> bytes | None:
    try:
        return msgspec.json.encode((file, row.mark, row.found))
    except UnicodeEncodeError:
        return None
