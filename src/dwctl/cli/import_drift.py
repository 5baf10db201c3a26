"""How an import is told what has moved in the embedded application: by whoever is configured, or that nobody is."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from dwctl.cli.embedded_side import GIVE_ONE, embedded_side
from dwctl.cli.output import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from dwctl.cli.server_options import Connection
    from dwctl.embedded.database import EmbeddedDatabase
    from dwctl.transfer.imports.drift import DriftCheck


def drift_check(
    connection: Connection, stack: ExitStack, database: Callable[[], EmbeddedDatabase | None] | None
) -> DriftCheck | None:
    """What the run asks before each batch; None where nobody can be asked, or (`database` None) nobody shall be.

    Either is said on stderr. Raises a DwctlError where somebody is configured and does not answer: what moved is not
    imported silently.
    """
    if database is None:
        say("dwctl: note: drift is not checked, as you insist: a run that has moved is imported as it was exported.")
        return None
    side = embedded_side(connection, stack, database())
    if side is None:
        say("dwctl: note: drift is unknown: nobody can be asked whether a run has moved since its export.")
        say(f"  next: {GIVE_ONE}")
        return None
    from dwctl.transfer.imports.drift import DriftCheck

    check = DriftCheck(side)
    check.try_it()
    return check


def drift_item(check: DriftCheck | None, *, insisted: bool) -> dict[str, object]:
    """The check as JSON, to stand before the bundles."""
    state = "checked" if check is not None else "not_checked" if insisted else "unknown"
    return {"state": state, "asked": None if check is None else check.name}


def tell_drift(check: DriftCheck | None) -> None:
    """How many runs were asked about, and how many of them were not sent for it."""
    if check is not None and check.asked:
        from dwctl.counted import counted

        runs = counted(check.asked, "run")
        say(f"dwctl: drift: the {check.name} was asked about {runs}; moved since the export: {check.moved:,}.")
