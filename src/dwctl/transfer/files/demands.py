"""What bundles in files need of workers, read in as many processes as pay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from dwctl.bundle import vocabulary
from dwctl.bundle.demand import Demand, demands
from dwctl.bundle.view import BundleView
from dwctl.errors import AnswerIsNo, DwctlError
from dwctl.transfer.files.processes import in_processes
from dwctl.transfer.files.sources import MAX_BUNDLE_SIZE, load_document


@dataclass(frozen=True, slots=True)
class BundleDemands:
    """One file: what its open run needs (nothing where it is closed), or why that is not known."""

    file: str
    demands: tuple[Demand, ...] = ()
    error: DwctlError | None = None


def read_demands(
    files: Sequence[str], *, jobs: int | None = None, limit: int = MAX_BUNDLE_SIZE, stdin: BinaryIO | None = None
) -> Iterator[BundleDemands]:
    """Each file in order; one that is unreadable or no bundle comes with its error."""
    return in_processes(partial(_read, limit=limit), files, jobs=jobs, stdin=stdin)


def _read(file: str, *, limit: int, stdin: BinaryIO | None = None) -> BundleDemands:
    try:
        bundle = BundleView(load_document(file, limit, stdin).value)
        if bundle.value.get("schema") != vocabulary.BUNDLE_SCHEMA:
            raise AnswerIsNo(
                "this is not an export bundle", where=file,
                next_step="Name the files that the export wrote; `dwctl bundle verify` judges them.",
                reason="not_a_bundle",
            )  # fmt: skip
    except DwctlError as error:
        return BundleDemands(file, error=error)
    return BundleDemands(file, demands(bundle))
