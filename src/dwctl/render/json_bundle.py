"""A bundle's summary, and the difference of two, as JSON documents."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dwctl.bundle.diff import BundleDiff
from dwctl.bundle.summary import BundleSummary


def show_document(file: str, summary: BundleSummary) -> dict[str, Any]:
    """The document of `bundle show --json`; its schema is schemas/bundle-show.schema.json."""
    return {"schema": "dwctl.bundle-show", "schema_version": 1, "file": file, **asdict(summary)}


def diff_document(first: str, second: str, diff: BundleDiff) -> dict[str, Any]:
    """The document of `bundle diff --json`; its schema is schemas/bundle-diff.schema.json."""
    document = asdict(diff)
    for side, file in (("first", first), ("second", second)):
        document[side] = {"file": file, **document[side]}
    return {"schema": "dwctl.bundle-diff", "schema_version": 1, "moved": diff.moved, **document}
