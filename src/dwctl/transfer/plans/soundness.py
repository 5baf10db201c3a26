"""Whether a plan that was read from a file makes sense as a whole; one that a person edited may not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from dwctl.transfer.files.sources import STDIN
from dwctl.transfer.plans.plan import Plan, PlanAction, PlannedBundle

LARGEST_NUMBER: Final = (1 << 63) - 1
"""The largest number that a ledger keeps."""

_SENT: Final = frozenset({PlanAction.IMPORT, PlanAction.WAIT})
_DIGEST: Final = re.compile("[0-9a-f]{64}")


def fault_of(plan: Plan) -> str | None:
    """What keeps the plan from being carried out, as the end of a sentence; None where nothing does."""
    if not plan.bundles:
        return "it has no bundle"
    sent: set[str] = set()
    for place, bundle in enumerate(plan.bundles):
        fault = "it is not in its place" if bundle.position != place else _fault_of(bundle)
        if fault is None and bundle.action in _SENT:
            fault = "its run is sent twice" if _run_id(bundle) in sent else None
            sent.add(_run_id(bundle))
        if fault is not None:
            return f"bundle {place + 1} ({bundle.file}): {fault}"
    return None


def _fault_of(bundle: PlannedBundle) -> str | None:
    wanted = _ALWAYS if bundle.action not in _SENT else {**_ALWAYS, **_OF_THE_SENT}
    return next((fault for fault, holds in wanted.items() if not holds(bundle)), None)


def _run_id(bundle: PlannedBundle) -> str:
    return "" if bundle.run is None else bundle.run.run_id or ""


def _fits(number: int) -> bool:
    return 0 <= number <= LARGEST_NUMBER


_ALWAYS: Final[dict[str, Callable[[PlannedBundle], bool]]] = {
    "its size is no size": lambda one: _fits(one.file_bytes),
    "its run number is none": lambda one: one.run is None or _fits(one.run.run_number),
    "a reason to leave it out belongs to `skip`, and to nothing else": lambda one: (
        (one.skip is not None) == (one.action is PlanAction.SKIP)
    ),
}
_OF_THE_SENT: Final[dict[str, Callable[[PlannedBundle], bool]]] = {
    "it is to be sent without a verdict on a run": lambda one: one.verdict is not None and bool(_run_id(one)),
    "it came from standard input, which nobody can read again": lambda one: one.file != STDIN,
    "it is to be sent, and refused": lambda one: not one.refused_by,
    "it is to be sent, and no sha256 pins it": lambda one: all(map(_DIGEST.fullmatch, _digests(one))),
    "it is to wait, or to go without a link, and not both": lambda one: (
        (one.action is PlanAction.WAIT) == bool(one.after) == (one.resolution is not None)
    ),
}


def _digests(bundle: PlannedBundle) -> tuple[str, str]:
    return bundle.file_sha256, bundle.sent_sha256
