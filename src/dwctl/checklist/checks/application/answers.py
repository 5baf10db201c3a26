"""The answers of `embedded check` as findings of the gate: ids and evidence as they are, steps by cutover.toml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from dwctl.checklist.gate.check import Evidence, Finding, State
from dwctl.embedded import check_rows as rows
from dwctl.embedded.check_queries import SAY_SINCE
from dwctl.embedded.check_results import Answer, CheckResult, CheckRow
from dwctl.typed_commands import command_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from dwctl.checklist.description.described import Described
    from dwctl.checklist.facts.world import World


class Moment(NamedTuple):
    """The moment of cutover.toml that a check asks about: its key, and the step where nobody wrote it."""

    key: str
    of: Callable[[Described], str | None]
    unset: str


AVRO_SINCE: Final = Moment(
    "avro_since",
    lambda described: described.avro_since,
    "Set avro_since under [cutover] of cutover.toml: when the serializer was avro and the last worker was restarted.",
)
PAUSED_SINCE: Final = Moment(
    "starters_paused_since",
    lambda described: described.starters_paused_since,
    "Pause the embedded starters, and set starters_paused_since under [cutover] of cutover.toml: when that was.",
)

_BY_STRATEGY: Final = (rows.V1.id, rows.UPGRADE.id)
_BY_TYPE: Final = (rows.STARTERS.id, rows.SCHEDULES.id)
_LET_READ: Final = (
    "Let dwctl's user of the database read it; where this version of the library has no such table, attest the item."
)
_MENDED: Final = (Answer.PASS, Answer.SKIPPED)


def answer(world: World, row: CheckRow, id_: str, moment: Moment | None) -> Finding:
    """What the embedded application answered to the check of a row; raises what asking it raised.

    `id_` is the gate's own id of it: where a person has to write a moment first, the gate is asked again.
    """
    result = world.embedded()[row.id]
    at = world.now()
    evidence = tuple(Evidence(one.asked, one.found, at) for one in result.evidence)
    return Finding(
        State(result.answer.value),
        result.said,
        result.ids,
        result.ids_are,
        result.count,
        evidence or (Evidence(row.needs, result.said, at),),
        _next_step(result, moment),
        None if result.answer in _MENDED else _command(world.described, result, id_, moment),
    )


def in_words_of_cutover(text: str, moment: Moment | None) -> str:
    """A text of `embedded check`, with the keys of cutover.toml for its options."""
    said = text.replace("--v1 coexist", 'v1 = "coexist" in cutover.toml')
    if moment is None:
        return said
    return said.replace("--since", f"{moment.key} in cutover.toml").replace("the given moment", moment.key)


def _next_step(result: CheckResult, moment: Moment | None) -> str | None:
    if result.answer is Answer.SKIPPED:
        return "Set artisan under [embedded] of cutover.toml."
    if result.next_step is None:
        return _LET_READ if result.answer is Answer.UNKNOWN else None
    if moment is not None and result.next_step == SAY_SINCE:
        return moment.unset
    return in_words_of_cutover(result.next_step, moment)


def _command(described: Described, result: CheckResult, id_: str, moment: Moment | None) -> str:
    """The same question with its evidence; the gate's own where an answer waits for cutover.toml."""
    if result.next_step == SAY_SINCE:
        return command_line("dwctl", "checklist", "--only", id_)
    words = ["dwctl", "embedded", "check", "--only", result.row.id]
    if result.row.id in _BY_STRATEGY:
        words += ["--v1", described.v1.value]
    if moment is not None and (since := moment.of(described)) is not None:
        words += ["--since", since]
    if result.row.id in _BY_TYPE:
        words += [word for name in sorted(described.types) for word in ("--type", name)]
    if result.row.id == rows.BOTH.id and described.ledger.is_file():
        words += ["--ledger", str(described.ledger)]
    return command_line(*words, "-v")
