"""Every row of the diagnosis, the most certain cause first; docs/diagnose.md says which covers which trap."""

from __future__ import annotations

from typing import Final

from dwctl.checklist.diagnosis.claim_rows import CLAIM_RIGHT, CLAIM_ROWS
from dwctl.checklist.diagnosis.diagnosis import Diagnosis
from dwctl.checklist.diagnosis.import_rows import IMPORT_NOTES, IMPORT_ROWS, LOSS_ROWS
from dwctl.checklist.diagnosis.place_rows import FIRST_PLACE_ROWS, LAST_PLACE_ROWS
from dwctl.checklist.diagnosis.server_rows import CERTAIN_SERVER_ROWS, SERVER_ROWS
from dwctl.checklist.diagnosis.wait_rows import NOTES, UNKNOWN_ROW, WAIT_CAUSES, WAIT_RIGHT

DIAGNOSES: Final[tuple[Diagnosis, ...]] = (
    *CERTAIN_SERVER_ROWS,
    *FIRST_PLACE_ROWS,
    *IMPORT_ROWS,
    *LAST_PLACE_ROWS,
    *LOSS_ROWS,
    *CLAIM_ROWS,
    *WAIT_CAUSES,
    *SERVER_ROWS,
    *CLAIM_RIGHT,
    *WAIT_RIGHT,
    *IMPORT_NOTES,
    *NOTES,
    UNKNOWN_ROW,
)
"""The last row fits where no other than a note does."""
