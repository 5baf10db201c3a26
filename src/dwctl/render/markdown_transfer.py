"""The report of a transfer as Markdown: short at the top, folded below, small enough for a pull request's comment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final

from dwctl.counted import counted
from dwctl.render import transfer_wording as wording
from dwctl.render.markdown import clipped, code, folded, table, typed
from dwctl.render.text import one_line
from dwctl.transfer.report.standing import STANDINGS, Kind
from dwctl.transfer.report.transfer_report import LedgerSeen, ReportedBundle, Session, TransferReport

LARGEST: Final = 60_000
"""Characters of a report; a comment on a pull request may have 65,536."""

MARK: Final = "<!-- dwctl report -->"
_LISTS: Final = (100, 40, 15, 5, 0)
_Cells = Callable[[ReportedBundle], tuple[str, ...]]


def markdown(report: TransferReport) -> str:
    """The report; its lists are as long as there is room for, and say where the rest is."""
    text = ""
    for longest in _LISTS:
        text = "\n".join(_Page(report, longest).lines()) + "\n"
        if len(text) <= LARGEST:
            break
    return text


class _Page:
    def __init__(self, report: TransferReport, longest: int) -> None:
        self.report, self.longest = report, longest
        self.meanings = wording.meanings_of(report)

    def lines(self) -> Iterator[str]:
        report = self.report
        yield MARK
        yield f"# {wording.title(report)}"
        yield ""
        yield f"**{wording.answer_word(report)}.** {wording.answer_sentence(report)}"
        if report.of_a_moment and report.ledger is not None:
            yield ""
            yield f"> {wording.MOMENT} Writing: {code(str(report.ledger.writer))}."
        if report.ledger is not None and not report.ledger.audit.ok:
            yield ""
            yield from self._damage(report.ledger)
        yield ""
        yield from self._target()
        yield ""
        yield from self._standings()
        for kind in (Kind.TROUBLE, Kind.OPEN, Kind.LEFT_OUT):
            yield from self._why(kind)
        yield from self._changed()
        yield from self._travel()
        yield from self._past()
        yield from self._proof()
        yield from self._steps()

    def _target(self) -> Iterator[str]:
        report = self.report
        versions = ", ".join(code(one) for one in report.versions("server_version")) or "-"
        used = ", ".join(code(one) for one in report.versions("dwctl_version")) or code(report.dwctl_version)
        yield from table(
            ("server", "namespace", "import id", "server version", "dwctl", "made at"),
            [(_code(report.server), _code(report.namespace), _code(report.import_id), versions, used,
              wording.moment(report.made_at))],
        )  # fmt: skip

    def _standings(self) -> Iterator[str]:
        rows = [
            (STANDINGS[standing].title, f"{count:,}", STANDINGS[standing].meaning)
            for standing, count in self.report.counts.items()
            if count
        ]
        yield from table(("bundles", "count", "which means"), rows)

    def _damage(self, ledger: LedgerSeen) -> Iterator[str]:
        findings = ledger.audit.findings
        for finding in findings[: max(3, self.longest)]:
            place = finding.run_id if finding.seq is None else f"event {finding.seq}"
            yield f"- {_code(place)} {code(clipped(finding.what))}"
        if ledger.audit.found > len(findings):
            yield f"- … and {ledger.audit.found - len(findings):,} more"

    def _why(self, kind: Kind) -> Iterator[str]:
        groups = [group for group in self.report.reasons if STANDINGS[group.standing].kind is kind]
        closed = len(self.report.not_archived) if kind is Kind.OPEN and self.report.archiving_is_open else 0
        if not groups and not closed:
            return
        yield ""
        yield f"## {wording.heading(self.report, kind)}"
        yield ""
        if groups:
            yield from table(
                ("standing", "reason", "bundles", "what it means", "what to do"),
                [
                    (STANDINGS[group.standing].title, _code(group.reason), f"{group.count:,}", _said(group.meaning),
                     _said(group.fix or "-"))
                    for group in groups
                ],
            )  # fmt: skip
            yield ""
            yield from self._list(list(self.report.of_kind(kind)), "bundle", _BUNDLE, self._bundle)
        if groups and closed:
            yield ""
        if closed:
            yield wording.not_archived(self.report)

    def _bundle(self, bundle: ReportedBundle) -> tuple[str, ...]:
        row = bundle.row
        return (
            STANDINGS[bundle.standing].title, _code(clipped(wording.name_of(bundle))), _code(row.run_id or None),
            _code(clipped(row.file or "-")), " ".join(code(one) for one in bundle.reasons) or "-",
            code(clipped(wording.reason_text(bundle, self.meanings))),
        )  # fmt: skip

    def _changed(self) -> Iterator[str]:
        if self.report.restored:
            yield from _section("Repaired, proven by the recorded checksum", wording.RESTORED)
            yield from self._list(self.report.restored, "repaired bundle", _RESTORED, _restored)
        if self.report.resealed:
            yield from _section("Resealed by dwctl", wording.RESEALED)
            yield from self._list(self.report.resealed, "resealed bundle", _RESEALED, _resealed)

    def _travel(self) -> Iterator[str]:
        travel = self.report.travel
        if travel is None or not travel.of:
            return
        yield ""
        yield "## What does not travel"
        yield ""
        for kind in travel.kinds:
            first = ", ".join(code(clipped(one)) for one in kind.first)
            yield f"- **{kind.what}**, {counted(kind.runs, 'run')} ({first}): {_said(kind.meaning)}"
        if not travel.kinds and travel.looked_at:
            yield "- Nothing was found that does not."
        yield f"- Looked at: {travel.looked_at:,} of {travel.of:,} bundles."
        yield from (f"- Not looked at: {count:,}, since {why}." for why, count in travel.not_looked)

    def _past(self) -> Iterator[str]:
        past = self.report.past
        if not past.sessions:
            return
        yield ""
        yield "## When, and by whom"
        yield ""
        if past.median is not None:
            yield (
                f"An import took {wording.span(past.median)} (median), {wording.span(past.slowest_tenth)} for the "
                f"slowest tenth, {wording.span(past.slowest)} at most."
            )
            yield ""
        sessions = past.sessions[-max(1, self.longest) :]
        note = "" if len(sessions) == len(past.sessions) else f", the last {len(sessions):,} of them"
        yield from folded(f"{counted(len(past.sessions), 'session')}{note}", table(_SESSION, map(_session, sessions)))

    def _proof(self) -> Iterator[str]:
        report = self.report
        if report.ledger is None:
            return
        audit = report.ledger.audit
        yield ""
        yield "## Proof"
        yield ""
        yield f"- Ledger {_code(report.ledger.path)}, begun {wording.moment(report.ledger.created_at)}."
        yield f"- Head of its log: {code(report.ledger.head.hash)} (event {report.ledger.head.seq:,})."
        said = "passed" if audit.ok else f"**failed**, {counted(audit.found, 'finding')}"
        yield f"- Audit {said}: {audit.events:,} events, {audit.rows:,} rows."
        yield from (f"- {note}" for note in wording.notes(report))
        if report.digest is not None:
            yield f"- Digest of what arrived: {code(report.digest)}; to get it again:"
            yield ""
            yield from typed(wording.digest_command(report), "  ")

    def _steps(self) -> Iterator[str]:
        if not self.report.steps:
            return
        yield ""
        yield "## Next steps"
        for number, step in enumerate(self.report.steps, 1):
            yield ""
            yield f"{number}. {_said(step.why)}"
            if step.command is not None:
                yield ""
                yield from typed(step.command, "   ")

    def _list(
        self, bundles: Sequence[ReportedBundle], what: str, headings: tuple[str, ...], cells: _Cells
    ) -> Iterator[str]:
        """Bundles one by one, folded; the first of them where there are many."""
        shown = list(islice(bundles, self.longest))
        if not shown:
            yield f"{counted(len(bundles), what)}; all of them: `dwctl transfer report --json`."
            return
        yield from folded(f"{counted(len(bundles), what)}, one by one", table(headings, map(cells, shown)))
        if len(bundles) > len(shown):
            yield ""
            yield f"The first {len(shown):,} of {len(bundles):,}; all of them: `dwctl transfer report --json`."


_BUNDLE: Final = ("standing", "instance", "run", "file", "reasons", "what is known")
_RESTORED: Final = ("instance", "restored", "sha256 of the file", "sha256 as sent")
_RESEALED: Final = ("instance", "links taken out", "why", "checksum of the export", "checksum of dwctl's seal")
_SESSION: Final = (
    "begun", "for", "by", "on", "command", "dwctl", "server", "there", "not there", "compared", "bundles/s", "end",
)  # fmt: skip


def _restored(bundle: ReportedBundle) -> tuple[str, ...]:
    row = bundle.row
    return (
        _code(clipped(wording.name_of(bundle))), code(clipped(wording.restored_words(bundle))),
        _code(row.file_sha256), _code(row.sent_sha256),
    )  # fmt: skip


def _resealed(bundle: ReportedBundle) -> tuple[str, ...]:
    before, after = wording.seals_of(bundle)
    links = "<br>".join(code(wording.link_words(link)) for link in bundle.row.removed_links[:3]) or "-"
    return (
        _code(clipped(wording.name_of(bundle))), links, _code(clipped(bundle.row.reason or "-")), code(before),
        code(after),
    )  # fmt: skip


def _session(session: Session) -> tuple[str, ...]:
    return (
        wording.moment(session.started_at), wording.span(session.seconds), _code(session.who), _code(session.host),
        _code(session.command), _code(session.dwctl_version), _code(session.server_version), f"{session.there:,}",
        f"{session.not_there:,}", f"{session.compared:,}",
        "-" if session.rate is None else f"{session.rate:.1f}", "in order" if session.ended else "killed, or not ended",
    )  # fmt: skip


def _section(heading: str, sentence: str) -> Iterator[str]:
    yield ""
    yield f"## {heading}"
    yield ""
    yield sentence
    yield ""


def _said(sentence: str) -> str:
    """A sentence of our tables inside Markdown: only what is not plain there is written as its number."""
    return _MARKS.sub(lambda found: f"&#{ord(found[0])};", one_line(sentence))


_MARKS: Final = re.compile(r"[|<>&*\[\]`\\#@~]|\b_|_\b|(?<=[a-z]):(?=//)")


def _code(text: str | None) -> str:
    return "-" if text is None or text == "" else code(text)
