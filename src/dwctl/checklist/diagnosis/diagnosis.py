"""Why a run does not do what somebody expects: rows with a predicate over the facts, and the one that decides.

`table.DIAGNOSES` has the rows in the order of their certainty; the first cause that is found is the
sentence, and everything that matches is listed. What nobody could be asked is never taken for good.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from dwctl.errors import ExitCode
from dwctl.typed_commands import command_line

if TYPE_CHECKING:
    from dwctl.checklist.diagnosis.facts import Facts
    from dwctl.errors import DwctlError


class Says(StrEnum):
    """What a row means for the run.

    `cause`: why it does not go on, or does not answer. `unanswered`: the server could not be asked, and nothing
    else tells. `right`: it moves, rests or has ended as it should. `note`: worth knowing, and decides nothing.
    """

    CAUSE = "cause"
    UNANSWERED = "unanswered"
    RIGHT = "right"
    NOTE = "note"


_RANK: Final = {says: rank for rank, says in enumerate(Says)}


class Symptom(StrEnum):
    """What a person sees, in the words of the guide's troubleshooting table."""

    HEADERS = "missing_control_plane_version or missing_protocol_version"
    NAMESPACE = "namespace_not_found"
    NO_TASK = "worker polls return no task"
    CODEC = "payload cannot be decoded by a non-PHP worker"
    NO_ANSWER = "does not respond to signal, query or update"
    LEASED = "import rejects tasks.leased_task_present"
    ALREADY = "import returns already_imported"
    NOT_CLAIMED = "visible but not claimed"
    NOT_IMPORTED = "not on the server"
    STANDS = "does not go on"
    UNREACHED = "the server does not answer"


class Seen(NamedTuple):
    """What a row saw: a sentence on this run, and values for the row's command."""

    told: str
    values: Mapping[str, str | None] = {}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One row. `find` sees it in the facts, or does not; `command` is the next one to type, with names in braces.

    The names are those of the facts (`id`, `run`, `queue`, `type`, `file`, `namespace`, `options`) and of what
    was seen. `meaning`, `why` and `fix` are what `dwctl explain` prints.
    """

    id: str
    says: Says
    symptom: Symptom
    meaning: str
    why: str
    fix: str
    find: Callable[[Facts], Seen | None]
    command: str


@dataclass(frozen=True, slots=True)
class Match:
    """A row that fits this run, with its sentence and its command, ready to be typed."""

    row: Diagnosis
    told: str
    command: str


NOT_KNOWN: Final = "diagnose.not_known"
NOBODY_KNOWS: Final = "diagnose.nobody_knows"


@dataclass(frozen=True, slots=True)
class DiagnosisResult:
    """Everything that fits, in the order of the table, and the one that decides."""

    facts: Facts
    matches: tuple[Match, ...]

    @property
    def decided(self) -> Match:
        """The first cause; else the first that says why nobody answers; else the first that says what is right."""
        return min(self.matches, key=lambda match: _RANK[match.row.says])

    @property
    def failure(self) -> DwctlError | None:
        """Why the server could not be asked for the run; else the first question that has no answer."""
        return self.facts.failure or next(iter(self.facts.failures), None)

    @property
    def exit_code(self) -> ExitCode:
        """0: nothing is wrong. 1: a cause, or none is known. 5: nobody knows the id. Else what failed first.

        Where a source failed, neither "it is right" nor "nobody knows it" is said by the others alone.
        """
        row, failure = self.decided.row, self.failure
        if row.id in (NOT_KNOWN, NOBODY_KNOWS) or row.says in (Says.RIGHT, Says.UNANSWERED):
            if failure is not None:
                return failure.exit_code
            if row.id == NOBODY_KNOWS:
                return ExitCode.NOT_FOUND
        return ExitCode.DONE if row.says is Says.RIGHT else ExitCode.NO


def diagnose(facts: Facts, rows: Sequence[Diagnosis]) -> DiagnosisResult:
    """Every row that fits these facts. The last row of the table fits where no other decides."""
    found: list[Match] = []
    for row in rows:
        if row.id == NOT_KNOWN and any(match.row.says is not Says.NOTE for match in found):
            continue
        seen = row.find(facts)
        if seen is not None:
            found.append(Match(row, seen.told, _typed(row.command, facts, seen.values)))
    return DiagnosisResult(facts, tuple(found))


def _typed(template: str, facts: Facts, values: Mapping[str, str | None]) -> str:
    """The command with real values, quoted for a shell."""
    side = next(iter(facts.sides.values()), None)
    known: dict[str, str | None] = {
        "id": facts.instance_id or facts.wanted,
        "run": facts.run_id,
        "queue": None if side is None else side.queue,
        "type": None if side is None else side.workflow_type,
        "namespace": facts.namespace,
        "file": None if facts.bundle is None else facts.bundle.file,
        "server": facts.server,
        **values,
    }
    words = {name: command_line(value or name.upper()) for name, value in known.items()}
    if words["id"].startswith("-"):
        # No option follows it in any command, so that it can be kept from being one.
        words["id"] = f"-- {words['id']}"
    return template.format_map({**words, "options": facts.options, "ledger_option": facts.ledger_option})
