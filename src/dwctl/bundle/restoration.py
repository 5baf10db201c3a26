"""Naming the cause of a checksum mismatch, and mending it where the recorded checksum proves the repair.

Two commands are known to change what they hashed (contract/import.md §5): the export command, and every
export over HTTP, writes `12.0` as `12`; `dw workflow:history-export` adds a top-level key. A document with
the fraction back, or the key gone, whose recomputed checksum equals the recorded one is what was exported:
the equality is the proof. What cannot be proven is called edited or damaged, and left alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, combinations, dropwhile

from dwctl.bundle.canonical import Document, JsonValue, decode, sealed_part, sha256_hex
from dwctl.bundle.loose import entries, field, string
from dwctl.bundle.php_encode import php_float
from dwctl.bundle.splice import Step, remove_key, replace_values
from dwctl.errors import NotRepairable

MOST_HASHED = 512 << 20
"""Bytes of canonical text that one search may hash before it gives up; about half a second."""

MOST_GROUPS = 14
"""How many numbers a search tries in every combination; beyond, only the likely combinations are tried."""

KNOWN_KEYS = frozenset(
    """
    schema schema_version exported_at dedupe_key history_complete workflow payloads summary selected_run
    history_events waits timeline linked_intakes_scope linked_intakes commands signals updates tasks activities
    timers failures links redaction codec_schemas payload_manifest integrity
    """.split()
)
"""The top-level keys that the export command writes."""


class Cause(StrEnum):
    """Why a recomputed checksum differs from the recorded one."""

    LOST_ZERO_FRACTIONS = "lost_zero_fractions"
    ADDED_TOP_LEVEL_KEY = "added_top_level_key"
    ADDED_KEY_AND_LOST_FRACTIONS = "added_top_level_key_and_lost_zero_fractions"
    EDITED_OR_DAMAGED = "edited_or_damaged"


@dataclass(frozen=True, slots=True)
class Restoration:
    """The outcome of a search: what was changed and how to undo it, or that no cause is proven.

    `restored_paths` are the JSON paths of numbers whose fraction was lost; `tried` counts the documents whose
    checksum was computed; `gave_up` says that the search was bounded before it had tried everything.
    """

    cause: Cause
    proven: bool
    checksum: str
    removed_keys: tuple[str, ...] = ()
    restored_paths: tuple[str, ...] = ()
    tried: int = 0
    gave_up: bool = False
    fractions: tuple[tuple[tuple[Step, ...], str], ...] = ()


def explain_mismatch(document: Document) -> Restoration | None:
    """Search for the cause of a checksum mismatch; None where no sha256 checksum is recorded."""
    expected = string(field(document.value, "integrity", "checksum"))
    if expected is None or not re.fullmatch(r"[0-9a-f]{64}", expected):
        return None
    search = _Search(document, expected)
    variants = list(_removable(document.value))
    # Cheap and likely first: the bound must not be spent on one variant before the others were looked at.
    for numbers in (_no_groups, _search_attribute_groups, _made_anew, _user_data_groups, _user_data_numbers):
        for removed in variants:
            if numbers is _no_groups and not removed:
                continue  # the document as it is, whose checksum is known not to match
            sealed = {key: item for key, item in sealed_part(document.value).items() if key not in removed}
            groups = numbers(sealed)
            if numbers is _made_anew and not groups:
                continue  # nothing that the search attributes alone have not shown
            fractions = search.fractions(sealed, groups)
            if fractions is not None:
                return Restoration(
                    _cause(bool(removed), bool(fractions)),
                    proven=True,
                    checksum=expected,
                    removed_keys=removed,
                    restored_paths=tuple(".".join(map(str, steps)) for steps, _ in fractions),
                    tried=search.tried,
                    fractions=fractions,
                )
    return Restoration(
        Cause.EDITED_OR_DAMAGED, proven=False, checksum=expected, tried=search.tried, gave_up=search.gave_up
    )


def repair(document: Document) -> tuple[bytes, Restoration]:
    """The document as it was exported, and the proof.

    All other bytes stay as they are. Raises `NotRepairable` where the checksum matches already, where there
    is none, or where no cause is proven.
    """
    expected = string(field(document.value, "integrity", "checksum"))
    if expected is not None and expected == sha256_hex(document.sealed_chunks()):
        raise NotRepairable("the checksum matches: there is nothing to repair", reason="checksum_matches")
    restoration = explain_mismatch(document)
    if restoration is None:
        raise NotRepairable(
            "the bundle records no sha256 checksum, so no repair can be proven",
            where="integrity.checksum",
            next_step="Export the run again.",
            reason="no_checksum",
        )
    if not restoration.proven:
        bounded = " before the search was given up" if restoration.gave_up else ""
        raise NotRepairable(
            f"no repair is proven by the recorded checksum; {restoration.tried} documents were tried{bounded}",
            where="integrity.checksum",
            next_step="The document was edited or damaged: export the run again.",
            reason=restoration.cause.value,
        )
    text = document.raw
    for key in restoration.removed_keys:
        text = remove_key(text, key)
    text = replace_values(text, dict(restoration.fractions))
    if sha256_hex(decode(text).sealed_chunks()) != restoration.checksum:
        raise NotRepairable(
            "the repaired text does not have the recorded checksum",
            next_step="Export the run again, and report this: the proof held for the content, not for the text.",
            reason="proof_failed",
        )
    return text, restoration


def _cause(removed: bool, fractions: bool) -> Cause:
    if removed and fractions:
        return Cause.ADDED_KEY_AND_LOST_FRACTIONS
    return Cause.ADDED_TOP_LEVEL_KEY if removed else Cause.LOST_ZERO_FRACTIONS


def _removable(bundle: JsonValue) -> Iterator[tuple[str, ...]]:
    """The sets of unknown top-level keys to try without: none, each, all."""
    unknown = [key for key in sealed_part(bundle) if key not in KNOWN_KEYS] if isinstance(bundle, dict) else []
    yield ()
    yield from ((key,) for key in unknown[:8])
    if len(unknown) > 1:
        yield tuple(unknown)


@dataclass(frozen=True, slots=True)
class _Group:
    """Numbers that stand for one value in several places, and lose or keep their fraction together."""

    paths: tuple[tuple[Step, ...], ...]
    texts: tuple[str, ...]


class _Search:
    """Tries documents until one has the expected checksum, or the bound is reached."""

    def __init__(self, document: Document, expected: str) -> None:
        self.document = document
        self.expected = expected
        self.tried = 0
        self.hashed = 0
        self.gave_up = False

    def fractions(
        self, sealed: dict[str, JsonValue], groups: Sequence[_Group]
    ) -> tuple[tuple[tuple[Step, ...], str], ...] | None:
        """The numbers to write with a fraction (path, text) so that the checksum holds; () for none; else None."""
        segments, owners = self._cut(sealed, groups)
        for choice in self._choices(groups):
            if groups and not any(choice):
                continue  # the text as it is; tried before any number was doubted
            if self.hashed > MOST_HASHED:
                self.gave_up = True
                return None
            if self._matches(segments, owners, groups, choice):
                return tuple(
                    (path, groups[at].texts[option])
                    for at, option in enumerate(choice)
                    if option
                    for path in groups[at].paths
                )
        return None

    def _cut(self, sealed: dict[str, JsonValue], groups: Sequence[_Group]) -> tuple[list[bytes], list[int]]:
        """The canonical text cut at every number of the groups: n + 1 segments, and whose number each cut is."""
        mark, unmarked = "dwctl-cut", self.document.canonical_text_of(sealed)
        while mark.encode() in unmarked:
            mark += "-"
        marks = {path: f"{mark}:{at}" for at, group in enumerate(groups) for path in group.paths}
        text = self.document.canonical_text_of(_marked(sealed, marks))
        pieces = re.split(f'"{mark}:([0-9]+)"'.encode(), text)
        return pieces[::2], [int(owner) for owner in pieces[1::2]]

    def _choices(self, groups: Sequence[_Group]) -> Iterator[tuple[int, ...]]:
        """Which text each group takes: every combination, or the likely ones where there are too many."""
        ranges = [range(len(group.texts)) for group in groups]
        if len(groups) <= MOST_GROUPS:
            yield from _product(ranges)
            return
        self.gave_up = True
        everything = tuple(1 for _ in groups)
        yield tuple(0 for _ in groups)
        yield everything
        for some in chain(combinations(range(len(groups)), 1), combinations(range(len(groups)), 2)):
            yield tuple(1 if at in some else 0 for at in range(len(groups)))
            yield tuple(0 if at in some else 1 for at in range(len(groups)))

    def _matches(
        self, segments: list[bytes], owners: list[int], groups: Sequence[_Group], choice: tuple[int, ...]
    ) -> bool:
        digest = hashlib.sha256(segments[0])
        for owner, segment in zip(owners, segments[1:], strict=True):
            digest.update(groups[owner].texts[choice[owner]].encode("ascii"))
            digest.update(segment)
        self.tried += 1
        self.hashed += sum(map(len, segments))
        return digest.hexdigest() == self.expected


def _product(ranges: list[range]) -> Iterator[tuple[int, ...]]:
    """Every combination, those with few restored fractions first."""
    total = sum(len(options) - 1 for options in ranges)
    for changed in range(min(total, len(ranges)) + 1):
        for places in combinations(range(len(ranges)), changed):
            yield from _assignments(ranges, places)


def _assignments(ranges: list[range], places: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    choices: list[tuple[int, ...]] = [tuple(0 for _ in ranges)]
    for place in places:
        choices = [
            (*choice[:place], option, *choice[place + 1 :]) for choice in choices for option in ranges[place][1:]
        ]
    yield from choices


def _no_groups(sealed: JsonValue) -> list[_Group]:
    """No number is doubted: only the keys are."""
    return []


def _search_attribute_groups(sealed: JsonValue) -> list[_Group]:
    """The whole numbers among the search attributes; the summary repeats those of the run."""
    return _grouped(_search_attributes(sealed))


def _search_attributes(sealed: JsonValue) -> list[tuple[tuple[Step, ...], JsonValue]]:
    return [
        ((section, "search_attributes"), field(sealed, section, "search_attributes"))
        for section in ("workflow", "summary")
    ]


_EVENT_FIELDS = ("attributes", "merged", "entries", "memo", "search_attributes", "progress")
_HEARTBEAT = "last_heartbeat_progress"


def _made_anew(sealed: JsonValue) -> list[_Group]:
    """The whole numbers that an export makes anew: search attributes from their columns, arguments from payloads.

    What is stored as JSON (memo, events) lost its fractions once and for all, and is hashed without them. Arguments
    often become search attributes, so a name counts wherever it stands: `0.price` of a command and `price` are one.
    """
    arguments = [root for root in _user_data(sealed) if root[0][0] == "timeline" and any(_whole_numbers(root[1]))]
    return _grouped([*_search_attributes(sealed), *arguments], _without_positions) if arguments else []


def _user_data_groups(sealed: JsonValue) -> list[_Group]:
    """The whole numbers in all places where the application's own values stand undecoded in a bundle."""
    return _grouped(_user_data(sealed))


