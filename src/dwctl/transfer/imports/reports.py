"""What an import report means, and what of it may be shown (contract/server.md §6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dwctl.bundle.loose import entries, field, string
from dwctl.errors import DwctlError, ServerFailed, ServerUnreachable
from dwctl.server.target import redacted
from dwctl.server.write_failures import RULE, WriteFailure, write_fault, write_fault_of
from dwctl.transfer.files.verification import FileVerdict
from dwctl.transfer.imports.outcomes import ImportState


def meaning(report: Mapping[str, Any], judged: FileVerdict) -> tuple[ImportState, DwctlError | None]:
    """The state that a report stands for; with an error where it is no verdict on the bundle that was sent."""
    status, run = str(report.get("status")), judged.verdict.run if judged.verdict is not None else None
    about = reported_run(report)
    if about is not None and run is not None and about != run.run_id:
        return ImportState.UNKNOWN, _no_verdict("the server's report is about another run", judged)
    if status in _STATES:
        return _STATES[status], None
    if status != "rejected":
        return ImportState.UNKNOWN, _no_verdict("the server's report has a status without meaning", judged)
    if checksum_matches(report) is False and _checksum_held_here(judged):
        return ImportState.FAILED, ServerUnreachable(
            "the bundle was rewritten on its way: its checksum holds here and not on the server",
            where=judged.file,
            next_step="Something between here and the server changes JSON; use --via artisan.",
            reason="rewritten_in_transit",
        )
    if is_contention(report):
        return ImportState.FAILED, ServerFailed(
            "the server's database was busy at every attempt; nothing was imported", where=judged.file,
            next_step="Run the same command again when fewer imports are running.", reason="database_busy",
        )  # fmt: skip
    return ImportState.REFUSED, None


_STATES = {
    "dry_run": ImportState.WOULD_IMPORT,
    "imported": ImportState.IMPORTED,
    "already_imported": ImportState.ALREADY_IMPORTED,
}


def _no_verdict(problem: str, judged: FileVerdict) -> DwctlError:
    return ServerFailed(
        problem, where=judged.file, next_step="Run `dwctl cluster check`; something may answer in the server's place.",
        reason="unexpected_answer",
    )  # fmt: skip


def _checksum_held_here(judged: FileVerdict) -> bool:
    return judged.verdict is not None and judged.verdict.integrity.checksum_matches is True


def checksum_matches(report: Mapping[str, Any]) -> bool | None:
    """Whether the server found the checksum of what it received to hold; None where it does not say."""
    matches = field(dict(report), "integrity", "integrity", "checksum_matches")
    return matches if isinstance(matches, bool) else None


def is_contention(report: Mapping[str, Any]) -> bool:
    """Whether a rejection only says that the database was busy (contract/import.md §4.4)."""
    fault = write_fault_of(report)
    return fault is not None and fault.failure is WriteFailure.CONTENTION


def reported_run(report: Mapping[str, Any]) -> str | None:
    """The id of the run that the report is about; None where it does not say."""
    return string(field(dict(report), "workflow", "run_id"))


def refused_by(report: Mapping[str, Any]) -> tuple[str, ...]:
    """The ids of the rules by which the server refused, in its order."""
    errors = entries(field(dict(report), "eligibility", "errors"))
    return tuple(rule for _, error in errors if (rule := string(field(error, "rule"))))


def shown(report: Mapping[str, Any], redact: Callable[[str], str]) -> dict[str, Any]:
    """The report without what must not be shown: secrets that the server repeats, and values of the run.

    The message of `target.write_failed` is the raw SQL with the bundle's payloads in it; only the driver's own
    text is kept.
    """
    clean = redacted(dict(report), redact)
    for _, error in entries(field(clean, "eligibility", "errors")):
        if isinstance(error, dict) and error.get("rule") == RULE:
            error["message"] = write_fault(str(error.get("message", ""))).summary
    found: dict[str, Any] = clean
    return found
