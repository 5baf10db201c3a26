"""A file that was to be imported and gave no run: no row can stand for it, and still it did not arrive."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadFile:
    """A file without a run: trouble until an import reads a run from it, or a person lets go of it.

    `place` tells it from others, however it is named: the absolute path, or what stands for a standard input. `file`
    is its name as the person gave it; `reason` the id of the first rule that refuses it, or `unreadable`; `when` is
    UTC, as in a row.
    """

    place: str
    file: str
    reason: str
    text: str | None = None
    file_sha256: str | None = None
    when: str | None = None

    def is_named(self, name: str) -> bool:
        """Whether a person who says this name means this file."""
        return name == self.file or os.path.abspath(name) == self.place  # noqa: PTH100 - bears any name


STORED: Final = ("place", "file", "file_sha256", "reason", "text")
"""The facts of such a file that its event and the ledger's table keep."""
