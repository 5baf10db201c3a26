"""The differences of a run that say more than that something differs, as a row keeps them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

NOT_SHOWN: Final = "run_id: the server does not show the run in this namespace"
"""Its importer said that it is on the server; nobody has seen it here."""

PRUNED: Final = "history: gone, pruned by retention"

_REASONS: Final = {NOT_SHOWN: "run_not_shown", PRUNED: "target.run_pruned"}


def why_it_differs(differences: Iterable[str]) -> str | None:
    """The id that `dwctl explain` knows for what a comparison found; None where the differences say it all."""
    return next((_REASONS[one] for one in differences if one in _REASONS), None)
