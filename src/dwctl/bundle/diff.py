"""What moved between two exports of a run.

Content is compared in its canonical form, so that formatting never counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from dwctl.bundle.canonical import Document, JsonValue, sha256_hex
from dwctl.bundle.damage import require_bundle
from dwctl.bundle.history_diff import Change, FieldDiff, HistoryDiff, change_of, diff_histories
from dwctl.bundle.loose import count, field, integer, is_array, string, truthy
from dwctl.bundle.open_work import OpenItem, open_work
from dwctl.bundle.php_encode import infinite_number, php_text
from dwctl.bundle.timeline import TimelineEntry
from dwctl.errors import UndecodableDocument


class DiffVerdict(StrEnum):
    """The answer in one word; the first that applies."""

    SAME_BYTES = "same_bytes"
    SAME_CONTENT = "same_content"
    ANOTHER_RUN = "another_run"
    HISTORY_CHANGED = "history_changed"
    MOVED = "moved"
    EXPORTED_AGAIN = "exported_again"
    SEAL_CHANGED = "seal_changed"
    CHANGED = "changed"


NOTHING_MOVED = frozenset({DiffVerdict.SAME_BYTES, DiffVerdict.SAME_CONTENT, DiffVerdict.EXPORTED_AGAIN})
"""The answers that mean that the run is where it was."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two exports; None where it does not say."""

    instance_id: str | None
    run_id: str | None
    status: str | None
    last_history_sequence: int | None
    last_progress_at: str | None
    exported_at: str | None
    dedupe_key: str | None
    events: int
    redacted: bool


@dataclass(frozen=True, slots=True)
class WorkDiff:
    """Open work that both exports have, and that stands differently."""

    before: OpenItem
    after: OpenItem


@dataclass(frozen=True, slots=True)
class BundleDiff:
    """What moved from the earlier to the later export; `first` and `second` are in the order asked.

    `later` is `first` or `second`, None where neither is later. `rewritten` events have one sequence and two
    contents, `lost` ones are missing from the later export. Where only one side is redacted, payloads of
    events are not compared and `payloads_compared` is false.
    """

    verdict: DiffVerdict
    first: Side
    second: Side
    later: str | None
    payloads_compared: bool
    rewritten: tuple[TimelineEntry, ...]
    lost: tuple[TimelineEntry, ...]
    added: tuple[TimelineEntry, ...]
    opened: tuple[OpenItem, ...]
    closed: tuple[OpenItem, ...]
    work_changed: tuple[WorkDiff, ...]
    fields: tuple[FieldDiff, ...]

    @property
    def moved(self) -> bool:
        """Whether anything differs that matters: the run, or what the export says of it."""
        return self.verdict not in NOTHING_MOVED


def require_comparable(document: Document) -> None:
    """Raise `AnswerIsNo` for a document that is no bundle, or that has no canonical form to compare."""
    require_bundle(document.value)
    infinite = infinite_number(document.value)
    if infinite is not None:
        raise UndecodableDocument(
            "a number is too large for PHP, which reads it as infinity",
            where=infinite,
            reason="infinite_number",
            next_step="Find out how the number came into the run; a bundle that holds it cannot be imported.",
        )


def diff_bundles(first: Document, second: Document) -> BundleDiff:
    """Compare two decoded exports, each of which has passed `require_comparable`."""
    sides = _side(first.value), _side(second.value)
    content = _content_verdict(first, second)
    if content is None and not _same_run(*sides):
        return BundleDiff(DiffVerdict.ANOTHER_RUN, *sides, None, True, (), (), (), (), (), (), ())
    later = _later(*sides)
    before, after = (second.value, first.value) if later == "first" else (first.value, second.value)
    payloads = sides[0].redacted == sides[1].redacted
    history = diff_histories(before, after, payloads=payloads)
    opened, closed, changed = _work_diffs(open_work(before), open_work(after))
    fields = (*history.notation, *_field_diffs(before, after, history))
    return BundleDiff(
        verdict=content or _verdict(sides, history, fields),
        first=sides[0],
        second=sides[1],
        later=later,
        payloads_compared=payloads,
        rewritten=history.rewritten,
        lost=history.lost,
        added=history.added,
        opened=opened,
        closed=closed,
        work_changed=changed,
        fields=fields,
    )


