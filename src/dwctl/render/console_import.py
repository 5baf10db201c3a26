"""An import for people: a table of the bundles, what is wrong, the proof, and a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.console import Console
from rich.text import Text

from dwctl.bundle.findings import Severity
from dwctl.counted import counted
from dwctl.errors import DwctlError
from dwctl.render.console import console_for, print_line
from dwctl.render.console_import_summary import common_lines, reason_lines, summary_line, used_line
from dwctl.render.console_lines import Cell
from dwctl.render.console_table import Table, print_table
from dwctl.render.console_verdicts import MOST_DETAILED, MOST_FINDINGS, finding_lines
from dwctl.render.shared_folder import shared_folder
from dwctl.render.text import one_line
from dwctl.transfer.imports.outcomes import MOST_KEPT, ImportResult, ImportState, ImportTally, RunUsed
from dwctl.transfer.imports.proof import ProofState

MOST_ROWS = 60
"""Bundles shown one by one; of more, only those that did not end well."""

MOST_PROOFS = 3
"""Bundles up to which each proof is shown on its own."""

_STYLES = {
    ImportState.WOULD_IMPORT: "green",
    ImportState.IMPORTED: "green",
    ImportState.ALREADY_IMPORTED: "green",
    ImportState.DONE: "dim",
    ImportState.REFUSED: "red",
    ImportState.FAILED: "red",
    ImportState.UNKNOWN: "yellow",
    ImportState.NOT_TRIED: "yellow",
    ImportState.BLOCKED: "yellow",
    ImportState.MOVED: "red",
    ImportState.SKIPPED: "dim",
}
_LONGEST_MESSAGE = 300
_NO_FINDINGS = frozenset({ImportState.DONE, ImportState.SKIPPED})
_SKIPPED = {
    "duplicate": "same export in another file",
    "not_chosen": "not in --only",
    "limit": "beyond --limit",
}
_PROOF_STYLES = {ProofState.PROVEN: "green", ProofState.UNKNOWN: "yellow"}


def show_results(tally: ImportTally, stream: TextIO, used: RunUsed | None = None) -> None:
    """Print the table, the details of what needs attention, what all have in common, and the summary."""
    console = console_for(stream)
    everything = tally.total <= MOST_KEPT
    shown = sorted([*tally.attention, *(tally.fine if everything else ())], key=lambda result: result.position)
    if shown:
        _show_table(console, shown)
    if len(shown) < tally.total:
        rest = counted(tally.total - len(shown), "bundle")
        console.print(Text(f"… and {rest} not shown here; --output jsonl has a line for each", style="dim"))
    briefly = tally.total > MOST_PROOFS
    telling = [lines for result in shown if (lines := list(_details(result, briefly=briefly)))]
    for lines in telling[:MOST_DETAILED]:
        console.print()
        for line in lines:
            print_line(console, line)
    if len(telling) > MOST_DETAILED:
        console.print(Text(f"… and {len(telling) - MOST_DETAILED} more (all of them: --json)", style="dim"))
    console.print()
    if tally.total > MOST_DETAILED:
        for line in reason_lines(tally):
            print_line(console, line)
    if briefly:
        for line in common_lines(tally):
            print_line(console, line)
    if used is not None and briefly:
        print_line(console, used_line(used, tally))
    print_line(console, summary_line(tally))


def _show_table(console: Console, shown: Sequence[ImportResult]) -> None:
    """The bundles; on a terminal those that share a folder under its name."""
    folder = shared_folder(result.judged.file for result in shown) if console.is_terminal else ""
    if folder:
        print_line(console, Text(f"in {one_line(folder)}", style="dim"))
    print_table(console, Table(_HEADINGS, [_cells(result, folder) for result in shown], _MAY_GO, indent=""))


_HEADINGS = ("state", "bundle", "instance", "type", "status", "way", "proof")
_MAY_GO = ("way", "instance", "type", "status")


def _cells(result: ImportResult, folder: str) -> list[Cell]:
    verdict = result.judged.verdict
    run = verdict.run if verdict is not None else result.run
    return [
        (result.state.value, _STYLES[result.state]),
        result.judged.file.removeprefix(folder),
        (run.instance_id or "-") if run else "-",
        run.workflow_type if run else "-",
        run.status if run else "-",
        result.way or "-",
        (_left_out(result), "dim") if result.proof is None
        else (result.proof.state.value, _PROOF_STYLES.get(result.proof.state, "red")),
    ]  # fmt: skip


def _left_out(result: ImportResult) -> str:
    if result.compared_at is not None:
        return f"compared {result.compared_at[:16].replace('T', ' ')}"
    return _SKIPPED.get(result.skipped_because or "", "-") if result.state is ImportState.SKIPPED else "-"


def _details(result: ImportResult, *, briefly: bool) -> Iterator[Text]:
    proof = () if briefly and result.proven else _proof(result)
    left = () if briefly else _left_behind(result)
    error = () if result.error is None else _error(result.error, result)
    body = [
        *_repair(result),
        *_resealed(result),
        *_findings(result, briefly=briefly),
        *left,
        *_server_rules(result),
        *error,
        *proof,
    ]
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


def _resealed(result: ImportResult) -> Iterator[Text]:
    if result.resealed is None:
        return
    resolution = result.resealed.resolution
    links = counted(len(resolution.removed), "link")
    yield Text(f"  resealed by dwctl, without {links} to {one_line(', '.join(resolution.partners))}", style="yellow")
    yield Text(f"    reason: {one_line(resolution.reason)}")
    yield Text(f"    checksum of the export {resolution.checksum_before}")
    yield Text(f"    checksum as resealed   {resolution.checksum_after}")
    if result.resealed.file is not None:
        yield Text(f"    kept as {one_line(result.resealed.file)}")


def _findings(result: ImportResult, *, briefly: bool) -> Iterator[Text]:
    """The errors, and of few bundles the warnings; those of many are told once for all."""
    if result.state in _NO_FINDINGS:
        return
    wanted = set() if briefly else {Severity.WARNING}
    if result.report is None or result.state is ImportState.REFUSED:
        wanted.add(Severity.ERROR)
    findings = [
        finding
        for finding in result.judged.findings
        if finding.severity in wanted and finding.rule not in {"bundle.integrity_failed", "bundle.integrity_warning"}
    ]
    explained: set[str] = set()
    for finding in findings[:MOST_FINDINGS]:
        yield from finding_lines(finding, with_fix=finding.rule not in explained)
        explained.add(finding.rule)
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


_ASKED = "asked afterwards with a dry run, the server did not have the run"
_NOT_IMPORTED = f"not imported: {_ASKED}"
_ABSENT = {ImportState.UNKNOWN: f"{_ASKED}; it may still be at work on it"}


def _error(error: DwctlError, result: ImportResult) -> Iterator[Text]:
    yield Text(f"  {one_line(error.message)}", style="red")
    if result.asked_and_absent:
        yield Text(f"    {_ABSENT.get(result.state, _NOT_IMPORTED)}", style="red")
    if error.where and error.where != result.judged.file:
        yield Text(f"    where: {one_line(error.where)}")
    if reason := error.reason_or_status:
        yield Text(f"    reason: {one_line(reason)}")
    if error.next_step:
        yield Text(f"    fix: {one_line(error.next_step)}", style="cyan")


def _proof(result: ImportResult) -> Iterator[Text]:
    proof = result.proof
    if proof is None:
        return
    style = _PROOF_STYLES.get(proof.state, "red")
    yield Text.assemble("  proof: ", (proof.state.value, style), _proof_words(result))
    for comparison in proof.comparisons:
        if comparison.holds is False and not proof.not_shown:
            yield Text(
                f"    {comparison.name}: the bundle says {one_line(str(comparison.expected))}; "
                f"the server: {one_line(str(comparison.found))}",
                style="red",
            )
    if proof.error is not None:
        yield from _error(proof.error, result)


def _proof_words(result: ImportResult) -> str:
    if result.proof is None:
        return ""
    if result.proof.state is ProofState.PRUNED:
        return ": the run is there, its history is gone (retention); archive runs right after the import"
    if result.proof.not_shown:
        return (
            ": the importer has the run, and the server does not show it in this namespace; see `dwctl explain "
            "run_not_shown`"
        )
    held = [one.name for one in result.proof.comparisons if one.holds]
    unseen = [one.name for one in result.proof.comparisons if one.holds is None]
    words = f": {', '.join(held)}" if held else ""
    return f"{words}; not shown by this server: {', '.join(unseen)}" if unseen else words
