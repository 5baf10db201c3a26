"""Telling that a file is still the one that was read, without reading it again.

A mark holds the file's size, inode and both of its times. Whatever writes to a file changes the time of its last
change (ctime), which no program can set. Only a change so soon after the one before that the clock of the file
system has not ticked between them would not show; so a file that was touched a moment ago gets no mark.
"""

from __future__ import annotations

import os
import stat
from typing import Final

SETTLED_SECONDS: Final = 2
"""How long a file must have been left alone: the coarsest file systems keep their times in steps of two seconds."""


def mark_of(file: str, *, now_ns: int) -> str | None:
    """The mark of a file, as it lies at the time `now_ns`; None where it has none: touched just now, or no file."""
    try:
        found = os.stat(file)  # noqa: PTH116 - bears any name
    except (OSError, ValueError):
        return None
    touched = max(found.st_mtime_ns, found.st_ctime_ns)
    if not stat.S_ISREG(found.st_mode) or touched > now_ns - SETTLED_SECONDS * 1_000_000_000:
        return None
    return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}:{found.st_dev}:{found.st_ino}"
