"""The rules of the reference importer, under its own ids (contract/import.md §2)."""

from __future__ import annotations

from dwctl.bundle.findings import Origin, Rule, Severity

_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
_REFERENCE = Origin.REFERENCE

_EXPORT_AGAIN = "Export the run again with the history-export command, and leave the file as it was written."
_NOT_EDITED = "The bundle was not written by the export command, or was changed afterwards."
_COUNT = "The importer reads this section to rebuild the run; without it, the run would be incomplete."

REFERENCE_RULES = (
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
)  # fmt: skip
"""In the order of the contract."""
