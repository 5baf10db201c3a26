"""One run out of the application by one call of its artisan (contract/embedded.md, "Artisan")."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Final

from dwctl.embedded.application import EmbeddedApplication
from dwctl.embedded.artisan_reasons import failure
from dwctl.embedded.bundle_text import check_target, find_bundle
from dwctl.embedded.calls import Caller, CallPrintsTooMuch, CallStopped, CallTimedOut, Ended
from dwctl.embedded.captured import Captured, Outcome, Target
from dwctl.embedded.child import Clock, EndsKept, start_failure
from dwctl.embedded.reached import was_not_reached
from dwctl.embedded.remote_words import as_one_command
from dwctl.embedded.said import with_said
from dwctl.errors import DwctlError, Interrupted

COMMAND: Final = "workflow:v2:history-export"

_NOT_FOUND: Final = re.compile(
    rb"not (?:be )?found|no such|does ?n[o']t exist|no query results|no (?:workflow )?(?:run|instance)", re.IGNORECASE
)
_OF_THE_LIBRARY: Final = re.compile(rb"workflow", re.IGNORECASE)
_NO_COMMAND: Final = re.compile(
    rb'Command "workflow:v2:history-export" is not defined'
    rb'|no commands defined in the "workflow(?::v2)?" namespace', re.IGNORECASE,
)  # fmt: skip


class ArtisanExporter:
    """Exports one by one; each call boots the application, which takes 0.35 s and more.

    Use it as a context manager, by one thread at a time.
    """

    def __init__(self, application: EmbeddedApplication, *, clock: Clock = time.monotonic) -> None:
        self._application = application
        self._caller = Caller(clock)

    def __enter__(self) -> ArtisanExporter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def export(self, target: str, *, run: bool) -> Captured:
        """The bundle of the current run of an instance, or with `run` of the run of this id.

        Raises RequestNotPossible, ServerUnreachable, NotFound, ServerFailed, ServerTimedOut, IncompatibleServer or
        Interrupted, each with a `reason` that `dwctl explain` knows.
        """
        wanted = Target(target, run)
        ended = self._call(export_command(self._application, wanted))
        found = find_bundle(ended.output)
        if found is None:
            raise _no_bundle(ended, wanted, self._application.artisan_setting)
        if ended.code != 0:
            raise failure(
                "export_ended_badly",
                with_said(f"artisan printed a bundle, then ended with exit code {ended.code}", ended.errors),
            )
        check_target(wanted, found.ids)
        noise = EndsKept()
        for piece in (found.before, found.after):
            if piece.strip():
                noise.add(piece)
        kept, count = noise.take()
        return Captured(
            found.content, kept, ended.errors, ended.seconds, count, found.ids.run_id, found.ids.instance_id
        )

    def export_each(self, targets: Iterable[Target]) -> Iterator[Outcome]:
        """Every target with its bundle or its error, in order. Raises Interrupted once it was stopped."""
        for target in targets:
            try:
                outcome: Captured | DwctlError = self.export(target.id, run=target.run)
            except Interrupted:
                raise
            except DwctlError as error:
                outcome = error
            yield target, outcome

    def stop(self) -> None:
        """End a call in flight at once, from any thread: it raises Interrupted, and so does every later call."""
        self._caller.stop()

    def close(self) -> None:
        """Nothing is kept between two calls."""

    def _call(self, words: list[str]) -> Ended:
        application = self._application
        try:
            return self._caller.call(words, timeout=application.timeout, environment=application.environment)
        except (OSError, ValueError) as error:
            setting = application.artisan_setting
            raise failure("application_not_started", start_failure(words, error), where=setting) from None
        except CallTimedOut as error:
            sentence = f"artisan did not end within {application.timeout:g} seconds"
            raise failure("export_timeout", with_said(sentence, error.errors), where="embedded.timeout") from None
        except CallPrintsTooMuch:
            raise failure("export_too_large", "artisan printed more than 1 GiB, and was ended") from None
        except CallStopped:
            raise failure("export_stopped", "the export was stopped") from None


def export_one(application: EmbeddedApplication, target: str, *, run: bool) -> Captured:
    """The bundle of the current run of an instance, or with `run` of the run of this id; raises as `export` does."""
    with ArtisanExporter(application) as exporter:
        return exporter.export(target, run=run)


def export_command(application: EmbeddedApplication, target: Target) -> list[str]:
    """The argument list for one export. The id stands behind `--`, so that no id is an option; see as_one_command."""
    options = ["--run"] if target.run else []
    return as_one_command([*application.artisan_words(), COMMAND, *options, "--", target.id])


def _no_bundle(ended: Ended, target: Target, setting: str) -> DwctlError:
    code, output, errors = ended.code, ended.output, ended.errors
    kind = "run" if target.run else "instance"
    if b"Could not open input file" in output + errors:
        return failure("embedded_artisan_missing", "there is no artisan at this path", where=setting)
    if _NO_COMMAND.search(output + errors):
        return failure("export_command_missing", f"the application has no command {COMMAND}", where=setting)
    if was_not_reached(code, output, errors):
        sentence = f"the embedded application was not reached (exit code {code})"
        return failure("application_not_reached", with_said(sentence, errors, output), where=setting)
    if code == 1 and _says_not_found(output, errors, target):
        return failure("embedded_run_not_found", f"the embedded application has no {kind} {target.id}")
    if code != 0:
        return failure("export_failed", with_said(f"artisan ended with exit code {code}", errors, output))
    return failure("export_without_bundle", with_said("artisan printed no bundle", errors, output))


def _says_not_found(output: bytes, errors: bytes, target: Target) -> bool:
    """Artisan's own sentence, which names the id or the library; a docker that finds no container says neither."""
    named = target.id.encode("utf-8", "surrogateescape")
    return any(
        _NOT_FOUND.search(line) and (named in line or _OF_THE_LIBRARY.search(line))
        for line in (*output.splitlines(), *errors.splitlines())
    )
