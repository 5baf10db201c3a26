"""The gate on a terminal and in a pipe: every state in a word, and nothing from outside let loose."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import pytest

from dwctl.checklist.gate.check import Check, Severity, State
from dwctl.checklist.gate.comparison import Change, Comparison, Kind
from dwctl.checklist.gate.items import Phase
from dwctl.checklist.gate.results import Attestation, GateResult, Result, Waiver
from dwctl.checklist.gate.selection import Selection
from dwctl.checklist.gate.table import CHECKS
from dwctl.errors import ServerUnreachable
from dwctl.render.console_checklist import show_checks, show_gate, show_record
from dwctl.render.console_checklist_live import Lines, Screen, live_screen
from dwctl.render.markdown_checklist import checks_page
from gate_doubles import NOW, check, gate, result

PASS, WARN, FAIL, UNKNOWN, WAIVED, SKIPPED = State
ATTESTED = Attestation(1, "Ana", "v1 is empty", NOW, "v1.txt", "00", None)
WAIVER = Waiver("a.waived", "mended on Monday", "ops", NOW, "2026-12-01T00:00:00.000000Z")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(found: GateResult, stream: io.StringIO | None = None, **more: Any) -> str:
    stream = stream or io.StringIO()
    show_gate(found, stream, **more)
    return stream.getvalue()


def some() -> GateResult:
    waived = replace(result(check("a.waived", item=2), WAIVED), measured=FAIL, waived=WAIVER)
    attested = replace(result(check("v1.drained", item=1), PASS), measured=UNKNOWN, attested=ATTESTED)
    out = replace(result(check("z.late", item=12), SKIPPED, "left out by --phase deploy"), left_out=True)
    broken = result(
        check("server.clock"), FAIL, "the clocks differ by 90 s", ids=tuple(f"run-{one}" for one in range(5)), count=9,
        next_step="Mend the clock.", command="dwctl health --server http://localhost:8080",
    )  # fmt: skip
    hint = result(check("server.hint", severity=Severity.ADVICE), UNKNOWN, "nobody knows", next_step="Ask.")
    return gate(
        attested, waived, result(check(), PASS, "it answers"), broken, hint, out,
        result(check("w.a", item=6, due=Phase.STARTS), WARN, "look"), complaints=("the waiver of x expired",),
        notes=("not needed",),
    )  # fmt: skip


def test_the_whole_result_by_phase_and_item() -> None:
    assert (
        shown(some()).splitlines()
        == """\
Cutover orders  production at http://localhost:8080

A  prepare
  pass      1 v1  v1 runs are drained, or stay on the v1 engine on purpose.
      pass     v1.drained  so it is
              measured unknown. Attested by Ana on 2026-11-23: v1 is empty; evidence: v1.txt
  waived    2 type keys  wanted: Runs, bundles and workers name types by stable keys, not by PHP classes.
      waived   a.waived  so it is
              measured fail. Waived by ops on 2026-11-23, until 2026-12-01: mended on Monday

B  deploy
  fail      4 server  wanted: The server is healthy and fits, seen from this network.
      pass     server.health  it answers
      fail     server.clock   the clocks differ by 90 s
              runs: run-0, run-1, run-2 and 6 more
              next: Mend the clock.
              $ dwctl health --server http://localhost:8080
      unknown  server.hint    nobody knows  (advice)
              next: Ask.

C  workers
  warn      6 workers  wanted: Workers are alive on the expected queues, with every type that is needed.
      warn     w.a  look  (due in starts)

F  close  1 check left out by --phase deploy

  does not count: the waiver of x expired

  note: not needed