def _user_data_numbers(sealed: JsonValue) -> list[_Group]:
    """The same numbers, each on its own: one name may stand for an integer here and a float there."""
    return [_Group((path,), group.texts) for group in _user_data_groups(sealed) for path in group.paths]


def _user_data(sealed: JsonValue) -> list[tuple[tuple[Step, ...], JsonValue]]:
    roots: list[tuple[tuple[Step, ...], JsonValue]] = [
        ((section, name), field(sealed, section, name))
        for section, name in (("workflow", "search_attributes"), ("summary", "search_attributes"), ("workflow", "memo"))
    ]
    for key, event in entries(field(sealed, "history_events")):
        roots += [(("history_events", key, "payload", name), field(event, "payload", name)) for name in _EVENT_FIELDS]
    for key, entry in entries(field(sealed, "timeline")):
        roots.append((("timeline", key, "command", "payload"), field(entry, "command", "payload")))
    for key, activity in entries(field(sealed, "activities")):
        roots.append((("activities", key, _HEARTBEAT), field(activity, _HEARTBEAT)))
        for at, attempt in entries(field(activity, "attempts")):
            roots.append((("activities", key, "attempts", at, _HEARTBEAT), field(attempt, _HEARTBEAT)))
    for key, task in entries(field(sealed, "tasks")):
        roots.append((("tasks", key, "payload"), field(task, "payload")))
    return roots


