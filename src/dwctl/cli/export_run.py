"""One run of `dwctl history-export`: opens what it needs, calls the hooks, exports, and tells what became of it."""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from dwctl.cli.child_environment import without_secrets
from dwctl.cli.clock import now
from dwctl.cli.export_options import Asked, From
from dwctl.cli.export_progress import ExportProgress
from dwctl.cli.interruption import interruptions
from dwctl.cli.output import Format, print_json_line, print_json_stream, say
from dwctl.cli.server_options import Connection
from dwctl.errors import DwctlError

if TYPE_CHECKING:
    from dwctl.transfer.exports.hooks import HookCall, Hooks
    from dwctl.transfer.exports.judges import Judges
    from dwctl.transfer.exports.keeping import Keeper
    from dwctl.transfer.exports.outcomes import ExportResult
    from dwctl.transfer.exports.quiescing import Quiescing
    from dwctl.transfer.exports.report import ExportReport
    from dwctl.transfer.exports.selection import Selection
    from dwctl.transfer.exports.sources import Source
    from dwctl.transfer.lanes import Stop
    from dwctl.transfer.storage.bundle_folder import Opening
    from dwctl.transfer.storage.store import Store


_SWITCH_AFTER = 0.0005
_OBJECTS_BETWEEN_COLLECTIONS = 100_000