""".splitlines()
        + shown(some()).splitlines()[-4:]
    )
    assert "The gate is shut" in shown(some())
    assert "1 check left out by this run's own options" in shown(some())
    assert shown(some()).splitlines()[-1] == "  in the way: server.clock"


def test_verbose_shows_the_evidence_and_every_check() -> None:
    text = shown(some(), verbose=True)
    assert text.count(f"asked GET /x: 200 ({NOW})") == 7
    assert "z.late  left out by --phase deploy" in text


def test_a_green_gate_says_so_last() -> None:
    assert shown(gate(result(check(), PASS))).splitlines()[-1].startswith("The gate is open: ")


def test_the_same_next_step_is_told_once_a_row_of_checks() -> None:
    rows = [result(check(f"a.c{one}"), UNKNOWN, "no server", next_step="Name one.") for one in range(3)]
    text = shown(gate(*rows, result(check("a.d"), UNKNOWN, "no server", next_step="Another.")))
    text = text[: text.index("The gate is shut")]
    assert (text.count("Name one."), text.count("Another.")) == (1, 1)


def test_what_only_waits_for_another_has_no_step_of_its_own_and_a_cause_is_told_once() -> None:
    command = "dwctl namespace ensure x"
    rows = [
        result(check("a.first"), FAIL, "no such namespace", next_step="Create it.", command=command),
        result(check("a.blocked"), UNKNOWN, "not asked: a.first does not pass", next_step=None, command=command),
        *(result(check(f"a.l{one}"), UNKNOWN, "the ledger is damaged", next_step="Put back a copy.",
                 command=f"dwctl checklist --only a.l{one}") for one in range(3)),
        result(check("a.late"), UNKNOWN, "not asked: a.l0 does not pass", next_step=None,
               command="dwctl checklist --only a.l0"),
    ]  # fmt: skip
    text = shown(gate(*rows))
    body, verdict = text.split("The gate is shut")
    assert [body.count(one) for one in ("Create it.", command, "Put back a copy.", "$ dwctl checklist --only")] == [
        1
    ] * 4
    assert "  first: a.first: no such namespace\n  next: Create it.\n  $ dwctl namespace ensure x\n" in verdict
    assert body.count("the ledger is damaged") == 3


def test_a_terminal_folds_under_the_sentence_says_the_same_once_and_keeps_commands_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    command = "dwctl namespace ensure production --server http://127.0.0.1:8080 --namespace production"
    rows = [result(check(f"a.c{one}"), FAIL, "the namespace is not on this server, which has default",
                   next_step="Create it.", command=command) for one in range(2)]  # fmt: skip
    text = re.sub("\x1b\\[[0-9;]*m", "", shown(gate(*rows), Terminal()))
    assert (
        """\
      fail     a.c0  the namespace is not on this server,
                     which has default
      fail     a.c1  as above
              next: Create it.
