"""Verifying many bundles, in one process or in several, in the order in which they were named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from dwctl.bundle.findings import Finding, Severity
from dwctl.bundle.verify import Outcome, Verdict, VerifyOptions, verify_bundle
from dwctl.errors import ExitCode, UnreadableInput
from dwctl.transfer.files.processes import in_processes
from dwctl.transfer.files.sources import MAX_BUNDLE_SIZE, read_bundle


@dataclass(frozen=True, slots=True)
class FileVerdict:
    """A file and what came of it: a verdict on its content, or why it could not be read.

    `foreseen` is what the bundles before it in a set foretell; empty where nobody looked at the set.
    """

    file: str
    verdict: Verdict | None = None
    problem: UnreadableInput | None = None
    foreseen: tuple[Finding, ...] = ()

    def __reduce__(self) -> tuple[type[FileVerdict], tuple[object, ...]]:
        """Travel between processes as the plain fields: a third of the cost of what dataclasses do by default."""
        return FileVerdict, (self.file, self.verdict, self.problem, self.foreseen)

    @property
    def outcome(self) -> Outcome:
        """The verdict's outcome, or a worse one where the set foretells it; `unreadable` without a verdict."""
        alone = Outcome.UNREADABLE if self.verdict is None else self.verdict.outcome
        if any(finding.severity is Severity.ERROR for finding in self.foreseen):
            return Outcome.REFUSED
        return Outcome.WARNING if self.foreseen and alone is Outcome.OK else alone

    @property
    def findings(self) -> Iterator[Finding]:
        """Everything found in the bundle, then what the set foretells."""
        if self.verdict is not None:
            yield from self.verdict.findings
        yield from self.foreseen


def verify_file(
    file: str, options: VerifyOptions, limit: int = MAX_BUNDLE_SIZE, stdin: BinaryIO | None = None
) -> FileVerdict:
    """Read and judge one file; never raises for what is wrong with it."""
    try:
        content = read_bundle(file, limit, stdin)
    except UnreadableInput as problem:
        return FileVerdict(file, problem=problem)
    return FileVerdict(file, verify_bundle(content, options))


def verify_files(
    files: Sequence[str],
    options: VerifyOptions,
    *,
    jobs: int | None = None,
    limit: int = MAX_BUNDLE_SIZE,
    stdin: BinaryIO | None = None,
) -> Iterator[FileVerdict]:
    """Judge files one after the other, or `jobs` at a time; yields in the order of the files.

    Without `jobs` it takes as many processes as this one may use, or one where there is little to do.
    """
    return in_processes(partial(verify_file, options=options, limit=limit), files, jobs=jobs, stdin=stdin)


@dataclass(slots=True)
class Tally:
    """How many files came out how, counted as they come."""

    ok: int = 0
    warning: int = 0
    refused: int = 0
    unreadable: int = 0
    missing: int = 0

    def counting(self, judged: Iterable[FileVerdict]) -> Iterator[FileVerdict]:
        """Yield the files and count them as they pass."""
        for one in judged:
            self.add(one)
            yield one

    def add(self, judged: FileVerdict) -> None:
        """Count one file; one that could not be read at all counts as missing, apart from what is no JSON."""
        if judged.problem is not None:
            self.missing += 1
        else:
            setattr(self, judged.outcome.value, getattr(self, judged.outcome.value) + 1)

    @property
    def total(self) -> int:
        """All files."""
        return self.ok + self.warning + self.refused + self.unreadable + self.missing

    @property
    def exit_code(self) -> ExitCode:
        """1 if a bundle is refused or no bundle at all, 2 if only files could not be read, else 0."""
        if self.refused or self.unreadable:
            return ExitCode.NO
        return ExitCode.USAGE if self.missing else ExitCode.DONE
