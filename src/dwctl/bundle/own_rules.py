"""The rules that dwctl adds: what the guide asks, what the target would do, what the set foretells."""

from __future__ import annotations

from dwctl.bundle.findings import Origin, Rule, Severity

_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
_GUIDE, _TARGET, _SCHEMA = Origin.GUIDE, Origin.TARGET, Origin.SCHEMA

_EXPORT_AGAIN = "Export the run again with the history-export command, and leave the file as it was written."

OWN_RULES = (
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
    Rule(
        "target.link_taken", _ERROR, _TARGET,
        "The run at the other end of a link is on the server already, and with it the link row of both.",
        "The link is unique on the server: after a clean dry run, the import fails with target.write_failed.",
        "Add --resolve-links REASON and the partner's bundle: this one then goes without the link, once the partner is "
        "compared.",
    ),
    Rule(
        "target.refused", _ERROR, _TARGET,
        "The server refuses the bundle in a dry run, by a rule that dwctl does not know.",
        "Later servers may have more rules.",
        "See the rule's name; `dwctl history-import --dry-run` shows the server's whole report.",
    ),
    Rule(
        "target.run_present", _INFO, _TARGET,
        "The server lists a run of this id already.",
        "An import of the same export changes nothing; another export of the run is refused.",
        "Nothing: the import asks, and compares what is there.",
    ),
    Rule(
        "target.run_pruned", _WARNING, _TARGET,
        "The server has the run in this namespace, and retention has pruned it.",
        "An import changes nothing, and brings no history back: the comparison will say that it is gone.",
        "Keep the export: it is what is left of the history. Raise the retention, or archive closed runs at once.",
    ),
    Rule(
        "target.run_elsewhere", _ERROR, _TARGET,
        "The server has the run, and not in this namespace.",
        "A run id is taken once for all namespaces: an import would change nothing, and the run stay where it is.",
        "Look for it in the server's other namespaces with `dwctl workflow list --namespace NAME`, and import into the "
        "one that it is in.",
    ),
    Rule(
        "target.namespace_differs", _INFO, _TARGET,
        "The bundle names another namespace than the one it goes to.",
        "The namespace of the request decides; that of the bundle is not kept.",
        "Check --namespace, if this is not what you want.",
    ),
    Rule(
        "target.nobody_serves", _WARNING, _TARGET,
        "No worker that is alive polls the queue and takes the type that the run needs next.",
        "The run is imported and visible, but nobody goes on with it: the embedded queue names stay on its tasks.",
        "Start a worker for this queue and type before the import: `dwctl worker list` shows who is there.",
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
        "Add --resolve-links REASON: the later one then goes without the link, once the earlier one is compared. Or "
        "leave it in the embedded application.",
    ),
    Rule(
        "set.partner_not_imported", _ERROR, _TARGET,
        "The run at the other end of a link comes first, and is refused, blocked or in doubt.",
        "The link row is that run's to write: sent now, this one would take it, and the other could not follow.",
        "Mend what keeps the other run and import it, or both together; or leave both in the embedded application.",
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
"""Grouped by who asks for them."""
