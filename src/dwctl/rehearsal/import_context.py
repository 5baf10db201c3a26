"""What an import adds to the bundle that it writes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ulid import ULID

from dwctl.rehearsal.times import stored

Row = dict[str, Any]
"""A row of a table: column → value as SQLite keeps it."""

CONTRACT_VERSION = 1
IMPORT_SOURCE = "embedded_v2"


@dataclass(frozen=True, slots=True)
class ImportContext:
    """What an import adds to the bundle: where it goes, under which id, and when."""

    instance_id: str
    run_id: str
    namespace: str | None
    import_id: str
    now: datetime

    @property
    def moment(self) -> str:
        """The time of the import as a column holds it."""
        return stored(self.now)

    def new_id(self) -> str:
        """An id for a row that came without one."""
        return str(ULID.from_datetime(self.now)).lower()
