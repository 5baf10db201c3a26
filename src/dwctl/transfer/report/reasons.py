"""The reasons that `--report` gives where a report cannot be made as it was asked for."""

from __future__ import annotations

from typing import Final

from dwctl.errors import ExitCode
from dwctl.server.reasons import Reason

_U: Final = ExitCode.USAGE

REPORT_REASONS: Final[tuple[Reason, ...]] = (
    Reason("report_format", (), _U, "there is no report format of this name, or no path was given for it",
           "a report is wanted as FORMAT=PATH", "Write it like --report html=report.html; --help names the formats."),
    Reason("report_path", (), _U, "a report cannot be written to its path",
           "this is looked at before any work, so that nothing is done in vain",
           "Check the path, its folder, the permissions and the space left."),
    Reason("report_path_twice", (), _U, "two reports would go to one file",
           "the second would replace the first", "Give each report a file of its own."),
    Reason("report_path_taken", (), _U, "the file of a report is there already, and is no such report of dwctl",
           "only a report is replaced by a report; anything else might be lost",
           "Choose another name, or remove the file."),
)  # fmt: skip
"""In the order in which they are looked for."""
