"""An import for people: a table of the bundles, what is wrong, the proof, and a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.text import Text

from dwctl.bundle.findings import Severity
from dwctl.errors import DwctlError
from dwctl.render.console import console_for, plain_table, print_line
from dwctl.render.console_verdicts import MOST_FINDINGS, finding_lines
from dwctl.render.text import one_line
from dwctl.render.wording import counted
from dwctl.transfer.outcomes import ImportResult, ImportState, ImportTally
from dwctl.transfer.proof import ProofState

MOST_PROOFS = 3
"""Bundles up to which each proof is shown on its own."""

_STYLES = {
    ImportState.WOULD_IMPORT: "green",
    ImportState.IMPORTED: "green",
    ImportState.ALREADY_IMPORTED: "green",
    ImportState.REFUSED: "red",
    ImportState.FAILED: "red",
    ImportState.UNKNOWN: "yellow",
    ImportState.NOT_TRIED: "yellow",
}
_LONGEST_MESSAGE = 300
_PROOF_STYLES = {ProofState.PROVEN: "green", ProofState.UNKNOWN: "yellow"}


def show_results(tally: ImportTally, stream: TextIO) -> None:
    """Print the table, the details of what needs attention, and the summary."""
    console, results = console_for(stream), tally.results
    table = plain_table("state", "bundle", "instance", "type", "status", "way", "proof")
    for result in results:
        table.add_row(*_cells(result))
    if results:
        console.print(table)
    briefly = len(results) > MOST_PROOFS
    for result in results:
        lines = list(_details(result, briefly=briefly))
        if lines:
            console.print()
            for line in lines:
                print_line(console, line)
    console.print()
    if briefly and any(result.proven for result in results):
        print_line(console, _what_was_compared(results))
    left = dict.fromkeys(row.what for result in results for row in result.left_behind)
    if briefly and left:
        print_line(console, Text(f"does not travel: {', '.join(left)} (which of which run: --json)"))
    print_line(console, _summary(tally))


def _cells(result: ImportResult) -> Iterator[Text]:
    verdict = result.judged.verdict
    run = verdict.run if verdict is not None else None
    yield Text(result.state.value, style=_STYLES[result.state])
    yield Text(one_line(result.judged.file))
    yield Text(one_line(run.instance_id or "-") if run else "-")
    yield Text(one_line(run.workflow_type) if run else "-")
    yield Text(one_line(run.status) if run else "-")
    yield Text(result.way or "-")
    if result.proof is None:
        yield Text("-")
    else:
        yield Text(result.proof.state.value, style=_PROOF_STYLES.get(result.proof.state, "red"))


def _what_was_compared(results: Sequence[ImportResult]) -> Text:
    """One line for all proofs that held, instead of one each."""
    proofs = [result.proof for result in results if result.proof is not None and result.proven]
    held = dict.fromkeys(one.name for proof in proofs for one in proof.comparisons if one.holds)
    unseen = dict.fromkeys(one.name for proof in proofs for one in proof.comparisons if one.holds is None)
    words = f"{counted(len(proofs), 'run')} proven by {', '.join(held)}"
    return Text(f"{words}; not shown by this server: {', '.join(unseen)}" if unseen else words)


def _details(result: ImportResult, *, briefly: bool) -> Iterator[Text]:
    proof = () if briefly and result.proven else _proof(result)
    left = () if briefly else _left_behind(result)
    error = () if result.error is None else _error(result.error, result)
    body = [*_repair(result), *_findings(result), *left, *_server_rules(result), *error, *proof]
    if body:
        head = (result.state.value, f"bold {_STYLES[result.state]}")
        yield Text.assemble(head, "  ", (one_line(result.judged.file), "bold"))
        yield from body


def _repair(result: ImportResult) -> Iterator[Text]:
    if result.repaired is None:
        return
    restoration = result.repaired.restoration
    undone = [f"the key {key} was removed" for key in restoration.removed_keys]
    undone += [f"the fraction at {path} was restored" for path in restoration.restored_paths]
    yield Text(f"  repaired, proven by the recorded checksum: {one_line('; '.join(undone))}", style="cyan")
    yield Text(f"    sha256 of the file {result.repaired.file_sha256}")
    yield Text(f"    sha256 as sent     {result.repaired.sent_sha256}")


def _findings(result: ImportResult) -> Iterator[Text]:
    if result.report is not None and result.state is not ImportState.REFUSED:
        wanted = {Severity.WARNING}
    else:
        wanted = {Severity.ERROR, Severity.WARNING}
    findings = [
        finding
        for finding in result.judged.findings
        if finding.severity in wanted and finding.rule not in {"bundle.integrity_failed", "bundle.integrity_warning"}
    ]
    for finding in findings[:MOST_FINDINGS]:
        yield from finding_lines(finding, with_fix=True)
    if len(findings) > MOST_FINDINGS:
        yield Text(f"  … and {counted(len(findings) - MOST_FINDINGS, 'more finding')} (all of them: --json)")


def _left_behind(result: ImportResult) -> Iterator[Text]:
    for row in result.left_behind:
        yield Text.assemble("  does not travel: ", (row.what, "yellow"), f"  {row.meaning}")


def _server_rules(result: ImportResult) -> Iterator[Text]:
    """The rules by which the server refused, in its own words; the values of the run are not in them."""
    if result.report is None or result.state is not ImportState.REFUSED:
        return
    eligibility = result.report.get("eligibility")
    errors = eligibility.get("errors") if isinstance(eligibility, dict) else None
    for error in errors if isinstance(errors, list) else []:
        known = error if isinstance(error, dict) else {}
        rule = one_line(str(known.get("rule", "?")))
        yield Text.assemble("  the server refuses: ", (rule, "red"))
        if isinstance(known.get("message"), str):
            yield Text(f"    it says: {one_line(known['message'][:_LONGEST_MESSAGE])}")
        yield Text(f"    fix: dwctl explain {rule}", style="cyan")


def _error(error: DwctlError, result: ImportResult) -> Iterator[Text]:
    yield Text(f"  {one_line(error.message)}", style="red")
    if result.asked_and_absent:
        yield Text("    not imported: asked afterwards with a dry run, the server did not have the run", style="red")
    if error.where and error.where != result.judged.file:
        yield Text(f"    where: {one_line(error.where)}")
    if error.reason:
        yield Text(f"    reason: {one_line(error.reason)}")
    if error.next_step:
        yield Text(f"    fix: {one_line(error.next_step)}", style="cyan")


def _proof(result: ImportResult) -> Iterator[Text]:
    proof = result.proof
    if proof is None:
        return
    style = _PROOF_STYLES.get(proof.state, "red")
    yield Text.assemble("  proof: ", (proof.state.value, style), _proof_words(result))
    for comparison in proof.comparisons:
        if comparison.holds is False:
            yield Text(
                f"    {comparison.name}: the bundle says {one_line(str(comparison.expected))}, "
                f"the server {one_line(str(comparison.found))}",
                style="red",
            )
    if proof.error is not None:
        yield from _error(proof.error, result)


def _proof_words(result: ImportResult) -> str:
    if result.proof is None:
        return ""
    if result.proof.state is ProofState.PRUNED:
        return ": the run is there, its history is gone (retention); archive runs right after the import"
    held = [one.name for one in result.proof.comparisons if one.holds]
    unseen = [one.name for one in result.proof.comparisons if one.holds is None]
    words = f": {', '.join(held)}" if held else ""
    return f"{words}; not shown by this server: {', '.join(unseen)}" if unseen else words


def _summary(tally: ImportTally) -> Text:
    parts = [f"{count} {state.value.replace('_', ' ')}" for state, count in tally.states.items() if count]
    if tally.unproven:
        parts.append(f"{tally.unproven} not proven")
    code = int(tally.exit_code)
    verdict = ("YES", "bold green") if code == 0 else ("NO", "bold red")
    what = "would be imported" if tally.dry_run else "imported and proven"
    text = f"all {what}" if code == 0 else f"not all {what} (exit code {code}: dwctl explain {code})"
    return Text.assemble(f"{counted(len(tally.results), 'bundle')}: {', '.join(parts)}. ", verdict, f": {text}.")
