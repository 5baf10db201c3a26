"""A reason of a failure at the embedded application: a row of `artisan_reasons` or `database_reasons`."""

from __future__ import annotations

from typing import NamedTuple

from dwctl.errors import DwctlError


class ApplicationReason(NamedTuple):
    """One reason: the class that it is raised as (and so the exit code), its meaning, its cause, the next step."""

    id: str
    raised: type[DwctlError]
    meaning: str
    why: str
    fix: str

    @property
    def exit_code(self) -> int:
        """The exit code of the class."""
        return int(self.raised.exit_code)
