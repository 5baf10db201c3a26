"""Which types, queues and builds bundles show: of open runs and of closed ones, read in as many processes as pay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, Final

from dwctl.bundle import vocabulary
from dwctl.bundle.demand import DemandKind, demands
from dwctl.bundle.eligibility import run_status
from dwctl.bundle.loose import string
from dwctl.bundle.view import BundleView
from dwctl.checklist.description.initial import Seen
from dwctl.errors import AnswerIsNo, DwctlError
from dwctl.transfer.files.processes import in_processes
from dwctl.transfer.files.sources import MAX_BUNDLE_SIZE, load_document

_DONE: Final = frozenset({"completed", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class BundleSeen:
    """One file: what it shows, or why that is not known."""

    file: str
    seen: tuple[Seen, ...] = ()
    error: DwctlError | None = None


def seen_in_bundles(files: Sequence[str], *, limit: int = MAX_BUNDLE_SIZE) -> Iterator[BundleSeen]:
    """Each file in order; one that is unreadable or no bundle comes with its error."""
    return in_processes(partial(_read, limit=limit), files)


def _read(file: str, *, limit: int, stdin: BinaryIO | None = None) -> BundleSeen:
    try:
        bundle = BundleView(load_document(file, limit, stdin).value)
        if bundle.value.get("schema") != vocabulary.BUNDLE_SCHEMA:
            raise AnswerIsNo("this is not an export bundle", where=file, reason="not_a_bundle")
    except DwctlError as error:
        return BundleSeen(file, error=error)
    return BundleSeen(file, tuple(dict.fromkeys(_seen(bundle))))


def _seen(bundle: BundleView) -> Iterator[Seen]:
    """What the open work needs, and besides every type that the run has used: the rest of it may need them again.

    An open activity is in the demand, with the queue of its task.
    """
    for need in demands(bundle):
        yield Seen(need.kind, need.type_key, need.queue, need.compatibility)
    workflow = bundle.workflow
    is_open = run_status(bundle) not in vocabulary.TERMINAL_STATUSES
    queue, build = string(workflow.get("queue")), string(workflow.get("compatibility"))
    type_key = string(workflow.get("workflow_type")) or string(workflow.get("workflow_class"))
    yield Seen(DemandKind.WORKFLOW, type_key, queue, build, is_open)
    for _, activity in bundle.activities:
        is_done = not is_open or string(activity.get("status")) in _DONE
        if is_done and activity.get("local_activity") is not True:
            name = string(activity.get("activity_type")) or string(activity.get("activity_class"))
            yield Seen(DemandKind.ACTIVITY, name, string(activity.get("queue")) or queue, build, is_open)
