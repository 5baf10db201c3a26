"""The bundles of a transfer as cases; and the ledger as one, since a damaged ledger proves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dwctl.counted import counted
from dwctl.render import transfer_wording as wording
from dwctl.render.cases import Case, Cases, CaseState
from dwctl.transfer.report.standing import STANDINGS, Kind, Standing
from dwctl.transfer.report.transfer_report import Answer, ReportedBundle, TransferReport

_ANSWERED: Final = frozenset({
    Standing.REFUSED, Standing.DIFFERS, Standing.NOT_SHOWN, Standing.IN_BOTH, Standing.MOVED_ON, Standing.BLOCKED,
})  # fmt: skip
"""Standings that are an answer; in the other bad ones there is none."""


def cases_of(report: TransferReport) -> Cases:
    """A case a bundle, after one for the ledger and one for the whole where they say what no bundle says."""
    facts = {
        "server": report.server, "namespace": report.namespace, "import_id": report.import_id,
        "dwctl_version": report.dwctl_version, "answer": report.answer.value, "of_a_moment": str(report.of_a_moment),
        "ledger": None if report.ledger is None else report.ledger.path,
        "ledger_head": None if report.ledger is None else report.ledger.head.hash,
    }  # fmt: skip
    return Cases(
        f"dwctl {report.scope.value}", f"{wording.answer_word(report)}. {wording.answer_sentence(report)}",
        report.answer is Answer.COMPLETE, report.made_at, tuple(_cases(report)),
        {name: value for name, value in facts.items() if value is not None},
    )  # fmt: skip


def _cases(report: TransferReport) -> Iterator[Case]:
    yield from _of_the_ledger(report)
    if report.answer is Answer.NOTHING:
        yield Case("the transfer", _GROUP, CaseState.ERROR, "nothing", wording.answer_sentence(report))
    if report.archiving_is_open:
        names = tuple(wording.name_of(bundle) for bundle in report.not_archived[:20])
        said = wording.not_archived(report)
        yield Case("archiving", _GROUP, CaseState.FAILED, "not_archived", said, names)
    meanings = wording.meanings_of(report)
    fixes = {group.reason: group.fix for group in report.reasons}
    for bundle in report.bundles:
        yield _case(bundle, meanings, fixes)


_GROUP: Final = "dwctl.transfer"


def _of_the_ledger(report: TransferReport) -> Iterator[Case]:
    ledger = report.ledger
    if ledger is None:
        return
    name, audit = "the ledger is what its writer left", ledger.audit
    if not audit.ok or ledger.unreadable is not None:
        lines = tuple(f"{one.run_id or one.seq or ''} {one.what}".strip() for one in audit.findings[:20])
        message = f"the audit has {counted(audit.found, 'finding')}"
        yield Case(name, _GROUP, CaseState.FAILED, "ledger_damaged", message, lines, ledger.path)
    else:
        yield Case(name, _GROUP, CaseState.PASSED, file=ledger.path)
    if ledger.writer is not None:
        details = (str(ledger.writer),)
        yield Case("nobody is writing", _GROUP, CaseState.ERROR, "of_a_moment", wording.MOMENT, details, ledger.path)


def _case(bundle: ReportedBundle, meanings: dict[str, str], fixes: dict[str | None, str | None]) -> Case:
    row, standing = bundle.row, STANDINGS[bundle.standing]
    name = wording.name_of(bundle) if not row.run_id else f"{wording.name_of(bundle)} {row.run_id}"
    group = f"{_GROUP}.{row.workflow_type}" if row.workflow_type else _GROUP
    if standing.kind is Kind.GOOD:
        return Case(name, group, CaseState.PASSED, file=row.file, seconds=bundle.seconds, details=_changed(bundle))
    message = wording.reason_text(bundle, meanings)
    state = CaseState.SKIPPED if standing.kind is Kind.LEFT_OUT else CaseState.ERROR
    if bundle.standing in _ANSWERED:
        state = CaseState.FAILED
    kind = bundle.reasons[0] if bundle.reasons else bundle.standing.value
    return Case(
        name, group, state, kind, f"{standing.title}: {message}", _details(bundle, fixes), row.file, bundle.seconds
    )


def _details(bundle: ReportedBundle, fixes: dict[str | None, str | None]) -> tuple[str, ...]:
    first = bundle.reasons[0] if bundle.reasons else None
    fix = bundle.next_step or fixes.get(first) or STANDINGS[bundle.standing].fix
    lines = [f"standing: {bundle.standing.value}", f"file: {bundle.row.file or '-'}"]
    lines += [f"reason: {reason}" for reason in bundle.reasons]
    lines += [f"differs: {one}" for one in bundle.row.differences]
    return (*lines, *_changed(bundle), *([f"fix: {fix}"] if fix else ()))


def _changed(bundle: ReportedBundle) -> tuple[str, ...]:
    """What was done to the bytes, and by which import; a resealed bundle is never called verified."""
    lines = []
    if bundle.before:
        lines.append("done before: an earlier import brought it there, and this one sent nothing of it")
    if bundle.restored is not None:
        lines.append(f"repaired, proven by the recorded checksum: {wording.restored_words(bundle)}")
    if bundle.went_without_links:
        before, after = wording.seals_of(bundle)
        lines += [f"resealed by dwctl, without the link {wording.link_words(one)}" for one in bundle.row.removed_links]
        lines.append(f"resealed by dwctl: checksum {before} before, {after} after; because: {bundle.row.reason or '-'}")
    return tuple(lines)
