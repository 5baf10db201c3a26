"""Who runs this command, for the ledger."""

from __future__ import annotations

import os


def who() -> str:
    """The name of this user, or the number where it has none."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
