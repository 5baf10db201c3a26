"""How fast a bundle is judged: against decoding and hashing the same bytes; two processes against one."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence

import orjson

from dwctl.bundle.verify import VerifyOptions, verify_bundle
from dwctl.transfer.files.verification import verify_files

from .measurement import NotMeasurableError, Reading, Workplace

ROUNDS = 25
SMALL = 300_000
TWO_PROCESS_ROUNDS = 5
TWO_PROCESS_BYTES = 250_000_000


def verify_all(place: Workplace) -> Reading:
    """`verify_bundle` over every bundle, large and small as they come."""
    return _verify([path.read_bytes() for path in place.bundles])


def verify_small(place: Workplace) -> Reading:
    """`verify_bundle` over the files below 300 kB."""
    documents = [path.read_bytes() for path in place.bundles]
    return _verify([document for document in documents if len(document) < SMALL])


def two_processes(place: Workplace) -> Reading:
    """A folder judged by one process, then by two."""
    if (os.cpu_count() or 1) < 2:
        raise NotMeasurableError("this machine has one core")
    size = sum(path.stat().st_size for path in place.bundles)
    files = [str(path) for path in place.bundles] * -(-TWO_PROCESS_BYTES // size)
    ratios = [_seconds(files, 1) / _seconds(files, 2) for _ in range(TWO_PROCESS_ROUNDS)]
    return Reading(tuple(ratios), f"{len(files)} files, {TWO_PROCESS_BYTES / 1e6:.0f} MB")


def _verify(documents: Sequence[bytes]) -> Reading:
    """The two sides take turns at every document, so that both meet the same machine."""
    ratios = []
    for _ in range(ROUNDS + 1):
        baseline = judged = 0.0
        for document in documents:
            start = time.perf_counter()
            orjson.loads(document)
            hashlib.sha256(document).hexdigest()
            middle = time.perf_counter()
            verify_bundle(document)
            judged += time.perf_counter() - middle
            baseline += middle - start
        ratios.append(baseline / judged)
    size = sum(map(len, documents))
    # The first round warms caches and is not counted.
    return Reading(tuple(ratios[1:]), f"{len(documents)} files, {size / 1e6:.1f} MB, {size / judged / 1e6:.0f} MB/s")


def _seconds(files: Sequence[str], jobs: int) -> float:
    start = time.perf_counter()
    judged = sum(1 for _ in verify_files(files, VerifyOptions(), jobs=jobs))
    assert judged == len(files)
    return time.perf_counter() - start