def _side(bundle: JsonValue) -> Side:
    workflow = field(bundle, "workflow")
    return Side(
        instance_id=string(field(workflow, "instance_id")),
        run_id=string(field(workflow, "run_id")),
        status=string(field(workflow, "status")),
        last_history_sequence=integer(field(workflow, "last_history_sequence")),
        last_progress_at=string(field(workflow, "last_progress_at")),
        exported_at=string(field(bundle, "exported_at")),
        dedupe_key=string(field(bundle, "dedupe_key")),
        events=count(field(bundle, "history_events")),
        redacted=truthy(field(bundle, "redaction", "applied")),
    )


def _content_verdict(first: Document, second: Document) -> DiffVerdict | None:
    if first.raw == second.raw:
        return DiffVerdict.SAME_BYTES
    if sha256_hex(first.sealed_chunks()) != sha256_hex(second.sealed_chunks()):
        return None
    seals = {php_text(field(document.value, "integrity")) for document in (first, second)}
    return DiffVerdict.SAME_CONTENT if len(seals) == 1 else DiffVerdict.SEAL_CHANGED


def _same_run(first: Side, second: Side) -> bool:
    """An export that does not say which run it is of is not taken for one of the same run."""
    identities = [(side.instance_id, side.run_id) for side in (first, second)]
    return first.run_id is not None and identities[0] == identities[1]


def _later(first: Side, second: Side) -> str | None:
    """By the time of the export: a run whose sequence went back since then has lost history."""
    for ours, theirs in (
        (first.exported_at, second.exported_at),
        (first.last_history_sequence, second.last_history_sequence),
        (first.last_progress_at, second.last_progress_at),
    ):
        if ours is not None and theirs is not None and ours != theirs:
            return "first" if ours > theirs else "second"  # type: ignore[operator]
    return None


# What is new in every export, moved or not.
_NEW_IN_EVERY_EXPORT = frozenset({"exported_at", "integrity.checksum", "integrity.signature"})


def _progress(side: Side) -> tuple[object, ...]:
    return side.dedupe_key, side.status, side.last_history_sequence, side.last_progress_at


def _verdict(sides: tuple[Side, Side], history: HistoryDiff, fields: tuple[FieldDiff, ...]) -> DiffVerdict:
    if history.rewritten or history.lost:
        return DiffVerdict.HISTORY_CHANGED
    if history.added or _progress(sides[0]) != _progress(sides[1]):
        return DiffVerdict.MOVED
    changed = {difference.path for difference in fields} - _NEW_IN_EVERY_EXPORT
    if not changed:
        return DiffVerdict.EXPORTED_AGAIN
    only_the_seal = all(path == "integrity" or path.startswith("integrity.") for path in changed)
    return DiffVerdict.SEAL_CHANGED if only_the_seal else DiffVerdict.CHANGED


Work = tuple[OpenItem, ...]


def _work_diffs(before: Work, after: Work) -> tuple[Work, Work, tuple[WorkDiff, ...]]:
    old, new = ({(item.kind, item.id or item.path): item for item in items} for items in (before, after))
    changed = (WorkDiff(item, new[key]) for key, item in old.items() if key in new)
    return (
        tuple(item for key, item in new.items() if key not in old),
        tuple(item for key, item in old.items() if key not in new),
        tuple(pair for pair in changed if replace(pair.before, path="") != replace(pair.after, path="")),
    )


def _field_diffs(before: JsonValue, after: JsonValue, history: HistoryDiff) -> Iterator[FieldDiff]:
    """Fields of the document, and of its sections that are objects; the history only where no event tells."""
    for path, old, new in _pairs("", before, after):
        if path == "history_events" and history:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            for inner, old_item, new_item in _pairs(f"{path}.", old, new):
                yield from _field_diff(inner, old_item, new_item)
        else:
            yield from _field_diff(path, old, new)


_ABSENT = object()


def _pairs(prefix: str, before: JsonValue, after: JsonValue) -> Iterator[tuple[str, JsonValue, JsonValue]]:
    for key in dict.fromkeys((*before, *after)):
        yield f"{prefix}{key}", before.get(key, _ABSENT), after.get(key, _ABSENT)


def _field_diff(path: str, before: JsonValue, after: JsonValue) -> Iterator[FieldDiff]:
    change: Change | None
    if before is _ABSENT:
        change = Change.ADDED
    elif after is _ABSENT:
        change = Change.REMOVED
    else:
        change = change_of(before, after)
    if change is not None:
        rows = [count(value) if is_array(value) else None for value in (before, after)]
        yield FieldDiff(path, change, *rows)
