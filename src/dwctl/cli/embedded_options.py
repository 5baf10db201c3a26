"""The options of `dwctl embedded inventory`: its formats, and its filters as one value."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from dwctl.errors import RequestNotPossible

if TYPE_CHECKING:
    from dwctl.embedded.filters import RunFilter

_WHICH, _WITH = "Which runs", "What has happened to them"


class V1(StrEnum):
    """What becomes of open v1 workflows."""

    DRAIN = "drain"
    COEXIST = "coexist"


StatusesOption = Annotated[
    list[str] | None,
    typer.Option("--status", metavar="STATUS", help="Only this status; `open` and `closed` stand for several. "
                 "Repeatable.", rich_help_panel=_WHICH),
]  # fmt: skip
TypesOption = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="KEY", help="Only this type key. Repeatable.", rich_help_panel=_WHICH),
]
QueuesOption = Annotated[
    list[str] | None,
    typer.Option("--queue", metavar="QUEUE", help='Only this queue; "" for runs without one. Repeatable.',
                 rich_help_panel=_WHICH),
]  # fmt: skip
InstancesOption = Annotated[
    list[str] | None,
    typer.Option("--instance", metavar="ID", help="Only this instance. Repeatable.", rich_help_panel=_WHICH),
]
RunsOption = Annotated[
    list[str] | None, typer.Option("--run", metavar="ID", help="Only this run. Repeatable.", rich_help_panel=_WHICH)
]
CompatibilityOption = Annotated[
    list[str] | None,
    typer.Option("--compatibility", metavar="MARKER", help='Only runs of this marker; "" for none. Repeatable.',
                 rich_help_panel=_WHICH),
]  # fmt: skip
OlderOption = Annotated[
    str | None,
    typer.Option("--older-than", metavar="AGE", help="Only runs that started longer ago: 12h, 30d.",
                 rich_help_panel=_WHICH),
]  # fmt: skip
NewerOption = Annotated[
    str | None,
    typer.Option("--newer-than", metavar="AGE", help="Only runs that started since then.", rich_help_panel=_WHICH),
]
IdleOption = Annotated[
    str | None,
    typer.Option("--idle-for", metavar="AGE", help="Only runs without progress for so long.", rich_help_panel=_WHICH),
]
EligibleOption = Annotated[
    bool | None,
    typer.Option("--eligible/--not-eligible", help="Only runs whose export no rule refuses, or only the others.",
                 rich_help_panel=_WHICH),
]  # fmt: skip
HeldOption = Annotated[
    bool | None,
    typer.Option("--held/--not-held", help="Only runs that a worker holds and that must be quiesced, or the others.",
                 rich_help_panel=_WHICH),
]  # fmt: skip
ManifestOption = Annotated[
    str | None,
    typer.Option("--manifest", metavar="DIR", help="Say which runs are exported there, and have moved since.",
                 rich_help_panel=_WITH),
]  # fmt: skip
LedgerOption = Annotated[
    str | None,
    typer.Option("--ledger", metavar="FILE", help="Say which runs this ledger imported, and have moved "
                 "since.", show_default="cutover.toml's, or .dwctl/ledger.db if there",
                 rich_help_panel=_WITH),
]  # fmt: skip
SummaryOption = Annotated[
    bool, typer.Option("--summary", help="Only the groups, type × status × queue: the database counts.")
]
SelectOption = Annotated[
    bool, typer.Option("--select", help="Print only ids, one a line, as history-export --ids-file takes them.")
]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print CSV, for a spreadsheet.")]
DeepOption = Annotated[
    bool, typer.Option("--deep", help="Also look at every event of the histories; takes several times as long.")
]
LimitOption = Annotated[int | None, typer.Option("--limit", "-l", min=1, metavar="N", help="Stop after so many runs.")]


def run_filter(
    *,
    status: list[str] | None,
    type_: list[str] | None,
    queue: list[str] | None,
    instance: list[str] | None,
    run: list[str] | None,
    compatibility: list[str] | None,
    older_than: str | None,
    newer_than: str | None,
    idle_for: str | None,
    eligible: bool | None,
    held: bool | None,
) -> RunFilter:
    """The filter that the options make. Raises RequestNotPossible for a status that no run can have, or an age."""
    from dwctl.bundle import vocabulary
    from dwctl.embedded.filters import CLOSED, OPEN, RunFilter
    from dwctl.embedded.instants import age_of

    known = vocabulary.TERMINAL_STATUSES | vocabulary.OPEN_STATUSES | {OPEN, CLOSED}
    for word in status or ():
        if word not in known:
            raise RequestNotPossible(
                f"no run has the status '{word}'", where="--status",
                next_step=f"Known are: {', '.join(sorted(known))}.", reason="wrong_setting",
            )  # fmt: skip
    return RunFilter(
        statuses=tuple(status or ()),
        types=tuple(type_ or ()),
        queues=tuple(queue or ()),
        instances=tuple(instance or ()),
        runs=tuple(run or ()),
        compatibilities=tuple(compatibility or ()),
        older_than=None if older_than is None else age_of(older_than, "--older-than"),
        newer_than=None if newer_than is None else age_of(newer_than, "--newer-than"),
        idle_for=None if idle_for is None else age_of(idle_for, "--idle-for"),
        eligible=eligible,
        quiesce=held,
    )
