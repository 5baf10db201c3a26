"""What to type after a transfer: commands for what is in trouble or open, and for what keeps the proof."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final

from dwctl.counted import counted
from dwctl.transfer.files.sources import STDIN
from dwctl.transfer.report.standing import STANDINGS, Kind, Standing
from dwctl.transfer.report.transfer_report import Answer, ReportedBundle, Scope, Step, TransferReport
from dwctl.typed_commands import command_line

_AGAIN: Final = (
    Standing.PLANNED, Standing.SENDING, Standing.UNKNOWN, Standing.NOT_COMPARED, Standing.FAILED, Standing.BLOCKED,
)  # fmt: skip
_LINKS: Final = frozenset({"target.link_taken", "set.link_shared"})
"""Refusals of a bundle whose link row its partner has written, or is to write."""
_TOO_LARGE: Final = frozenset({"http_413", "payload_too_large"})
"""Failures that the same import meets again, however often it is run."""


def steps_of(report: TransferReport) -> tuple[Step, ...]:
    """The next steps, the most urgent first; none where nothing is left to do."""
    return tuple(_steps(report))


def _steps(report: TransferReport) -> Iterator[Step]:
    ledger = [] if report.ledger is None else ["--ledger", report.ledger.path]
    if report.answer is Answer.DAMAGED:
        yield Step(
            "Find out who changed the ledger, and compare it with a head that was kept elsewhere, before anything is "
            "imported by it.", command_line("dwctl", "ledger", "audit", *ledger, "--expect-head", "HEAD"),
        )  # fmt: skip
        return
    if report.of_a_moment:
        yield Step(
            "An import is running: wait for its end.", command_line("dwctl", "ledger", "status", "--watch", *ledger)
        )
    yield from _on_the_server(report, ledger)
    yield from _not_there(report, ledger)
    yield from _again(report, ledger)
    if report.archiving_is_open:
        yield Step(
            "Archive the closed runs that are not archived yet, before retention takes their history.",
            _import(report, report.not_archived, ledger, "--archive-terminal"),
        )  # fmt: skip
    if report.drift_unknown and report.ledger is not None:
        yield Step(
            "Ask the embedded application whether it moved any of them since their export.",
            command_line("dwctl", "embedded", "drift", *ledger, "--note"),
        )  # fmt: skip
    if report.answer is Answer.COMPLETE and report.ledger is not None:
        yield Step(
            "Keep this head where the ledger is not; it pins everything that was written down.",
            command_line("dwctl", "ledger", "audit", *ledger, "--expect-head", report.ledger.head.hash),
        )  # fmt: skip
    if report.answer is Answer.COMPLETE and (wanted := list(report.of(Standing.WOULD_ARRIVE))):
        yield Step("Import them.", _import(report, wanted, ledger))


def _on_the_server(report: TransferReport, ledger: list[str]) -> Iterator[Step]:
    for bundle in _first(report.of(Standing.IN_BOTH)):
        yield Step(
            str(STANDINGS[Standing.IN_BOTH].fix), command_line("dwctl", "ledger", "show", bundle.row.run_id, *ledger)
        )
    if report.counts[Standing.NOT_SHOWN]:
        yield Step(str(STANDINGS[Standing.NOT_SHOWN].fix), command_line("dwctl", "explain", "run_not_shown"))
    if report.counts[Standing.DIFFERS]:
        yield Step(
            str(STANDINGS[Standing.DIFFERS].fix), command_line("dwctl", "ledger", "list", "--differs", *ledger)
        )  # fmt: skip


def _not_there(report: TransferReport, ledger: list[str]) -> Iterator[Step]:
    if links := _refused_for_a_link(report):
        yield Step(
            "Import the later members of chains and pairs without the link that their partners have written.",
            _import(report, links, ledger),
        )  # fmt: skip
    for reason in [group.reason for group in report.reasons if group.standing is Standing.REFUSED][:_RULES]:
        if reason is not None and reason not in _LINKS:
            yield Step(f"Mend what {reason} refuses.", command_line("dwctl", "explain", reason))
    for reason in sorted({bundle.reasons[0] for bundle in report.of(Standing.FAILED) if _is_too_large(bundle)}):
        yield Step("Let larger bundles through; as it is, they are refused again.",
                   command_line("dwctl", "explain", reason))  # fmt: skip
    if report.counts[Standing.MOVED_ON]:
        yield Step(
            str(STANDINGS[Standing.MOVED_ON].fix),
            command_line("dwctl", "ledger", "list", "--state", "moved", *ledger) if ledger else None,
        )  # fmt: skip
    for bundle in _first(report.of(Standing.UNREADABLE)):
        yield Step(
            str(bundle.next_step or STANDINGS[Standing.UNREADABLE].fix),
            command_line("dwctl", "bundle", "verify", str(bundle.row.file)),
        )  # fmt: skip
        if report.scope is Scope.TRANSFER:
            yield Step(
                "If nothing is to come of the file, say so; the ledger keeps who did, and why.",
                command_line("dwctl", "ledger", "retry", str(bundle.row.file), "--reason", "WHY", *ledger),
            )  # fmt: skip


def _again(report: TransferReport, ledger: list[str]) -> Iterator[Step]:
    again = [bundle for bundle in report.of(*_AGAIN) if not _is_too_large(bundle)]
    if again and not _refused_for_a_link(report):  # that step brings these, too
        count = counted(len(again), "bundle")
        yield Step(
            f"Run the import again for {count}: it asks before it sends, and nothing is imported twice.",
            _import(report, again, ledger),
        )  # fmt: skip
    elif report.kinds[Kind.LEFT_OUT] and report.answer is not Answer.NOT_COMPLETE:
        yield Step("Import those that were left out when their turn comes.",
                   _import(report, list(report.of(Standing.LEFT_OUT)), ledger))  # fmt: skip


_RULES: Final = 5
"""Rules that get a step of their own; all are in the report."""


def _first(bundles: Iterable[ReportedBundle]) -> list[ReportedBundle]:
    return [bundle for bundle, _ in zip(bundles, range(3), strict=False)]


def _refused_for_a_link(report: TransferReport) -> list[ReportedBundle]:
    return [bundle for bundle in report.of(Standing.REFUSED) if _LINKS.intersection(bundle.reasons[:1])]


def _is_too_large(bundle: ReportedBundle) -> bool:
    return bundle.standing is Standing.FAILED and not _TOO_LARGE.isdisjoint(bundle.reasons[:1])


def _import(report: TransferReport, bundles: Iterable[ReportedBundle], ledger: list[str], *more: str) -> str:
    """The import of these bundles: their one file, or the folder that holds them all.

    Where a link is left out, or has to be, the person's word belongs to the command, and its partners to a bundle that
    is to come: without them, one might be sent with a link that is not its to write.
    """
    bundles = list(bundles)
    if any(not bundle.row.there and _needs_its_partner(bundle) for bundle in bundles):
        bundles += [bundle for bundle in report.bundles if bundle.standing is not Standing.LEFT_OUT]
    if any(map(_needs_its_partner, report.bundles)):
        more = ("--resolve-links", "WHY", *more)
    files = [str(bundle.row.file) for bundle in bundles if bundle.row.file not in {None, STDIN}]
    words = ["dwctl", "history-import", _place(files)]
    words += [] if report.server is None else ["--server", report.server]
    words += [] if report.namespace is None else ["--namespace", report.namespace]
    return command_line(*words, *ledger, *more)


def _needs_its_partner(bundle: ReportedBundle) -> bool:
    """Whether a link of the bundle is its partner's to write: it goes without it, waits for that, or was refused so."""
    return bundle.without_links or bundle.standing is Standing.BLOCKED or not _LINKS.isdisjoint(bundle.reasons[:1])


def _place(files: list[str]) -> str:
    if len(set(files)) == 1:
        return files[0]
    try:
        return os.path.commonpath([os.path.dirname(file) for file in files]) or "."  # noqa: PTH120 - bears any name
    except ValueError:  # none, or absolute and relative ones
        return "PATHS"
