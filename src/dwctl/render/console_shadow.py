"""A shadow run for people: what changes while it goes on, and how it came out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.text import Text

from dwctl.checklist.shadow.shadow import Progress, ShadowResult, ShadowState
from dwctl.render.console import console_for, print_line
from dwctl.render.console_lines import fields
from dwctl.render.console_server import or_dash, title
from dwctl.render.text import one_line

_VERDICTS = {
    ShadowState.REACHED: ("REACHED", "bold green"),
    ShadowState.OTHER_STATUS: ("NOT AS EXPECTED", "bold red"),
    ShadowState.OTHER_OUTPUT: ("NOT AS EXPECTED", "bold red"),
    ShadowState.NOT_CLAIMED: ("NOT CLAIMED", "bold red"),
    ShadowState.STUCK: ("NOT THERE IN TIME", "bold red"),
    ShadowState.UNKNOWN: ("NOT KNOWN", "bold yellow"),
    ShadowState.INTERRUPTED: ("INTERRUPTED", "bold yellow"),
}


@contextmanager
def live(stream: TextIO) -> Iterator[Callable[[Progress], None]]:
    """Each change as a line, above a spinner with the newest."""
    console = console_for(stream)
    with console.status(Text("asking the server"), spinner="line") as status:

        def tell(progress: Progress) -> None:
            told = one_line(progress.told)
            print_line(console, Text.assemble((f"{progress.seconds:6.1f} s  ", "dim"), told))
            status.update(Text(told, no_wrap=True, overflow="ellipsis"))

        yield tell


def show_shadow(result: ShadowResult, stream: TextIO, *, with_output: bool) -> None:
    """The run, when it was claimed and by whom, how it came out, and what next."""
    plan = result.plan
    claimed = "no" if result.claimed_after is None else f"after {result.claimed_after:.1f} s"
    if result.claimed_by is not None:
        claimed += f", by {result.claimed_by}"
    lines = [title(plan.workflow_id, plan.workflow_type)]
    lines += fields(
        [
            ("run", or_dash(result.run_id)),
            ("queue", f"{plan.task_queue} in {result.namespace}"),
            ("claimed", claimed),
            ("status", or_dash(result.status)),
            ("output", json.dumps(result.output, ensure_ascii=False) if with_output else ""),
            ("left", result.left),
        ]
    )
    word, style = _VERDICTS[result.state]
    lines.append(Text.assemble((word, style), f" in {result.seconds:.1f} s: {one_line(result.told)}."))
    if result.next_step is not None:
        lines.append(Text.assemble(("next: ", "dim"), one_line(result.next_step)))
    console = console_for(stream)
    for line in lines:
        print_line(console, line)
