"""The reasons of a failure at the embedded application's artisan or PHP: what each means, and what to do."""

from __future__ import annotations

from typing import Final

from dwctl.embedded.application_reason import ApplicationReason
from dwctl.errors import (
    DwctlError,
    IncompatibleServer,
    Interrupted,
    NotFound,
    RequestNotPossible,
    ServerFailed,
    ServerTimedOut,
    ServerUnreachable,
)

_BY_HAND = "Run workflow:v2:history-export for this run by hand, and look at the application's log."
_AGAIN = "Run the same command again; where it stays, export this run by hand and look at what is printed."

ARTISAN_REASONS: Final[tuple[ApplicationReason, ...]] = (
    ApplicationReason(
        "application_not_set", RequestNotPossible, "how to reach the embedded application is not set",
        "dwctl runs the words of [embedded] in cutover.toml, and guesses none",
        'Set artisan = ["docker", "compose", "exec", "-T", "app", "php", "artisan"] under [embedded].',
    ),
    ApplicationReason(
        "application_not_started", RequestNotPossible,
        "the command that reaches the embedded application cannot be started here",
        "the words of [embedded] name a command that is missing or may not be run",
        "Set embedded.artisan or embedded.php to a command that may be run here.",
    ),
    ApplicationReason(
        "application_not_reached", ServerUnreachable, "the embedded application was not reached",
        "docker, kubectl or ssh failed before PHP ran", "Try the configured words in a shell, followed by --version.",
    ),
    ApplicationReason(
        "embedded_artisan_missing", ServerFailed, "there is no application at the configured path",
        "the path is that inside the container or on the remote host", "Set embedded.artisan or embedded.path.",
    ),
    ApplicationReason(
        "export_command_missing", IncompatibleServer, "the application has no workflow:v2:history-export",
        "its durable-workflow library is older than v2, or is not installed there",
        "Upgrade the library in the application, or point [embedded] to the right one.",
    ),
    ApplicationReason(
        "embedded_boot_failed", ServerFailed, "the embedded application did not boot",
        "its own code or settings fail before anything is asked of it, as they would for artisan",
        "Run php artisan --version there, and look at the application's log.",
    ),
    ApplicationReason(
        "embedded_run_not_found", NotFound, "the embedded application has no such run or instance",
        "the id is of another application, was mistyped, or the run has been pruned",
        "Check the id; an instance id and a run id (--run-id) are not the same.",
    ),
    ApplicationReason(
        "export_failed", ServerFailed, "the application failed to export the run",
        "what is shown is the application's own error", _BY_HAND,
    ),
    ApplicationReason(
        "export_timeout", ServerTimedOut, "the export of a run did not end in time",
        "the application hangs, is overloaded, or the run is very large; what it had started was ended",
        "Raise embedded.timeout, or look at what the application waits for.",
    ),
    ApplicationReason(
        "export_without_bundle", ServerFailed, "artisan printed no bundle",
        "it ended before the export, or prints something else on stdout", _BY_HAND,
    ),
    ApplicationReason(
        "export_incomplete", ServerFailed, "artisan printed a part of a bundle only",
        "it died in the middle, or the connection to it broke", _AGAIN,
    ),
    ApplicationReason(
        "export_ambiguous", ServerFailed, "artisan printed more than one bundle",
        "something in the application prints exports of its own, and which one is meant cannot be told",
        "Find what else prints to stdout in the application, or export with the batch process.",
    ),
    ApplicationReason(
        "export_wrong_run", ServerFailed, "the application gave another run than the one that was asked for",
        "a cache or a wrapper answers in the command's place; the bundle was not kept", _BY_HAND,
    ),
    ApplicationReason(
        "export_ended_badly", ServerFailed, "artisan printed a whole bundle, and then failed",
        "an exit code says that the command did not succeed, so its output is not taken for a result",
        "Look at the application's log for what fails at its end, or export with the batch process.",
    ),
    ApplicationReason(
        "export_too_large", ServerFailed, "artisan printed more than any bundle holds",
        "something in the application prints without end", _BY_HAND,
    ),
    ApplicationReason(
        "batch_not_fed", ServerFailed, "PHP ran beside the application, but ended before it was asked anything",
        "the words do not pass stdin on, or PHP printed something else than our answers",
        "Let embedded.php pass stdin on (docker exec -i, docker compose exec -T, kubectl exec -i), "
        "or use --no-batch.",
    ),
    ApplicationReason(
        "batch_died", ServerFailed, "the PHP process died on this run, also when it was tried alone",
        "a fatal error of PHP, such as its memory limit, or the container was stopped",
        "Raise PHP's memory_limit in embedded.php (php -d memory_limit=1G), or export this run with --no-batch.",
    ),
    ApplicationReason(
        "batch_damaged", ServerFailed, "an answer of the PHP process arrived damaged, also when it was asked again",
        "something on the way changes its output, or another program writes into it",
        "Look at the words of embedded.php (no terminal: -T), or use --no-batch.",
    ),
    ApplicationReason(
        "batch_keeps_dying", ServerFailed, "the PHP process died again and again without an answer in between",
        "starting it once more would only repeat that", "Look at the application's log, or use --no-batch.",
    ),
    ApplicationReason(
        "question_failed", ServerFailed, "the application failed to answer a question about its runs",
        "what is shown is the application's own error", "Look at the application's log.",
    ),
    ApplicationReason(
        "export_stopped", Interrupted, "the export was stopped", "it was asked to end at once",
        "Run the same command again: it goes on where it stopped.",
    ),
)  # fmt: skip
"""In the order in which an export meets them."""

_BY_ID: Final = {row.id: row for row in ARTISAN_REASONS}


def failure(reason: str, message: str, *, where: str | None = None, next_step: str | None = None) -> DwctlError:
    """The error of a reason, ready to be raised; the row's own next step unless a better one is known."""
    row = _BY_ID[reason]
    return row.raised(message, where=where, next_step=next_step or row.fix, reason=reason)
