"""Numbers of options that must be ones: `nan` and `inf` pass every bound, and mean nothing here."""

from __future__ import annotations

import math

from dwctl.errors import RequestNotPossible


def finite(given: float | None) -> float | None:
    """The number as it was given. Raises RequestNotPossible for `nan` and `inf`."""
    if given is not None and not math.isfinite(given):
        raise RequestNotPossible(f"'{given}' is no number to go by", next_step="Write it like 0.5, or like 20.")
    return given
