"""The sentences of the gate's reports, the same in every format."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from dwctl.checklist.gate.check import State
from dwctl.checklist.gate.items import Phase
from dwctl.checklist.gate.report import CoverageSeen, TransferSeen
from dwctl.checklist.gate.results import Attestation, GateResult, ItemResult, Result, Waiver
from dwctl.counted import counted

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
    if not result.green:
        return "The gate is shut"
    return "The gate is open as far as it was asked" if result.left_out else "The gate is open"


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
        keeps = "keeps" if len(result.complaints) == 1 else "keep"
        said.append(f"{counted(len(result.complaints), 'complaint')} about attestations and waivers {keeps} it shut.")
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
        return _item_counts(item)
    worst = next((one for one in item.results if one.counts_as is item.state), item.results[0])
    return worst.finding.said


def _item_counts(item: ItemResult) -> str:
    """How the checks of an item stand: `2 fail, 3 pass`."""
    found = Counter(one.finding.state for one in item.results)
    return ", ".join(f"{found[state]} {state.value}" for state in STATE_MEANINGS if found[state]) or "no check"


def attested(attestation: Attestation) -> str:
    """Who attested what, when, on which evidence, and until when."""
    until = f", until {end(attestation.expires)}" if attestation.expires else ""
    file = f"; evidence: {attestation.file}" if attestation.file else ""
    return f"Attested by {attestation.by} on {day(attestation.at)}{until}: {attestation.note}{file}"


def waived(waiver: Waiver) -> str:
    """Who waived it, when, until when, and why."""
    return f"Waived by {waiver.owner} on {day(waiver.at)}, until {end(waiver.expires)}: {waiver.reason}"


def day(text: str) -> str:
    """The day of a moment; anything else as it is."""
    return text[:10] if _MOMENT.match(text) else text


def end(text: str) -> str:
    """When something ends: a day where it ends with one, else to the minute."""
    if not _MOMENT.match(text) or text[10:19] == "T00:00:00":
        return day(text)
    return f"{text[:10]} {text[11:16]} UTC"


def decided_by(result: Result) -> str:
    """Whose decision changed a state: ` (attested by Ana)`; nothing where it is what was measured."""
    if result.waived is not None:
        return f" (waived by {result.waived.owner})"
    return "" if result.attested is None else f" (attested by {result.attested.by})"


_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T")


class Decision(NamedTuple):
    """What a person decided: the check, and the attestation of its item; without one it is the check's waiver."""

    result: Result
    attestation: Attestation | None


def decisions(results: Iterable[Result]) -> Iterator[Decision]:
    """Each attestation once, at the first check of its item, and every waiver."""
    told: set[Attestation] = set()
    for one in results:
        if one.attested is not None and one.attested not in told:
            told.add(one.attested)
            yield Decision(one, one.attested)
        if one.waived is not None:
            yield Decision(one, None)


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


def phase_to_come(result: GateResult) -> Phase | None:
    """The phase after those that were asked, where each of them was asked as a whole; None after the last one."""
    left_out = {one.check.phase for one in result.results if one.left_out}
    asked = {one.check.phase for one in result.results if not one.left_out}
    if not asked or asked & left_out:
        return None
    return next((phase for phase in left_out if _TURN[phase] == max(_TURN[one] for one in asked) + 1), None)


def in_turn(result: GateResult) -> list[Result]:
    """What keeps the gate shut, in the order in which it is mended: the answers no first, phase by phase."""
    return sorted(result.in_the_way, key=lambda one: (one.finding.state is not State.FAIL, _TURN[one.check.phase]))


def next_steps(result: GateResult) -> list[tuple[Result, str | None, str | None]]:
    """What to do, each step and command once: for what keeps the gate shut first, and there for the answers no.

    What only waits for another check has that one's command and no step of its own: it is not told again.
    """
    first = in_turn(result)
    shutting = {one.check.id for one in first}
    rest = [one for one in result.results if one.finding.state in _ASK_FOR_MORE and one.check.id not in shutting]
    seen: set[tuple[str | None, str | None]] = set()
    commands: set[str | None] = set()
    steps = []
    for one in (*first, *rest):
        step, command = one.finding.next_step, one.finding.command
        is_others = step is None and (command in commands or asks_again(command))
        if (step, command) == (None, None) or step_key(one) in seen or is_others:
            continue
        seen.add(step_key(one))
        commands.add(command)
        steps.append((one, step, command))
    return steps


def step_key(result: Result) -> tuple[str | None, str | None]:
    """What to do about it, the same for the same cause: a command that only asks again is no other step."""
    step, command = result.finding.next_step, result.finding.command
    return step, None if step and asks_again(command) else command


def asks_again(command: str | None) -> bool:
    """Whether a command does nothing but ask the gate again."""
    return (command or "").startswith("dwctl checklist --only ")


_TURN: Final = {phase: turn for turn, phase in enumerate(Phase)}


_ASK_FOR_MORE: Final = (State.WARN, State.FAIL, State.UNKNOWN)


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
