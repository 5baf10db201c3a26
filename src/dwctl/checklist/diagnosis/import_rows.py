"""Why a run did not come to the server: what the ledger and the bundle say of its import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dwctl.checklist.diagnosis.diagnosis import Diagnosis, Says, Seen, Symptom
from dwctl.checklist.diagnosis.facts import Facts
from dwctl.transfer.ledger.rows import LedgerState

_LEASED: Final = frozenset({"tasks.leased_task_present", "activities.running_attempt_present"})
_IMPORT: Final = "dwctl history-import{options} --namespace {namespace} {file}"
_DRY_RUN: Final = "dwctl history-import{options} --namespace {namespace} --dry-run {file}"
_SHOW: Final = "dwctl ledger show{ledger_option} {run}"
_EXPORT: Final = (
    "dwctl history-export --source embedded --output-dir {folder} --refresh --quiesce --wait-leases 5m {id}"
)
_BEFORE: Final = frozenset({LedgerState.REFUSED, LedgerState.FAILED, LedgerState.PLANNED, LedgerState.SKIPPED})


def _folder(facts: Facts) -> str:
    return facts.bundle.file.rpartition("/")[0] or "." if facts.bundle is not None else "exports"


def _said(facts: Facts) -> tuple[str, ...]:
    """The rules and reasons that keep it from being imported, by the ledger and by the bundle itself."""
    if facts.here is not None:
        return ()
    row = None if facts.own_ledger is None else facts.own_ledger.row
    of_row = (row.error_reason or "", *row.rules) if row is not None and row.state in _BEFORE else ()
    return (*filter(None, of_row), *(facts.bundle.rules if facts.bundle is not None and facts.bundle.refused else ()))


def _ruled(told: str, *rules: str) -> Callable[[Facts], Seen | None]:
    """A row that fits where one of these rules or reasons keeps it from being imported."""

    def find(facts: Facts) -> Seen | None:
        found = next((rule for rule in _said(facts) if rule in rules), None)
        return None if found is None else Seen(f"{told} ({found})", {"rule": found, "folder": _folder(facts)})

    return find


def _restorable(facts: Facts) -> Seen | None:
    bundle = facts.bundle
    if bundle is None or not bundle.restorable or facts.here is not None:
        return None
    return Seen(f"{bundle.file} fails its own checksum, and the checksum proves what it lost on its way out",
                {"mended": bundle.file.removesuffix(".json") + ".repaired.json"})  # fmt: skip


def _on_the_way(facts: Facts) -> Seen | None:
    bundle, ledger = facts.bundle, facts.own_ledger
    if bundle is None or bundle.refused or ledger is None or ledger.row.state is not LedgerState.REFUSED:
        return None
    if "bundle.integrity_failed" not in ledger.row.rules or facts.here is not None:
        return None
    return Seen("the server found the bundle damaged, and it is sound here: something rewrote it on the way")


def _refused(facts: Facts) -> Seen | None:
    said = next(iter(_said(facts)), None)
    ledger = facts.own_ledger
    if facts.here is not None:
        return None
    if ledger is not None and ledger.row.state is LedgerState.REFUSED:
        why = said or ledger.row.error_text or "for a reason that the ledger does not name"
        return Seen(f"its import was refused: {why}", {"rule": said or "1"})
    if facts.bundle is not None and facts.bundle.refused:
        return Seen(f"its bundle would be refused: {said}", {"rule": said or "1"})
    return None


def _in(told: str, *states: LedgerState) -> Callable[[Facts], Seen | None]:
    """A row that fits where the ledger has it in one of these states, and the server does not have it."""

    def find(facts: Facts) -> Seen | None:
        ledger = facts.own_ledger
        if facts.here is not None or ledger is None or ledger.row.state not in states:
            return None
        row = ledger.row
        why = row.error_text or row.reason
        values = {"file": row.file, "folder": _folder(facts)}
        return Seen(f"{told}{f': {why}' if why else ''} (ledger: {row.state.value} since {row.when})", values)

    return find


def _already(facts: Facts) -> Seen | None:
    ledger = facts.own_ledger
    if ledger is None or ledger.row.state is not LedgerState.ALREADY_IMPORTED:
        return None
    return Seen("its import was answered already_imported: run_id and dedupe_key are on the server")


def _carried(*rules: str) -> Callable[[Facts], str | None]:
    """The rule of these that the bundle of an open run on the server breaks, as the bundle or the ledger says."""

    def find(facts: Facts) -> str | None:
        if facts.here is None or not facts.here.is_open:
            return None
        of_row = () if facts.own_ledger is None else facts.own_ledger.row.rules
        said = (*of_row, *(() if facts.bundle is None else facts.bundle.rules))
        return next((rule for rule in said if rule in rules), None)

    return find


_REDACTED_RULE = _carried("bundle.redacted_payloads", "redaction.payloads_redacted")
_DROPPED_RULE = _carried(
    "history_events.type_unsupported", "commands.type_unsupported", "commands.status_unsupported",
    "tasks.type_unsupported", "tasks.status_unsupported", "timers.status_unsupported",
)  # fmt: skip


def _redacted(facts: Facts) -> Seen | None:
    work = None if facts.here is None or not facts.here.is_open else facts.here.work
    if _REDACTED_RULE(facts) is None and not (work is not None and work.is_redacted):
        return None
    return Seen("its bundle was redacted, so its payloads are masked on the server")


def _dropped(facts: Facts) -> Seen | None:
    rule = _DROPPED_RULE(facts)
    if rule is None:
        return None
    return Seen(f"its bundle has rows that the importer does not know and left out ({rule})", {"rule": rule})


IMPORT_ROWS: Final = (
    Diagnosis("diagnose.leased_at_export", Says.CAUSE, Symptom.LEASED,
              "The export caught it with a leased task or a running attempt, so that it cannot be imported.",
              "A worker had it at that moment; what it did afterwards is not in the bundle (guide, Phase E).",
              "Pause the embedded workers, wait until leases are released or over, and export it again.",
              _ruled("the export caught it in a worker's hands", *_LEASED), _EXPORT),
    Diagnosis("diagnose.legacy_codec_refused", Says.CAUSE, Symptom.CODEC,
              "Its payloads are in a legacy PHP codec, which the server does not import.",
              "Only avro is read by every runtime; a legacy serializer is PHP's own.",
              "Let it end in the embedded application, on PHP; start new work with the codec avro.",
              _ruled("its payloads are in a codec that only PHP reads", "payload_codec.unsupported"),
              "dwctl explain {rule}"),
    Diagnosis("diagnose.damaged_by_export", Says.CAUSE, Symptom.NOT_IMPORTED,
              "The bundle fails its own checksum, and what it lost can be put back.",
              "The export command writes 12.0 as 12 after hashing, `dw` adds a top-level key, an export over HTTP "
              "loses zero fractions (contract/import.md §5).",
              "Repair it: the checksum proves the result. `history-import` does so by itself.",
              _restorable, "dwctl bundle repair {file} {mended}"),
    Diagnosis("diagnose.rewritten_on_the_way", Says.CAUSE, Symptom.NOT_IMPORTED,
              "The bundle is sound here, and arrived damaged at the server.",
              "The server's framework trims strings and empties of ordinary JSON bodies, and a proxy may change the "
              "media type or drop the query that keeps dwctl's imports as they are (contract/import.md §4.1).",
              "Import without the proxy, or beside the server with --via artisan.",
              _on_the_way, _DRY_RUN),
    Diagnosis("diagnose.too_large", Says.CAUSE, Symptom.NOT_IMPORTED,
              "The bundle is larger than the server takes in one request.",
              "The limit limits.max_payload_bytes holds for every request (2 MiB by default); artisan has no limit.",
              "Import it beside the server with --via artisan, or raise DW_MAX_PAYLOAD_BYTES there.",
              _ruled("it is too large for the server", "payload_too_large", "transit.too_large"),
              "dwctl history-import{options} --namespace {namespace} --via artisan {file}"),
    Diagnosis("diagnose.row_taken", Says.CAUSE, Symptom.NOT_IMPORTED,
              "The server could not write its rows: a row that it needs is there already.",
              "Two runs of a chain, or parent and child, share one link row, and instance ids are used once on a "
              "server. A dry run does not look for either (contract/import.md §4.3).",
              "Leave out the link that is there (--resolve-links); another instance of that id has to be looked at.",
              _ruled("a row that it needs is on the server already", "target.write_failed", "target.run_id_conflict",
                     "set.link_shared"),
              "dwctl history-import{options} --namespace {namespace} --resolve-links {file}"),
    Diagnosis("diagnose.refused", Says.CAUSE, Symptom.NOT_IMPORTED,
              "Its import was refused, or would be.",
              "The rule that is named decided; nothing of it was written.",
              "Read the rule and do what it says; then put the run back with `dwctl ledger retry`.",
              _refused, "dwctl explain {rule}"),
    Diagnosis("diagnose.moved", Says.CAUSE, Symptom.NOT_IMPORTED,
              "It has gone on in the embedded application since its export, so it was not imported.",
              "The bundle is of a moment that is past; importing it would lose what came after.",
              "Pause the embedded workers, and export it again.",
              _in("it has moved since its export", LedgerState.MOVED), _EXPORT),
    Diagnosis("diagnose.blocked", Says.CAUSE, Symptom.NOT_IMPORTED,
              "Its import waits for another bundle.",
              "A parent or an earlier run of the chain comes first, and is not there yet.",
              "Look at the bundle that it waits for, and mend that one.",
              _in("its import waits for another bundle", LedgerState.BLOCKED), _SHOW),
    Diagnosis("diagnose.in_doubt", Says.CAUSE, Symptom.NOT_IMPORTED,
              "It was sent, and whether it arrived is not known.",
              "The answer was lost, or the import was killed.",
              "Run the same import again: it asks first, and sends nothing twice.",
              _in("it was sent, and no answer came", LedgerState.SENDING, LedgerState.UNKNOWN), _IMPORT),
    Diagnosis("diagnose.import_failed", Says.CAUSE, Symptom.NOT_IMPORTED,
              "Its import got no answer, and nothing was imported.",
              "The server was not reached or could not serve.",
              "Run the same import again when the server is there.",
              _in("its import failed", LedgerState.FAILED), _IMPORT),
    Diagnosis("diagnose.skipped", Says.CAUSE, Symptom.NOT_IMPORTED,
              "A person left it out of the import.",
              "The plan says so, with the reason that was given.",
              "Put it back, if it is to be imported.",
              _in("it was left out", LedgerState.SKIPPED), "dwctl ledger retry{ledger_option} {run}"),
    Diagnosis("diagnose.planned", Says.CAUSE, Symptom.NOT_IMPORTED,
              "It is planned, and was not sent yet.",
              "The import has not come to it, or was ended before.",
              "Run the import, again if it was ended: it goes on where it stopped.",
              _in("it is planned and was not sent", LedgerState.PLANNED), _IMPORT),
)  # fmt: skip

IMPORT_NOTES: Final = (
    Diagnosis("diagnose.already_imported", Says.NOTE, Symptom.ALREADY,
              "Its import found the same run_id and dedupe_key on the server.",
              "A retry counts as success. It proves neither the namespace, nor the content, nor that the history is "
              "still there (contract/import.md §4.5).",
              "Look at the run on the server; nothing is to be imported again.",
              _already, "dwctl workflow show{options} --namespace {namespace} {id}"),
)  # fmt: skip

LOSS_ROWS: Final = (
    Diagnosis("diagnose.redacted", Says.CAUSE, Symptom.STANDS,
              "It was imported from a redacted bundle.",
              "The server imports redacted bundles although the guide says that it rejects them; arguments are then "
              "null and payloads masked, so that a worker cannot replay the run.",
              "Stop it, and let it go on in the embedded application, or import an export without redaction elsewhere.",
              _redacted, "dwctl explain redaction.payloads_redacted"),
    Diagnosis("diagnose.rows_dropped", Says.CAUSE, Symptom.STANDS,
              "It was imported from a bundle with rows that the importer does not know.",
              "The importer leaves out events, commands, tasks and timers of an unknown type or status without a word "
              "(contract/import.md §3).",
              "Compare the run with its bundle; let it go on in the embedded application where that is possible.",
              _dropped, "dwctl explain {rule}"),
)  # fmt: skip
