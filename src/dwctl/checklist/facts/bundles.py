"""What the bundles of a cutover say: each read once, and again only where it may have changed.

A file is the one that was read as long as its mark is the same (`transfer/files/marks.py`); the record of what was
found in it makes the second look cheap.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, Protocol, TypeVar

from dwctl.bundle.canonical import Document, decode
from dwctl.bundle.demand import demands
from dwctl.bundle.loose import string
from dwctl.bundle.payload_sites import payload_sites
from dwctl.bundle.restoration import repair
from dwctl.bundle.verify import Outcome, Verdict, VerifyOptions, verify_document
from dwctl.bundle.view import BundleView
from dwctl.checklist.facts.facts import BundleFact, BundleSet
from dwctl.checklist.facts.manifests import Manifests
from dwctl.checklist.facts.verified import Row, VerifiedFiles
from dwctl.errors import NotRepairable, RequestNotPossible, UndecodableDocument, UnreadableInput
from dwctl.transfer.files.compression import Compression, compression_by_name
from dwctl.transfer.files.marks import mark_of
from dwctl.transfer.files.processes import in_processes
from dwctl.transfer.files.sources import MAX_BUNDLE_SIZE, find_bundles, read_bundle

T = TypeVar("T")

RECORD: Final = "verified-bundles.jsonl"
"""The name of the record, beside the ledger."""

OPTIONS: Final = VerifyOptions()
"""How bundles are judged: as an import does. Nobody is asked for a signing key."""


class Watch(Protocol):
    """Passes on what comes, and may show how far it is: `total` are to come, `what` says of what."""

    def __call__(self, items: Iterable[T], total: int, what: str, /) -> Iterator[T]:
        """The same items."""


def unwatched(items: Iterable[T], total: int, what: str, /) -> Iterator[T]:
    """Pass them on."""
    return iter(items)


@dataclass(frozen=True, slots=True)
class Reading:
    """How to look: `now_ns` is the time of this look as files have theirs, `now` as dwctl writes it.

    `rehash` reads all again. `jobs` are processes, as many as are worth it where it is None.
    """

    record: VerifiedFiles[BundleFact]
    now: str
    now_ns: int
    rehash: bool = False
    watch: Watch = unwatched
    jobs: int | None = None


def bundle_facts(places: Sequence[str], reading: Reading) -> BundleSet:
    """Every bundle of these files, folders and patterns, and what the manifests beside them say of it.

    What cannot be read is a fact with a `problem`; nothing is raised for it. What was read is recorded.
    """
    files, missing = _found(places)
    known = {} if reading.rehash else reading.record.read()
    marks = {file: mark_of(file, now_ns=reading.now_ns) for file in files}
    rows = {file: known[file] for file in files if file in known and known[file].mark == marks[file]}
    new = [file for file in files if file not in rows]
    unmarked: dict[str, BundleFact] = {}
    judge = partial(read_fact, now_ns=reading.now_ns, now=reading.now)
    judged = in_processes(judge, new, jobs=reading.jobs, forks=False)
    for mark, fact in reading.watch(judged, len(new), "verifying"):
        if mark is None:
            unmarked[fact.file] = fact
        else:
            rows[fact.file] = Row(mark, fact)
    manifests = Manifests(places)
    rows = {file: row.of(manifests.beside(row.found)) for file, row in rows.items()}
    if rows.keys() != known.keys() or any(row is not known[file] for file, row in rows.items()):
        reading.record.write(rows)
    facts = tuple(rows[file].found if file in rows else manifests.beside(unmarked[file]) for file in files)
    return BundleSet(facts, len(new), tuple(missing), tuple(manifests.lost()), tuple(manifests.damaged()))


def _found(places: Sequence[str]) -> tuple[list[str], list[str]]:
    """The files of these places, each once, and the places where there is none."""
    files: dict[str, None] = {}
    missing = []
    for place in places:
        try:
            found = find_bundles([place])
        except RequestNotPossible:
            missing.append(place)
            continue
        if found == [place] and not os.path.lexists(place):
            missing.append(place)
        else:
            files.update(dict.fromkeys(found))
    return list(files), missing


def read_fact(
    file: str, *, now_ns: int, now: str, limit: int = MAX_BUNDLE_SIZE, stdin: BinaryIO | None = None
) -> tuple[str | None, BundleFact]:
    """Read and judge one file: its mark, if it has one and was not changed meanwhile, and what is in it.

    Never raises for what is wrong with the file.
    """
    mark = mark_of(file, now_ns=now_ns)
    try:
        content = read_bundle(file, limit, stdin)
        sha256 = file_sha256(file, content)
    except UnreadableInput as problem:
        return None, BundleFact(file, "", 0, now, problem=problem.message)
    fact = _fact(BundleFact(file, sha256, len(content), now), content)
    return mark if mark == mark_of(file, now_ns=now_ns) else None, fact


def file_sha256(file: str, content: bytes) -> str:
    """The sha256 of a file as it lies, which is not its content where it is compressed. Raises UnreadableInput."""
    if compression_by_name(file) is Compression.NONE:
        return hashlib.sha256(content).hexdigest()
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError as error:
        raise UnreadableInput(f"the file cannot be read: {error.strerror or error}", where=file) from None


def _fact(fact: BundleFact, content: bytes) -> BundleFact:
    try:
        document = decode(content)
    except UndecodableDocument as error:
        return replace(fact, outcome=Outcome.UNREADABLE, problem=f"it is no JSON that PHP reads: {error.message}")
    verdict = verify_document(document, OPTIONS)
    if verdict.repair is not None and verdict.repair.proven:
        with suppress(NotRepairable):
            content, restoration = repair(document)
            document = decode(content)
            verdict = verify_document(document, OPTIONS)
            fact = replace(fact, bytes=len(content), repaired=restoration.cause.value)
    if verdict.run is None:
        return replace(fact, outcome=verdict.outcome, rules=_rules(verdict), problem="it is no export bundle")
    return _told(fact, document, verdict)


def _told(fact: BundleFact, document: Document, verdict: Verdict) -> BundleFact:
    bundle, run = BundleView(document.value), verdict.run
    assert run is not None  # noqa: S101 - the caller has looked
    workflow = bundle.workflow
    types = (string(row.get("activity_type")) or string(row.get("activity_class")) for _, row in bundle.activities)
    codecs = (site.codec for site in payload_sites(document.value))
    return replace(
        fact,
        run_id=run.run_id,
        instance_id=run.instance_id,
        workflow_type=string(workflow.get("workflow_type")),
        workflow_class=string(workflow.get("workflow_class")),
        activity_types=tuple(dict.fromkeys(filter(None, types))),
        status=run.status,
        namespace=run.namespace,
        task_queue=run.queue,
        compatibility=string(workflow.get("compatibility")),
        codecs=tuple(dict.fromkeys(filter(None, (string(bundle.payloads.get("codec")), *codecs)))),
        dedupe_key=run.dedupe_key,
        outcome=verdict.outcome,
        rules=_rules(verdict),
        demands=demands(bundle),
        run_number=run.run_number,
        closed_at=string(workflow.get("closed_at")),
        links=verdict.links,
        signed=verdict.integrity.signature_present,
    )


def _rules(verdict: Verdict) -> tuple[str, ...]:
    return tuple(dict.fromkeys(finding.rule for finding in verdict.findings))
