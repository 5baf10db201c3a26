"""What a person reads of an export: rows where there are few, troubles bounded, and text made safe."""

from __future__ import annotations

import io
import os
from unittest.mock import patch

from dwctl.bundle.verify import Outcome
from dwctl.errors import ServerFailed
from dwctl.render.console_alike import MOST_KINDS, MOST_NAMES
from dwctl.render.console_export import MOST_ROWS, ExportTable
from dwctl.transfer.exports.outcomes import ExportResult, ExportState, ExportTally, Purpose, Standing
from dwctl.transfer.exports.report import ExportReport
from dwctl.transfer.exports.selection import Target
from dwctl.transfer.storage.manifest import ManifestEntry


def report(count: int) -> ExportReport:
    """An export of so many runs."""
    return ExportReport("embedded", "batch", Purpose.IMPORT, "exports", True, 1, ExportTally(count), seconds=2.0)


def kept(
    name: str, standing: Standing = Standing.GOOD, rules: tuple[str, ...] = (), run_id: str = "run"
) -> ExportResult:
    """A kept run."""
    verdict = Outcome.REFUSED if rules else Outcome.OK
    entry = ManifestEntry(
        name, run_id, "orders.process", "waiting", "key", "file", 1000, "0" * 64, None, verdict, rules, "x", "now"
    )
    paths = ("workflow.memo.a",) if standing is Standing.RESTORABLE else ()
    return ExportResult(Target(name), ExportState.EXPORTED, entry, standing, restored_paths=paths, seconds=0.5)


def shown(results: list[ExportResult], made: ExportReport | None = None) -> str:
    """What is printed in a pipe."""
    made = made or report(len(results))
    table, stream = ExportTable(made), io.StringIO()
    for result in made.tally.counting(results):
        table.add(result)
    table.show(stream)
    return stream.getvalue()


def test_few_runs_have_a_row_each() -> None:
    text = shown([kept("order-1"), kept("order-2")])
    assert "order-1" in text
    assert "2 bundles written to exports: 2 kB in 2.0 s, 1 runs/s, by way of batch" in text
    assert "2 runs: 2 exported. YES: every run has a whole export." in text


def test_of_many_runs_only_those_are_shown_that_are_no_good_and_not_all_of_them() -> None:
    results = [kept(f"good-{number}") for number in range(MOST_ROWS + 5)]
    results += [kept(f"bad-{n}", Standing.REFUSED, ("tasks.leased_task_present",)) for n in range(MOST_NAMES + 3)]
    text = shown(results)
    assert "good-7 " not in text.replace("good-7 0", "")
    assert text.count("\nrefused  bad-") == MOST_NAMES
    assert "… and 3 more runs alike" in text
    assert text.count("fix: Pause embedded workers") == 1
    assert "slowest:" in text
    assert "NO: not every run has a good export (exit code 9: dwctl explain 9)." in text


def test_of_many_kinds_of_trouble_the_first_are_shown_and_the_rest_counted() -> None:
    results = [kept(f"bad-{number}", Standing.REFUSED, (f"rule.{number}",)) for number in range(MOST_KINDS + 2)]
    text = shown(results)
    assert f"rule.{MOST_KINDS - 1}" in text
    assert f"rule.{MOST_KINDS}" not in text
    assert "… and 2 more runs with other troubles (all: --json)" in text


def test_a_narrow_terminal_leaves_columns_out_before_it_folds_an_id() -> None:
    run_id = "01m82n12bbr8drpv1ffjgbctw1"
    table, stream = ExportTable(report(1)), _Terminal()
    table.add(kept("approval-1", run_id=run_id))
    with patch.dict(os.environ, {"COLUMNS": "80", "TERM": "dumb"}):
        table.show(stream)
    row = next(line for line in stream.getvalue().splitlines() if "approval-1" in line)
    assert run_id in row
    assert "ok" in row
    assert "orders.process" not in row


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_refusal_has_its_rule_and_its_fix() -> None:
    text = shown([kept("bad", Standing.REFUSED, ("tasks.leased_task_present", "no.such.rule"))])
    assert "tasks.leased_task_present  A worker of the embedded application holds a lease" in text
    assert "fix: Pause embedded workers" in text
    assert "no.such.rule" in text


def test_what_can_be_restored_is_said_with_the_proof() -> None:
    text = shown([kept("lost", Standing.RESTORABLE, ("integrity.checksum_mismatch",))])
    assert "the checksum proves what is different: the fraction at workflow.memo.a" in text
    assert "verdicts: 1 restorable" in text
    assert "YES" in text


def test_an_archive_is_not_said_to_be_restored_by_an_import() -> None:
    lost = [kept("lost", Standing.RESTORABLE, ("integrity.checksum_mismatch",))]
    made = report(1)
    assert "`dwctl bundle repair` restores it, and so does an import" in shown(lost)
    made.purpose = Purpose.ARCHIVE
    text = shown(lost, made)
    assert "`dwctl bundle repair` restores it\n" in text
    assert "an import" not in text


def test_nothing_that_came_from_elsewhere_steers_the_terminal() -> None:
    error = ServerFailed("said [red]this\x1b[31m", where="there", reason="r", next_step="do [bold]that")
    text = shown([ExportResult(Target("a\x1b[2Jb"), ExportState.FAILED, error=error), kept("[blink]x")])
    assert "\x1b" not in text
    assert "said [red]this\\x1b[31m" in text
    assert "[blink]x" in text


def test_a_resume_that_failed_and_what_was_not_tried_are_said() -> None:
    made = report(5)
    made.hook_error = ServerFailed("the hook ended with exit code 3")
    made.paused = True
    text = shown([kept("order-1")], made)
    assert "embedded.resume did not end well: the hook ended with exit code 3" in text
    assert "5 runs: 1 exported, 4 not tried. NO" in text
    (step,) = (step for step in made.next_steps if "still paused, and stay so" in step)
    assert "dwctl embedded parked" in step
    assert "go on" not in step
    assert made.exit_code == 9
