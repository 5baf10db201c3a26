"""Verdicts for people: bounded, safe for a terminal, and never green by accident."""

from __future__ import annotations

import io
import os
import pty
from typing import Any

import pytest

from dwctl.bundle.rules import RULES, found
from dwctl.bundle.verify import verify_bundle
from dwctl.errors import UnreadableInput
from dwctl.render import console_verdicts
from dwctl.render.console_verdicts import MOST_DETAILED, MOST_FINDINGS, MOST_ROWS, VerdictTable, summary_line
from dwctl.transfer.files.verification import FileVerdict, Tally
from sample_bundles import LEASED, LOST_FRACTION, WAITING, sealed, small_bundle, with_top_level_key
from terminals import Terminal

OK = verify_bundle(WAITING.read_bytes())
REFUSED = verify_bundle(LEASED.read_bytes())
HOSTILE = "[bold]x[/bold]\x1b[31m\x9b1m\u202e\r\n\x07:smile:"


def shown(*judged: FileVerdict, expected: int | None = None) -> str:
    """What is printed for these files into a pipe."""
    table = VerdictTable(len(judged) if expected is None else expected)
    for one in judged:
        table.add(one)
    stream = io.StringIO()
    table.show(stream)
    return stream.getvalue()


def of(changes: dict[str, Any], file: str = "a.json") -> FileVerdict:
    """The small bundle, changed, sealed and judged."""
    return FileVerdict(file, verify_bundle(sealed(small_bundle(changes))))


def test_a_green_folder_is_a_table_and_one_line() -> None:
    text = shown(FileVerdict("a.json", OK), FileVerdict("b.json", OK))
    lines = text.splitlines()
    assert lines[0].split() == ["verdict", "bundle", "instance", "type", "status", "size", "findings"]
    assert lines[1].split() == ["ok", "a.json", "approval-1", "orders.approval", "waiting", "20", "kB"]
    assert lines[-1] == "2 bundles: 2 ok. YES: each can be imported on its own, as far as can be known offline."
    assert len(lines) == 5


def test_a_refused_bundle_comes_with_rule_place_meaning_and_fix() -> None:
    text = shown(FileVerdict("a.json", OK), FileVerdict("b.json", REFUSED))
    assert "tasks.leased_task_present  at tasks.0.status" in text
    assert RULES["tasks.leased_task_present"].fix in text
    assert "lease owner: embedded-worker-1" in text
    assert text.splitlines()[-1] == "2 bundles: 1 ok, 1 refused. NO: not all can be imported."


def test_a_file_that_cannot_be_read_comes_with_its_fix() -> None:
    for problem in (UnreadableInput("it is gone", next_step="Check the name."), UnreadableInput("it is gone")):
        text = shown(FileVerdict("a.json", problem=problem))
        assert "it is gone" in text
        assert "fix: Check the" in text
        assert "1 bundle: 1 not read. NO" in text


def test_what_does_not_decode_comes_with_its_place() -> None:
    text = shown(FileVerdict("a.json", verify_bundle(b'{"a":\n"b')))
    assert "line: 2" in text
    assert "1 bundle: 1 not a bundle. NO" in text


def test_the_rule_that_only_sums_up_others_is_not_repeated() -> None:
    text = shown(of({"schema": None}))
    assert "bundle.schema_missing" in text
    assert "bundle.integrity_failed" not in text


def test_errors_are_shown_before_warnings_and_a_fix_once() -> None:
    text = shown(of({"exported_at": None, "history_events.2": "x", "history_events.3": "y"}))
    assert text.index("history_events.entry_invalid  at") < text.index("bundle.exported_at_missing  at")
    assert text.count(RULES["history_events.entry_invalid"].fix) == 1


def test_the_table_names_two_rules_and_counts_the_others() -> None:
    errors = {"tasks.0.status": "odd", "timers.0.status": "odd"}
    assert "tasks.status_unsupported, timers.status_unsupported\n" in squeezed(shown(of(errors)))
    more = shown(of(errors | {"commands.0.status": "odd", "workflow.closed_at": 5}))
    assert "commands.status_unsupported, tasks.status_unsupported +2\n" in squeezed(more)


def squeezed(text: str) -> str:
    """The text without spaces at the ends of its lines."""
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def test_of_many_findings_the_first_few_are_shown_and_the_rest_is_counted() -> None:
    bundle = of({"history_events": ["x"] * 10_000, "commands": []})
    text = shown(bundle)
    assert text.count("history_events.entry_invalid  at") == MOST_FINDINGS
    assert f"… and {10_000 - MOST_FINDINGS:,} more findings (all of them: --json)" in text
    assert len(text) < 5_000


def test_a_table_of_many_bundles_is_bounded_and_says_what_it_leaves_out() -> None:
    files = [FileVerdict(f"ok-{at}", OK) for at in range(5_000)] + [
        FileVerdict(f"bad-{at}", REFUSED) for at in range(500)
    ]
    text = shown(*files)
    assert "ok-1 " not in text
    assert text.count("\nrefused  ") == MOST_ROWS + MOST_DETAILED
    assert f"… and {5_500 - MOST_ROWS:,} bundles not shown here" in text
    assert "Not everything is shown" in text
    assert "5,500 bundles: 5,000 ok, 500 refused. NO: not all can be imported." in text


def test_many_green_bundles_are_only_counted_and_that_is_said() -> None:
    text = shown(*[FileVerdict(f"ok-{at}", OK) for at in range(MOST_ROWS + 1)])
    assert "Not everything is shown" in text
    assert "61 bundles: 61 ok. YES" in text


