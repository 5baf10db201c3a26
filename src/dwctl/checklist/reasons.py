"""The reasons of the gate's own: why nobody serves a need, and how a shadow workflow can fail to get there."""

from __future__ import annotations

from typing import Final

from dwctl.errors import ExitCode
from dwctl.server.reasons import Reason

_NO, _U, _T = ExitCode.NO, ExitCode.USAGE, ExitCode.TIMEOUT

CHECKLIST_REASONS: Final[tuple[Reason, ...]] = (
    Reason("nobody_polls", (), _NO, "no worker that is alive polls the queue",
           "the queue names of the embedded application stay on imported tasks, and a server knows no queue but "
           "those that somebody polls or that hold a task",
           "Start a worker for exactly this queue, in this namespace."),
    Reason("type_missing", (), _NO, "workers poll the queue, and none of them has registered the type",
           "a worker takes only the types that it lists; one that lists none takes every type",
           "Register the type key with a worker of this queue: the key, not the PHP class name."),
    Reason("other_build", (), _NO, "workers take the type, but are of another build than the run asks for",
           "a run with a compatibility marker is claimed by workers of exactly that build id",
           "Start a worker with that build id; it stays on the run for as long as it is open."),
    Reason("worker_stale", (), _NO, "the workers that would take it have not been heard of for too long",
           "they have ended or lost the network; the server keeps their registration and gives them nothing",
           "Start the worker again; `dwctl worker list` says when each was last heard of."),
    Reason("worker_draining", (), _NO, "the workers that would take it are of a build that is being drained",
           "a drained build finishes what it holds and is given nothing new",
           "Start workers of the build that follows, or resume the drained one."),
    Reason("worker_status_unknown", (), _NO, "the server does not say whether the worker is alive",
           "what is not known to be alive is not counted", "Look at `dwctl worker show ID` and at the worker."),
    Reason("need_not_named", (), _NO, "the bundle does not name the queue or the type that its open work needs",
           "a task without a queue or a type key is given to nobody",
           "Look at the run in the embedded application with `dwctl bundle show`, and export it again."),
    Reason("not_a_bundle", (), _NO, "the file is JSON, and no export bundle",
           "what it needs of workers is not known, and what is not known is not covered",
           "Name the files that the export wrote; `dwctl bundle verify` judges them."),
    Reason("nothing_to_cover", (), _U, "nothing that was named needs a worker",
           "closed runs need none, and nothing to check is no pass",
           "Name the bundles of open runs, or types with --type and --task-queue."),
    Reason("shadow_not_claimed", (), _T, "no worker has claimed the shadow run in time",
           "the run waits in its queue for as long as it is open",
           "Mend what the coverage says of its queue and type; the run goes on by itself then."),
    Reason("shadow_stuck", (), _T, "a worker has claimed the shadow run, and it is not where it should be",
           "it waits for an activity, a timer, a signal or a worker that holds its task",
           "Read what it waits for; the log of the worker has the rest."),
    Reason("shadow_ended_otherwise", (), _NO, "the shadow run ended, and not as it was expected to",
           "the worker's code, its input or its settings differ from what was expected",
           "Read the failure; start another shadow run when it is mended."),
    Reason("shadow_other_output", (), _NO, "the shadow run ended as expected, with another output",
           "outputs are compared as JSON values: the order of keys and 1 or 1.0 make no difference",
           "Compare both at the place that is named; `--show-output` prints what came."),
    Reason("nothing_to_check", (), _U, "no check is left that could be asked",
           "a gate that asks nothing must not look like one that is green",
           "Describe the cutover with `dwctl checklist init`, or choose more with --phase, --only and --skip."),
    Reason("unusable_cutover_file", (), _U, "cutover.toml has a mistake, or several",
           "what is not read as it was meant would be checked as if nobody had written it",
           "Mend the places that are named; `dwctl schema show cutover` lets an editor find them while you write."),
    Reason("no_cutover_file", (), _U, "there is no cutover.toml in this folder",
           "attestations and waivers are kept beside the description of the cutover that they belong to",
           "Go to the folder of the cutover, or describe it with `dwctl checklist init`."),
    Reason("unknown_item", (), _U, "the guide's checklist has no such item",
           "an attestation is a person's word for one of its twelve items",
           "Name the item by its number; `dwctl checklist list` has them all."),
    Reason("unusable_record", (), _U, "an attestation or a waiver is not written as it must be",
           "a record that cannot be read for certain decides nothing, and a gate that overlooks it would be wrong",
           "Mend the place that is named."),
    Reason("record_exists", (), _U, "this item or check has an attestation or a waiver that still counts",
           "two of them for one thing could contradict each other",
           "Edit or remove the one that is there; it is text to be reviewed."),
    Reason("wrong_expiry", (), _U, "the moment of expiry is none, lies in the past, or is too far away",
           "a waiver is an exception for a time, a year at most",
           "Give a date, a moment with its zone, or an age such as 30d."),
    Reason("not_a_gate_result", (), _U, "the file is no earlier result of `dwctl checklist --json`",
           "changes are told only against what this gate wrote",
           "Name a file that `dwctl checklist --json` wrote."),
)  # fmt: skip
"""In the order in which a family of workflows meets them."""
