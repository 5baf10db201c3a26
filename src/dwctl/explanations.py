"""Everything that `dwctl explain` knows, under one id each: rules, checks, diagnoses, reasons, codes."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache

from dwctl.bundle.rules import RULES
from dwctl.checklist.diagnosis.table import DIAGNOSES
from dwctl.checklist.gate.check import Severity
from dwctl.checklist.gate.table import CHECKS
from dwctl.checklist.reasons import CHECKLIST_REASONS
from dwctl.embedded.artisan_reasons import ARTISAN_REASONS
from dwctl.embedded.check_rows import CHECK_ROWS
from dwctl.embedded.database_reasons import DATABASE_REASONS
from dwctl.errors import ExitCode, NotFound, RequestNotPossible
from dwctl.server.reasons import OWN_REASONS, SERVER_REASONS
from dwctl.server.request_reasons import REQUEST_REASONS
from dwctl.server.status_reasons import STATUS_REASONS
from dwctl.server.write_failures import DRIVER_CODES, WriteFailure
from dwctl.transfer.exports.reasons import EXPORT_REASONS
from dwctl.transfer.files.reasons import FILE_REASONS
from dwctl.transfer.imports.reasons import IMPORT_REASONS
from dwctl.transfer.ledger.reasons import LEDGER_REASONS
from dwctl.transfer.report.reasons import REPORT_REASONS
from dwctl.transfer.runtimes.reasons import EMBEDDED_REASONS
from dwctl.transfer.storage.reasons import STORAGE_REASONS


@dataclass(frozen=True, slots=True)
class Explanation:
    """One id: what kind of thing it is, who says it, what it means, why it matters, and what to do."""

    id: str
    kind: str
    severity: str | None
    origin: str
    meaning: str
    why: str
    fix: str

    def as_item(self) -> dict[str, str | None]:
        """The row as JSON."""
        return asdict(self)


_EXIT_CODES = {
    ExitCode.DONE: ("done", "Everything that was asked for was done, and the answer is yes.", "Nothing to do."),
    ExitCode.NO: (
        "no",
        "The question was answered, and the answer is no: a bundle is refused, a gate failed.",
        "Read the findings; each names its fix.",
    ),
    ExitCode.USAGE: (
        "usage",
        "The request cannot be made as it stands: an option, a setting, a file that is not there, nothing to check.",
        "Read the message, and the command's --help.",
    ),
    ExitCode.NETWORK: (
        "network",
        "The server was not reached: refused, name not found, TLS, connection lost.",
        "Check the URL, the network and the certificate; then run the same command again.",
    ),
    ExitCode.AUTH: (
        "auth",
        "The server did not accept the token, or its role may not do this.",
        "Give the token of the role that the message names.",
    ),
    ExitCode.NOT_FOUND: (
        "not found",
        "The namespace, run, worker, queue or id does not exist.",
        "Check the name; names of namespaces are lower case on the server.",
    ),
    ExitCode.SERVER: (
        "server error",
        "The server failed, or said that it cannot serve now.",
        "Look at the server's log; run the same command again when it is ready.",
    ),
    ExitCode.TIMEOUT: (
        "timeout",
        "No answer came in time. What the server did is unknown until it is asked.",
        "Run the same command again: it asks first.",
    ),
    ExitCode.INCOMPATIBLE: (
        "incompatible",
        "The server speaks another version of the contract; nothing was changed.",
        "Upgrade the side that the message names.",
    ),
    ExitCode.PARTLY: (
        "partly done",
        "Some items were done and some were not.",
        "Look at those that were not, then run the same command again: what is done is not done twice.",
    ),
    ExitCode.LOCAL_STATE: (
        "local state",
        "A local file or folder stands in the way: locked, damaged, full, read-only, or of another cutover.",
        "Read the message: wait for the other process, make room, or name the right one.",
    ),
    ExitCode.INTERRUPTED: (
        "interrupted",
        "The command was interrupted; what was in flight was finished or is named.",
        "Run the same command again: it goes on where it stopped.",
    ),
}


@cache
def all_explanations() -> list[Explanation]:
    """Every row: rules, checks, reasons, diagnoses, driver codes and exit codes, in the order of their tables."""
    checks = (*_gate_checks(), *_embedded_checks())
    return [*_rules(), *checks, *_reasons(), *_application_reasons(), *_diagnoses(), *_driver_codes(), *_exit_codes()]


def _rules() -> Iterator[Explanation]:
    for rule in RULES.values():
        yield Explanation(rule.id, "rule", rule.severity.value, rule.origin.value, rule.meaning, rule.why, rule.fix)


_OWN_REASONS = (
    OWN_REASONS,
    STATUS_REASONS,
    REQUEST_REASONS,
    FILE_REASONS,
    IMPORT_REASONS,
    EXPORT_REASONS,
    STORAGE_REASONS,
    LEDGER_REASONS,
    EMBEDDED_REASONS,
    REPORT_REASONS,
    CHECKLIST_REASONS,
)
"""The tables of dwctl's own reasons; each layer has its own."""


