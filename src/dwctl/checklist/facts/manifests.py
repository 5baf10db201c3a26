"""What the manifests beside the bundles say: which file was exported when, and whether it is still that one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import msgspec

from dwctl.checklist.facts.facts import BundleFact, Recorded
from dwctl.transfer.storage.manifest import MANIFEST, SCHEMA

_LEVELS: Final = 3
"""How many folders above a bundle that was named itself may hold its manifest: `instance/run.json` needs two."""


class _Line(msgspec.Struct):
    """What is needed of a line; the rest of it is passed over."""

    schema: str
    schema_version: int
    run_id: str
    file: str
    sha256: str
    exported_at: str


_LINES: Final = msgspec.json.Decoder(_Line)


@dataclass(slots=True)
class _Told:
    """One manifest: the newest line of each run by the path of its file, and the places of damaged lines."""

    lines: dict[str, _Line] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)


class Manifests:
    """The manifests that lie beside some bundles, each read once; `places` are the folders and files described."""

    def __init__(self, places: Sequence[str]) -> None:
        self._tops = frozenset(place for place in places if Path(place).is_dir())
        self._above: dict[str, str | None] = {}
        self._told: dict[str, _Told] = {}

    def beside(self, fact: BundleFact) -> BundleFact:
        """The fact with what the manifest of its folder says of it; the same one where it says that already."""
        recorded, exported_at = self._says(fact)
        if (fact.recorded, fact.exported_at) == (recorded, exported_at):
            return fact
        return replace(fact, recorded=recorded, exported_at=exported_at)

    def _says(self, fact: BundleFact) -> tuple[Recorded, str | None]:
        folder = self._folder(os.path.dirname(fact.file), _LEVELS)  # noqa: PTH120 - many, and bears any name
        if folder is None:
            return Recorded.NO_MANIFEST, None
        line = self._of(folder).lines.get(fact.file)
        if line is None:
            return Recorded.NOT_NAMED, None
        return (Recorded.SAME, line.exported_at) if line.sha256 == fact.sha256 else (Recorded.CHANGED, None)

    def lost(self) -> Iterator[str]:
        """Files that a manifest names and that are not there."""
        for told in self._told.values():
            yield from (file for file in told.lines if not os.path.lexists(file))

    def damaged(self) -> Iterator[str]:
        """The places of lines that cannot be read."""
        for told in self._told.values():
            yield from told.damaged

    def _folder(self, folder: str, levels: int) -> str | None:
        """The nearest folder with a manifest: this one or one above it, up to one that was described."""
        if folder not in self._above:
            self._above[folder] = self._looked_for(folder, levels)
        return self._above[folder]

    def _looked_for(self, folder: str, levels: int) -> str | None:
        above = os.path.dirname(folder)  # noqa: PTH120 - many, and bears any name
        if os.path.isfile(os.path.join(folder, MANIFEST)):  # noqa: PTH113, PTH118
            return folder
        if folder in self._tops or above == folder:
            return None
        under = any(folder.startswith(f"{top}{os.sep}") for top in self._tops)
        return self._folder(above, levels - (not under)) if under or levels > 1 else None

    def _of(self, folder: str) -> _Told:
        if folder not in self._told:
            self._told[folder] = _read(folder)
        return self._told[folder]


def manifest_folder(name: str) -> str | None:
    """The nearest folder above a file that holds a manifest."""
    return next((str(folder) for folder in Path(name).parents if (folder / MANIFEST).is_file()), None)


def _read(folder: str) -> _Told:
    """The manifest of a folder. A last line that an end has torn stands for no export: nobody was told of one."""
    told, newest = _Told(), dict[str, _Line]()
    path = Path(folder, MANIFEST)
    try:
        *whole, _ = path.read_bytes().split(b"\n")
    except OSError as error:
        told.damaged.append(f"{path}: {error.strerror or error}")
        return told
    for number, text in enumerate(whole, 1):
        try:
            line = _LINES.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            line = None
        if line is None or line.schema != SCHEMA or line.schema_version != 1:
            told.damaged.append(f"{path}, line {number}")
        else:
            newest[line.run_id] = line
    told.lines = {os.path.join(folder, line.file): line for line in newest.values()}  # noqa: PTH118
    return told