def _whole(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    return steps


def _without_positions(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """A name without the positions that it begins with; what has nothing but positions keeps them."""
    return tuple(dropwhile(lambda step: isinstance(step, int), steps)) or steps


def _grouped(
    roots: Sequence[tuple[tuple[Step, ...], JsonValue]],
    name_of: Callable[[tuple[Step, ...]], tuple[Step, ...]] = _whole,
) -> list[_Group]:
    """Put whole numbers of the same name and value together: they are one value in several places."""
    groups: dict[tuple[Step, ...], list[tuple[Step, ...]]] = {}
    values: dict[tuple[Step, ...], int] = {}
    for root, value in roots:
        for inner, number in _whole_numbers(value):
            name = (*name_of(inner), number)
            groups.setdefault(name, []).append(root + inner)
            values[name] = number
    return [_Group(tuple(paths), _texts(values[name])) for name, paths in groups.items()]


def _whole_numbers(value: JsonValue) -> Iterator[tuple[tuple[Step, ...], int]]:
    pending: list[tuple[tuple[Step, ...], JsonValue]] = [((), value)]
    while pending:
        path, item = pending.pop()
        if isinstance(item, int) and not isinstance(item, bool) and float(item) == item:
            yield path, item
        pending.extend((((*path, key)), inner) for key, inner in entries(item))


def _texts(number: int) -> tuple[str, ...]:
    """How PHP may have hashed a number that it wrote as an integer; `-0.0` was written `-0`, which is 0."""
    texts = (str(number), php_float(float(number)))
    return (*texts, "-0.0") if number == 0 else texts


def _marked(value: JsonValue, marks: dict[tuple[Step, ...], str]) -> JsonValue:
    """A copy of a value with some of its items replaced; only the containers on the way are copied."""
    if () in marks:
        return marks[()]
    inner: dict[Step, dict[tuple[Step, ...], str]] = {}
    for path, mark in marks.items():
        inner.setdefault(path[0], {})[path[1:]] = mark
    copy = value.copy()
    for step, rest in inner.items():
        copy[step] = _marked(copy[step], rest)
    return copy