def _reasons() -> Iterator[Explanation]:
    for rows, origin in ((SERVER_REASONS, "server"), *((rows, "dwctl") for rows in _OWN_REASONS)):
        for row in rows:
            statuses = " or ".join(str(status) for status in row.statuses)
            kind = f"reason, {statuses}, exit code {int(row.exit_code)}" if statuses else "reason"
            yield Explanation(row.id, kind, None, origin, _sentence(row.meaning), _sentence(row.why), row.fix)


def _application_reasons() -> Iterator[Explanation]:
    for row in (*ARTISAN_REASONS, *DATABASE_REASONS):
        kind = f"reason, exit code {row.exit_code}"
        yield Explanation(row.id, kind, None, "dwctl", _sentence(row.meaning), _sentence(row.why), row.fix)


def _gate_checks() -> Iterator[Explanation]:
    for check in CHECKS:
        advice = ", advice" if check.severity is Severity.ADVICE else ""
        kind = f"check of the gate, item {check.item}{advice}"
        texts = (_sentence(text) for text in (check.meaning, check.why, check.fix))
        yield Explanation(check.id, kind, None, "guide", *texts)


def _embedded_checks() -> Iterator[Explanation]:
    for row in CHECK_ROWS:
        kind = f"check, item {row.item}" if row.required else f"check, item {row.item}, may stay unknown"
        yield Explanation(row.id, kind, None, "guide", row.meaning, row.why, row.fix)


def _diagnoses() -> Iterator[Explanation]:
    for row in DIAGNOSES:
        kind = f"diagnosis, {row.says.value}"
        yield Explanation(row.id, kind, None, "dwctl", row.meaning, f"{row.why} Seen as: {row.symptom.value}.", row.fix)


_CONTENTION_FIX = "Nothing was written: the same import succeeds later. dwctl tries again by itself."
_VIOLATION_FIX = "A row exists already: a retry does not help. Compare the run on the server with the bundle."


def _driver_codes() -> Iterator[Explanation]:
    for row in DRIVER_CODES:
        contention = row.failure is WriteFailure.CONTENTION
        yield Explanation(
            f"{row.database}:{row.code}",
            f"driver code, {row.failure.value}",
            None,
            row.database,
            _sentence(row.meaning),
            "target.write_failed carries the database's own code, which tells contention from violation.",
            _CONTENTION_FIX if contention else _VIOLATION_FIX,
        )


def _exit_codes() -> Iterator[Explanation]:
    for code, (word, meaning, fix) in _EXIT_CODES.items():
        yield Explanation(
            str(int(code)),
            "exit code",
            None,
            "dwctl",
            f"{word.capitalize()}. {meaning}",
            "Scripts and CI jobs branch on the exit code.",
            fix,
        )


def _sentence(text: str) -> str:
    """The text as a sentence; the tool's own name stays lower case."""
    if text.startswith("dwctl "):
        return f"{text.removesuffix('.')}."
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


def explanation(identifier: str) -> Explanation:
    """The row of an id; raises `NotFound` with the nearest ids."""
    if not identifier:
        raise RequestNotPossible("the id is empty", next_step="See 'dwctl explain' for all ids.")
    rows = {row.id: row for row in all_explanations()}
    if identifier in rows:
        return rows[identifier]
    near = [name for name in rows if name.endswith(f".{identifier}")]
    near += [name for name in difflib.get_close_matches(identifier, rows, n=3, cutoff=0.5) if name not in near]
    near += [name for name in rows if identifier in name and name not in near][:3]
    suggestion = f"Did you mean {', '.join(near[:4])}? " if near else ""
    raise NotFound(
        f"there is no rule, check, diagnosis, reason or exit code '{identifier}'",
        next_step=f"{suggestion}'dwctl explain' lists all ids.",
        reason="unknown_id",
    )
