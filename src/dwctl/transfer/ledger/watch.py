"""Looking at a ledger again and again while another process writes to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dwctl.transfer.ledger.view import LedgerStatus, LedgerView


def watch(view: LedgerView, sleep: Callable[[float], None], interval: float) -> Iterator[LedgerStatus]:
    """The status now, and every `interval` seconds until nobody writes any more: that one is the last.

    Raises as reading does, when the ledger goes away or breaks.
    """
    while True:
        status = view.status()
        yield status
        if status.writer is None:
            return
        sleep(interval)
