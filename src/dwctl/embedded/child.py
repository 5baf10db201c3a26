"""A child process with its pipes, in a session of its own; nothing of it is left when it has ended.

In a session of its own, Ctrl-C in the terminal does not reach it in the middle of its work, it cannot stop to ask
the terminal for a password, and all that it starts is ended with it.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Final

_PIECE: Final = 1 << 20
_PIPE: Final = 1 << 20
_GLANCE: Final = 0.02
_LAST_WAIT: Final = 5.0

PHP_RUNS: Final = "dwctl: PHP runs"
"""What a PHP text of ours says on stderr first: it tells a PHP that was never reached from one that failed."""

Clock = Callable[[], float]


@dataclass(slots=True)
class EndsKept:
    """Bytes of which only the first and the last `half` are kept, and all are counted."""

    half: int = 16_384
    total: int = 0
    _head: bytearray = field(default_factory=bytearray)
    _tail: bytearray = field(default_factory=bytearray)

    def add(self, piece: bytes | bytearray | memoryview) -> None:
        """Take bytes in, in the order in which they came."""
        self.total += len(piece)
        room = self.half - len(self._head)
        self._head += piece[:room]
        if len(piece) > room:
            self._tail += piece[max(room, len(piece) - self.half) :]
            del self._tail[: -self.half]

    def take(self) -> tuple[bytes, int]:
        """What was kept and how many there were; then begin anew. What was left out in between is said in it."""
        left_out = self.total - len(self._head) - len(self._tail)
        between = f"\n[{left_out} bytes left out]\n".encode() if left_out else b""
        taken = bytes(self._head) + between + bytes(self._tail), self.total
        self.total = 0
        self._head.clear()
        self._tail.clear()
        return taken


class Child:
    """A started process. It reads what it is fed where `reads`, else its stdin is empty.

    `output` is what came on stdout and is the caller's to consume; `errors` are the ends of stderr. Raises OSError or
    ValueError where the words cannot be run here: `start_failure` says it in words.
    """

    def __init__(
        self,
        words: Sequence[str],
        *,
        environment: Mapping[str, str] | None,
        reads: bool,
        clock: Clock = time.monotonic,
    ) -> None:
        self.output = bytearray()
        self.errors = EndsKept()
        self._clock = clock
        self._unsent = bytearray()
        self._closing_input = False
        self._lock = threading.Lock()
        self._process = subprocess.Popen(  # noqa: S603 - an argument list from the settings, never a shell
            list(words),
            stdin=subprocess.PIPE if reads else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=None if environment is None else dict(environment),
            start_new_session=True,
        )
        self._selector = selectors.DefaultSelector()
        self._exit_watch = _exit_watch(self._process.pid)
        self._writing = False
        self._watch()

    def feed(self, data: bytes) -> None:
        """Send this to the child as far as its pipe takes it now; `pump` sends the rest."""
        self._unsent += data
        self._write()

    def close_input(self) -> None:
        """Tell the child that nothing more comes, once all that was fed is sent."""
        self._closing_input = True
        self._write()

    @property
    def output_ended(self) -> bool:
        """No more can come on stdout."""
        return self._process.stdout is None or self._process.stdout.closed

    def exited(self) -> bool:
        """The process itself has ended; others that it started may still be there."""
        with self._lock:
            return self._is_over()

    def pump(self, seconds: float) -> None:
        """Move what can be moved between the pipes; wait at most this long until something can."""
        if self._exit_watch is None:
            seconds = min(seconds, _GLANCE)
        for key, _ in self._selector.select(max(seconds, 0.0)):
            if key.data is not None:
                key.data()
            else:
                self.drain()

    def kill(self) -> None:
        """End the process and all that it started at once; from any thread."""
        self._signal(signal.SIGKILL)

    def end(self, *, patience: float = 0.0, grace: float = 5.0) -> int:
        """End it in order and return its exit code (negative: the signal).

        `patience` is how many seconds it has to end by itself, `grace` how many after it was told to. What it
        printed meanwhile is in `output` and `errors`.
        """
        well = False
        try:
            if self._ends_within(patience):
                well = self._ended_well()
            else:
                self._signal(signal.SIGTERM)
                self._ends_within(grace)
            self.drain()
        finally:
            if not well:  # what a command leaves behind on purpose, such as the shared connection of ssh, may stay
                self._signal(signal.SIGKILL)
            self._close()
        code: int | None = self._process.returncode
        return -signal.SIGKILL if code is None else code

    def _ends_within(self, seconds: float) -> bool:
        deadline = self._clock() + seconds
        while not self.exited():
            if (left := deadline - self._clock()) <= 0:
                return False
            self.pump(left)
        return True

    def _watch(self) -> None:
        for stream, then in ((self._process.stdout, self._read_output), (self._process.stderr, self._read_errors)):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                _widened(stream)
                self._selector.register(stream, selectors.EVENT_READ, then)
        if self._process.stdin is not None:
            os.set_blocking(self._process.stdin.fileno(), False)
        if self._exit_watch is not None:
            self._selector.register(self._exit_watch, selectors.EVENT_READ, None)

    def drain(self) -> None:
        """Read all that stands in the pipes now, without waiting: what a process that has ended left there."""
        if self._exit_watch is not None and self.exited():
            self._selector.unregister(self._exit_watch)
            os.close(self._exit_watch)
            self._exit_watch = None
        while self._read_output():
            pass
        while self._read_errors():
            pass

    def _read_output(self) -> bool:
        piece = self._read(self._process.stdout)
        self.output += piece
        return bool(piece)

    def _read_errors(self) -> bool:
        piece = self._read(self._process.stderr)
        self.errors.add(piece)
        return bool(piece)

    def _read(self, stream: IO[bytes] | None) -> bytes:
        """What the pipe holds now, a piece of it; empty where it holds nothing, or has ended and is closed."""
        if stream is None or stream.closed:
            return b""
        try:
            piece = os.read(stream.fileno(), _PIECE)
        except BlockingIOError:
            return b""
        if not piece:
            self._selector.unregister(stream)
            stream.close()
        return piece

    def _write(self) -> None:
        stream = self._process.stdin
        if stream is None or stream.closed:
            self._unsent.clear()
            return
        try:
            while self._unsent:
                del self._unsent[: os.write(stream.fileno(), self._unsent[:_PIECE])]
        except BlockingIOError:
            pass
        except OSError:  # it reads no more: what that means shows in its output and its exit
            self._unsent.clear()
            self._closing_input = True
        self._want_to_write(stream, bool(self._unsent))
        if self._closing_input and not self._unsent:
            with suppress(OSError):
                stream.close()

    def _want_to_write(self, stream: IO[bytes], wanted: bool) -> None:
        if wanted and not self._writing:
            self._selector.register(stream, selectors.EVENT_WRITE, self._write)
        elif self._writing and not wanted:
            self._selector.unregister(stream)
        self._writing = wanted

    def _is_over(self) -> bool:
        """Whether it has ended; it is left unburied, so that its number names no other process yet."""
        if self._process.returncode is not None:
            return True
        if not hasattr(os, "waitid"):
            return self._process.poll() is not None
        try:
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def _ended_well(self) -> bool:
        with self._lock:
            if self._process.returncode is not None or not hasattr(os, "waitid"):
                return self._process.returncode == 0
            how = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            return how is not None and how.si_code == os.CLD_EXITED and how.si_status == 0

    def _signal(self, number: signal.Signals) -> None:
        with self._lock:
            if self._process.returncode is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, number)

    def _close(self) -> None:
        self._selector.close()
        if self._exit_watch is not None:
            os.close(self._exit_watch)
            self._exit_watch = None
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        # A command under sudo may not be ours to kill: it ends by itself, its pipes being closed.
        with self._lock, suppress(subprocess.TimeoutExpired):
            self._process.wait(_LAST_WAIT)


def start_failure(words: Sequence[str], error: Exception) -> str:
    """What is said where a `Child` of these words could not be started."""
    if isinstance(error, FileNotFoundError):
        return f"the command {words[0]} is not there"
    return f"the command {words[0]} cannot be run: {getattr(error, 'strerror', None) or error}"


def _exit_watch(pid: int) -> int | None:
    """A descriptor that is readable once the process has ended; None where the system has none."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _widened(stream: IO[bytes]) -> None:
    """Let the pipe hold a bundle, so that the child goes on while the one before it is looked at."""
    with suppress(AttributeError, OSError):
        fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, _PIPE)
