"""The bundles that are measured: the recorded corpus or else the examples, and generated ones."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path

from dwctl.bundle.canonical import decode, sha256_hex
from dwctl.bundle.verify import Outcome, verify_bundle

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "orders" / "bundles"
CORPUS = Path(os.environ.get("DWCTL_REFERENCE_DATA", ROOT.parent / "shared")) / "corpus" / "bundles"
ORDER = EXAMPLES / "completed-order-1001.json"
"""About 145 kB: the bundle of the start-up target."""

MEGABYTE = 1_000_000


def measured_bundles() -> tuple[Path, ...]:
    """The corpus beside this checkout, or else the examples."""
    return tuple(sorted((CORPUS if CORPUS.is_dir() else EXAMPLES).glob("*.json")))


def write_small_bundles(folder: Path, count: int, bundles: tuple[Path, ...]) -> None:
    """Fill a folder with different runs, each a sealed bundle like the smallest one that would import."""
    model = next(document for document in _by_size(bundles) if verify_bundle(document).outcome is Outcome.OK)
    run_id = json.loads(model)["workflow"]["run_id"].encode()
    folder.mkdir()
    for number in range(count):
        document = model.replace(run_id, b"01%024d" % number)
        (folder / f"run-{number:05}.json").write_bytes(resealed(document))


def large_bundle(size: int) -> bytes:
    """A sealed bundle of at least `size` bytes: the order, with its history told again and again."""
    document = json.loads(ORDER.read_bytes())
    events = document["history_events"]
    once = copy.deepcopy(events)
    while len(json.dumps(events)) < size:
        for event in copy.deepcopy(once):
            event["sequence"] = len(events) + 1
            event["id"] = f"01{len(events):024}"
            events.append(event)
    document["workflow"]["last_history_sequence"] = len(events)
    return resealed(json.dumps(document).encode())


def resealed(document: bytes) -> bytes:
    """The document with the checksum that its content has."""
    old: str = json.loads(document)["integrity"]["checksum"]
    return document.replace(old.encode(), sha256_hex(decode(document).sealed_chunks()).encode())


def _by_size(bundles: tuple[Path, ...]) -> Iterator[bytes]:
    return (path.read_bytes() for path in sorted(bundles, key=lambda path: path.stat().st_size))
