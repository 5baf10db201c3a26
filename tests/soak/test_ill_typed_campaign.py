"""Requests with values of the wrong type, for as long as `DWCTL_SOAK_SECONDS` says: no answer is a server error.

A failure names the seed; `DWCTL_SOAK_SEED` repeats it.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator

import pytest

from ill_typed import ServerFailedError, examples, import_badly, work_badly
from rehearsal_server import InProcess, in_process

pytestmark = pytest.mark.soak

SECONDS = float(os.environ.get("DWCTL_SOAK_SECONDS", "60"))
SEED = int(os.environ.get("DWCTL_SOAK_SEED", str(time.time_ns())))


def rounds() -> Iterator[tuple[int, InProcess, random.Random]]:
    """A fresh server and a seed of its own, until the time is over."""
    until, seed = time.monotonic() + SECONDS, SEED
    while time.monotonic() < until:
        server = in_process("guide", protocol="1.20")
        server.register("w")
        yield seed, server, random.Random(seed)
        seed += 1


def test_no_command_breaks_the_server() -> None:
    for seed, server, chance in rounds():
        for number in range(100):
            try:
                work_badly(server, chance, number)
            except ServerFailedError as failure:
                raise AssertionError(f"seed {seed}, run {number}") from failure


def test_no_bundle_breaks_the_server() -> None:
    bundles = examples()
    for seed, server, chance in rounds():
        try:
            import_badly(server, chance, bundles)
        except ServerFailedError as failure:
            raise AssertionError(f"seed {seed}") from failure
