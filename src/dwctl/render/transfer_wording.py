"""The sentences of a transfer's report, the same in every format."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from dwctl.counted import counted
from dwctl.transfer.report.standing import STANDINGS, Kind, Standing
from dwctl.transfer.report.transfer_report import Answer, ReportedBundle, Scope, TransferReport

_TITLES: Final = {
    Scope.TRANSFER: "Cutover report",
    Scope.IMPORT: "Import report",
    Scope.DRY_RUN: "Dry run of an import",
    Scope.PLAN: "Plan of an import",
}

RESEALED: Final = (
    "dwctl took these links out, since the partner's bundle has written them, and sealed the bundle anew on a person's "
    "word. The exported file's own seal says nothing about what was sent."
)
RESTORED: Final = (
    "The export had changed these bundles. They were restored before they were sent: with the restoration, the "
    "checksum that the export recorded holds, which proves it."
)
MOMENT: Final = "A moment's picture: an import was writing to the ledger when this was read."


def heading(report: TransferReport, kind: Kind) -> str:
    """The heading over the bundles of one kind."""
    if kind is Kind.TROUBLE:
        return "What would be refused, and why" if only_asked(report) else "What did not arrive as it should, and why"
    return "What is still open" if kind is Kind.OPEN else "Left out by choice"


def not_archived(report: TransferReport) -> str:
    """What is not archived, and why that matters."""
    runs = counted(len(report.not_archived), "closed run")
    return f"On the server and not archived there: {runs}; retention may take the history."


def notes(report: TransferReport) -> list[str]:
    """What a reader should know that decides nothing: what nobody was asked, and what time may take."""
    found = []
    if report.drift_unknown and not only_asked(report):
        runs = f"{counted(report.drift_unknown, 'run')} that came open"
        found.append(f"Of {runs} nobody has said whether the embedded copy has moved since.")
    if report.unmoved_at and not only_asked(report):
        found.append(_unmoved(report.unmoved_at))
    if report.not_archived and not report.archiving_is_open:
        found.append(not_archived(report))
    return found


def _unmoved(times: Sequence[str]) -> str:
    """That embedded copies had not moved, and as of when: they may have since."""
    first, last = moment(times[0]), moment(times[-1])
    when = f"as of {first}" if first == last else f"when it was looked at, between {first} and {last}"
    return f"Of {counted(len(times), 'run')} that came open the embedded copy had not moved {when}."


def title(report: TransferReport) -> str:
    """What the report is of."""
    return _TITLES[report.scope]


def answer_word(report: TransferReport) -> str:
    """The answer in a word or two."""
    return {
        Answer.COMPLETE: "Yes" if only_asked(report) else "Complete",
        Answer.NOT_COMPLETE: "No" if only_asked(report) else "Not complete",
        Answer.NOTHING: "Nothing arrived",
        Answer.DAMAGED: "The ledger is damaged",
    }[report.answer]


def answer_sentence(report: TransferReport) -> str:
    """What stands behind the word, with counts."""
    if report.answer is Answer.DAMAGED and report.ledger is not None:
        found = counted(report.ledger.audit.found, "finding")
        partly = f"; {report.ledger.unreadable}" if report.ledger.unreadable else ""
        return f"The audit has {found}{partly}. It is not what its writer left, so nothing below is proven."
    total = len(report.bundles)
    if report.answer is Answer.NOTHING:
        return f"{counted(total, 'bundle')}, and none of them was to be sent."
    chosen = total - report.kinds[Kind.LEFT_OUT]
    first, *rest = _would_arrive(report, chosen) if only_asked(report) else _arrived(report, chosen)
    rest += [
        f"{count:,} {STANDINGS[standing].title}" for standing, count in report.counts.items()
        if count and STANDINGS[standing].kind in {Kind.TROUBLE, Kind.OPEN}
    ]  # fmt: skip
    if report.archiving_is_open:
        rest.append(f"{len(report.not_archived):,} not archived")
    left_out = report.kinds[Kind.LEFT_OUT]
    said = f"{first}{'; ' if rest else ''}{', '.join(rest)}."
    return f"{said} {counted(left_out, 'bundle')} left out by choice." if left_out else said


def _would_arrive(report: TransferReport, chosen: int) -> list[str]:
    """What a dry run or a plan says of the good ones: those to be imported, and those that are there already."""
    would, there = report.counts[Standing.WOULD_ARRIVE], report.counts[Standing.ARRIVED]
    if there == chosen:
        are = "are" if chosen > 1 else "is"
        return [f"{_of(chosen, chosen)} {are} on the server already, compared, and the same: nothing is left to import"]
    return [f"{_of(would, chosen)} would be imported", *([f"{there:,} on the server already"] if there else [])]


def _arrived(report: TransferReport, chosen: int) -> list[str]:
    """What an import or a transfer says of the good ones; those that the command only found there are counted."""
    before = sum(bundle.before for bundle in report.of(Standing.ARRIVED))
    said = f"{_of(report.kinds[Kind.GOOD], chosen)} arrived: on the server, compared, and the same"
    return [said, *([f"{before:,} of them before this import"] if before else [])]


def _of(good: int, chosen: int) -> str:
    if good != chosen:
        return f"{good:,} of {chosen:,} bundles"
    return f"{'All ' if chosen > 1 else ''}{counted(chosen, 'bundle')}"


def name_of(bundle: ReportedBundle) -> str:
    """What a person calls the bundle: its instance, else its run, else its file."""
    return bundle.row.instance_id or bundle.row.run_id or bundle.row.file or "?"


def reason_text(bundle: ReportedBundle, meanings: Mapping[str, str]) -> str:
    """One sentence about why this bundle stands where it stands."""
    if bundle.text:
        return bundle.text
    known = [meanings[reason] for reason in bundle.reasons if reason in meanings]
    return known[0] if known else STANDINGS[bundle.standing].meaning


def meanings_of(report: TransferReport) -> dict[str, str]:
    """What the reasons of the report mean, by id."""
    return {group.reason: group.meaning for group in report.reasons if group.reason is not None}


def restored_words(bundle: ReportedBundle) -> str:
    """What was restored, in words."""
    restored = bundle.restored or {}
    words = [f"key {key} removed" for key in _texts(restored.get("removed_keys"))]
    words += [f"fraction at {path} restored" for path in _texts(restored.get("restored_paths"))]
    return "; ".join(words) or str(restored.get("cause", ""))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, (list, tuple)):
        yield from (str(one) for one in value)


def link_words(link: Mapping[str, object]) -> str:
    """A link row: its type, and from which run to which."""
    return f"{link.get('link_type')}: {link.get('parent_run_id')} to {link.get('child_run_id')}"


def seals_of(bundle: ReportedBundle) -> tuple[str, str]:
    """The checksums before and after the resealing; a dash where one is not known."""
    resealed = bundle.resealed or {}
    before = resealed.get("checksum_before") or bundle.row.checksum
    return str(before or "-"), str(resealed.get("checksum_after") or "-")


def moment(text: str | None) -> str:
    """`2026-11-23T10:00:00.123456Z` as `2026-11-23 10:00:00 UTC`; a dash for what is no time."""
    found = None if text is None else _TIME.fullmatch(text)
    return "-" if found is None else f"{found[1]} {found[2]} UTC"


_TIME: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]+)?Z")


def span(seconds: float | None) -> str:
    """Seconds for people: `0.42 s`, `59 s`, `1:02:03`."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    return f"{whole // 3600}:{whole % 3600 // 60:02}:{whole % 60:02}"


def digest_command(report: TransferReport) -> str:
    """What to type to get the digest of what arrived again from the ledger."""
    ledger = "" if report.ledger is None else f" --ledger {shlex.quote(report.ledger.path)}"
    return (
        f'dwctl ledger export --format jsonl{ledger} | jq -r \'select((.state == "imported" or .state == '
        '"already_imported") and .compared_at and (.differs_at | not) and .drift != "moved_since_import") | '
        '"\\(.run_id) \\(.sent_sha256 // "")"\' | LC_ALL=C sort | sha256sum'
    )


def only_asked(report: TransferReport) -> bool:
    """Whether nothing was to be changed: a dry run, or a plan."""
    return report.scope in {Scope.DRY_RUN, Scope.PLAN}


def open_standings(report: TransferReport) -> list[Standing]:
    """The standings that are open and have bundles."""
    return [one for one, count in report.counts.items() if count and STANDINGS[one].kind is Kind.OPEN]
