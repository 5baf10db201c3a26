"""The long-lived PHP process: boots the application once, is asked questions, gives answers.

The PHP is `batch.php` beside this file. It goes over stdin to a `php -r` of one line, so that it works through docker,
kubectl and ssh alike, leaves no file behind, and is not shortened by the length of a command line.
"""

from __future__ import annotations

import json
import math
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

from dwctl.embedded.application import EmbeddedApplication
from dwctl.embedded.artisan_reasons import failure
from dwctl.embedded.child import PHP_RUNS, Child, Clock, start_failure
from dwctl.embedded.frames import DamagedFrame, Frame, FrameReader
from dwctl.embedded.reached import was_not_reached
from dwctl.embedded.remote_words import as_one_command
from dwctl.embedded.said import with_said
from dwctl.errors import DwctlError

LOADER: Final = f"""fwrite(STDERR, "{PHP_RUNS}\\n"); eval('?>'.stream_get_contents(STDIN, (int) $argv[1]));"""
"""What `php -r` is given. Its one argument is the length of the PHP text in bytes."""

_MARK: Final = PHP_RUNS.encode()
_SPARE: Final = 5
_PATIENCE: Final = 2.0
_GRACE: Final = 1.0


class PhpDied(Exception):
    """The process ended without the answer that was waited for; the message says why, as far as it is known."""


class PhpHangs(Exception):
    """No answer within the time that one run may take. `errors` is what came on stderr meanwhile."""

    def __init__(self, errors: bytes) -> None:
        super().__init__("no answer in time")
        self.errors = errors


class PhpDamaged(Exception):
    """An answer did not arrive as it was sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A frame with what stood before it: `noise` on stdout (`noise_bytes` in all), `errors` on stderr."""

    frame: Frame
    noise: bytes
    noise_bytes: int
    errors: bytes


def php_command(application: EmbeddedApplication) -> list[str]:
    """The argument list that starts the process. Nothing in it is a secret, an id or a path."""
    return as_one_command([*application.php_words(), "-r", LOADER, "--", str(len(_php_text()))])


