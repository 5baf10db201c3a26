"""The report of a transfer as one HTML file: no network, no script, light and dark, on a phone and on paper."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from dwctl.render import transfer_wording as wording
from dwctl.render.html_pages import page_template
from dwctl.render.progress_picture import Progress, progress_of
from dwctl.transfer.report.standing import STANDINGS, Kind, Standing
from dwctl.transfer.report.transfer_report import ReasonGroup, ReportedBundle, TransferReport

if TYPE_CHECKING:
    from jinja2 import Template

LARGEST: Final = 950_000
"""Bytes that a page should not be larger than; its lists get shorter until it is not."""

MOST_GROUPS: Final = 60
MOST_SESSIONS: Final = 40
_ROWS: Final = (500, 250, 100, 20)
"""Bundles that are listed one by one over all groups of reasons; half as many in each other list."""


class Group(NamedTuple):
    """Bundles of one reason, and the first of them."""

    group: ReasonGroup
    title: str
    rows: Sequence[ReportedBundle]


class Section(NamedTuple):
    """The groups of one kind under a heading."""

    heading: str
    kind: Kind
    groups: Sequence[Group]
    hidden: int


def html(report: TransferReport) -> str:
    """The whole document. Text from elsewhere is escaped, and shown without what could hide or reorder it."""
    page = ""
    for most in _ROWS:
        page = _page(report, most)
        if len(page.encode("utf-8")) <= LARGEST:
            break
    return page


def _page(report: TransferReport, most: int) -> str:
    sessions, listed = report.past.sessions, most // 2
    return _template().render(
        report=report, wording=wording, title=wording.title(report), bars=list(_bars(report)),
        standings=[(standing, STANDINGS[standing], count) for standing, count in report.counts.items() if count],
        sections=list(_sections(report, most)), progress=_progress(report), sessions=sessions[-MOST_SESSIONS:],
        restored=list(islice(report.restored, listed)), resealed=list(islice(report.resealed, listed)),
        listed=list(islice(report.bundles, listed)), all_command="dwctl transfer report --json",
        titles={standing: row.title for standing, row in STANDINGS.items()},
    )  # fmt: skip


def _progress(report: TransferReport) -> Progress | None:
    return progress_of(report.past, len(report.bundles)) if report.past.buckets else None


@dataclass(frozen=True, slots=True)
class Bar:
    """A piece of the bar of all bundles: where it begins and how wide it is, in thousandths."""

    standing: Standing
    title: str
    kind: Kind
    count: int
    start: float
    width: float


def _bars(report: TransferReport) -> Iterator[Bar]:
    start = 0.0
    for standing, count in report.counts.items():
        if count:
            width = 1000 * count / len(report.bundles)
            yield Bar(standing, STANDINGS[standing].title, STANDINGS[standing].kind, count, round(start, 2),
                      round(width, 2))  # fmt: skip
            start += width


def _sections(report: TransferReport, most: int) -> Iterator[Section]:
    for kind, rows_of_kind in ((Kind.TROUBLE, most), (Kind.OPEN, most // 2), (Kind.LEFT_OUT, most // 4)):
        groups = [group for group in report.reasons if STANDINGS[group.standing].kind is kind]
        if not groups and not (kind is Kind.OPEN and report.archiving_is_open):
            continue
        shown = groups[:MOST_GROUPS]
        rows = _rows_of(report.of_kind(kind), shown, rows_of_kind // max(1, len(shown)))
        yield Section(
            wording.heading(report, kind), kind,
            [Group(one, STANDINGS[one.standing].title, mine) for one, mine in zip(shown, rows, strict=True)],
            len(groups) - len(shown),
        )  # fmt: skip


def _rows_of(bundles: Iterable[ReportedBundle], groups: Sequence[ReasonGroup], most: int) -> list[list[ReportedBundle]]:
    """The first bundles of each group, at most so many of each."""
    places = {(group.standing, group.reason): at for at, group in enumerate(groups)}
    rows: list[list[ReportedBundle]] = [[] for _ in groups]
    full: Counter[int] = Counter()
    for bundle in bundles:
        at = places.get((bundle.standing, next(iter(bundle.reasons), None)))
        if at is not None and full[at] < max(1, most):
            rows[at].append(bundle)
            full[at] += 1
    return rows


def _template() -> Template:
    return page_template("transfer.html.j2")