def test_as_many_bundles_as_the_table_holds_are_all_shown() -> None:
    text = shown(*[FileVerdict(f"ok-{at}", OK) for at in range(MOST_ROWS)])
    assert text.count("\nok ") == MOST_ROWS
    assert "Not everything is shown" not in text


@pytest.mark.parametrize(
    ("tally", "line"),
    [
        (Tally(ok=1), "1 bundle: 1 ok. YES: each can be imported on its own, as far as can be known offline."),
        (
            Tally(warning=2),
            "2 bundles: 2 with warnings. YES: each can be imported on its own, as far as can be known offline.",
        ),
        (Tally(ok=1, missing=1), "2 bundles: 1 ok, 1 not read. NO: not all can be imported."),
        (Tally(ok=1, unreadable=1), "2 bundles: 1 ok, 1 not a bundle. NO: not all can be imported."),
        (Tally(refused=1_000), "1,000 bundles: 1,000 refused. NO: not all can be imported."),
    ],
)
def test_the_last_line_is_yes_only_if_every_bundle_can_be_imported(tally: Tally, line: str) -> None:
    assert summary_line(tally, as_a_set=False).plain == line


# --- the cause of a mismatch -------------------------------------------------------------------------------


def test_a_proven_cause_comes_with_the_command_that_mends_it() -> None:
    document = with_top_level_key(LOST_FRACTION.read_bytes(), b'"namespace":"x"')
    text = shown(FileVerdict("a.json", verify_bundle(document)))
    assert "cause, proven by the recorded checksum: a top-level key was added (namespace) and zero fractions" in text
    assert "were lost at workflow.search_attributes.whole_float" in text
    assert "fix: dwctl bundle repair a.json REPAIRED.json" in text


def test_a_cause_that_is_not_proven_is_called_that() -> None:
    text = shown(FileVerdict("a.json", verify_bundle(LEASED.read_bytes().replace(b"leased-1", b"leased-2", 1))))
    assert "no cause is proven: " in text
    assert "Edited or damaged." in text
    assert "given up" not in text


def test_a_search_that_gave_up_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from dwctl.bundle import restoration

    monkeypatch.setattr(restoration, "MOST_HASHED", 0)
    memo = {"a": 1, "b": 2}
    judged = FileVerdict("a.json", verify_bundle(sealed(small_bundle({"workflow.memo": memo}), checksum="0" * 64)))
    assert "given up at its bound" in shown(judged)


# --- hostile text ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "judged",
    [
        FileVerdict(HOSTILE, OK),
        FileVerdict(HOSTILE, problem=UnreadableInput(HOSTILE, next_step="Check it.")),
        of({"workflow.instance_id": HOSTILE}),
        of({"workflow.workflow_type": HOSTILE}),
        of({"workflow.status": HOSTILE}),
        of({"schema": HOSTILE}),
        of({"tasks.0.status": "leased", "tasks.0.lease_owner": HOSTILE, "tasks.0.id": HOSTILE}),
        of({"tasks": {HOSTILE: {"id": "t", "type": "workflow", "status": "leased"}}}),
        of({"history_events": {HOSTILE: "x"}}),
        of({"workflow.memo": {HOSTILE: "x" * 20_000}}),
        of({"signals.0.arguments": {"external_storage": {"uri": f"s3://{HOSTILE}"}}}),
        FileVerdict("a", verify_bundle(with_top_level_key(sealed(small_bundle()), b'"\\u001b[31m[bold]":1'))),
        FileVerdict("a", OK, foreseen=(found("set.link_shared", other=HOSTILE),)),
    ],
)
def test_no_text_of_a_document_steers_the_terminal(judged: FileVerdict) -> None:
    text = shown(judged)
    allowed = {"\n"}
    assert [character for character in text if not character.isprintable() and character not in allowed] == []
    if "[bold]" in (judged.file + str(judged.problem)):
        assert "[bold]x[/bold]\\x1b[31m\\x9b1m\\u202e\\x0d\\n\\x07:smile:" in text


def test_on_a_terminal_only_our_own_colours_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    leader, follower = pty.openpty()
    try:
        with os.fdopen(follower, "w", encoding="utf-8") as terminal:
            table = VerdictTable(1)
            table.add(of({"workflow.instance_id": HOSTILE, "tasks.0.status": "leased"}))
            table.show(terminal)
        sent = os.read(leader, 100_000).decode()
    finally:
        os.close(leader)
    assert "[bold]x[/bold]" in sent.replace("\r\n", "")
    assert "\x1b[31mred" not in sent
    assert "\x9b" not in sent
    assert "\u202e" not in sent


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_names_the_folder_once_and_breaks_no_file_name(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    files = ["exports/running-ready-activity-task-order-2002.json", "exports/refused-leased-1.json"]
    table, stream = VerdictTable(2), Terminal()
    for file, verdict in zip(files, (OK, REFUSED), strict=True):
        table.add(FileVerdict(file, verdict))
    table.show(stream)
    assert stream.seen[0] == "in exports/"
    assert stream.seen[2].split()[:2] == ["ok", "running-ready-activity-task-order-2002.json"]
    assert "tasks.leased_task_present" in stream.seen[3]
    assert stream.seen[4].startswith("no room for: instance")


def test_long_ids_are_folded_and_never_cut() -> None:
    identity = "x" * 500
    text = shown(of({"workflow.instance_id": identity}))
    assert text.count("x") >= 500
    assert "…" not in text


def test_the_bounds_are_those_that_the_table_promises() -> None:
    assert console_verdicts.MOST_DETAILED <= console_verdicts.MOST_ROWS
