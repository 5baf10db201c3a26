"""The options of `history-import` that concern a plan, its ledger and its run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from dwctl.cli.finite import finite
from dwctl.cli.ledger_options import DEFAULT_LEDGER, LEDGER_SHOWN, named_ledger
from dwctl.errors import RequestNotPossible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dwctl.cli.report_options import WantedReport
    from dwctl.embedded.database import EmbeddedDatabase
    from dwctl.transfer.imports.importing import ImportOptions
    from dwctl.transfer.plans.plan import PlanOptions

_PLAN, _RUN = "Plan and ledger", "Run"

DEFAULT_JOBS = 4
LEDGER = DEFAULT_LEDGER


class Via(StrEnum):
    """How bundles reach the importer."""

    HTTP = "http"
    ARTISAN = "artisan"


class Compare(StrEnum):
    """How far the server's run is compared with its bundle."""

    HISTORY = "history"
    DEEP = "deep"


def a_reason(given: str | None) -> str | None:
    """A person's words as they were given. Raises RequestNotPossible where there are none."""
    if given is not None and not given.strip():
        raise RequestNotPossible(
            "a link is left out on a person's word, and there is none", where="--resolve-links",
            next_step='Say why: --resolve-links "agreed with the team".',
        )  # fmt: skip
    return given


PlanOption = Annotated[
    bool, typer.Option("--plan", help="Say what would happen, and import nothing.", rich_help_panel=_PLAN)
]
PlanOutOption = Annotated[
    str | None,
    typer.Option("--plan-out", metavar="FILE", help="Write the plan, and import nothing.", rich_help_panel=_PLAN),
]
FromPlanOption = Annotated[
    str | None,
    typer.Option("--from-plan", metavar="FILE", help="Carry out exactly this plan.", rich_help_panel=_PLAN),
]
LedgerOption = Annotated[
    str,
    typer.Option("--ledger", metavar="FILE", callback=named_ledger, show_default=LEDGER_SHOWN, rich_help_panel=_PLAN,
                 help="Where the ledger of the cutover is."),
]  # fmt: skip
RehashOption = Annotated[
    bool,
    typer.Option(
        "--rehash", help="Read every file again, also those that the ledger knows as done.", rich_help_panel=_PLAN
    ),
]
ResolveLinksOption = Annotated[
    str | None,
    typer.Option(
        "--resolve-links",
        metavar="REASON",
        callback=a_reason,
        help="Import the later member of a chain or pair without the link that its partner has written; why.",
        rich_help_panel=_PLAN,
    ),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="TYPE", help="Only runs of this type; repeatable.", rich_help_panel=_PLAN),
]
LimitOption = Annotated[
    int | None,
    typer.Option("--limit", min=1, metavar="N", help="At most so many bundles: a canary.", rich_help_panel=_PLAN),
]
RunJobsOption = Annotated[
    int, typer.Option("--jobs", "-j", min=1, max=64, help="Imports at once, at the most.", rich_help_panel=_RUN)
]
RateOption = Annotated[
    float | None,
    typer.Option(
        "--rate", min=0.01, metavar="N", callback=finite, help="At most so many imports a second.", rich_help_panel=_RUN
    ),
]
MaxFailuresOption = Annotated[
    str | None,
    typer.Option(
        "--max-failures",
        metavar="N|P%",
        help="Stop when more than this of the bundles that are sent have failed.",
        rich_help_panel=_RUN,
    ),
]
FailFastOption = Annotated[bool, typer.Option("--fail-fast", help="Stop at the first failure.", rich_help_panel=_RUN)]
ArchiveOption = Annotated[
    bool,
    typer.Option("--archive-terminal", help="Archive each closed run once it is compared.", rich_help_panel=_RUN),
]
CompareOption = Annotated[
    Compare,
    typer.Option(
        "--compare", help="deep also compares every payload, of runs compared before, too.", rich_help_panel=_RUN
    ),
]
NoDriftCheckOption = Annotated[
    bool,
    typer.Option(
        "--no-drift-check",
        help="Import without asking the embedded application whether a run moved since its export.",
        rich_help_panel=_RUN,
    ),
]


@dataclass(frozen=True, slots=True)
class RunWanted:
    """What was asked for, checked: how the plan is made, and how it is carried out.

    `database` finds the embedded application's (None with --no-drift-check).
    """

    files: tuple[str, ...]
    options: ImportOptions
    planning: PlanOptions
    import_id: str | None
    ledger: str
    via: Via
    jobs: int
    rate: float | None
    most_failures: str | None
    archive: bool
    compare: Compare
    plan_only: bool
    plan_out: str | None
    from_plan: str | None
    send_key: bool
    database: Callable[[], EmbeddedDatabase | None] | None = None
    reports: tuple[WantedReport, ...] = ()
    rehash: bool = False


def most_failures(text: str | None, total: int) -> int | None:
    """How many of `total` bundles may fail: `25`, or a share like `2%`. Raises RequestNotPossible for another text."""
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,9})(?:(?:\.([0-9]{1,3}))?(%))?", text.strip())
    # A share in thousandths of a percent: whole numbers, since 2.3 is none that a float can hold.
    share = int(found[1]) * 1000 + int((found[2] or "0").ljust(3, "0")) if found else 0
    if found is None or (found[3] and share > _ALL):
        raise RequestNotPossible(
            f"'{text}' is no number of failures", where="--max-failures", next_step="Write it like 25, or like 2%."
        )
    return share * total // _ALL if found[3] else int(found[1])


_ALL = 100_000


def refuse_unused(beside: str, why: str, options: Mapping[str, object]) -> None:
    """Raise RequestNotPossible for options that were given beside one that leaves them no meaning."""
    given = [name for name, value in options.items() if value]
    if given:
        raise RequestNotPossible(
            f"{why}: {', '.join(given)} would do nothing", where=beside,
            next_step=f"Leave {'it' if len(given) == 1 else 'them'} out, or leave out {beside}.",
        )  # fmt: skip
