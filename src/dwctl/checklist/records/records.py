"""What people have written down on the checks, and how far it reaches.

An attestation covers what could not be measured, and nothing else. A waiver lets the cutover go on although a check
fails or is unknown, until its day. What is expired, or whose evidence is not what it was, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dwctl.checklist.gate.check import NOT_GOOD, Check, Evidence, Finding, State
from dwctl.checklist.gate.results import Attestation, Result, Waiver


@dataclass(frozen=True, slots=True)
class Records:
    """The attestations by item and the waivers by check that count; `complaints` name those that do not, and why."""

    attestations: Mapping[int, Attestation] = field(default_factory=dict)
    waivers: Mapping[str, Waiver] = field(default_factory=dict)
    complaints: tuple[str, ...] = ()

    def settled(
        self, check: Check, finding: Finding, began_at: str, seconds: float, *, attestable: bool = True
    ) -> Result:
        """The result of a check: what it measured, and what an attestation or a waiver makes of that.

        What is not `attestable` could have been measured: its source is there and failed, a check before it does not
        pass, or it crashed. Nobody who vouched for an item has seen that; only a waiver, which names the check, covers
        it. The sentence of the finding stays the measurement's own; whose word changed the state stands beside it.
        """
        result = Result(check, finding, finding.state, began_at, seconds)
        attestation, waiver = self.attestations.get(check.item), self.waivers.get(check.id)
        if attestation is not None and finding.state is State.UNKNOWN and attestable:
            return replace(result, finding=_attested(finding, attestation), attested=attestation)
        if attestation is not None and finding.state in NOT_GOOD:
            result = replace(result, finding=_not_overruled(finding, attestation))
        if waiver is not None and finding.state in NOT_GOOD:
            return replace(result, finding=replace(result.finding, state=State.WAIVED), waived=waiver)
        return result

    def notes(self, results: Sequence[Result]) -> Iterator[str]:
        """A sentence on each attestation and waiver that nothing in these results needed."""
        asked = [result for result in results if not result.left_out]
        in_part = {result.check.item for result in results if result.left_out}
        for item, attestation in self.attestations.items():
            of = [result for result in asked if result.check.item == item and item not in in_part]
            if of and all(result.measured not in NOT_GOOD for result in of):
                yield f"the attestation of item {item} by {attestation.by} is not needed: nothing of it is unknown"
        for result in asked:
            waiver = self.waivers.get(result.check.id)
            if waiver is None or result.waived is not None:
                continue
            said = "attested" if result.attested is not None else result.finding.state.value
            yield f"the waiver of {waiver.check} by {waiver.owner} is no longer needed: the check is {said}"


def _attested(finding: Finding, attestation: Attestation) -> Finding:
    came = attestation.note if attestation.file is None else f"{attestation.note} (evidence: {attestation.file})"
    evidence = Evidence(f"attestation of item {attestation.item}, by {attestation.by}", came, attestation.at)
    return replace(finding, state=State.PASS, evidence=(*finding.evidence, evidence), next_step=None, command=None)


def _not_overruled(finding: Finding, attestation: Attestation) -> Finding:
    what = "overrule a measurement that fails" if finding.state is State.FAIL else "cover what could have been measured"
    told = f"the attestation of item {attestation.item} by {attestation.by} does not {what}"
    return replace(finding, said=f"{finding.said}; {told}")
