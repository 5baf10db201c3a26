"""What of the bundles that arrived does not travel: read off their files, as long as they are the ones imported."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import BinaryIO, Final, NamedTuple

from dwctl.bundle.canonical import decode
from dwctl.bundle.left_behind import LeftBehind, left_behind
from dwctl.errors import UndecodableDocument, UnreadableInput
from dwctl.transfer.files.processes import in_processes
from dwctl.transfer.files.sources import MAX_BUNDLE_SIZE, STDIN, read_bundle
from dwctl.transfer.report.transfer_report import ReportedBundle, Travel, TravelKind

NAMED: Final = 3
"""Runs that are named for each kind; the rest is counted."""

NO_FILE: Final = "the file was not found, or could not be read"
OTHER_FILE: Final = "the file is no longer the one that was imported"
NO_NAME: Final = "the bundle came from standard input"
NOT_ASKED: Final = "the bundles were not to be opened"
NOT_SEEN: Final = "it was compared by an earlier run"


class Opened(NamedTuple):
    """What a file holds: the digest of its content, and what of it does not travel; `left` None: unreadable."""

    sha256: str
    left: tuple[LeftBehind, ...] | None


def open_file(file: str, /, *, stdin: BinaryIO | None = None) -> Opened:
    """Read a file and look for what does not travel; never raises for what is wrong with it."""
    del stdin  # only files are opened: standard input is read once, by the import
    try:
        content = read_bundle(file, MAX_BUNDLE_SIZE)
        return Opened(hashlib.sha256(content).hexdigest(), left_behind(decode(content).value))
    except (UnreadableInput, UndecodableDocument):
        return Opened("", None)


def travel_of(
    bundles: Sequence[ReportedBundle], progress: Callable[[Iterable[Opened], int], Iterable[Opened]]
) -> Travel:
    """Open the bundles of the runs that are there, in several processes where there are many."""
    there = [bundle for bundle in bundles if bundle.row.there]
    named = [bundle for bundle in there if bundle.row.file not in {None, STDIN}]
    files = [str(bundle.row.file) for bundle in named]
    found: dict[str, tuple[LeftBehind, ...]] = {}
    why: Counter[str] = Counter({NO_NAME: len(there) - len(named)})
    opened = progress(in_processes(open_file, files), len(files)) if files else ()
    for bundle, one in zip(named, opened, strict=True):
        if one.left is None:
            why[NO_FILE] += 1
        elif one.sha256 != bundle.row.file_sha256:
            why[OTHER_FILE] += 1
        else:
            found[bundle.row.run_id] = one.left
    return summed(found, there, why)


def travel_untold(bundles: Iterable[ReportedBundle]) -> Travel:
    """Nothing was opened: what does not travel is unknown, and said to be."""
    there = [bundle for bundle in bundles if bundle.row.there]
    return summed({}, there, Counter({NOT_ASKED: len(there)}))


def summed(found: Mapping[str, tuple[LeftBehind, ...]], there: Sequence[ReportedBundle], why: Counter[str]) -> Travel:
    """All together, by kind, in the order of the bundles; `found` is by run id."""
    runs: Counter[str] = Counter()
    places: Counter[str] = Counter()
    meanings: dict[str, str] = {}
    first: defaultdict[str, list[str]] = defaultdict(list)
    for bundle in there:
        for left in found.get(bundle.row.run_id, ()):
            meanings.setdefault(left.what, left.meaning)
            runs[left.what] += 1
            places[left.what] += left.count
            if len(first[left.what]) < NAMED:
                first[left.what].append(bundle.row.instance_id or bundle.row.run_id)
    kinds = tuple(
        TravelKind(what, meaning, runs[what], places[what], tuple(first[what])) for what, meaning in meanings.items()
    )
    return Travel(len(found), len(there), kinds, tuple((reason, count) for reason, count in why.items() if count))
