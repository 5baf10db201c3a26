"""The offline part of a plan: each file read once, judged, hashed, and looked at for what it will need.

It runs in worker processes; what travels back is small, and no document is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, NamedTuple

from dwctl.bundle.canonical import Document, decode
from dwctl.bundle.demand import Demand, demands
from dwctl.bundle.loose import string
from dwctl.bundle.restoration import Restoration, repair
from dwctl.bundle.transit import fits_an_envelope, rewritten_at
from dwctl.bundle.verify import Outcome, RunFacts, Verdict, VerifyOptions, verify_bundle, verify_document
from dwctl.bundle.view import BundleView
from dwctl.errors import NotRepairable, UndecodableDocument, UnreadableInput
from dwctl.transfer.files.marks import mark_of
from dwctl.transfer.files.processes import in_processes
from dwctl.transfer.files.sources import MAX_BUNDLE_SIZE, STDIN, read_bundle


class JudgedFile(NamedTuple):
    """One file: the verdict on what will be sent, or why the file could not be read.

    `settled` is the run of a file that was not read: it is the one that a ledger knows as imported and compared.

    `size` is that of what will be sent, in bytes; digests are hex sha256 of the file and of what will be sent, which
    differ where the bundle is repaired. `rewritten_at` and `fits_an_envelope` are None where nobody asked how the
    bundle bears an ordinary JSON body.
    """

    file: str
    file_bytes: int = 0
    file_sha256: str = ""
    size: int = 0
    sent_sha256: str = ""
    verdict: Verdict | None = None
    problem: UnreadableInput | None = None
    restoration: Restoration | None = None
    demands: tuple[Demand, ...] = ()
    closed_at: str | None = None
    namespace: str | None = None
    rewritten_at: str | None = None
    fits_an_envelope: bool | None = None
    mark: str | None = None
    settled: RunFacts | None = None

    @property
    def importable(self) -> bool:
        """Whether the verdict lets it be imported."""
        return self.verdict is not None and self.verdict.outcome in {Outcome.OK, Outcome.WARNING}


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """How to judge; `enveloped` asks how the bundle bears an ordinary JSON body, which costs a walk through it.

    `now_ns` is the time at which files are looked at; without it none gets a mark.
    """

    verify: VerifyOptions
    repair: bool = True
    enveloped: bool = False
    limit: int = MAX_BUNDLE_SIZE
    now_ns: int | None = None


def judge_files(
    files: Sequence[str], options: JudgeOptions, *, jobs: int | None = None, stdin: BinaryIO | None = None
) -> Iterator[JudgedFile]:
    """Judge the files in their order, in as many processes as are worth it; see `processes.in_processes`."""
    return in_processes(partial(judge_file, options=options), files, jobs=jobs, stdin=stdin)


class SettledFile(NamedTuple):
    """A file that a ledger knows as sent as it lies, imported and compared: whose run it holds, and its hex sha256."""

    run: RunFacts
    sha256: str


Settled = Callable[[str, str], SettledFile | None]
"""Asks a ledger: file and its mark → what it holds, if just this file was imported and compared."""


def judge_unsettled(
    files: Sequence[str],
    options: JudgeOptions,
    settled: Settled,
    *,
    jobs: int | None = None,
    stdin: BinaryIO | None = None,
) -> Iterator[JudgedFile]:
    """Judge the files in their order, but for those that a ledger knows as done: these are not even read."""
    done = {file: known for file in files if (known := _settled(file, options, settled)) is not None}
    judged = judge_files([file for file in files if file not in done], options, jobs=jobs, stdin=stdin)
    for file in files:
        known = done.get(file)
        if known is None:
            yield next(judged)
        else:
            yield JudgedFile(file, file_sha256=known.sha256, sent_sha256=known.sha256, settled=known.run)


def _settled(file: str, options: JudgeOptions, settled: Settled) -> SettledFile | None:
    mark = _mark(file, options)
    return None if mark is None else settled(file, mark)


def _mark(file: str, options: JudgeOptions) -> str | None:
    return None if options.now_ns is None or file == STDIN else mark_of(file, now_ns=options.now_ns)


def judge_file(file: str, options: JudgeOptions, stdin: BinaryIO | None = None) -> JudgedFile:
    """Read and judge one file; never raises for what is wrong with it."""
    mark = _mark(file, options)
    try:
        content = read_bundle(file, options.limit, stdin)
    except UnreadableInput as problem:
        return JudgedFile(file, problem=problem)
    digest = hashlib.sha256(content).hexdigest()
    unchanged = mark if mark == _mark(file, options) else None
    judged = JudgedFile(file, len(content), digest, len(content), digest, mark=unchanged)
    try:
        document = decode(content)
    except UndecodableDocument:
        return judged._replace(verdict=verify_bundle(content, options.verify))
    verdict = verify_document(document, options.verify)
    if options.repair and verdict.repair is not None and verdict.repair.proven:
        restored = _restored(document)
        if restored is not None:
            content, restoration = restored
            document = decode(content)
            verdict = verify_document(document, options.verify)
            sent = hashlib.sha256(content).hexdigest()
            judged = judged._replace(size=len(content), sent_sha256=sent, restoration=restoration)
    return _looked_at(judged._replace(verdict=verdict), document, options)


def _restored(document: Document) -> tuple[bytes, Restoration] | None:
    try:
        return repair(document)
    except NotRepairable:
        return None


def _looked_at(judged: JudgedFile, document: Document, options: JudgeOptions) -> JudgedFile:
    bundle = BundleView(document.value)
    judged = judged._replace(
        demands=demands(bundle),
        closed_at=string(bundle.workflow.get("closed_at")),
        namespace=string(bundle.workflow.get("namespace")),
    )
    if not options.enveloped:
        return judged
    return judged._replace(rewritten_at=rewritten_at(document.value), fits_an_envelope=fits_an_envelope(document.value))
