"""Which runs a pass is asked for: those that a request names, or all of the namespace."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

IS_MEANT: Final = (
    "(:runs IS NULL OR r.id IN (SELECT value FROM json_each(:runs)))"
    " AND (:instance IS NULL OR r.workflow_instance_id = :instance)"
)
"""The condition on a run `r`, with the values of `Narrowing.values`."""


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Only these runs, and only of this instance; nothing named stands for all."""

    run_ids: tuple[str, ...] = ()
    instance_id: str | None = None

    def values(self) -> dict[str, Any]:
        """What `IS_MEANT` is asked with."""
        return {"runs": json.dumps(self.run_ids) if self.run_ids else None, "instance": self.instance_id}


EVERYTHING: Final = Narrowing()
"""No narrowing."""


def narrowing_of(body: Mapping[str, Any]) -> Narrowing:
    """What the body of a request names; the official SDK sends both fields."""
    ids, instance = body.get("run_ids"), body.get("instance_id")
    named = tuple(one for one in ids if isinstance(one, str)) if isinstance(ids, list) else ()
    return Narrowing(named, instance if isinstance(instance, str) and instance else None)
