"""What the inventory is joined with: a manifest of exports, and the ledger of a transfer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dwctl.cli.ledger_options import described
from dwctl.cli.output import say
from dwctl.errors import DwctlError, RequestNotPossible

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import ExitStack

    from dwctl.transfer.ledger.view import LedgerView
    from dwctl.transfer.runtimes.inventory import LedgerLookup
    from dwctl.transfer.storage.manifest import ManifestEntry


def manifest_entries(where: str | None) -> Mapping[str, ManifestEntry] | None:
    """The newest entry of each run of an export folder or URL; None where none is named.

    Raises RequestNotPossible where there is no manifest: an empty answer would say that nothing is exported.
    """
    if where is None:
        return None
    from dwctl.transfer.storage.manifest import MANIFEST, Manifest
    from dwctl.transfer.storage.store import open_store

    found = Manifest(open_store(where, create=False))
    if not found.exists:
        raise RequestNotPossible(
            f"there is no {MANIFEST}, so nothing says what was exported there", where=where,
            next_step="Name the folder that history-export --output-dir wrote.", reason="no_manifest",
        )  # fmt: skip
    return found.entries()


def ledger_lookup(stack: ExitStack, given: str | None) -> LedgerLookup | None:
    """The ledger to look runs up in; a default one that cannot be read is said, and gone without.

    Raises as `ledger_view` does for one that is named.
    """
    from dwctl.transfer.runtimes.inventory import LedgerLookup

    try:
        view = ledger_view(stack, given)
    except DwctlError as error:
        if given is not None:
            raise
        step = error.next_step or ""
        say(f"dwctl: note: the ledger that lies here is not looked at: {error.message}. {step}".rstrip())
        return None
    return None if view is None else LedgerLookup(view)


def ledger_view(stack: ExitStack, given: str | None) -> LedgerView | None:
    """The ledger that is named, else that of cutover.toml or the default one where it is there; None where none is.

    It is closed with the stack. Raises as `Ledger.view` does, for the default one too.
    """
    from dwctl.transfer.ledger.ledger import DEFAULT_LEDGER, Ledger

    path = Path(given if given is not None else described("ledger") or DEFAULT_LEDGER)
    if given is None and not path.is_file():
        return None
    found = stack.enter_context(Ledger.view(path))
    if given is None:
        say(f"dwctl: note: the ledger {path} is looked at too.")
    return found
