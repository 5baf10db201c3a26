"""The sentences of the gate's reports, the same in every format."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from dwctl.checklist.gate.check import Severity, State
from dwctl.checklist.gate.report import CoverageSeen, GateReport, TransferSeen
from dwctl.checklist.gate.results import Attestation, GateResult, ItemResult, Result, Waiver
from dwctl.render.wording import counted

TITLE: Final = "Cutover checklist"

STATE_MEANINGS: Final[Mapping[State, str]] = {
    State.FAIL: "Measured, and not as it has to be.",
    State.UNKNOWN: "Nobody could be asked, or nobody knew: that is no pass.",
    State.WARN: "Should be looked at.",
    State.WAIVED: "Would stop the gate; a person decided to go on, until a day.",
    State.PASS: "Measured, or attested where nothing can measure it.",
    State.SKIPPED: "Does not apply here, or was left out by choice.",
}
"""The states, the worst first."""


def verdict_word(result: GateResult) -> str:
    """The verdict in a few words."""
    if result.interrupted:
        return "Interrupted"
    return "The gate is open" if result.green else "The gate is shut"


def verdict_sentence(result: GateResult) -> str:
    """What stands behind the verdict, with counts."""
    found, total = result.counts, len(result.results)
    if not total:
        return "No check was chosen, and nothing to check is no pass."
    passed = f"{found[State.PASS]:,} of {total:,} checks pass"
    if found[State.PASS] == total:
        passed = "The one check passes" if total == 1 else f"All {total:,} checks pass"
    others = [f"{found[state]:,} {state.value}" for state in STATE_MEANINGS
              if found[state] and state is not State.PASS]  # fmt: skip
    said = ["; ".join(filter(None, (passed, ", ".join(others)))) + "."]
    numbers = [str(number) for number in dict.fromkeys(one.check.item for one in result.in_the_way)]
    if numbers:
        alone = len(numbers) == 1
        said.append(f"{'Item' if alone else 'Items'} {_listed(numbers)} {'keeps' if alone else 'keep'} it shut.")
    if not result.settled and not found[State.FAIL]:
        said.append("Nothing was measured, and nothing to check is no pass.")
    if result.complaints:
        said.append(f"{counted(len(result.complaints), 'complaint')} about attestations and waivers.")
    if result.strict:
        said.append("Strict: a warning, a waiver or a check that this run left out keeps it shut too.")
    if result.interrupted:
        said.append("The run was broken off, so it proves nothing.")
    return " ".join(said)


def headline(result: GateResult) -> str:
    """The verdict and its sentence."""
    return f"{verdict_word(result)}. {verdict_sentence(result)}"


def item_sentence(item: ItemResult) -> str:
    """What the worst check of an item said; where it passes, how its checks stand."""
    if item.state is State.PASS or not item.results:
        return item_counts(item)
    worst = next((one for one in item.results if counted_state(one) is item.state), item.results[0])
    return worst.finding.said


def counted_state(result: Result) -> State:
    """The state that counts for the item: what is only advice is at most a warning."""
    state = result.finding.state
    is_advice = result.check.severity is Severity.ADVICE
    return State.WARN if is_advice and state in (State.FAIL, State.UNKNOWN) else state


def item_counts(item: ItemResult) -> str:
    """How the checks of an item stand: `2 fail, 3 pass`."""
    found = Counter(one.finding.state for one in item.results)
    return ", ".join(f"{found[state]} {state.value}" for state in STATE_MEANINGS if found[state]) or "no check"


def attested(attestation: Attestation) -> str:
    """Who attested what, when, on which evidence, and until when."""
    until = f", until {day(attestation.expires)}" if attestation.expires else ""
    file = f"; evidence: {attestation.file}" if attestation.file else ""
    return f"Attested by {attestation.by} on {day(attestation.at)}{until}: {attestation.note}{file}"


def waived(waiver: Waiver) -> str:
    """Who waived it, when, until when, and why."""
    return f"Waived by {waiver.owner} on {day(waiver.at)}, until {day(waiver.expires)}: {waiver.reason}"


def day(text: str) -> str:
    """The day of a moment; anything else as it is."""
    return text[:10] if _MOMENT.match(text) else text


_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T")


def more_ids(result: Result, shown: int) -> int:
    """How many things are behind a finding, besides the first `shown`."""
    found = result.finding
    return max(found.count, len(found.ids)) - min(shown, len(found.ids))


def coverage_sentence(seen: CoverageSeen) -> str:
    """How much of what is needed is served."""
    found = seen.coverage
    workers = counted(len(found.workers), "worker")
    needs = counted(len(found.rows), "need")
    said = f"{found.served:,} of {needs} of open work and of the description served; {workers} seen."
    if found.unread:
        said += f" Not looked at: {counted(len(found.unread), 'file')}, so not all needs are known."
    return f"{said} Without the bundles: {seen.without_bundles}" if seen.without_bundles else said


def transfer_sentence(seen: TransferSeen) -> str:
    """How far the transfer is."""
    runs = counted(seen.total, "run")
    said = f"{seen.imported:,} of {runs} on the server; {seen.compared:,} compared there, and the same."
    return said if seen.sound else f"{said} The ledger is not sound: {seen.trouble or 'its audit failed'}"


def next_steps(report: GateReport) -> list[tuple[Result, str | None, str | None]]:
    """What to do, each step and command once: for what keeps the gate shut first, and there for the answers no."""
    first = sorted(report.result.in_the_way, key=lambda one: one.finding.state is not State.FAIL)
    shutting = {one.check.id for one in first}
    rest = [one for one in report.result.results if one.finding.state in _ASK_FOR_MORE and one.check.id not in shutting]
    seen: set[tuple[str | None, str | None]] = set()
    steps = []
    for one in (*first, *rest):
        step = (one.finding.next_step, one.finding.command)
        if step == (None, None) or step in seen:
            continue
        seen.add(step)
        steps.append((one, *step))
    return steps


_ASK_FOR_MORE: Final = (State.WARN, State.FAIL, State.UNKNOWN)


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
