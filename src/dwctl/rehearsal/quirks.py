"""Where today's server differs from what the migration guide promises, or from what a client would expect.

Each quirk is a row with the place in the contract that tells of it. A profile is the set of those that are on:
`measured` behaves as the server that was measured, `guide` as the guide promises.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from dwctl.errors import RequestNotPossible


class Q(StrEnum):
    """The quirks by id."""

    JSON_BODY_REWRITTEN = "json-body-rewritten"
    BODY_LIMIT_FOR_IMPORTS = "body-limit-for-imports"
    EMPTY_MAP_IS_LIST = "empty-map-is-list"
    ZERO_FRACTION_LOST = "zero-fraction-lost"
    NAMESPACE_CASE_FOLDED = "namespace-case-folded"
    NAMESPACE_DEFAULTED = "namespace-defaulted"
    STALE_WORKERS_LISTED = "stale-workers-listed"
    DUPLICATE_START_RECORDED = "duplicate-start-recorded"
    CONTENTION_IS_REJECTION = "contention-is-rejection"
    DRY_RUN_CHECKS_NO_CONSTRAINTS = "dry-run-checks-no-constraints"
    IMPORT_MARKERS_HIDDEN = "import-markers-hidden"
    REDACTED_BUNDLES_IMPORTED = "redacted-bundles-imported"
    UNKNOWN_ROWS_DROPPED = "unknown-rows-dropped"
    TIMERS_WAIT_FOR_REPAIR = "timers-wait-for-repair"
    SIGNALS_NEED_A_DECLARATION = "signals-need-a-declaration"
    OLD_RUNS_PRUNED = "old-runs-pruned"
    UNREADABLE_PAYLOAD_IS_500 = "unreadable-payload-is-500"
    IMPORTED_METADATA_HIDDEN = "imported-metadata-hidden"
    RECORDED_MEMOS_WRAPPED = "recorded-memos-wrapped"
    TIMEOUTS_WAIT_FOR_REPAIR = "timeouts-wait-for-repair"


@dataclass(frozen=True, slots=True)
class Quirk:
    """A quirk: where the contract tells of it, what it does, and whether the `guide` profile has it too."""

    id: Q
    contract: str
    does: str
    in_guide: bool


QUIRKS: tuple[Quirk, ...] = (
    Quirk(Q.JSON_BODY_REWRITTEN, "import.md §4.1", "strings of a JSON body are trimmed, and empty ones become null, "
          "unless the media type is not written in lower case", in_guide=False),
    Quirk(Q.BODY_LIMIT_FOR_IMPORTS, "import.md §4.2", "the body limit of 2 MiB holds for imports too", in_guide=True),
    Quirk(Q.EMPTY_MAP_IS_LIST, "server.md §1", "an empty object is answered as []", in_guide=True),
    Quirk(Q.ZERO_FRACTION_LOST, "import.md §5", "1.0 is answered as 1, in history exports too", in_guide=True),
    Quirk(Q.NAMESPACE_CASE_FOLDED, "server.md §1", "names of namespaces are folded to lower case", in_guide=True),
    Quirk(Q.NAMESPACE_DEFAULTED, "server.md §1", "a missing X-Namespace means the namespace default", in_guide=True),
    Quirk(Q.STALE_WORKERS_LISTED, "server.md §4", "workers whose heartbeat is old stay in lists", in_guide=False),
    Quirk(Q.DUPLICATE_START_RECORDED, "server.md §5", "a rejected duplicate start is written into the history of the "
          "run that has the id", in_guide=True),
    Quirk(Q.CONTENTION_IS_REJECTION, "import.md §4.4", "an import that meets a locked database is answered 422 "
          "target.write_failed; later servers say 503 backend_lock_pressure", in_guide=False),
    Quirk(Q.DRY_RUN_CHECKS_NO_CONSTRAINTS, "import.md §4.3", "a dry run does not look for rows that the import would "
          "collide with", in_guide=True),
    Quirk(Q.IMPORT_MARKERS_HIDDEN, "import.md §4.8", "no response shows engine_source, import_source, import_id, "
          "import_dedupe_key or imported_at", in_guide=False),
    Quirk(Q.REDACTED_BUNDLES_IMPORTED, "import.md §3", "a redacted bundle is imported with its payloads masked",
          in_guide=False),
    Quirk(Q.UNKNOWN_ROWS_DROPPED, "import.md §3", "rows of an unknown type or status are dropped in silence",
          in_guide=False),
    Quirk(Q.TIMERS_WAIT_FOR_REPAIR, "server.md §6", "due timers of imported runs wait for a repair pass",
          in_guide=False),
    Quirk(Q.SIGNALS_NEED_A_DECLARATION, "server.md §6", "a signal that the type of an imported run does not declare is "
          "404 rejected_unknown_signal", in_guide=True),
    Quirk(Q.OLD_RUNS_PRUNED, "import.md §4.6", "a worker heartbeat prunes closed runs older than the retention, "
          "imported ones too", in_guide=True),
    Quirk(Q.UNREADABLE_PAYLOAD_IS_500, "server.md §5", "a start whose payload does not decode, and a describe that "
          "cannot show one, are answered 500 without a reason; otherwise 422, and null beside the envelope",
          in_guide=False),
    Quirk(Q.IMPORTED_METADATA_HIDDEN, "server.md §5", "lists and describe show no memo and no search attribute of an "
          "imported run (recordings 227, 307)", in_guide=False),
    Quirk(Q.RECORDED_MEMOS_WRAPPED, "server.md §7", "a memo that the history has as plain JSON reaches workers of "
          "protocol 1.19 and later as a payload, which is what they compare", in_guide=True),
    Quirk(Q.TIMEOUTS_WAIT_FOR_REPAIR, "server.md §6", "timeouts of activities and deadlines of runs are enforced by a "
          "repair pass only", in_guide=False),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Profile:
    """How the server behaves: the quirks that are on."""

    name: str
    quirks: frozenset[Q]

    def has(self, quirk: Q) -> bool:
        """Whether a quirk is on."""
        return quirk in self.quirks

    def but(self, *, on: Iterable[Q] = (), off: Iterable[Q] = ()) -> Profile:
        """This profile with some quirks switched."""
        return Profile(self.name, (self.quirks | frozenset(on)) - frozenset(off))


MEASURED = Profile("measured", frozenset(Q))
GUIDE = Profile("guide", frozenset(quirk.id for quirk in QUIRKS if quirk.in_guide))


def profile_named(name: str) -> Profile:
    """The profile of that name; raises `RequestNotPossible` for another name."""
    for profile in (MEASURED, GUIDE):
        if profile.name == name:
            return profile
    raise RequestNotPossible(
        f"there is no profile {name!r}", next_step="use measured (today's server) or guide (what the guide promises)"
    )
