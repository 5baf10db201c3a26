"""Settings and what became of them, for people."""

from __future__ import annotations

from typing import TextIO

from rich.text import Text

from dwctl.errors import ExitCode
from dwctl.render.console_lines import heading, labelled
from dwctl.render.console_server import or_dash, status
from dwctl.render.console_table import Table, write_lines
from dwctl.render.json_server import shown
from dwctl.server.examination import Examination
from dwctl.settings import Settings


def show_doctor(settings: Settings, found: Examination, stream: TextIO) -> None:
    """Every setting with who set it, every check with what to do, and the verdict."""
    rows = [[name.replace("_", " "), row.origin, _plain(name, row.value)] for name, row in settings.rows()]
    checks = [[check.id, status(check.outcome.value), check.detail] for check in found.checks]
    lines: list[Text | Table] = [
        Text("settings", style="bold"),
        Table(("setting", "set by", "value"), rows),
        heading("checks"),
        Table(("check", "outcome", "what was found"), checks),
    ]
    lines += [
        labelled(check.id, check.next_step)
        for check in found.checks if check.next_step and check.outcome.value in ("failed", "warning")
    ]  # fmt: skip
    done = found.exit_code is ExitCode.DONE
    lines.append(Text("no check failed" if done else "a check failed", style="bold green" if done else "bold red"))
    write_lines(lines, stream)


def _plain(name: str, value: object) -> str:
    """A setting's value in a person's words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g} s"
    known = shown(name, value)
    return " ".join(known) if isinstance(known, list) else or_dash(known)
