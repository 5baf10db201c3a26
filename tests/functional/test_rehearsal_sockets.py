"""Long polls over real sockets: a small seeded sample of the campaign in `tests/soak`."""

from __future__ import annotations

import asyncio

from many_workers import check, play, served

SEED = 20261123
WORKERS, BUNDLES = 20, 60


def test_a_crowd_of_workers_claims_what_is_imported_once_each() -> None:
    with served() as url:
        crowd, runs = asyncio.run(play(url, SEED, WORKERS, BUNDLES, seconds=120))
    check(crowd, runs, SEED)
    assert crowd.hung_up > 0
