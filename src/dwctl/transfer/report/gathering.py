"""Gathering a report: from a ledger, from the results of one run, from a plan."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from dwctl import __version__
from dwctl.errors import LocalStateError
from dwctl.transfer.ledger.audit import AuditReport
from dwctl.transfer.ledger.rows import LedgerRow, LedgerState
from dwctl.transfer.ledger.schema import reading, translated
from dwctl.transfer.ledger.unread import UnreadFile
from dwctl.transfer.ledger.view import LedgerView
from dwctl.transfer.report.past import past_in
from dwctl.transfer.report.standing import STANDINGS, Kind, Standing, standing_of
from dwctl.transfer.report.steps import steps_of
from dwctl.transfer.report.transfer_report import (
    LedgerSeen,
    Past,
    ReasonGroup,
    ReportedBundle,
    Scope,
    TransferReport,
    Travel,
)


class Explained(NamedTuple):
    """What an id means, and what to do."""

    meaning: str
    fix: str


NO_PAST: Final = Past()
"""Where no log tells of a past."""

Explain = Callable[[str], Explained | None]
"""Looks an id up in the tables of `dwctl explain`; None for one that they do not have."""

Travelling = Callable[[Sequence[ReportedBundle]], Travel]
"""Finds out what of these bundles does not travel."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A ledger as it was at one moment: its rows, what its log tells, and whether it is what its writer left.

    `unread` are the files that gave no run, so that no row stands for them.
    """

    ledger: LedgerSeen
    server: str
    namespace: str
    import_id: str
    rows: tuple[LedgerRow, ...]
    past: Past
    unread: tuple[UnreadFile, ...] = ()


def see(view: LedgerView, named: str) -> Seen:
    """Read a ledger that may be written to meanwhile; `named` is its path, as the person named it.

    A damaged one is read as far as it can be; the audit comes first, and says so.
    """
    audit = view.audit()
    with view.lock, translated(view.path), reading(view.connection):
        target, head, writer = view.target, view.head(), view.writer()
        rows, unreadable = _as_far_as_readable(view, audit)
        unread = view.unread()
        past = past_in(view) if audit.ok else Past()
    ledger = LedgerSeen(named, target.created_at, head, audit, writer, unreadable)
    return Seen(ledger, without_user(target.server), target.namespace, target.import_id, rows, past, unread)


def _as_far_as_readable(view: LedgerView, audit: AuditReport) -> tuple[tuple[LedgerRow, ...], str | None]:
    rows: list[LedgerRow] = []
    try:
        for row in view.rows():
            rows.append(row)  # noqa: PERF402 - what was read before an edited row is kept
    except LocalStateError as error:
        if audit.ok or error.reason != "ledger_damaged":
            raise
        return tuple(rows), f"only the first {len(rows):,} rows can be read"
    return tuple(rows), None


def transfer_report(seen: Seen, *, now: str, explain: Explain, travelling: Travelling) -> TransferReport:
    """The report of a whole ledger, in the order of its plan, the files without a run last. `now` is UTC text."""
    bundles = (*(bundle_of(row, seen.past) for row in seen.rows), *map(_without_a_run, seen.unread))
    return told(
        TransferReport(
            scope=Scope.TRANSFER, made_at=now, dwctl_version=__version__, server=seen.server,
            namespace=seen.namespace, import_id=seen.import_id, bundles=bundles, ledger=seen.ledger, past=seen.past,
            travel=travelling(bundles),
        ),
        explain,
    )  # fmt: skip


def told(report: TransferReport, explain: Explain) -> TransferReport:
    """The report with what follows from its bundles: reasons, digest, next steps."""
    report = replace(
        report, reasons=tuple(_reasons(report.bundles, explain)),
        digest=digest_of(report.of(Standing.ARRIVED)) if report.ledger and report.counts[Standing.ARRIVED] else None,
    )  # fmt: skip
    return replace(report, steps=steps_of(report))


def bundle_of(row: LedgerRow, past: Past = NO_PAST) -> ReportedBundle:
    """A row of the ledger with where it stands, and why."""
    standing = standing_of(row)
    text = "; ".join(row.differences) if standing in COMPARED_AND_BAD else row.error_text
    if standing is Standing.LEFT_OUT and text is None:
        text = row.reason
    return ReportedBundle(row, standing, reasons_of(row, standing), text, seconds=past.durations.get(row.run_id))


def _without_a_run(file: UnreadFile) -> ReportedBundle:
    row = LedgerRow(
        run_id="", file=file.file, file_sha256=file.file_sha256, state=LedgerState.REFUSED, error_reason=file.reason,
        error_text=file.text, when=file.when,
    )  # fmt: skip
    return ReportedBundle(row, Standing.UNREADABLE, (file.reason,), file.text)


def reasons_of(row: LedgerRow, standing: Standing) -> tuple[str, ...]:
    """Ids that say why a bundle is not where it should be. Rules of a bundle that is there are only warnings."""
    if STANDINGS[standing].kind is Kind.GOOD or standing in _NO_REASON:
        return ()
    if standing in COMPARED_AND_BAD:
        reason = row.difference_reason
        return () if reason is None else (reason,)
    told = () if row.error_reason is None else (row.error_reason,)
    if standing is Standing.REFUSED:
        return tuple(dict.fromkeys((*told, *row.rules)))
    return told or (_USUAL[standing],) if standing in _USUAL else told


COMPARED_AND_BAD: Final = frozenset({Standing.DIFFERS, Standing.NOT_SHOWN})
"""Standings that a comparison led to: what it found says why."""

_NO_REASON: Final = frozenset({Standing.IN_BOTH, Standing.NOT_COMPARED})
_USUAL: Final = {Standing.MOVED_ON: "run_moved", Standing.BLOCKED: "partner_not_compared"}


def _reasons(bundles: Iterable[ReportedBundle], explain: Explain) -> Iterator[ReasonGroup]:
    """Each bundle under its deciding reason, so that the counts add up; the most frequent first in each standing."""
    counts: Counter[tuple[Standing, str | None]] = Counter(
        (bundle.standing, next(iter(bundle.reasons), None)) for bundle in bundles if bundle.kind is not Kind.GOOD
    )
    order = list(STANDINGS)
    for (standing, reason), count in sorted(counts.items(), key=lambda one: (order.index(one[0][0]), -one[1])):
        row = STANDINGS[standing]
        known = None if reason is None else explain(reason)
        yield ReasonGroup(
            standing, reason, row.meaning if known is None else known.meaning, row.fix if known is None else known.fix,
            count,
        )  # fmt: skip


def digest_of(bundles: Iterable[ReportedBundle]) -> str:
    """One sha256 over what arrived: a line `RUN_ID SHA256_AS_SENT` a run, in the order of their bytes."""
    lines = sorted(f"{bundle.row.run_id} {bundle.row.sent_sha256 or ''}\n".encode("utf-8", "surrogatepass")
                   for bundle in bundles)  # fmt: skip
    return hashlib.sha256(b"".join(lines)).hexdigest()


def without_user(server: str) -> str:
    """A base URL without what may stand before the @ in it."""
    parts = urlsplit(server)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def rows_by_run(rows: Iterable[LedgerRow]) -> Mapping[str, LedgerRow]:
    """Rows by run id."""
    return {row.run_id: row for row in rows}
