"""Many runs out of one PHP process that boots the application once (contract/embedded.md, "Artisan").

The process is started again when it dies. The run it died on is tried once more, alone; what was asked behind it is
asked again. A process that ends over and over without an answer in between is not started any more.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from types import TracebackType
from typing import Any, Final

from dwctl.embedded.application import EmbeddedApplication
from dwctl.embedded.artisan_reasons import failure
from dwctl.embedded.bundle_text import bundle_ids, check_target
from dwctl.embedded.captured import Captured, Outcome, Target
from dwctl.embedded.child import Clock
from dwctl.embedded.php_process import Answer, PhpDamaged, PhpDied, PhpHangs, PhpProcess
from dwctl.embedded.positions import Position
from dwctl.embedded.said import with_said
from dwctl.errors import DwctlError

AHEAD: Final = 2
"""How many runs are asked for at once: the application works on the next one while a bundle is read and kept."""

MOST_LOSSES: Final = 6
"""After so many ends of the process without an answer in between it is not started any more."""

_IDS_AT_ONCE: Final = 500
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0


class _Question:
    """A question, and where it was asked last."""

    __slots__ = ("number", "php", "words")

    def __init__(self, words: Mapping[str, Any]) -> None:
        self.words = words
        self.php: PhpProcess | None = None
        self.number = 0


class _Lost(Exception):
    """The process is gone and the question without an answer; `error` says why."""

    def __init__(self, error: DwctlError, *, try_again: bool) -> None:
        super().__init__(error.message)
        self.error = error
        self.try_again = try_again


class BatchExporter:
    """Exports through one long-lived PHP process, and asks it about runs.

    Use it as a context manager, by one thread at a time: each thread has an exporter, and so a process, of its own.
    `about` is what was booted, as "workflow 2.0, Laravel 11.3, PHP 8.2.1" (None before the first boot); `boots`
    counts the boots.
    """

    def __init__(self, application: EmbeddedApplication, *, clock: Clock = time.monotonic) -> None:
        self.about: str | None = None
        self.boots = 0
        self._application = application
        self._clock = clock
        self._php: PhpProcess | None = None
        self._awaited: set[int] = set()
        self._early: dict[int, Answer] = {}
        self._losses = 0
        self._broken: DwctlError | None = None
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def __enter__(self) -> BatchExporter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Boot the application now; without it the first question does.

        Raises why the batch process does not work here: RequestNotPossible, ServerUnreachable, ServerFailed,
        ServerTimedOut or IncompatibleServer, each with its `reason`. No later call tries it again then.
        """
        self._running()

    def export(self, target: str, *, run: bool) -> Captured:
        """The bundle of the current run of an instance, or with `run` of the run of this id.

        Raises as `start` does; NotFound where there is no such run, ServerFailed where the application failed or its
        process died on the run twice, ServerTimedOut, and Interrupted after `stop`.
        """
        ((_, outcome),) = self.export_each([Target(target, run)])
        if isinstance(outcome, DwctlError):
            raise outcome
        return outcome

    def export_each(self, targets: Iterable[Target]) -> Iterator[Outcome]:
        """Every target with its bundle or its error, in order; the next ones are fed while a bundle is read.

        Targets are taken `AHEAD` of the outcomes. Raises as `start` does where the process does not work, or does
        not any more (`batch_keeps_dying`), and Interrupted after `stop`: targets without an outcome were not exported.
        """
        wanted: deque[Target] = deque()

        def questions() -> Iterator[Mapping[str, Any]]:
            for target in targets:
                wanted.append(target)
                yield {"ask": "run" if target.run else "instance", "id": target.id}

        for answer in self._answers(questions()):
            target = wanted.popleft()
            try:
                yield target, answer if isinstance(answer, DwctlError) else _captured(target, answer)
            except DwctlError as error:
                yield target, error

    def positions(self, run_ids: Iterable[str]) -> Mapping[str, Position]:
        """Where these runs stand now, by run id; a run that is gone is not in it. Raises as `ask` does."""
        ids = list(dict.fromkeys(run_ids))
        questions = (
            {"ask": "positions", "ids": ids[at : at + _IDS_AT_ONCE]} for at in range(0, len(ids), _IDS_AT_ONCE)
        )
        return {row[0]: Position(*row) for answer in self._answers(questions) for row in _told(answer)}

    def ask(self, question: Mapping[str, Any]) -> Any:
        """The answer to one question of another kind that `batch.php` knows: {"ask": word, …}.

        Raises as `export` does, and ServerFailed (`question_failed`) where the application fails on it.
        """
        (answer,) = self._answers([question])
        return _told(answer)

    def stop(self) -> None:
        """End what is in flight at once, from any thread: it raises Interrupted, and so does every later call."""
        self._stopped.set()
        with self._lock:
            if self._php is not None:
                self._php.kill()

    def close(self) -> None:
        """End the process in order; nothing of it is left. A later question would start it again."""
        with self._lock:
            php, self._php = self._php, None
            self._early.clear()
            self._awaited.clear()
        if php is not None:
            php.close()

    def _answers(self, questions: Iterable[Mapping[str, Any]]) -> Iterator[Answer | DwctlError]:
        """The answer to each question, in order; asked ahead."""
        source = iter(questions)
        waiting: deque[_Question] = deque()
        try:
            while True:
                waiting.extend(_Question(words) for words in islice(source, AHEAD - len(waiting)))
                if not waiting:
                    return
                yield self._answer(waiting)
                waiting.popleft()
        finally:
            for question in waiting:  # left in the middle: what was asked ahead is passed over when it comes
                if question.php is self._php:
                    self._awaited.discard(question.number)
                    self._early.pop(question.number, None)

    def _answer(self, waiting: deque[_Question]) -> Answer | DwctlError:
        """The answer to the first of the questions. What it was lost with is told after a second try, alone."""
        try:
            return self._try(waiting)
        except _Lost as loss:
            if not loss.try_again:
                return loss.error
        try:
            return self._try([waiting[0]])
        except _Lost as loss:
            return loss.error

    def _try(self, waiting: Iterable[_Question]) -> Answer:
        php = self._running_again()
        first, *_ = asked = list(waiting)
        for question in asked:
            if question.php is not php:
                question.php, question.number = php, php.ask(question.words)
                self._awaited.add(question.number)
        try:
            answer = self._receive(php, first.number)
        except PhpDied as death:
            raise self._lost(failure("batch_died", f"the PHP process died on this run: {death}")) from None
        except PhpDamaged:
            raise self._lost(failure("batch_damaged", "the answer of the PHP process arrived damaged")) from None
        except PhpHangs as hanging:
            sentence = f"the application did not answer within {self._application.timeout:g} seconds"
            sentence = with_said(sentence, hanging.errors)
            raise self._lost(failure("export_timeout", sentence, where="embedded.timeout"), try_again=False) from None
        self._losses = 0
        if answer.frame.leaving:
            self.close()
        return answer

    def _receive(self, php: PhpProcess, number: int) -> Answer:
        while number not in self._early:
            answer = php.receive()
            if answer.frame.number in self._awaited:
                self._early[answer.frame.number] = answer
        self._awaited.discard(number)
        return self._early.pop(number)

    def _lost(self, error: DwctlError, *, try_again: bool = True) -> _Lost:
        """The process is of no use any more: end it, and count the loss."""
        self.close()
        self._losses += 1
        if self._stopped.is_set():
            raise failure("export_stopped", "the export was stopped")
        return _Lost(error, try_again=try_again)

    def _running_again(self) -> PhpProcess:
        """As `_running`; where it worked before, a boot that fails is a loss like any other."""
        try:
            return self._running()
        except DwctlError as error:
            if error is self._broken or self._stopped.is_set():
                raise
            raise self._lost(error) from None

    def _running(self) -> PhpProcess:
        if self._stopped.is_set():
            raise failure("export_stopped", "the export was stopped")
        if self._broken is not None:
            raise self._broken
        if self._php is not None:
            return self._php
        if self._losses >= MOST_LOSSES:
            sentence = f"the PHP process ended {self._losses} times in a row without an answer"
            self._broken = failure("batch_keeps_dying", sentence)
            raise self._broken
        if self._losses > 1:
            self._stopped.wait(min(_FIRST_PAUSE * 2 ** (self._losses - 2), _LONGEST_PAUSE))
        try:
            return self._booted()
        except DwctlError as error:
            self.close()
            if self._stopped.is_set():
                raise failure("export_stopped", "the export was stopped") from None
            if not self.boots:
                self._broken = error
            raise

    def _booted(self) -> PhpProcess:
        php = PhpProcess(self._application, clock=self._clock)
        with self._lock:
            self._php = php
            if self._stopped.is_set():
                php.kill()
        self.about = php.boot()
        self.boots += 1
        return php


