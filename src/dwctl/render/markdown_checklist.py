"""The table of the gate's checks as a page of the documentation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from dwctl.checklist.gate.check import Check, Severity
from dwctl.checklist.gate.items import ITEMS, Phase

_MEANS: Final = {Severity.REQUIRED: "required", Severity.ADVICE: "advice: told, and shuts nothing"}
_HEAD: Final = """\
<!-- Written by `dwctl checklist list --output markdown`; do not edit. -->
# The checks of the gate

`dwctl checklist` asks these checks, in the phases of the migration guide. Each answers pass, warn, fail, unknown,
waived or skipped, with what was asked, what came back and when. A required check that fails or is unknown keeps the
gate shut. Any id here is good for `--only`, `--skip`, `dwctl checklist waive` and `dwctl explain`; for the first two
so are the numbers of the items and the categories.
"""


def checks_page(checks: Sequence[Check]) -> str:
    """The page: a heading a phase and an item, a table of its checks, and what to do where one does not pass."""
    return "\n".join([_HEAD, *_lines(checks)])


def _lines(checks: Sequence[Check]) -> Iterator[str]:
    for phase in Phase:
        yield f"## {phase.letter}. {phase.value.capitalize()}\n"
        for item in ITEMS:
            if of := [check for check in checks if check.item == item.number and check.phase is phase]:
                yield f"### {item.number}. {item.name.capitalize()}\n\n{item.meaning}\n"
                yield from _table(of)


def _table(checks: Sequence[Check]) -> Iterator[str]:
    yield "| check | category | passes where | severity | needs | after |\n| --- | --- | --- | --- | --- | --- |"
    for check in checks:
        needs = ", ".join(need.value for need in check.needs)
        after = ", ".join(f"`{name}`" for name in check.after)
        cells = (f"`{check.id}`", check.category, _sentence(check.meaning), _MEANS[check.severity], needs, after)
        yield f"| {' | '.join(_cell(cell) for cell in cells)} |"
    yield ""
    for check in checks:
        waiting = "" if check.becomes_true else " Waiting does not help."
        told = f"{_sentence(check.why)} {_sentence(check.fix)} Evidence: {_text(check.evidence).removesuffix('.')}."
        yield f"- `{check.id}`: {told}{waiting}"
    yield ""


def _cell(text: str) -> str:
    return _text(text).replace("|", "\\|") or "-"


def _text(text: str) -> str:
    return " ".join(text.split())


def _sentence(text: str) -> str:
    plain = _text(text)
    return f"{plain[:1].upper()}{plain[1:].removesuffix('.')}."
