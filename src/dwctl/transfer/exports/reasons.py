"""The reasons of our own for an export, or an archiving, that did not happen: what each means, and what to do."""

from __future__ import annotations

from typing import Final

from dwctl.errors import ExitCode
from dwctl.server.reasons import Reason

_U, _NO, _S, _T, _L = ExitCode.USAGE, ExitCode.NO, ExitCode.SERVER, ExitCode.TIMEOUT, ExitCode.LOCAL_STATE

EXPORT_REASONS: Final[tuple[Reason, ...]] = (
    Reason("no_such_id", (), _U, "what was written names no run", "an id is INSTANCE, or INSTANCE/RUN",
           "Mend the line that is named; an instance id that holds a slash ends with one more."),
    Reason("nothing_selected", (), _U, "no run fits, so there is nothing to do", "nothing to do is no success",
           "Look at the filter, the namespace, or the folder that was named."),
    Reason("options_exclude_each_other", (), _U, "the options do not go together",
           "what was asked for cannot be done at once, or goes to two places", "Leave one of the two out."),
    Reason("wrong_suffix", (), _U, "the file's name does not say how it is compressed",
           "every command reads .json, .json.gz and .json.zst by their names", "Name it as the message says."),
    Reason("instance_not_named", (), _U, "a run was named without its instance",
           "the server finds a run only by its instance", "Write INSTANCE/RUN."),
    Reason("not_an_export", (), _S, "what came is no history export of a run",
           "a proxy, a maintenance page or a wrapper answers in the source's place; it was not kept",
           "Look at what the source answers, then export the run again."),
    Reason("other_run_exported", (), _S, "what came is the export of another run",
           "a cache answers in the source's place; it was not kept", "Check the id, then export the run again."),
    Reason("history_gone", (), _NO, "the export holds no history",
           "retention has pruned the run: what remains would take the place of nothing, and of no older export",
           "Use an export of before that; archive closed runs before retention prunes them."),
    Reason("verification_died", (), _S, "the process that verified an export ended without a verdict",
           "the system ended it, mostly for want of memory; nothing unverified was kept",
           "Run the same command again with fewer --jobs."),
    Reason("kept_file_changed", (), _L, "the file of an export is not the one that the manifest names",
           "it was changed after it was recorded, so nothing can be said of the export",
           "Run `dwctl archive check`; move the file away to export the run again."),
    Reason("hook_failed", (), _S, "a hook ended with an exit code of its own",
           "whether the workers are paused is not known", "Run its words by hand, and look at the workers."),
    Reason("hook_timed_out", (), _T, "a hook did not end in time", "it may have done its work all the same",
           "Look at the workers; embedded.timeout allows more."),
    Reason("hook_not_started", (), _U, "a hook cannot be started here", "its words name a command that is missing",
           "Set embedded.pause and embedded.resume to words that may be run here."),
    Reason("hook_not_set", (), _U, "there is no hook that lets the workers go on",
           "embedded.pause is set and embedded.resume is not", "Let them go on by hand."),
    Reason("export_not_verified", (), _NO, "a run was not archived, since its kept export is not verified",
           "its file has changed since it was recorded, or fails its own checksum",
           "Export the run again with --refresh, then archive it."),
)  # fmt: skip
"""In the order in which an export meets them."""