"""
        in text
    )
    assert f"$ {command}\n" in text


def test_after_an_open_phase_the_next_one_is_named_and_the_gate_is_not_called_open_as_a_whole() -> None:
    out = "left out by --phase deploy"
    rest = [replace(result(check(f"{phase}.x", item=4, due=phase), SKIPPED, out), left_out=True)
            for phase in Phase if phase is not Phase.DEPLOY]  # fmt: skip
    lines = shown(gate(result(check(), PASS), *rest)).splitlines()
    assert lines[-3].startswith("The gate is open as far as it was asked: 1 of 6 checks pass")
    assert lines[-1] == "  next phase: dwctl checklist --phase workers"
    part = replace(result(check("server.clock"), SKIPPED, "left out by --skip"), left_out=True)
    assert not shown(gate(result(check(), PASS), part, *rest)).splitlines()[-1].startswith("  next phase")


def selected(*phases: Phase, **words: tuple[str, ...]) -> GateResult:
    """A run of the whole table in which everything that is asked is unknown."""
    chosen = Selection(phases, **words)
    return gate(*(
        result(one, UNKNOWN, "no server") if (why := chosen.why_left_out(one)) is None
        else replace(result(one, SKIPPED, why), left_out=True)
        for one in CHECKS
    ))  # fmt: skip


@pytest.mark.parametrize("phase", [None, *Phase])
@pytest.mark.parametrize("words", [*map(str, range(1, 13)), "types.runs"])
@pytest.mark.parametrize("option", ["only", "skip"])
def test_every_choice_of_phase_and_item_is_told(phase: Phase | None, words: str, option: str) -> None:
    found = selected(*([] if phase is None else [phase]), **{option: (words,)})
    told = shown(found)
    assert all(f"\n{one.letter}  {one.value}" in told for one in Phase)
    for why in {one.finding.said for one in found.results if one.left_out}:
        assert why in told


def test_what_is_left_out_for_different_reasons_says_each() -> None:
    lines = shown(selected(Phase.PREPARE, only=("types.runs",))).splitlines()
    item = next(number for number, line in enumerate(lines) if "2 type keys" in line)
    skipped = [line for line in lines[item:] if line.startswith("      skipped")]
    assert [line.rpartition(": ")[2] for line in skipped[:2]] == ["left out by --only", "left out by --phase prepare"]
    assert "F  close  " in next(line for line in lines if line.startswith("F"))


def test_many_in_the_way_are_counted() -> None:
    text = shown(gate(*(result(check(f"a.c{one}"), FAIL) for one in range(25))))
    assert text.splitlines()[-1].endswith("a.c9 and 15 more")


def test_a_comparison_stands_before_the_verdict() -> None:
    changes = (
        Change(Kind.FAILING, "a.b", PASS, FAIL, "good", "bad"),
        Change(Kind.GONE, "a.c", PASS, None, "good", None),
        Change(Kind.SENTENCE, "a.d", FAIL, FAIL, "3 left", "2 left"),
        *(Change(Kind.STATE, f"b.{one}", PASS, SKIPPED, "good", "left out by --phase deploy") for one in range(9)),
    )
    text = shown(some(), comparison=Comparison("last.json", NOW, True, changes, "the earlier result is of server x"))
    assert f"Since the earlier run last.json ({NOW}, the gate was open)" in text
    assert "newly failing   a.b  pass -> fail: bad" in text
    assert "gone            a.c  pass: good" in text
    assert "other sentence  a.d  fail: 2 left (was: 3 left)" in text
    assert "not asked now   9 checks left out by --phase deploy" in text
    assert "note: the earlier result is of server x" in text
    assert "nothing changed" in shown(some(), comparison=Comparison("last.json", NOW, False, ()))


HOSTILE = "\x1b[2J\u202e[bold]x[/bold]\nnext: rm -rf /"


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_text_from_outside_steers_nothing(stream: type[io.StringIO], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    hostile = result(check(), FAIL, HOSTILE, ids=(HOSTILE,), count=1, next_step=HOSTILE, command=HOSTILE)
    waived = replace(hostile, waived=Waiver(HOSTILE, HOSTILE, HOSTILE, NOW, NOW))
    found = gate(waived, complaints=(HOSTILE,), notes=(HOSTILE,))
    found = replace(found, name=HOSTILE, server=HOSTILE, namespace=HOSTILE)
    changes = (Change(Kind.FAILING, HOSTILE, PASS, FAIL, HOSTILE, HOSTILE),)
    text = shown(found, stream(), verbose=True, comparison=Comparison(HOSTILE, HOSTILE, True, changes, HOSTILE))
    lines, told = stream(), stream()
    Lines(lines).ended(waived, None)
    show_record(HOSTILE, waived.waived or WAIVER, told)
    for printed in (text, lines.getvalue(), told.getvalue()):
        plain = re.sub("\x1b\\[[0-9;]*m", "", printed)
        assert "\x1b" not in plain
        assert "\u202e" not in plain
        assert "[bold]x[/bold]" in plain
        assert "\nnext: rm" not in plain


# --- while it runs -------------------------------------------------------------------------------------------


def test_a_pipe_gets_a_line_an_answer_and_in_a_wait_only_changes() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    first = result(check(), FAIL, "no")
    lines.ended(first, None)
    lines.ended(replace(first, left_out=True), None)
    lines.waits([first], 30.0)
    lines.waits([first], 29.5)
    lines.ended(first, first)
    lines.missed(ServerUnreachable("refused"))
    lines.ended(result(check(), PASS, "yes"), first)
    assert stream.getvalue().splitlines() == [
        "fail     server.health: no",
        "waiting, 30 s at most, for server.health",
        "no answer, trying again: refused",
        "pass     server.health: yes (was fail)",
    ]


def test_an_attested_answer_says_whose_word_it_is_beside_what_was_measured() -> None:
    stream = io.StringIO()
    Lines(stream).ended(replace(result(check(), PASS, "nobody knows"), measured=UNKNOWN, attested=ATTESTED), None)
    assert stream.getvalue() == "pass     server.health: nobody knows (attested by Ana)\n"


def drawn(screen: Screen, height: int) -> list[str]:
    return [str(line).rstrip() for line in screen.drawing(height).renderables]


TABLE = [check("v1.drained", item=1), check(), check("server.clock"), check("imports.there", item=11)]


def test_a_terminal_shows_every_phase_and_the_seconds_of_what_is_asked() -> None:
    now = [10.0]
    screen = Screen(TABLE, lambda: now[0])
    screen.ended(result(TABLE[0], PASS, "none"), None)
    screen.began(TABLE[1])
    now[0] = 13.25
    assert drawn(screen, 24) == [
        "A  prepare  1 pass",
        "  pass     v1.drained  none",
        "B  deploy  2 to come",
        "  asking   server.health  3.2 s",
        "           server.clock",
        "E  import  1 to come",
        "           imports.there",
        "",
    ]
    screen.ended(result(TABLE[1], FAIL, "no"), None)
    screen.waits([result(TABLE[1], FAIL)], 20.0)
    assert drawn(screen, 24)[3] == "  fail     server.health  no"
    assert drawn(screen, 24)[-1] == "waiting, 20 s at most, for 1 check"
    screen.missed(ServerUnreachable("refused"))
    assert drawn(screen, 24)[-1] == "no answer, trying again: refused"
    screen.reads(1_234, 10_000, "verifying")
    assert drawn(screen, 24)[-1] == "verifying: 1,234 of 10,000"
    screen.reads(10_000, 10_000, "verifying")
    assert drawn(screen, 24)[-1] == ""


def test_a_small_terminal_shows_what_matters() -> None:
    screen = Screen(TABLE, lambda: 0.0)
    screen.ended(result(TABLE[0], PASS), None)
    screen.ended(result(TABLE[1], FAIL, "no"), None)
    rows = drawn(screen, 9)
    assert rows == ["A  prepare  1 pass", "B  deploy  1 fail, 1 to come", "  fail     server.health  no",
                    "E  import  1 to come", ""]  # fmt: skip
    bad = Screen([check(f"a.c{one}") for one in range(20)] + [TABLE[3]], lambda: 0.0)
    for number in range(20):
        bad.ended(result(check(f"a.c{number}"), FAIL, "no"), None)
    bad.began(TABLE[3])
    assert drawn(bad, 12) == ["B  deploy  20 fail", *(f"  fail     a.c{one}  no" for one in range(5)),
                              "E  import  1 to come", "  asking   imports.there  0.0 s",
                              "  and 15 more that are not good", ""]  # fmt: skip
    many = Screen(CHECKS, lambda: 0.0)
    for one in CHECKS:
        many.began(one)
    assert len(drawn(many, 12)) == 10


def test_the_drawing_is_taken_away_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with live_screen(TABLE, lambda: 0.0, stream) as screen:
        screen.began(TABLE[0])
    assert "\x1b[?25l" in stream.getvalue()
    assert stream.getvalue().rfind("\x1b[?25h") > stream.getvalue().rfind("\x1b[?25l")


# --- the table -----------------------------------------------------------------------------------------------


def test_the_list_has_every_check() -> None:
    stream = io.StringIO()
    show_checks(CHECKS, stream)
    assert [line.split()[0] for line in stream.getvalue().splitlines()[1:]] == [one.id for one in CHECKS]


def test_on_a_narrow_terminal_the_list_has_no_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    show_checks(CHECKS, stream)
    lines = re.sub("\x1b\\[[0-9;]*m", "", stream.getvalue()).splitlines()
    assert "v1.drained  item 1, prepare, application, required; needs embedded" in lines
    assert max(map(len, lines)) <= 80


def test_the_page_has_every_check_under_its_phase_and_item() -> None:
    rows: list[Check] = [*TABLE, check("w.late", item=1, due=Phase.CLOSE, meaning="a | b", becomes_true=False)]
    page = checks_page(rows)
    assert page.index("## A. Prepare") < page.index("| `v1.drained`") < page.index("## B. Deploy")
    assert page.index("## F. Close") < page.index("| `w.late`")
    assert "A \\| b" in page
    assert "Waiting does not help." in page
    assert page.count("### 1. V1") == 2


def test_a_result_is_not_changed_by_being_shown() -> None:
    one: Result = result(check(), FAIL)
    assert shown(gate(one)) == shown(gate(one))