class PhpProcess:
    """A started process. `boot` comes first; then `ask` any number of questions and `receive` their answers in order.

    Raises RequestNotPossible where the words are not set or cannot be run.
    """

    def __init__(self, application: EmbeddedApplication, *, clock: Clock = time.monotonic) -> None:
        words, folder = php_command(application), application.folder()
        self._timeout = application.timeout
        self._clock = clock
        self._php_ran = False
        self._end: _End | None = None
        self._asked = 0
        self._in_flight = 1  # the boot
        token = secrets.token_hex(16)
        session = {"token": token, "path": folder, "alarm": math.ceil(application.timeout) + _SPARE}
        try:
            self._child = Child(words, environment=application.environment, reads=True, clock=clock)
        except (OSError, ValueError) as error:
            raise failure("application_not_started", start_failure(words, error), where="embedded.php") from None
        self._frames = FrameReader(token, self._child.output)
        self._child.feed(_php_text() + _line(session))

    def boot(self) -> str:
        """Wait until the application is booted, and return what it is: "workflow 2.0, Laravel 11.3, PHP 8.2.1".

        Raises what stands in the way as a domain error with its reason. The process is of no use then.
        """
        reached = False
        try:
            frame = self.receive().frame
            if reached := frame.kind == "up":
                frame = self.receive().frame
        except PhpHangs as hanging:
            seconds = f"{self._timeout:g} seconds"
            raise failure(
                "export_timeout", with_said(f"the application did not boot within {seconds}", hanging.errors),
                where="embedded.timeout",
            ) from None  # fmt: skip
        except PhpDamaged:
            raise failure("batch_damaged", "the first answer of the PHP process arrived damaged") from None
        except PhpDied as death:
            raise self._unbooted(str(death), reached) from None
        if frame.kind != "ready":
            raise _refusal(frame)
        self._in_flight -= 1
        return _about(frame)

    def ask(self, question: Mapping[str, Any]) -> int:
        """Send a question; its number, which its answer bears. It is answered after those asked before it."""
        self._asked += 1
        self._in_flight += 1
        self._child.feed(_line({"number": self._asked, **question}))
        return self._asked

    def receive(self) -> Answer:
        """The next answer, waited for no longer than one run may take. Raises PhpDied, PhpHangs or PhpDamaged."""
        deadline = self._clock() + self._timeout
        try:
            frame = self._wait_for_frame(deadline)
        except DamagedFrame:
            raise PhpDamaged from None
        if frame.kind == "died":
            raise PhpDied(_message(frame))
        self._in_flight -= frame.number > 0
        noise, count = self._frames.noise.take()
        blank = not noise.strip()
        return Answer(frame, b"" if blank else noise, 0 if blank else count, self._errors())

    def _wait_for_frame(self, deadline: float) -> Frame:
        while (frame := self._frames.next()) is None:
            if self._child.exited():
                self._child.drain()
                if (frame := self._frames.next()) is not None:
                    return frame
                raise PhpDied(self._why_it_ended())
            if (left := deadline - self._clock()) <= 0:
                self._child.drain()
                raise PhpHangs(self._errors())
            self._child.pump(left)
        return frame

    def kill(self) -> None:
        """End it at once, from any thread: who waits for an answer gets PhpDied."""
        self._child.kill()

    def close(self) -> None:
        """End it in order: it sees the end of its stdin and goes; where it is busy or hangs, it is ended."""
        self._child.close_input()
        self._child.end(patience=0.0 if self._in_flight > 0 else _PATIENCE, grace=_GRACE)

    def _errors(self) -> bytes:
        """What came on stderr since the last time; our own line is noted, and taken out."""
        taken = self._child.errors.take()[0]
        if _MARK not in taken:
            return taken
        self._php_ran = True
        return b"".join(line for line in taken.splitlines(keepends=True) if line.strip() != _MARK)

    def _why_it_ended(self) -> str:
        code = self._child.end()
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        self._end = _End(code, self._errors())
        return with_said(f"PHP ended {how}", self._end.errors)

    def _unbooted(self, why: str, up: bool) -> DwctlError:
        """Why the process ended before the application was booted. `up`: our PHP text was at work."""
        end = self._end or _End(0, b"")
        if up:
            return failure("embedded_boot_failed", f"the embedded application did not boot: {why}")
        noise = self._noise()
        if not self._php_ran and was_not_reached(end.code, noise, end.errors):
            sentence = f"the embedded application's PHP was not reached (exit code {end.code})"
            return failure("application_not_reached", with_said(sentence, end.errors, noise), where="embedded.php")
        return failure("batch_not_fed", f"the batch process did not begin: {why}", where="embedded.php")

    def _noise(self) -> bytes:
        self._frames.give_up()
        return self._frames.noise.take()[0]


class _End(NamedTuple):
    code: int
    errors: bytes


def _line(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document).encode("ascii") + b"\n"


@cache
def _php_text() -> bytes:
    return files("dwctl.embedded").joinpath("batch.php").read_bytes()


def _message(frame: Frame) -> str:
    return str(_facts(frame).get("message", "no reason given"))


def _facts(frame: Frame) -> Mapping[str, Any]:
    facts = json.loads(frame.payload)
    return facts if isinstance(facts, dict) else {}


def _about(frame: Frame) -> str:
    facts = _facts(frame)
    named = (("workflow", facts.get("library")), ("Laravel", facts.get("laravel")), ("PHP", facts.get("php")))
    return ", ".join(f"{name} {version}" for name, version in named if version)


def _refusal(frame: Frame) -> DwctlError:
    """Why our PHP text goes no further (`refused`)."""
    message = _message(frame)
    match _facts(frame).get("what"):
        case "path":
            return failure(
                "embedded_artisan_missing", f"there is no Laravel application at this path: {message}",
                where="embedded.path",
            )  # fmt: skip
        case "library":
            return failure("export_command_missing", f"the application has no durable-workflow v2: {message}")
    return failure("embedded_boot_failed", f"the embedded application did not boot: {message}")
