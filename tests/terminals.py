"""A stream that says it is a terminal, and what a person sees on it."""

from __future__ import annotations

import io
import re


class Terminal(io.StringIO):
    """A stream that says it is a terminal; its width is that of the variable COLUMNS."""

    def isatty(self) -> bool:
        return True

    @property
    def seen(self) -> list[str]:
        """The lines without their colours."""
        return re.sub("\x1b\\[[0-9;]*m", "", self.getvalue()).splitlines()
