"""The twelve items of the guide's cutover checklist, and the phases in which they are due."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Phase(StrEnum):
    """When an item is due, in this order."""

    PREPARE = "prepare"
    DEPLOY = "deploy"
    WORKERS = "workers"
    STARTS = "starts"
    IMPORT = "import"
    CLOSE = "close"

    @property
    def letter(self) -> str:
        """The guide's own name of it."""
        return "ABCDEF"[list(Phase).index(self)]


class Item(NamedTuple):
    """One item: its number in the guide, when it is due, a short name, and what has to be true."""

    number: int
    phase: Phase
    name: str
    meaning: str


ITEMS: Final[tuple[Item, ...]] = (
    Item(1, Phase.PREPARE, "v1", "v1 runs are drained, or stay on the v1 engine on purpose."),
    Item(2, Phase.PREPARE, "type keys", "Runs, bundles and workers name types by stable keys, not by PHP classes."),
    Item(3, Phase.PREPARE, "codec", "New runs use the codec avro."),
    Item(4, Phase.DEPLOY, "server", "The server is healthy and fits, seen from this network."),
    Item(5, Phase.DEPLOY, "namespace", "The namespace exists, and keeps what will be imported."),
    Item(6, Phase.WORKERS, "workers", "Workers are alive on the expected queues, with every type that is needed."),
    Item(7, Phase.STARTS, "shadow", "A shadow workflow is started, claimed, and gets where it should."),
    Item(
        8, Phase.DEPLOY, "operators", "Operators can list runs, look into queues and see workers, with their own role."
    ),
    Item(9, Phase.STARTS, "starters", "The embedded starters are paused, and nothing was started in both runtimes."),
    Item(
        10, Phase.IMPORT, "exports", "What is to be imported was exported quiesced, is sound, and has not moved since."
    ),
    Item(11, Phase.IMPORT, "imports", "What was imported is there under its import id, and runs once."),
    Item(12, Phase.CLOSE, "retention", "Closed runs that are only kept are in durable storage, and proven."),
)
"""By number."""

ITEM: Final = {item.number: item for item in ITEMS}
