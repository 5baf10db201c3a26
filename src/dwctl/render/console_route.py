"""Routes for people: the owner of each id, why, and what each source said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TextIO

from rich.text import Text

from dwctl.counted import counted
from dwctl.render.console import console_for, print_line
from dwctl.render.console_lines import Cell, columns, line
from dwctl.transfer.runtimes.routing import Owner, Route, RouteTally

_STYLES: Final = {
    Owner.EMBEDDED: "cyan",
    Owner.SERVER: "green",
    Owner.BOTH: "bold red",
    Owner.NONE: "yellow",
    Owner.UNKNOWN: "bold yellow",
}
_NEXT: Final = {
    Owner.BOTH: "Send nothing to it; stop the embedded workers, and decide which copy goes on.",
    Owner.NONE: "Check the id and the namespace.",
    Owner.UNKNOWN: "Name who was not asked: --database-url or --laravel-env, --server and --namespace, --ledger.",
}
_WIDTH: Final = 8


def show_route(route: Route, stream: TextIO, *, evidence: bool) -> None:
    """One answer; with `evidence` what each source said."""
    console = console_for(stream)
    for text in _lines(route, evidence=evidence):
        print_line(console, text)


def _lines(route: Route, *, evidence: bool) -> Iterator[Text]:
    owner = (f"{route.owner.value.upper() if route.owner is Owner.BOTH else route.owner.value:<{_WIDTH}}",
             _STYLES[route.owner])  # fmt: skip
    kind = "" if route.kind is None else f"({route.kind})"
    yield line(owner, (route.id, "bold"), (kind, "dim"), route.why)
    if evidence:
        rows: list[list[Cell]] = [
            [(f"  {one.source.value}", "dim"), (one.said if one.asked else f"not asked: {one.said}", "dim")]
            for one in route.evidence
        ]
        yield from columns(rows)


def show_route_verdict(tally: RouteTally, stream: TextIO) -> None:
    """The last line: how many ids each runtime owns, and what to do about the others."""
    console = console_for(stream)
    counts = ", ".join(f"{tally.counts[owner]:,} {owner.value}" for owner in Owner if tally.counts[owner])
    head = Text(f"\n{counted(sum(tally.counts.values()), 'id')}: {counts}. ")
    odd = [owner for owner in _NEXT if tally.counts[owner]]
    if not odd:
        print_line(console, head.append("YES", "bold green").append(": each has one owner."))
        return
    print_line(console, head.append("NO", "bold red").append(": not each has one owner."))
    for owner in odd:
        print_line(console, Text(f"  next ({owner.value}): {_NEXT[owner]}", style="cyan"))
