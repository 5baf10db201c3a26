"""Attestations and waivers beside `cutover.toml`: which of them count now, and how one more is written down."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar

from dwctl.checklist.description.described import Described
from dwctl.checklist.gate.items import ITEM
from dwctl.checklist.gate.results import Attestation, Waiver
from dwctl.checklist.gate.selection import unknown_check
from dwctl.checklist.records.records import Records
from dwctl.checklist.records.text import ATTESTATION, WAIVER, Kind, Record, Value, appended, parse, read_text
from dwctl.embedded.instants import age_of, moment, parsed, shown
from dwctl.errors import LocalStateError, RequestNotPossible, UnreadableInput
from dwctl.transfer.files.private import place_private

LONGEST_WAIVER: Final = timedelta(days=366)
"""How long a waiver may last: a decision that outlives a year is no exception any more."""
_CLOCKS_DIFFER: Final = timedelta(days=1)

Kept = TypeVar("Kept", Attestation, Waiver)


def read_records(described: Described, checks: Collection[str], now: str) -> Records:
    """What counts now of both files. `checks` are the ids of the table, `now` a moment as dwctl writes it.

    Raises RequestNotPossible for a mistake in a file, with its place: a record that nobody can read decides nothing.
    """
    complaints: list[str] = []
    attestations: dict[int, Attestation] = {}
    for attested, where in _attestations(read_text(described.attestations), described.attestations, now):
        if (why := _why_not(attested, described.attestations.parent, now)) is None:
            attestations[attested.item] = attested
        else:
            complaints.append(f"the attestation of item {attested.item} by {attested.by} {why} ({where})")
    waivers: dict[str, Waiver] = {}
    for waived, where in _waivers(read_text(described.waivers), described.waivers, checks, now):
        if _in_force(waived, now):
            waivers[waived.check] = waived
        else:
            complaints.append(
                f"the waiver of {waived.check} by {waived.owner} expired at {waived.expires}: it changes nothing; "
                f"renew or remove it ({where})"
            )
    return Records(attestations, waivers, tuple(complaints))


def attest(
    described: Described, item: str, *, by: str, note: str, evidence: Path | None, expires: str | None, now: str
) -> Attestation:
    """Write an attestation down. `expires` is a moment or an age from now; the evidence's sha256 is kept.

    Raises RequestNotPossible for an item that does not exist or is attested already, for words that are missing, an
    expiry in the past, and evidence that cannot be read.
    """
    path = described.attestations
    _require_words({"--by": by, "--note": note})
    number = _item(item)
    with _one_writer(path):
        text = read_text(path)
        for known, place in _attestations(text, path, now):
            if known.item == number and _in_force(known, now):
                raise _there_already(f"item {number} is attested already, by {known.by}", place)
        made = Attestation(
            number, by, note, now, *_evidence(evidence, path.parent), None if expires is None else _until(expires, now)
        )
        values: dict[str, Value | None] = {"item": number, "by": by, "note": note, "at": now, "evidence": made.file,
                  "sha256": made.file_sha256, "expires": made.expires}  # fmt: skip
        _write(path, text, ATTESTATION, values)
    return made


def waive(
    described: Described, check: str, *, reason: str, owner: str, expires: str, checks: Collection[str], now: str
) -> Waiver:
    """Write a waiver down. Raises RequestNotPossible as `attest` does, and for one that lasts longer than a year."""
    path = described.waivers
    _require_words({"--reason": reason, "--owner": owner})
    if check not in checks:
        raise unknown_check(check, checks, "CHECK")
    until = _until(expires, now)
    if parsed(until) - parsed(now) > LONGEST_WAIVER:
        raise RequestNotPossible(
            "a waiver lasts a year at most", where="--expires",
            next_step="Name an earlier day, and renew it when it comes.", reason="wrong_expiry",
        )  # fmt: skip
    made = Waiver(check, reason, owner, now, until)
    with _one_writer(path):
        text = read_text(path)
        for known, place in _waivers(text, path, checks, now):
            if known.check == check and _in_force(known, now):
                raise _there_already(f"{check} is waived already, by {known.owner} until {known.expires}", place)
        values = {"check": check, "reason": reason, "owner": owner, "at": now, "expires": until}
        _write(path, text, WAIVER, values)
    return made


def _attestations(text: str, path: Path, now: str) -> list[tuple[Attestation, str]]:
    def made(record: Record) -> Attestation:
        item = int(record.values["item"])
        if item not in ITEM:
            raise record.mistake(f"there is no item {item}", f"The items are 1 to {len(ITEM)}.", "item")
        if (record.may("evidence") is None) is not (record.may("sha256") is None):
            raise record.mistake("`evidence` and `sha256` belong together", "Write both, or neither.", "evidence")
        return Attestation(
            item, record.text("by"), record.text("note"), record.text("at"), record.may("evidence"),
            record.may("sha256"), record.may("expires"),
        )  # fmt: skip

    return _newest(parse(text, path, ATTESTATION), made, lambda one: f"item {one.item}", now)


def _waivers(text: str, path: Path, checks: Collection[str], now: str) -> list[tuple[Waiver, str]]:
    def made(record: Record) -> Waiver:
        check = record.text("check")
        if check not in checks:
            refused = unknown_check(check, checks, "")
            raise record.mistake(f"there is no check '{check}'", refused.next_step or "", "check")
        waiver = Waiver(check, record.text("reason"), record.text("owner"), record.text("at"), record.text("expires"))
        if parsed(waiver.expires) - parsed(waiver.at) > LONGEST_WAIVER:
            raise record.mistake(
                "a waiver lasts a year at most, and this one longer", "Name an earlier day.", "expires"
            )
        return waiver

    return _newest(parse(text, path, WAIVER), made, lambda one: one.check, now)


def _newest(
    records: tuple[Record, ...], make: Callable[[Record], Kept], of: Callable[[Kept], str], now: str
) -> list[tuple[Kept, str]]:
    """Each record with its place; one that follows an expired one renews it. Any other second one is a mistake."""
    found: dict[str, tuple[Kept, str]] = {}
    for record in records:
        one = make(record)
        if parsed(one.at) - parsed(now) > _CLOCKS_DIFFER:
            raise record.mistake("`at` is in the future", "Write when it was decided.", "at")
        expires: str | None = one.expires
        if expires is not None and expires <= one.at:
            raise record.mistake("`expires` is not after `at`", "Name a later moment.", "expires")
        before = found.get(of(one))
        if before is not None and _in_force(before[0], one.at):
            raise record.mistake(
                f"{of(one)} stands here twice: the first is at {before[1]}", "Keep one of the two.",
            )  # fmt: skip
        found[of(one)] = (one, record.place)
    return list(found.values())


def _in_force(one: Attestation | Waiver, now: str) -> bool:
    return one.expires is None or one.expires > now


def _why_not(attested: Attestation, folder: Path, now: str) -> str | None:
    """Why an attestation counts for nothing; None where it counts."""
    if not _in_force(attested, now):
        return f"expired at {attested.expires}: it changes nothing; renew or remove it"
    if attested.file is None:
        return None
    try:
        is_same = _sha256(folder / attested.file) == attested.file_sha256
    except OSError as error:
        why = error.strerror or str(error)
        return (
            f"counts for nothing: its evidence {attested.file} cannot be read ({why}); bring it back, or remove "
            "the record and attest again"
        )
    if is_same:
        return None
    return (
        f"counts for nothing: its evidence {attested.file} has changed since; look at it, remove this, and attest again"
    )


def _item(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) in ITEM:
        return int(text)
    names = ", ".join(f"{item.number} {item.name}" for item in ITEM.values())
    raise RequestNotPossible(
        f"there is no item '{text}'", where="ITEM", next_step=f"Name one by its number: {names}.",
        reason="unknown_item",
    )  # fmt: skip


def _require_words(words: Mapping[str, str]) -> None:
    for option, text in words.items():
        if not text.strip():
            raise RequestNotPossible("this must not be empty", where=option, next_step="Say it.", reason="usage")
        if any("\ud800" <= one <= "\udfff" for one in text):
            raise RequestNotPossible(
                "this is not UTF-8 text", where=option, next_step="Write it in UTF-8.", reason="usage"
            )


def _until(text: str, now: str) -> str:
    """A moment after now, from a moment or an age that a person wrote. Raises RequestNotPossible."""
    origin = "--expires"
    try:
        until = shown(parsed(now) + timedelta(seconds=age_of(text, origin)))
    except RequestNotPossible:
        try:
            until = moment(text, origin)
        except RequestNotPossible:
            raise RequestNotPossible(
                "--expires must be a date, a moment like 2026-11-23T08:00:00Z, or an age such as 12h, 30d or 2w",
                where=origin, next_step="A date begins at 00:00 UTC.", reason="wrong_expiry",
            ) from None  # fmt: skip
    if until <= now:
        raise RequestNotPossible(
            "this moment is in the past", where=origin, next_step="Name a later one; a date begins at 00:00 UTC.",
            reason="wrong_expiry",
        )  # fmt: skip
    return until


def _evidence(file: Path | None, folder: Path) -> tuple[str | None, str | None]:
    """The evidence's name beside the attestations where it lies below them, and its sha256."""
    if file is None:
        return None, None
    absolute = file.absolute()
    try:
        digest = _sha256(absolute)
    except OSError as error:
        raise UnreadableInput(
            f"the evidence cannot be read: {error.strerror or error}", where=str(file),
            next_step="Name a file that is there.", reason="unreadable",
        ) from None  # fmt: skip
    name = os.path.normpath(absolute)
    base = f"{os.path.normpath(folder.absolute())}{os.sep}"
    name = name.removeprefix(base)
    _require_words({"--evidence": name})
    return name, digest


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _there_already(what: str, place: str) -> RequestNotPossible:
    return RequestNotPossible(
        what, where=place, next_step="To renew or change it, edit that place; to withdraw it, remove it there.",
        reason="record_exists",
    )  # fmt: skip


def _write(path: Path, text: str, kind: Kind, values: Mapping[str, Value | None]) -> None:
    whole = appended(text, kind, values)
    parse(whole, path, kind)  # a list that was closed with `[]` takes no more tables: say so, and write nothing
    target = path.resolve()
    try:
        mode = target.stat().st_mode & 0o777 if target.exists() else None
        place_private(target, whole.encode("utf-8"), replace=True)
        if mode is not None:
            target.chmod(mode)
    except OSError as error:
        raise _unwritable(path, error) from None


@contextmanager
def _one_writer(path: Path) -> Iterator[None]:
    """Two commands at once write one after the other, and neither loses the other's record."""
    try:
        descriptor = os.open(path.resolve().parent, os.O_RDONLY)
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> LocalStateError:
    return LocalStateError(
        f"the record cannot be written: {error.strerror or error}", where=str(path),
        next_step="Check the folder, its permissions and the space left.", reason="unwritable",
    )  # fmt: skip
