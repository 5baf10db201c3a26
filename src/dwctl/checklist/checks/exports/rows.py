"""The checks of item 10 (what is to be imported) and item 12 (what is only kept), as rows."""

from __future__ import annotations

from functools import partial
from typing import Final

from dwctl.checklist.checks.exports import bundles, complete, dry_run, retention
from dwctl.checklist.gate.check import Check, Need, Severity

_exports = partial(Check, item=10, category="exports")
_retention = partial(Check, item=12, category="retention")
_THERE: Final = ("exports.there",)

CHECKS: Final[tuple[Check, ...]] = (
    _exports(
        id="exports.there", ask=bundles.there, needs=(Need.BUNDLES,),
        meaning="Bundles lie at every place that cutover.toml names.",
        why="An empty folder has nothing to refuse: a gate that looks at nothing must not be green.",
        fix="Export the runs with `dwctl history-export --output-dir`, or mend paths under [bundles].",
        evidence="the bundle files that are there, and how many runs they hold",
    ),
    _exports(
        id="exports.complete", ask=complete.complete, needs=(Need.BUNDLES, Need.EMBEDDED),
        meaning="Every open run of the families is among the bundles, or imported already.",
        why="A run that nobody exported goes on waiting in an application whose workers are paused: it is lost.",
        fix="Export it with the others; one that is to drain there needs a person's word: waive this check.",
        evidence="the open runs of the embedded database, by the types of the families, against bundles and ledger",
    ),
    _exports(
        id="exports.verified", ask=bundles.verified, needs=(Need.BUNDLES,), after=_THERE,
        meaning="Each bundle is sound, and one that the server takes.",
        why="A bundle that is damaged or not eligible is refused by the import, and its run stays behind.",
        fix="Look at `dwctl bundle verify` and `dwctl explain RULE`; export again what cannot be repaired.",
        evidence="the verdict on every bundle, read now or recorded for the very same file",
    ),
    _exports(
        id="exports.quiesced", ask=bundles.quiesced, needs=(Need.BUNDLES,), after=_THERE,
        meaning="No worker held a task or an attempt of a run when it was exported.",
        why="A leased task may be finished in the embedded application after the export, and again on the server.",
        fix="Pause the embedded workers, wait for the leases, and export these runs again with --quiesce.",
        evidence="leased tasks and running attempts in the bundles",
    ),
    _exports(
        id="exports.manifest", ask=bundles.as_recorded, needs=(Need.BUNDLES,), after=_THERE,
        meaning="Each bundle is the file that the manifest of its export names, and none of those is gone.",
        why="A file that changed after the export is not what the embedded application sealed; one that is gone is "
        "a run that stays behind.",
        fix="Export the runs again with --refresh, and keep the folder for exports alone.",
        evidence="the sha256 of every file against manifest.jsonl",
    ),
    _exports(
        id="exports.once", ask=bundles.each_once, needs=(Need.BUNDLES,), after=_THERE,
        meaning="No run comes in two exports of different moments.",
        why="The first one that is sent wins, and the server refuses the other: an older moment may be imported.",
        fix="Keep the newest export of each run.",
        evidence="run ids and dedupe keys of all bundles",
    ),
    _exports(
        id="exports.links", ask=bundles.links, needs=(Need.BUNDLES,), after=_THERE,
        meaning="No two bundles write the same link: those of a chain, or of a parent and its child.",
        why="The server takes each link row once, and refuses the run that brings it again.",
        fix="Plan the import with --resolve-links REASON, or leave such runs in the embedded application.",
        evidence="the link rows of all bundles, and which of their runs the ledger has on the server",
    ),
    _exports(
        id="exports.dry_run", ask=dry_run.dry_run,
        needs=(Need.SERVER, Need.BUNDLES), after=("exports.there", "server.fits", "namespace.exists"),
        meaning="The server's own dry run takes the bundles.",
        why="The verdict is the server's: what it refuses cannot be imported, whatever was found here.",
        fix="Read which rules refuse with `dwctl explain RULE`; `dwctl history-import --dry-run` names each bundle.",
        evidence="dry runs of a sample, and of what was repaired or is on the server from elsewhere; all with --deep",
    ),
    _exports(
        id="exports.drift", ask=bundles.drift, needs=(Need.DRIFT,),
        meaning="No run has moved in the embedded application since its export.",
        why="What happened after the export is not in the bundle: imported, it would happen again, or never.",
        fix="Pause the embedded workers, and export what moved again with --refresh.",
        evidence="the position of every run in the embedded application against its bundle",
    ),
    _retention(
        id="retention.exported", ask=retention.exported, needs=(Need.ARCHIVES, Need.EMBEDDED),
        meaning="Every closed run that was not imported lies in an archive.",
        why="The embedded tables go when the application does, and with them the only history of these runs.",
        fix="Export the closed runs with `dwctl history-export --output-dir` into durable storage.",
        evidence="the closed runs of the embedded database against the archives and the ledger",
    ),
    _retention(
        id="retention.proven", ask=retention.proven, needs=(Need.ARCHIVES,),
        meaning="Every file of the archives is as its export wrote it.",
        why="An archive that nobody has read back is a hope.",
        fix="Look at `dwctl archive check`, and export again what is missing or changed.",
        evidence="every file against its manifest: read now, or recorded for the very same file (all with --rehash)",
    ),
    _retention(
        id="retention.archived", ask=retention.archived,
        needs=(Need.SERVER, Need.LEDGER), after=("namespace.exists",), severity=Severity.ADVICE,
        meaning="Closed runs that were imported are archived on the server, where it prunes old ones.",
        why="Retention counts from the end of the run: an imported one may be pruned soon after the import.",
        fix="Archive them with `dwctl workflow archive`, or import with --archive-terminal.",
        evidence="the namespace's retention, and what the ledger knows as archived",
    ),
)  # fmt: skip
"""In the order in which an export is looked at."""