@dataclass
class ExportRun:
    """Everything that was asked for, resolved; `go` does it and returns the exit code."""

    connection: Connection
    asked: Asked
    selection: Selection
    source: Source
    declined: DwctlError | None
    quiescing: Quiescing
    jobs: int

    def go(self) -> int:
        """Export, show, and say what comes next."""
        from dwctl.cli.bundle_options import verify_options
        from dwctl.transfer.exports.judges import Judges, judges_for

        jobs = min(self.jobs, len(self.selection.targets))
        options = verify_options(None, None, require_signature=False, strict=False)
        with ExitStack() as stack:
            stack.enter_context(_many_threads())
            # Before the store is locked and before any thread: the processes must hold nothing of either.
            judges = stack.enter_context(Judges(options, judges_for(jobs)))
            keeper, store, was_empty = self._open(stack)
            report = self._report(jobs)
            hooks = self._hooks(store)
            stop = _new_stop()
            stack.enter_context(interruptions(stop))
            self._begin(hooks, report)
            self._show(self._results(keeper, judges, hooks, report, stop, was_empty=was_empty), report)
        for step in report.next_steps:
            say(f"dwctl: next: {step}")
        return report.exit_code

    # --- before ------------------------------------------------------------------------------------------------

    def _open(self, stack: ExitStack) -> tuple[Keeper, Store | None, bool]:
        """Where exports are kept, the store behind it where it is one, and whether nothing was kept there before."""
        from dwctl.transfer.exports.keeping import FileKeeper, FolderKeeper, StreamKeeper, compression_for
        from dwctl.transfer.files.compression import Compression

        asked = self.asked
        wanted = None if asked.compress is None else Compression(asked.compress.value)
        if asked.output_file is not None:
            how = compression_for(asked.output_file, wanted)
            return FileKeeper(asked.output_file, how, now, replace=asked.force), None, True
        if asked.archive is None:
            return StreamKeeper(sys.stdout.buffer, now), None, True

        from dwctl.transfer.files.compression import compress
        from dwctl.transfer.storage.bundle_folder import BundleFolder
        from dwctl.transfer.storage.store import open_store

        compress(b"", wanted or Compression.NONE)  # a missing extra is said before anything is done
        store = open_store(asked.archive, create=True)
        folder = BundleFolder(store, wanted or Compression.NONE)
        _tell_opening(stack.enter_context(folder.writing(self.source.exporter, now)))
        keeper = FolderKeeper(folder, now)
        return keeper, store, keeper.is_empty

    def _report(self, jobs: int) -> ExportReport:
        from dwctl.transfer.exports.outcomes import ExportTally
        from dwctl.transfer.exports.report import ExportReport

        asked = self.asked
        tally = ExportTally(len(self.selection.targets), self.selection.complete)
        return ExportReport(
            self.source.name, self.source.way, self.source.purpose, asked.archive or asked.output_file or "-",
            asked.archive is not None, jobs, tally, self.declined, asked.refresh, asked.quiesce,
        )  # fmt: skip

    def _hooks(self, store: Store | None) -> Hooks:
        from dwctl.transfer.exports.hook_log import record_hook
        from dwctl.transfer.exports.hooks import Hooks

        settings = self.connection.settings.embedded
        wanted = self.asked.source is From.EMBEDDED and self.asked.quiesce

        def record(call: HookCall) -> None:
            if store is not None:
                record_hook(store, call)
            else:
                say(f"dwctl: hook: {json.dumps(asdict(call))}")

        return Hooks(
            settings.pause.value if wanted else None, settings.resume.value if wanted else None, record, now,
            settings.timeout.value, without_secrets(self.connection.settings),
        )  # fmt: skip

    def _begin(self, hooks: Hooks, report: ExportReport) -> None:
        """Pause the workers. A pause that did not end well is undone, and nothing is exported."""
        if self.asked.source is From.EMBEDDED and self.asked.quiesce and not hooks.pause_words:
            say("dwctl: note: embedded.pause is not set, so nothing here keeps runs from moving before their import.")
        try:
            hooks.pause()
        except BaseException:
            problem = hooks.settle(exported=False, resume_after_export=False)
            if problem is not None:
                say(f"dwctl: embedded.resume did not end well either: {problem.message}.")
            if hooks.paused:
                say("dwctl: the embedded workers may be paused: look at them, and let them go on (embedded.resume).")
            raise
        report.hooks = hooks.calls

    # --- the export and after it -------------------------------------------------------------------------------

    def _results(
        self, keeper: Keeper, judges: Judges, hooks: Hooks, report: ExportReport, stop: Stop, *, was_empty: bool
    ) -> Iterator[ExportResult]:
        from dwctl.transfer.exports.exporting import Exporting, ExportOptions

        tally, begun = report.tally, time.monotonic()
        options = ExportOptions(self.jobs, self.asked.refresh, self.quiescing)
        with ExportProgress(tally, quiet=self.connection.format is not Format.TABLE) as progress:
            exporting = Exporting(
                self.source, keeper, judges, options, stop=stop, tick=lambda: progress.show(exporting)
            )
            try:
                yield from tally.counting(exporting.run(self.selection.targets))
            finally:
                report.seconds = time.monotonic() - begun
                tally.selected += exporting.added
                tally.interrupted = stop.asked
                if not stop.at_once:
                    report.hook_error = hooks.settle(
                        exported=tally.kept > 0 or not was_empty, resume_after_export=self.asked.resume_after_export
                    )
                report.paused = hooks.paused

    def _show(self, results: Iterator[ExportResult], report: ExportReport) -> None:
        wanted = self.connection.format
        if wanted is Format.TABLE:
            from dwctl.render.console_export import ExportTable

            table = ExportTable(report)
            for result in results:
                table.add(result)
            # The bundle itself goes to standard output where no other place was named.
            table.show(sys.stderr if report.location == "-" else sys.stdout)
            return
        from dwctl.render.json_export import SCHEMA, export_head, export_item, export_rest

        items = (export_item(result) for result in results)
        if wanted is Format.JSONL:
            for item in items:
                print_json_line(item)
            return
        print_json_stream(SCHEMA, "runs", items, lambda: export_rest(report), **export_head(report))


@contextmanager
def _many_threads() -> Iterator[None]:
    """Threads that mostly wait, and documents without cycles: change hands sooner, and look for garbage seldom."""
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(_SWITCH_AFTER)
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, *threshold[1:])
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*threshold)
        gc.unfreeze()


def _new_stop() -> Stop:
    from dwctl.transfer.lanes import Stop

    return Stop()


def _tell_opening(opening: Opening) -> None:
    """What an export that was killed had left."""
    told = [
        f"{opening.swept} unfinished files were removed" if opening.swept else "",
        f"{len(opening.adopted)} whole exports had no line in the manifest and have one now" if opening.adopted else "",
        f"{len(opening.doubtful)} files are not what the manifest says and are exported again: "
        + ", ".join(opening.doubtful[:5])
        if opening.doubtful
        else "",
    ]
    if any(told):
        say(f"dwctl: note: an export was stopped here before: {'; '.join(one for one in told if one)}.")
