"""The folder that files share, so that a table can name it once."""

from __future__ import annotations

import os.path
from collections.abc import Iterable


def shared_folder(files: Iterable[str]) -> str:
    """The folder that all files lie in, with its separator; empty where there is none, or only one file."""
    names = list(files)
    folders = {os.path.dirname(name) for name in names}  # noqa: PTH120 - bears any name
    if len(names) < 2 or "" in folders:
        return ""
    try:
        shared = os.path.commonpath(folders)
    except ValueError:  # absolute names beside relative ones
        return ""
    return f"{shared.rstrip('/')}/" if shared else ""
