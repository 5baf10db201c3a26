"""A dry run without a server: each bundle's verdict, and what the set foretells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import BinaryIO

from dwctl.bundle.foresight import Foresight
from dwctl.bundle.verify import VerifyOptions
from dwctl.transfer.files.sources import MAX_BUNDLE_SIZE
from dwctl.transfer.files.verification import FileVerdict, verify_files


def dry_run_offline(
    files: Sequence[str],
    options: VerifyOptions,
    *,
    namespace: str | None = None,
    jobs: int | None = None,
    limit: int = MAX_BUNDLE_SIZE,
    stdin: BinaryIO | None = None,
) -> Iterator[FileVerdict]:
    """Judge the files in their order, each with regard to those before it."""
    foresight = Foresight(namespace)
    for judged in verify_files(files, options, jobs=jobs, limit=limit, stdin=stdin):
        if judged.verdict is None:
            yield judged
        else:
            yield replace(judged, foreseen=foresight.foresee(judged.file, judged.verdict))
