"""The checks of items 1, 2, 3 and 9: v1, type keys, codecs and starters.

Most of them are rows of `embedded check`, asked once (`facts.embedded`); bundles and workers are looked at beside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dwctl.checklist.checks.application.answers import AVRO_SINCE, PAUSED_SINCE, Moment, answer, in_words_of_cutover
from dwctl.checklist.checks.application.types import bundle_codecs, bundle_types, worker_types
from dwctl.checklist.gate.check import Check, Need, Severity
from dwctl.checklist.gate.items import Phase
from dwctl.embedded import check_rows as rows

if TYPE_CHECKING:
    from dwctl.embedded.check_results import CheckRow


def _row(
    id_: str,
    row: CheckRow,
    evidence: str,
    *,
    needs: tuple[Need, ...] = (Need.EMBEDDED,),
    moment: Moment | None = None,
    category: str = "application",
    after: tuple[str, ...] = (),
) -> Check:
    """A check of the gate that is a row of `embedded check`."""
    return Check(
        id=id_, item=row.item, category=category,
        meaning=in_words_of_cutover(row.meaning, moment), why=row.why, fix=in_words_of_cutover(row.fix, moment),
        evidence=evidence, ask=lambda world: answer(world, row, id_, moment), needs=needs, after=after,
        severity=Severity.REQUIRED if row.required else Severity.ADVICE,
    )  # fmt: skip


CHECKS: Final[tuple[Check, ...]] = (
    _row("v1.drained", rows.V1, "how many v1 workflows are open, and which, as the database or artisan lists them"),
    _row("v1.upgrade_status", rows.UPGRADE, "the findings of workflow:v2:upgrade-status, run in the application"),
    _row("types.runs", rows.TYPES_OF_RUNS, "workflow_runs whose type is a class name: open, new or closed",
         moment=AVRO_SINCE),
    _row("types.activities", rows.TYPES_OF_ACTIVITIES,
         "activity_executions whose type is a class name, of open, new or closed runs", moment=AVRO_SINCE),
    _row("types.schedules", rows.TYPES_OF_SCHEDULES, "the action of every schedule that is not deleted"),
    Check(
        id="types.bundles", item=2, category="exports",
        meaning="Every bundle names its workflow and its activities by type keys, not by PHP classes.",
        why="Workers of the server claim what was imported by type key, and no key is changed on the way.",
        fix="Give the types keys in config/workflows.php (guide, Phase A); let runs that have a class name finish in "
        "the embedded application.",
        evidence="the workflow type and the activity types of every bundle, and the findings of its verification",
        ask=bundle_types, needs=(Need.BUNDLES,), due=Phase.IMPORT,
    ),
    Check(
        id="types.workers", item=2, category="workers",
        meaning="No worker of the server has registered a PHP class name for a type key.",
        why="A run is offered by its type key: a worker that knows the class alone is never given it.",
        fix="Register the worker with the type keys of config/workflows.php (guide, Phase C).",
        evidence="the workflow and activity types that every worker has registered which may be alive",
        ask=worker_types, needs=(Need.SERVER,), after=("namespace.exists",), due=Phase.WORKERS,
    ),
    _row("codec.new_runs", rows.CODEC_NEW,
         "the codecs of the runs that were started since avro_since, of their results and of what hangs on them",
         moment=AVRO_SINCE),
    _row("codec.everywhere", rows.CODEC_ALL,
         "the codecs of all runs, of their results and of what hangs on them, and how many of the others are open"),
    Check(
        id="codec.bundles", item=3, category="exports",
        meaning="Every bundle that is to be imported uses the codec avro throughout.",
        why="The importer refuses another codec, and only PHP can read it.",
        fix="Let the run finish in the embedded application; set the serializer to avro for new runs (guide, Phase A).",
        evidence="the codecs that every bundle declares, and the findings of its verification",
        ask=bundle_codecs, needs=(Need.BUNDLES,), due=Phase.IMPORT,
    ),
    _row("codec.doctor", rows.DOCTOR, "the findings of workflow:v2:doctor, run in the application"),
    _row("compatibility.markers", rows.COMPATIBILITY, "the compatibility markers of open runs, and how many carry each",
         category="workers"),
    _row("starters.paused", rows.STARTERS,
         "instances that were created, or whose first run began, since starters_paused_since, children apart",
         moment=PAUSED_SINCE),
    _row("starters.schedules", rows.SCHEDULES, "schedules that are neither paused nor deleted, and when each fires"),
    _row("starters.both_runtimes", rows.BOTH,
         "instance ids and business keys of the server's runs against those of the application, by the ledger",
         needs=(Need.EMBEDDED, Need.SERVER), moment=PAUSED_SINCE, after=("namespace.exists",)),
)  # fmt: skip
"""By item; what is not there before a later phase is due then."""
