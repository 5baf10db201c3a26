"""Whatever types a request has, the answer is no server error: a small seeded sample of the campaign in `tests/soak`.

In the profile `guide`: the measured server does answer 500 to payloads that do not decode (contract/server.md §5).
"""

from __future__ import annotations

import random

from ill_typed import examples, import_badly, work_badly
from rehearsal_server import in_process

SEED = 20261123


def test_commands_of_the_wrong_type_are_refused_or_applied() -> None:
    chance = random.Random(SEED)
    server = in_process("guide", protocol="1.20")
    server.register("w")
    for number in range(60):
        work_badly(server, chance, number)
    assert server.rows("SELECT count(*) AS closed FROM workflow_runs WHERE closed_at IS NOT NULL")[0]["closed"] > 0


def test_bundles_with_values_of_the_wrong_type_are_refused_or_imported() -> None:
    chance, bundles = random.Random(SEED), examples()
    statuses = []
    for _ in range(80):
        server = in_process("guide", protocol="1.20")
        server.register("w")
        statuses.append(import_badly(server, chance, bundles))
    assert set(statuses) == {201, 422}