def batch_works(application: EmbeddedApplication) -> DwctlError | None:
    """None where the batch process boots here, else why it does not. It costs a boot; `start` tells the same."""
    try:
        with BatchExporter(application) as exporter:
            exporter.start()
    except DwctlError as error:
        return error
    return None


def _captured(target: Target, answer: Answer) -> Captured:
    """The bundle of an answer. Raises what the application said, and where it is not that of the target."""
    frame = answer.frame
    if frame.kind == "error":
        raise _export_error(target, frame.payload)
    ids = bundle_ids(frame.payload)
    if frame.kind != "bundle" or ids is None:
        raise failure("export_without_bundle", "what the application exported is no bundle")
    check_target(target, ids)
    seconds = frame.milliseconds / 1000
    return Captured(
        frame.payload, answer.noise, answer.errors, seconds, answer.noise_bytes, ids.run_id, ids.instance_id
    )


def _export_error(target: Target, payload: bytes) -> DwctlError:
    facts = json.loads(payload)
    if facts.get("missing"):
        kind = "run" if target.run else "instance"
        instance = facts.get("of")
        hint = f"{target.id} is a run of instance {instance}: name it as that run." if instance else None
        sentence = f"the embedded application has no {kind} {target.id}"
        return failure("embedded_run_not_found", sentence, next_step=hint)
    return failure("export_failed", f"the application failed to export it: {facts.get('message')}")


def _told(answer: Answer | DwctlError) -> Any:
    """What a question was answered with; raises where it was not answered."""
    if isinstance(answer, DwctlError):
        raise answer
    told = json.loads(answer.frame.payload)
    if answer.frame.kind != "answer":
        raise failure("question_failed", f"the application failed on a question: {told.get('message')}")
    return told
