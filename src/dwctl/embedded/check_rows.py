"""The checks of the embedded application, a row each; `dwctl explain ID` prints it.

What a check does is beside it in `check`, `check_codecs` and `check_quiet` (the database), `check_artisan` (the
application's artisan) and `transfer.runtimes.check` (the server and the ledger too).
"""

from __future__ import annotations

from dwctl.embedded.check_results import CheckRow

_DATABASE = "the application's database"
_SERVER_TOO = "the application's database and the server"

V1 = CheckRow(
    "embedded.v1_drained", 1,
    "No v1 workflow is open, or the open ones are left on the v1 engine on purpose (--v1 coexist).",
    "History of v1 is not imported: a v1 workflow finishes where it started, or never.",
    "Let them finish, or cancel them. With --v1 coexist keep the v1 workers running after the cutover.",
    "the application's database, or its artisan",
)  # fmt: skip
TYPES_OF_RUNS = CheckRow(
    "embedded.types_of_runs", 2,
    "Runs have stable type keys, not PHP class names.",
    "Workers of the server claim runs by type key, and a class that moves takes its runs with it.",
    "Give the workflow a type key in config/workflows.php (guide, Phase A) before it is started again.",
    _DATABASE,
)  # fmt: skip
TYPES_OF_ACTIVITIES = CheckRow(
    "embedded.types_of_activities", 2,
    "Activities have stable type keys, not PHP class names.",
    "Workers of the server claim activity tasks by type key.",
    "Give the activity a type key in config/workflows.php (guide, Phase A) before it is scheduled again.",
    _DATABASE,
)  # fmt: skip
TYPES_OF_SCHEDULES = CheckRow(
    "embedded.types_of_schedules", 2,
    "Schedules start stable type keys, not PHP class names.",
    "Each firing would start one more run that no worker of the server can name.",
    "Change the schedule's action to the type key.",
    _DATABASE,
)  # fmt: skip
CODEC_NEW = CheckRow(
    "embedded.codec_of_new_runs", 3,
    "Runs started since the given moment use the codec avro.",
    "A run in another codec cannot be imported, and only PHP can read it.",
    "Set the serializer to avro (guide, Phase A), restart the workers, and say since when with --since.",
    _DATABASE,
)  # fmt: skip
CODEC_ALL = CheckRow(
    "embedded.codec_everywhere", 3,
    "No run uses a legacy PHP codec.",
    "Such runs cannot be imported: they finish in the embedded application.",
    "Let them finish there; export closed ones for the archive.",
    _DATABASE, required=False,
)  # fmt: skip
QUEUES = CheckRow(
    "embedded.queues_on_both_sides", 6,
    "Every queue that open embedded runs use exists on the server, and a worker polls it.",
    "Imported tasks keep their queue name: on a queue that nobody polls, they wait for ever.",
    "Register workers on these queues of the server (guide, Phase C) before the import.",
    _SERVER_TOO,
)  # fmt: skip
LEASES = CheckRow(
    "embedded.leases", 10,
    "No task is leased by an embedded worker.",
    "The worker may finish the task after the export; the importer refuses such a bundle.",
    "Pause the embedded workers and wait until the leases are released; an expired lease is released by the "
    "application's own repair.",
    _DATABASE,
)  # fmt: skip
ATTEMPTS = CheckRow(
    "embedded.running_attempts", 10,
    "No attempt of an activity is running.",
    "Its effect may happen after the export, and the server would run the activity once more.",
    "Pause the embedded workers, and wait until the attempts have ended.",
    _DATABASE,
)  # fmt: skip
STARTERS = CheckRow(
    "embedded.starters_paused", 9,
    "No workflow was started in the embedded application since the given moment.",
    "A starter that still runs starts work that the cutover leaves behind, or starts it in both runtimes.",
    "Find who starts these (their business keys say what they are about), pause it, and ask again with a later "
    "--since.",
    _DATABASE,
)  # fmt: skip
BOTH = CheckRow(
    "embedded.started_in_both_runtimes", 9,
    "No business key and no instance id was started in both runtimes since the given moment.",
    "The same order would be carried out twice. What the ledger imported is in both by design and does not count.",
    "Decide for each which of the two goes on, and cancel the other; then pause the embedded starter.",
    "the application's database and the server; the ledger where there is one",
)  # fmt: skip
SCHEDULES = CheckRow(
    "embedded.schedules_paused", 9,
    "No schedule starts embedded runs any more.",
    "A schedule is a starter: it goes on when the workers come back.",
    "Pause or delete it in the embedded application, and create it on the server.",
    _DATABASE,
)  # fmt: skip
COMPATIBILITY = CheckRow(
    "embedded.compatibility_markers", 6,
    "Open runs carry no compatibility marker, so any worker may claim them.",
    "A worker of the server claims an imported run only if it registered with the run's marker (guide, Phase A).",
    "Register workers with these markers on the server, or let the marked runs finish first.",
    _DATABASE, required=False,
)  # fmt: skip
UPGRADE = CheckRow(
    "embedded.upgrade_status", 1,
    "The application's own workflow:v2:upgrade-status says that it is ready.",
    "The library looks at what dwctl cannot see from outside: its configuration and its workers.",
    "Look at the findings, and run workflow:v2:upgrade-status in the application.",
    "the application's artisan", required=False,
)  # fmt: skip
DOCTOR = CheckRow(
    "embedded.doctor", 3,
    "The application's own workflow:v2:doctor finds nothing wrong.",
    "A library that is not healthy exports runs that it does not understand itself.",
    "Run workflow:v2:doctor in the application, and follow what it says.",
    "the application's artisan", required=False,
)  # fmt: skip

CHECK_ROWS = (
    V1, TYPES_OF_RUNS, TYPES_OF_ACTIVITIES, TYPES_OF_SCHEDULES, CODEC_NEW, CODEC_ALL, COMPATIBILITY, QUEUES, LEASES,
    ATTEMPTS, STARTERS, BOTH, SCHEDULES, UPGRADE, DOCTOR,
)  # fmt: skip
"""In the order in which they are shown."""
