"""Settings and what became of them, for people."""

from __future__ import annotations

from typing import TextIO

from rich.text import Text

from dwctl.errors import ExitCode
from dwctl.render.console_lines import heading, line, write_lines
from dwctl.render.console_server import or_dash, status, table
from dwctl.render.json_server import shown
from dwctl.server.examination import Examination
from dwctl.settings import Settings


def show_doctor(settings: Settings, found: Examination, stream: TextIO) -> None:
    """Every setting with who set it, every check with what to do, and the verdict."""
    lines = [Text("settings", style="bold")]
    lines += table(
        ("setting", "value", "set by"),
        ([name.replace("_", " "), _plain(name, row.value), row.origin] for name, row in settings.rows()),
    )
    lines.append(heading("checks"))
    lines += table(
        ("check", "outcome", "what was found"),
        ([check.id, status(check.outcome.value), check.detail] for check in found.checks),
    )
    for check in found.checks:
        if check.next_step and check.outcome.value in ("failed", "warning"):
            lines.append(line(f"{check.id}:", check.next_step))
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
