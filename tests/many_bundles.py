"""As many bundles as wanted, each a run of its own: real ones with new ids, sealed anew."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

from dwctl.bundle.canonical import decode, sha256_hex
from sample_bundles import EXAMPLES

MODELS: Final = tuple(
    EXAMPLES / name
    for name in (
        "running-mid-history-order-2003.json", "cancelled-reminder-1.json", "failed-order-fail-1.json",
        "waiting-for-signal-approval-1.json",
    )
)  # fmt: skip
"""An open run in the middle of its history, a cancelled, a failed and a waiting one: 62 kB on average."""

SMALL: Final = (EXAMPLES / "waiting-for-signal-approval-1.json",)
"""20 kB, where the size does not matter."""

_ULID = re.compile(rb"(?<=[\"\\:])01[0-9A-Za-z]{24}(?=[\"\\:])")
_ALPHABET = b"0123456789abcdefghjkmnpqrstvwxyz"


class Model:
    """A real bundle, of which copies are made: every id of a row, of the run and of the instance becomes another."""

    def __init__(self, file: Path) -> None:
        self._content = file.read_bytes()
        workflow = json.loads(self._content)["workflow"]
        self._instance: bytes = workflow["instance_id"].encode()

    @cached_property
    def _pieces(self) -> list[bytes]:
        instance = b'(?<=")' + re.escape(self._instance) + b'(?=")'
        return re.split(b"(" + _ULID.pattern + b"|" + instance + b")", self._content)

    def copy(self, number: int) -> bytes:
        """The copy of this number, sealed."""
        names: dict[bytes, bytes] = {self._instance: b"%s-%06d" % (self._instance, number)}
        pieces = list(self._pieces)
        for at in range(1, len(pieces), 2):
            old = pieces[at]
            pieces[at] = names.get(old) or names.setdefault(old, _id(old, number))
        return resealed(b"".join(pieces))


def _id(old: bytes, number: int) -> bytes:
    digest = hashlib.sha256(b"%d:%s" % (number, old)).digest()
    return b"01" + bytes(_ALPHABET[byte & 31] for byte in digest[:24])


def resealed(document: bytes) -> bytes:
    """The document with the checksum that its content has."""
    old: str = json.loads(document)["integrity"]["checksum"]
    return document.replace(old.encode(), sha256_hex(decode(document).sealed_chunks()).encode())


def many_bundles(count: int, models: Sequence[Path] = MODELS) -> Iterator[tuple[str, bytes]]:
    """So many bundles with names for their files."""
    copied = [Model(file) for file in models]
    for number in range(count):
        yield f"run-{number:06}.json", copied[number % len(copied)].copy(number)


def write_many(folder: Path, count: int, models: Sequence[Path] = MODELS) -> list[Path]:
    """Fill a folder, and return its files in order."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, content in many_bundles(count, models):
        files.append(folder / name)
        files[-1].write_bytes(content)
    return files
