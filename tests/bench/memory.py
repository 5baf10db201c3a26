"""How much memory the command takes at its peak, above what it takes for next to nothing."""

from __future__ import annotations

from .bundles import EXAMPLES, MEGABYTE, large_bundle, write_small_bundles
from .measurement import Reading, Workplace
from .peak import peak_of

FEW, MANY = 1_000, 10_000
SMALLEST = min(EXAMPLES.glob("waiting-*.json"), key=lambda path: path.stat().st_size)


def one_large_bundle(place: Workplace) -> Reading:
    """Peak for a large bundle less the peak for a tiny one, as a multiple of the file; the worst counts."""
    large = [path for path in place.bundles if path.stat().st_size > MEGABYTE]
    if not large:
        large = [place.folder / "large.json"]
        large[0].write_bytes(large_bundle(3 * MEGABYTE))
    bare = _peak(place, str(SMALLEST))
    ratios = {path: (_peak(place, str(path)) - bare) / path.stat().st_size for path in large}
    worst = max(large, key=lambda path: ratios[path])
    about = f"{worst.name}, {worst.stat().st_size / 1e6:.1f} MB; interpreter and imports {bare / 1e6:.0f} MB"
    return Reading((ratios[worst],), about)


def a_folder_as_lines(place: Workplace) -> Reading:
    """Peak over 10,000 bundles against the peak over 1,000, a JSON line for each."""
    return _folder(place, "--output", "jsonl")


def a_folder_as_table(place: Workplace) -> Reading:
    """The same for the table that a person reads."""
    return _folder(place, "--output", "table")


def _folder(place: Workplace, *options: str) -> Reading:
    few, many = (_filled(place, count) for count in (FEW, MANY))
    small, large = (_peak(place, folder, *options) for folder in (few, many))
    return Reading((large / small,), f"{small / 1e6:.0f} MB for {FEW:,}, {large / 1e6:.0f} MB for {MANY:,} bundles")


def _filled(place: Workplace, count: int) -> str:
    folder = place.folder / f"{count}-bundles"
    if not folder.is_dir():
        write_small_bundles(folder, count, place.bundles)
    return str(folder)


def _peak(place: Workplace, *arguments: str) -> int:
    """The largest resident set, in bytes, of `dwctl bundle verify ARGUMENTS` and its children."""
    return peak_of([place.dwctl, "bundle", "verify", *arguments])
