"""The gate as Markdown: the verdict and the twelve items, then what is no pass; small enough for a comment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from dwctl.checklist.gate.check import State
from dwctl.checklist.gate.report import Absent, GateReport
from dwctl.checklist.gate.results import ItemResult, Result
from dwctl.counted import counted
from dwctl.render import gate_wording as wording
from dwctl.render.markdown import clipped, code, folded, sentence, table, typed
from dwctl.render.markdown_transfer import LARGEST, MARK
from dwctl.render.transfer_wording import moment
from dwctl.transfer.report.standing import STANDINGS


class _Room(NamedTuple):
    """How much is shown: ids of a check, signs of a sentence, checks of a list."""

    ids: int
    signs: int
    checks: int


_ROOMS: Final = (_Room(20, 400, 200), _Room(8, 200, 200), _Room(3, 120, 100), _Room(0, 60, 40))


def gate_markdown(report: GateReport) -> str:
    """The report; its lists are as long as there is room for, and say where the rest is."""
    text = ""
    for room in _ROOMS:
        text = "\n".join(_Page(report, room).lines()) + "\n"
        if len(text) <= LARGEST:
            break
    return text


class _Page:
    def __init__(self, report: GateReport, room: _Room) -> None:
        self.report, self.room = report, room
        self.steps = wording.next_steps(report.result)

    def lines(self) -> Iterator[str]:
        result = self.report.result
        yield MARK
        yield f"# {wording.TITLE}: {self.said(result.name)}"
        yield ""
        yield f"**{wording.verdict_word(result)}.** {wording.verdict_sentence(result)}"
        yield ""
        yield from table(
            ("server", "namespace", "begun at", "dwctl"),
            [(_code(result.server), _code(result.namespace), moment(result.began_at), code(self.report.dwctl_version))],
        )
        for complaint in result.complaints[: max(5, self.room.ids)]:
            yield from ("", f"> {self.said(complaint)}")
        yield ""
        yield from table(
            ("item", "", "state", "what has to be true", "found"), [self._item(one) for one in result.items]
        )
        yield from self._open()
        yield from self._next()
        yield from self._decided()
        yield from self._progress()
        yield ""
        yield "Evidence and everything else: `dwctl checklist --json`, or the HTML report."

    def _item(self, item: ItemResult) -> tuple[str, ...]:
        return (
            str(item.item.number), item.item.name, _state(item.state), item.item.meaning,
            self.said(wording.item_sentence(item)),
        )  # fmt: skip

    def _open(self) -> Iterator[str]:
        """Every check that is no pass; those that were skipped are folded away."""
        told = [one for one in self.report.result.results if one.finding.state is not State.PASS]
        loud = [one for one in told if one.finding.state is not State.SKIPPED]
        quiet = [one for one in told if one.finding.state is State.SKIPPED]
        if loud:
            yield from ("", "## What is no pass", "")
        for one in loud[: self.room.checks]:
            yield f"- **{_state(one.finding.state)}** {code(one.check.id)} (item {one.check.item}): " + self.said(
                one.finding.said
            )
            yield from self._ids(one)
        if len(loud) > self.room.checks:
            yield f"- and {len(loud) - self.room.checks:,} more"
        if quiet:
            lines = [f"- {code(one.check.id)} (item {one.check.item}): {self.said(one.finding.said)}"
                     for one in quiet[: self.room.checks]]  # fmt: skip
            yield ""
            yield from folded(f"Skipped: {counted(len(quiet), 'check')}", lines)

    def _ids(self, one: Result) -> Iterator[str]:
        shown = one.finding.ids[: self.room.ids]
        hidden = wording.more_ids(one, self.room.ids)
        if shown:
            more = f" and {hidden:,} more" if hidden else ""
            yield f"  - {self.said(one.finding.ids_are)}: {', '.join(code(clipped(text)) for text in shown)}{more}"

    def _next(self) -> Iterator[str]:
        if not self.steps:
            return
        yield from ("", "## Next")
        shown = self.steps[: max(6, self.room.ids)]
        for number, (one, why, command) in enumerate(shown, 1):
            yield ""
            yield f"{number}. {code(one.check.id)}: {self.said(why) if why else 'type'}"
            if command is not None:
                yield ""
                yield from typed(command, "   ")
        if len(self.steps) > len(shown):
            yield from ("", f"And {len(self.steps) - len(shown):,} more.")

    def _decided(self) -> Iterator[str]:
        found = [_told(one) for one in wording.decisions(self.report.result.results)]
        if not found:
            return
        yield from ("", "## Decided by people", "")
        for check, said in found[: self.room.checks]:
            yield f"- {check}: {self.said(said)}"

    def _progress(self) -> Iterator[str]:
        coverage, transfer = self.report.coverage, self.report.transfer
        yield from ("", "## Seen on the way", "")
        if isinstance(coverage, Absent):
            yield f"- Coverage of the workers: not shown. {self.said(coverage.why)}"
        else:
            yield f"- Coverage of the workers: {self.said(wording.coverage_sentence(coverage))}"
        if isinstance(transfer, Absent):
            yield f"- Transfer: not shown. {self.said(transfer.why)}"
            return
        counts = ", ".join(
            f"{count:,} {STANDINGS[standing].title}" for standing, count in transfer.standings.items() if count
        )
        yield f"- Transfer: {self.said(wording.transfer_sentence(transfer))}{f' {counts}.' if counts else ''}"
        yield f"- Head of the ledger: {code(transfer.head)}"

    def said(self, text: str) -> str:
        """A sentence that may hold text from outside, cut off where it is too long."""
        return sentence(clipped(text, self.room.signs))


def _told(decision: wording.Decision) -> tuple[str, str]:
    one, attestation = decision
    if attestation is not None:
        return f"item {one.check.item}", wording.attested(attestation)
    return code(one.check.id), "" if one.waived is None else wording.waived(one.waived)


def _code(text: str | None) -> str:
    return "-" if text is None else code(text)


def _state(state: State) -> str:
    return {State.PASS: "✅ ", State.FAIL: "❌ ", State.UNKNOWN: "❔ ", State.WARN: "⚠️ ", State.WAIVED: "✍️ ",
            State.SKIPPED: "➖ "}[state] + state.value  # fmt: skip
