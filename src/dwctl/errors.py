"""Everything that dwctl raises on purpose, and the exit code that each means.

::

    DwctlError
    ├── AnswerIsNo             1   the question was answered, and the answer is no
    │   ├── UndecodableDocument    a document that PHP would refuse to decode or encode
    │   └── NotRepairable          no repair is proven by the recorded checksum
    ├── RequestNotPossible     2   a request that cannot be made as it stands
    │   └── UnreadableInput        a file that is not there, not a file, or not for us to read
    ├── ServerUnreachable      3   refused, DNS, TLS, reset
    ├── NotAuthorized          4   401, 403
    ├── NotFound               5   404
    ├── ServerFailed           6   5xx
    ├── ServerTimedOut         7   no answer in time
    ├── IncompatibleServer     8   refused before the request
    ├── PartlyDone             9   some items done, some not
    ├── LocalStateError       10   ledger locked or of another cutover, disk full, memory
    └── Interrupted          130   SIGINT or SIGTERM

One class stands for one exit code; subclasses only say more. Nothing below ``cli`` exits: it raises one
of these, and the boundary in ``cli.main`` turns it into a sentence and a code.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """The exit codes of the design; 0 to 8 are those of the official `dw` CLI."""

    DONE = 0
    NO = 1
    USAGE = 2
    NETWORK = 3
    AUTH = 4
    NOT_FOUND = 5
    SERVER = 6
    TIMEOUT = 7
    INCOMPATIBLE = 8
    PARTLY = 9
    LOCAL_STATE = 10
    INTERRUPTED = 130


class DwctlError(Exception):
    """A failure that is understood.

    `message` says what is wrong, `where` names the file, JSON path or setting, `next_step` what to do.
    `reason` is the machine-readable word, the server's own where the server gave one.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.NO

    def __init__(
        self,
        message: str,
        *,
        where: str | None = None,
        next_step: str | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.next_step = next_step
        self.reason = reason

    @property
    def reason_or_status(self) -> str | None:
        """The word under which it is kept: its reason, else the status of an answer without one (`http_413`)."""
        return self.reason

    def __reduce__(self) -> tuple[object, ...]:
        """Survive pickling between processes: the class and the facts, without the constructor's signature."""
        return (_restored, (type(self), self.message, self.__dict__))


def _restored(kind: type[DwctlError], message: str, facts: dict[str, object]) -> DwctlError:
    error = kind.__new__(kind)
    Exception.__init__(error, message)
    error.__dict__.update(facts)
    return error


class AnswerIsNo(DwctlError):
    """The question was answered, and the answer is no."""

    exit_code = ExitCode.NO


class UndecodableDocument(AnswerIsNo):
    """A document that PHP would refuse.

    `line` and `column` count from 1, in characters; both are None where the fault has a JSON path instead.
    """

    def __init__(
        self,
        message: str,
        *,
        line: int | None = None,
        column: int | None = None,
        where: str | None = None,
        next_step: str | None = None,
        reason: str | None = None,
    ) -> None:
        if where is None and line is not None:
            where = f"line {line}, column {column}"
        super().__init__(message, where=where, next_step=next_step, reason=reason)
        self.line = line
        self.column = column


class NotRepairable(AnswerIsNo):
    """No change that dwctl knows how to make is proven by the recorded checksum."""


class RequestNotPossible(DwctlError):
    """A request that cannot be made as it stands: usage, settings, nothing to do."""

    exit_code = ExitCode.USAGE


class UnreadableInput(RequestNotPossible):
    """A named file that is missing, is not a regular file, is too large, or may not be read."""


class ServerUnreachable(DwctlError):
    """The server was not reached: connection refused, DNS, TLS, reset."""

    exit_code = ExitCode.NETWORK


class NotAuthorized(DwctlError):
    """401 or 403: no token, a wrong one, or one of the wrong role."""

    exit_code = ExitCode.AUTH


class NotFound(DwctlError):
    """404: the namespace, run, worker or queue does not exist there."""

    exit_code = ExitCode.NOT_FOUND


class ServerFailed(DwctlError):
    """5xx: the server failed, or says that it cannot serve now."""

    exit_code = ExitCode.SERVER


class ServerTimedOut(DwctlError):
    """No answer in time; what the server did is unknown until it is asked."""

    exit_code = ExitCode.TIMEOUT


class IncompatibleServer(DwctlError):
    """The server speaks another version of the contract; refused before any change."""

    exit_code = ExitCode.INCOMPATIBLE


class PartlyDone(DwctlError):
    """Some items were done and some were not."""

    exit_code = ExitCode.PARTLY


class LocalStateError(DwctlError):
    """The ledger or another local file is locked, damaged, or of another cutover; or the machine gave out."""

    exit_code = ExitCode.LOCAL_STATE


class Interrupted(DwctlError):
    """SIGINT or SIGTERM arrived; what was in flight has been finished or named."""

    exit_code = ExitCode.INTERRUPTED


def own_lines(error: BaseException) -> tuple[str, ...]:
    """The lines of dwctl that an exception went through (`module:line`), the deepest last; they hold no data."""
    lines, step = [], error.__traceback__
    while step is not None:
        lines.append(f"{step.tb_frame.f_globals.get('__name__', '')}:{step.tb_lineno}")
        step = step.tb_next
    return tuple(line for line in lines if line.startswith("dwctl."))
