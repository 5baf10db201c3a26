"""Every rule of the verdict, a row each: `dwctl explain ID` prints the row.

Rules of origin `reference` carry the reference importer's own ids and decide as it does; the others are
dwctl's and say who asks for them: the migration guide, the target's database, or the schema.
"""

from __future__ import annotations

from dataclasses import dataclass

from dwctl.bundle.findings import Finding, Origin, Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: what it found, why that matters, and what to do about it."""

    id: str
    severity: Severity
    origin: Origin
    meaning: str
    why: str
    fix: str


def found(rule: str, path: str | None = None, *, severity: Severity | None = None, **facts: object) -> Finding:
    """A finding of a rule of the table, with the row's severity unless another is given."""
    return Finding(rule, severity or RULES[rule].severity, path, facts)


_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
_REFERENCE, _GUIDE, _TARGET, _SCHEMA = Origin.REFERENCE, Origin.GUIDE, Origin.TARGET, Origin.SCHEMA

_EXPORT_AGAIN = "Export the run again with the history-export command, and leave the file as it was written."
_NOT_EDITED = "The bundle was not written by the export command, or was changed afterwards."
_COUNT = "The importer reads this section to rebuild the run; without it, the run would be incomplete."

_ROWS = (
    # -- the document ------------------------------------------------------------------------------------
    Rule(
        "bundle.unparseable", _ERROR, _REFERENCE,
        "The file is not a JSON object that PHP can decode.",
        "The server decodes the bundle with PHP's limits; what PHP refuses cannot be imported.",
        _EXPORT_AGAIN,
    ),
    Rule(
        "bundle.schema_missing", _ERROR, _REFERENCE,
        "The bundle does not say which schema it follows.",
        "The importer takes only documents of the schema durable-workflow.v2.history-export.",
        "Check that the file is a history export at all; if so, export the run again.",
    ),
    Rule(
        "bundle.schema_unexpected", _ERROR, _REFERENCE,
        "The document follows another schema.",
        "The importer takes only documents of the schema durable-workflow.v2.history-export.",
        "Export the run with workflow:v2:history-export of the embedded application.",
    ),
    Rule(
        "bundle.schema_version_missing", _ERROR, _REFERENCE,
        "The bundle has no schema_version, or one that is not an integer.",
        "PHP reads the version strictly: 1 or \"1\", but not 1.0, \"01\" or true.",
        _EXPORT_AGAIN,
    ),
    Rule(
        "bundle.schema_version_unsupported", _ERROR, _REFERENCE,
        "The bundle has another schema_version than 1.",
        "Version 1 is the only one that the importer reads.",
        "Export the run with a library version that writes schema_version 1.",
    ),
    Rule(
        "bundle.exported_at_missing", _WARNING, _REFERENCE,
        "The bundle does not say when it was exported.",
        "Two exports of one run can then not be put in order.",
        "Prefer a fresh export; an import is still possible.",
    ),
    Rule(
        "bundle.section_missing", _ERROR, _REFERENCE,
        "A section that every bundle has is missing.",
        _COUNT, _EXPORT_AGAIN,
    ),
    Rule(
        "bundle.section_invalid", _ERROR, _REFERENCE,
        "A section is neither an object nor a list.",
        _COUNT, _EXPORT_AGAIN,
    ),
    # -- the run -----------------------------------------------------------------------------------------
    Rule(
        "workflow.run_id_missing", _ERROR, _REFERENCE,
        "The bundle has no run id.",
        "The run id is the identity under which the run is imported, and the key that makes a retry safe.",
        _EXPORT_AGAIN,
    ),
    Rule(
        "workflow.instance_id_missing", _ERROR, _REFERENCE,
        "The bundle has no instance id.",
        "Signals, queries and updates find the run by its instance id.",
        _EXPORT_AGAIN,
    ),
    Rule(
        "workflow.workflow_type_missing", _ERROR, _REFERENCE,
        "The bundle has no workflow type.",
        "Workers claim a run by its type key.",
        "Give the workflow a type key in config/workflows.php (guide, Phase A) and export the run again.",
    ),
    Rule(
        "workflow.last_history_sequence_stale", _WARNING, _REFERENCE,
        "The run's last_history_sequence is below the highest sequence of its events.",
        "The run's row and its history disagree; one of them may be cut off or from another moment.",
        "Export the run again while embedded workers are paused.",
    ),
    Rule(
        "workflow.status_unsupported", _ERROR, _REFERENCE,
        "The run has a status that the importer does not know.",
        "Known are pending, running, waiting, completed, failed, cancelled and terminated.",
        _EXPORT_AGAIN,
    ),
    Rule(
        "workflow.terminal_history_incomplete", _ERROR, _REFERENCE,
        "The run is closed, but the bundle does not say that its history is complete.",
        "A closed run is imported for its record; a record with gaps would be kept for good.",
        "Export the run again; if history_complete stays false, its history was pruned in the embedded application.",
    ),
    Rule(
        "workflow.non_terminal_not_current", _ERROR, _REFERENCE,
        "The run is open, but not the current run of its instance.",
        "Only the current run of an instance can go on; an older open run is a leftover.",
        "Export the instance's current run. Close the older run in the embedded application.",
    ),
    Rule(
        "workflow.source_runtime_unsupported", _ERROR, _REFERENCE,
        "The bundle was not exported by an embedded runtime.",
        "Only runs with workflow.source_runtime \"embedded\" are imported; a server's own export is for the archive.",
        "Export the run from the embedded application. Runs of v1 stay on the v1 engine until they finish.",
    ),
    # -- payloads ----------------------------------------------------------------------------------------
    Rule(
        "payload_manifest.codec_missing", _ERROR, _REFERENCE,
        "An entry of the payload manifest names no codec.",
        "A payload without a codec cannot be decoded by any worker.",
        _EXPORT_AGAIN,
    ),
    Rule(
        "payload_manifest.payload_missing", _ERROR, _REFERENCE,
        "The manifest promises a payload whose bytes are not in the bundle.",
        "The run would be replayed without it.",
        "Find out where the payload went in the embedded application, then export the run again.",
    ),
    Rule(
        "payload_manifest.writer_schema_fingerprint_mismatch", _ERROR, _REFERENCE,
        "The fingerprint of a payload's Avro schema is not that of the schema beside it.",
        "A reader picks the schema by its fingerprint and would decode the payload wrongly.",
        _EXPORT_AGAIN,
    ),
    Rule(
        "payload_manifest.avro_framing_missing", _WARNING, _REFERENCE,
        "The manifest does not say how an Avro payload is framed.",
        "A reader outside the runtime must guess; the server reads the frame itself.",
        "An import is possible; prefer an export by a current library version.",
    ),
    Rule(
        "codec_schemas.value_schema_missing", _ERROR, _REFERENCE,
        "The bundle does not carry the Avro Value schema that its payloads were written with.",
        "The payloads could not be read without the application that wrote them.",
        "Export the run with the library version that the server's importer expects.",
    ),
    Rule(
        "codec_schemas.value_schema_drift", _ERROR, _REFERENCE,
        "The Avro Value schema in the bundle is not the one that the runtime knows.",
        "The importer decodes payloads with its own schema and trusts no other.",
        "Export the run with the library version that the server's importer expects.",
    ),
    Rule(
        "payload_codec.unsupported", _ERROR, _REFERENCE,
        "A payload is written in another codec than avro.",
        "Workers of the server read Avro; a legacy PHP codec can only be read by PHP.",
        "Let the run finish in the embedded application; set the serializer to avro for new runs (guide, Phase A).",
    ),
    # -- history and commands ----------------------------------------------------------------------------
    Rule(
        "history_events.entry_invalid", _ERROR, _REFERENCE,
        "An entry of the history is not an object.",
        "The history is the record from which the run is replayed.", _EXPORT_AGAIN,
    ),
    Rule(
        "history_events.sequence_missing", _ERROR, _REFERENCE,
        "An event has no sequence, or one that is not an integer.",
        "Replay follows the sequence.", _EXPORT_AGAIN,
    ),
    Rule(
        "history_events.sequence_not_monotonic", _ERROR, _REFERENCE,
        "An event's sequence does not come after that of the event before it.",
        "Replay follows the sequence; events out of order give another run.", _EXPORT_AGAIN,
    ),
    Rule(
        "history_events.type_missing", _ERROR, _REFERENCE,
        "An event has no type.",
        "Replay cannot know what happened.", _EXPORT_AGAIN,
    ),
    Rule(
        "history_events.id_duplicate", _ERROR, _REFERENCE,
        "Two events have the same id.",
        "An event would be recorded twice, or replace another.", _EXPORT_AGAIN,
    ),
    Rule(
        "commands.id_missing", _ERROR, _REFERENCE,
        "A command has no id.",
        "History refers to commands by id.", _EXPORT_AGAIN,
    ),
    Rule(
        "commands.history_event_missing", _WARNING, _REFERENCE,
        "A settled command is mentioned by no event of the history.",
        "The command had an effect that the history does not show.",
        "Compare the run in the embedded application with the bundle; an import is still possible.",
    ),
    Rule(
        "redaction.empty_paths", _INFO, _REFERENCE,
        "The bundle says that it was redacted, but not where.",
        "Nobody can tell what is missing from it.",
        "Export the run without a redactor for an import.",
    ),
    # -- checksum and signature --------------------------------------------------------------------------
    Rule(
        "integrity.missing", _ERROR, _REFERENCE,
        "The bundle has no integrity block.",
        "Without a checksum nobody can tell whether the file is what was exported.", _EXPORT_AGAIN,
    ),
    Rule(
        "integrity.canonicalization_unsupported", _ERROR, _REFERENCE,
        "The checksum was made from another canonical form than json-recursive-ksort-v1.",
        "A checksum of an unknown form cannot be compared.", _EXPORT_AGAIN,
    ),
    Rule(
        "integrity.checksum_algorithm_unsupported", _ERROR, _REFERENCE,
        "The checksum was made with another algorithm than sha256.",
        "A checksum of an unknown algorithm cannot be compared.", _EXPORT_AGAIN,
    ),
    Rule(
        "integrity.checksum_missing", _ERROR, _REFERENCE,
        "The integrity block has no checksum.",
        "Without a checksum nobody can tell whether the file is what was exported.", _EXPORT_AGAIN,
    ),
    Rule(
        "integrity.checksum_mismatch", _ERROR, _REFERENCE,
        "The content of the bundle is not what its checksum was made from.",
        "The file was edited, damaged, or written by a command that changes what it hashed.",
        "Where a cause is proven, `dwctl bundle repair IN OUT` restores the bundle; otherwise export the run again.",
    ),
    Rule(
        "integrity.signature_algorithm_unsupported", _ERROR, _REFERENCE,
        "The signature was made with another algorithm than hmac-sha256, or names none.",
        "A signature of an unknown algorithm cannot be checked.", _EXPORT_AGAIN,
    ),
    Rule(
        "integrity.signature_missing", _ERROR, _REFERENCE,
        "The bundle names a signature algorithm but has no signature.",
        _NOT_EDITED, "Export the run again with the signing key configured.",
    ),
    Rule(
        "integrity.signature_mismatch", _ERROR, _REFERENCE,
        "The signature was not made with this key over this content.",
        "The bundle was changed after signing, or signed with another key.",
        "Compare the key id with your key; if they belong together, treat the file as untrusted and export again.",
    ),
    Rule(
        "integrity.signature_key_unavailable", _WARNING, _REFERENCE,
        "The bundle is signed, but no key was given to check the signature with.",
        "Only the key tells whether the bundle comes from who signed it.",
        "Give the key with --signing-key-file or DWCTL_SIGNING_KEY.",
    ),
    # -- eligibility -------------------------------------------------------------------------------------
    Rule(
        "bundle.integrity_failed", _ERROR, _REFERENCE,
        "The verification of the bundle found errors.",
        "The importer takes no bundle whose verification failed.",
        "See the findings of the verification.",
    ),
    Rule(
        "bundle.integrity_warning", _WARNING, _REFERENCE,
        "The verification of the bundle found warnings.",
        "The import goes on; the warnings say what to look at.",
        "See the findings of the verification.",
    ),
    Rule(
        "bundle.signature_required", _ERROR, _REFERENCE,
        "A verified signature is required, and this bundle has none.",
        "The checksum does not cover the integrity block: only a verified signature proves where a bundle is from.",
        "Export the run with the signing key configured, and give the key with --signing-key-file.",
    ),
    Rule(
        "bundle.redacted_payloads", _ERROR, _REFERENCE,
        "The bundle names redacted payloads.",
        "A run whose payloads are masked would go on with masked values.",
        "Export the run without a redactor.",
    ),
    Rule(
        "tasks.leased_task_present", _ERROR, _REFERENCE,
        "A worker of the embedded application holds a lease on a task of the run.",
        "The worker may finish the task after the export, and the run would go on in both runtimes.",
        "Pause embedded workers, wait until the lease is released or has expired, and export the run again.",
    ),
    Rule(
        "activities.running_attempt_present", _ERROR, _REFERENCE,
        "An attempt of an activity is running in the embedded application.",
        "Its effect may happen after the export, and the server would run the activity once more.",
        "Pause embedded workers, wait until the attempt has ended, and export the run again.",
    ),
    Rule(
        "target.import_markers_missing", _ERROR, _REFERENCE,
        "The server's database lacks the columns that mark imported runs.",
        "Without them a retry could not be told from a second import.",
        "Run the server's migrations, then import again.",
    ),
    Rule(
        "target.run_id_conflict", _ERROR, _REFERENCE,
        "The server has a run of this id that is not this export of it.",
        "A run id belongs to one run; a later export of an imported run is not taken either.",
        "Compare both: `dwctl workflow show` and `dwctl bundle show`. A run that moved after its import runs twice.",
    ),
    Rule(
        "target.write_failed", _ERROR, _REFERENCE,
        "The server's database refused to write the run.",
        "Either another import held the database (a retry succeeds), or a row exists already (it does not).",
        "Read the database's message; dwctl tells contention from violation by its code.",
    ),
    # -- dwctl's own: the guide is stricter --------------------------------------------------------------
    Rule(
        "redaction.payloads_redacted", _ERROR, _GUIDE,
        "The bundle was redacted.",
        "The guide rejects redacted bundles; today's importer takes them, and the run goes on with masked arguments.",
        "Export the run without a redactor.",
    ),
    Rule(
        "workflow.type_is_class_name", _WARNING, _GUIDE,
        "The workflow type is a PHP class name, not a type key.",
        "Workers in other languages register type keys, and a class that moves takes its runs with it.",
        "Give the workflow a type key in config/workflows.php (guide, Phase A). --strict makes this an error.",
    ),
    Rule(
        "activities.type_is_class_name", _WARNING, _GUIDE,
        "An activity type is a PHP class name, not a type key.",
        "Workers in other languages register type keys, and a class that moves takes its runs with it.",
        "Give the activity a type key in config/workflows.php (guide, Phase A). --strict makes this an error.",
    ),
    # -- dwctl's own: what the target would do -----------------------------------------------------------
    Rule(
        "bundle.not_an_object", _ERROR, _TARGET,
        "The document is a list, not a bundle.",
        "Every section of a bundle is found by its name.",
        "If the file holds several bundles, write each to a file of its own.",
    ),
    Rule(
        "bundle.infinite_number", _ERROR, _TARGET,
        "A number is so large that PHP reads it as infinity.",
        "The importer crashes over it.",
        "Find out how the number came into the run; let the run finish in the embedded application.",
    ),
    Rule(
        "history_events.type_unsupported", _ERROR, _TARGET,
        "An event has a type that the importer does not know.",
        "The importer drops the event in silence and imports the rest: replay would differ.",
        "Export with the library version that the server runs, or upgrade the server first.",
    ),
    Rule(
        "commands.type_unsupported", _ERROR, _TARGET,
        "A command has a type that the importer does not know.",
        "The importer drops the command in silence and imports the rest.",
        "Export with the library version that the server runs, or upgrade the server first.",
    ),
    Rule(
        "commands.status_unsupported", _ERROR, _TARGET,
        "A command has a status that the importer does not know.",
        "The importer drops the command in silence and imports the rest.",
        "Export with the library version that the server runs, or upgrade the server first.",
    ),
    Rule(
        "tasks.type_unsupported", _ERROR, _TARGET,
        "A task has a type that the importer does not know.",
        "The importer drops the task in silence: nothing would wake the run.",
        "Export with the library version that the server runs, or upgrade the server first.",
    ),
    Rule(
        "tasks.status_unsupported", _ERROR, _TARGET,
        "A task has a status that the importer does not know.",
        "The importer drops the task in silence: nothing would wake the run.",
        "Export with the library version that the server runs, or upgrade the server first.",
    ),
    Rule(
        "timers.status_unsupported", _ERROR, _TARGET,
        "A timer has a status that the importer does not know.",
        "The importer drops the timer in silence: the run would wait for ever.",
        "Export with the library version that the server runs, or upgrade the server first.",
    ),
    Rule(
        "payloads.external_storage", _WARNING, _TARGET,
        "A payload stands in external storage; the bundle only refers to it.",
        "The server and its workers need the same storage driver and the right to read it.",
        "Configure the driver for this URI scheme on the server before the import.",
    ),
    Rule(
        "target.id_duplicate", _ERROR, _TARGET,
        "Two rows of a section have the same id.",
        "The server's database takes an id once: the dry run is clean, the import fails.", _EXPORT_AGAIN,
    ),
    Rule(
        "target.timestamp_unreadable", _ERROR, _TARGET,
        "A time of the run is not written as a timestamp.",
        "The server cannot store it: the dry run is clean, the import fails.", _EXPORT_AGAIN,
    ),
    Rule(
        "target.memo_value_too_large", _ERROR, _TARGET,
        "A memo value is larger than the server stores.",
        "The dry run is clean, the import fails.",
        "Shorten the memo in the embedded application, or let the run finish there.",
    ),
    Rule(
        "target.search_attribute_unsupported", _ERROR, _TARGET,
        "A search attribute holds something else than a scalar or a list of strings.",
        "The dry run is clean, the import fails.",
        "Change the attribute in the embedded application, or let the run finish there.",
    ),
    # -- dwctl's own: what the way and the target foretell -----------------------------------------------
    Rule(
        "transit.too_large", _ERROR, _TARGET,
        "The bundle is larger than the server takes in one request.",
        "The limit holds for every request body, imports too; artisan on the server has none.",
        "Import it with --via artisan, or raise DW_MAX_PAYLOAD_BYTES on the server.",
    ),
    Rule(
        "transit.would_be_rewritten", _ERROR, _TARGET,
        "The server's framework would change a string of the bundle before verifying it.",
        "It trims strings and makes empty ones null in ordinary JSON bodies; the checksum would fail there.",
        "Import it with --via artisan.",
    ),
    Rule(
        "target.retention_would_prune", _WARNING, _TARGET,
        "The run closed longer ago than the namespace keeps closed runs.",
        "The server would remove its history right after the import, at the next worker heartbeat.",
        "Raise the retention of the namespace first, or archive the run right after the import.",
    ),
    Rule(
        "target.instance_id_taken", _ERROR, _TARGET,
        "The server has another run under this instance id and run number.",
        "An instance id can never be used again; the import would fail with target.write_failed.",
        "Compare both runs; one of them was started in the other runtime under the same id.",
    ),
    # -- dwctl's own: what the set of bundles foretells --------------------------------------------------
    Rule(
        "set.same_run_twice", _ERROR, _TARGET,
        "Another bundle of the set holds the same run at another moment.",
        "The server takes one export of a run; the other is refused as a conflict.",
        "Keep the later export of the run and remove the other.",
    ),
    Rule(
        "set.duplicate_file", _WARNING, _TARGET,
        "Another file of the set holds the same export of the same run.",
        "The second import changes nothing: the server answers already_imported.",
        "Remove one of the two files.",
    ),
    Rule(
        "set.link_shared", _ERROR, _TARGET,
        "Another bundle of the set has the same link row: a chain member, or a parent and its child.",
        "The link is unique on the server: after a clean dry run, the second import fails with target.write_failed.",
        "Import one of the two, and let the other run finish in the embedded application.",
    ),
    Rule(
        "set.instance_in_two_namespaces", _ERROR, _TARGET,
        "Runs of one instance in the set name different namespaces.",
        "Instance ids are global: the instance would be split, and not found in one of the namespaces.",
        "Import all runs of an instance into one namespace: give --namespace.",
    ),
    # -- schema and payload decoding, on request ---------------------------------------------------------
    Rule(
        "schema.violation", _WARNING, _SCHEMA,
        "The document differs from the published shape of a bundle.",
        "The importer may read it all the same; a field of the wrong type is often a sign of damage.",
        "Compare the path with `dwctl schema show history-export`.",
    ),
    Rule(
        "payloads.undecodable", _ERROR, _GUIDE,
        "A payload cannot be decoded.",
        "The importer does not decode payloads: the worker that claims the run would fail on it.",
        "Compare the run in the embedded application; export it again, or let it finish there.",
    ),
    Rule(
        "payloads.not_portable", _WARNING, _GUIDE,
        "A payload holds bytes, which not every language reads.",
        "Phase F of the guide: arrays, objects, strings, numbers, booleans and nulls.",
        "Make sure that the workers of this type can read it, or keep the type on PHP workers.",
    ),
    Rule(
        "payloads.codec_not_portable", _WARNING, _GUIDE,
        "A payload is written in a codec that only PHP reads.",
        "A worker in another language cannot go on with the run.",
        "Keep the run on PHP, or let it finish; set the serializer to avro for new runs (guide, Phase A).",
    ),
)  # fmt: skip

RULES: dict[str, Rule] = {row.id: row for row in _ROWS}
"""The rules by id."""
