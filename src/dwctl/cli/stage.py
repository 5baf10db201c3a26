"""What a rehearsal plays on: the rehearsal server and workers as processes of ours, always stopped again."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from dwctl.errors import AnswerIsNo, ServerTimedOut

if TYPE_CHECKING:
    from types import TracebackType

    from dwctl.server.transport import Server
    from dwctl.settings import Settings

SDK_PROTOCOL = "1.20"
"""The worker protocol that today's official SDK asks for."""
STARTS_WITHIN = 15.0
"""Seconds in which the rehearsal server must answer."""
STOPS_WITHIN = 3.0
"""Seconds in which a process must end after SIGTERM, before it is killed."""


@dataclass(frozen=True, slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    worker_id: str
    log: Path


class LocalStage:
    """A stage of processes. Use it in a `with` block: at its end every process that it started has ended.

    With `settings` the server is theirs and only workers are started; without, a rehearsal server is.
    """

    def __init__(self, namespace: str, worker: Path, settings: Settings | None = None) -> None:
        self._namespace, self._program, self._settings = namespace, worker, settings
        self._processes = ExitStack()
        self._workers: list[_Worker] = []
        self._url = "" if settings is None else settings.server.value

    def __enter__(self) -> Self:
        self._folder = Path(self._processes.enter_context(tempfile.TemporaryDirectory(prefix="dwctl-rehearse-")))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._processes.close()

    def server(self) -> Server:
        """Connect to the server; a rehearsal server is started first where no other is given."""
        from dwctl.server.target import Target, target_of
        from dwctl.server.transport import Server
        from dwctl.settings import Auth

        if self._settings is None:
            self._url = self._start_server()
            target = Target(self._url, self._namespace, auth=Auth.NONE)
        else:
            target = target_of(self._settings)
        return self._processes.enter_context(Server(target))

    def _start_server(self) -> str:
        command = [sys.executable, "-m", "dwctl", "rehearsal", "serve", "--port", "0", "--protocol", SDK_PROTOCOL]
        log = self._folder / "server.log"
        process = self._start([*command, "--output", "jsonl"], log, self._environment(), stdout=subprocess.PIPE)
        stream = process.stdout
        if stream is None or not select.select([stream], [], [], STARTS_WITHIN)[0]:
            raise ServerTimedOut(f"the rehearsal server did not start within {STARTS_WITHIN:.0f} s")
        line = stream.readline()
        if not line:
            raise AnswerIsNo(f"the rehearsal server did not start: {_last_line(log)}")
        document: dict[str, Any] = json.loads(line)
        return str(document.get("url") or "")

    def start_worker(self, task_queue: str) -> str:
        """Start the example worker on a queue; returns its id."""
        worker_id = f"{self._namespace}-worker-{len(self._workers) + 1}"
        command = [sys.executable, str(self._program), "--url", self._url, "--namespace", self._namespace]
        command += ["--task-queue", task_queue, "--worker-id", worker_id, "--poll-timeout", "2"]
        log = self._folder / f"{worker_id}.log"
        process = self._start(command, log, self._environment(), stdout=None)
        self._workers.append(_Worker(process, worker_id, log))
        return worker_id

    def worker_problem(self) -> str | None:
        """Which worker has ended, with the last line that it wrote; None while all run."""
        for worker in self._workers:
            if (code := worker.process.poll()) is not None:
                return f"the worker {worker.worker_id} has ended with code {code}: {_last_line(worker.log)}"
        return None

    def _start(
        self, command: list[str], log: Path, environment: Mapping[str, str], *, stdout: int | None
    ) -> subprocess.Popen[bytes]:
        with log.open("wb") as written:
            process = subprocess.Popen(  # noqa: S603 - our own program, no shell
                command, stdin=subprocess.DEVNULL, stdout=written if stdout is None else stdout, stderr=written,
                env=dict(environment),
            )  # fmt: skip
        self._processes.callback(_stop, process)
        return process

    def _environment(self) -> dict[str, str]:
        """Ours without any token or key, and for the worker of a real server with the worker's token."""
        from dwctl.settings import Role

        own = {
            name: value
            for name, value in os.environ.items()
            if not (name.startswith(("DW_", "DWCTL_", "DURABLE_")) and name.endswith(("_TOKEN", "_KEY")))
        }
        if self._settings is None:
            return {**own, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        token = self._settings.token(Role.WORKER).value
        return own if token is None else {**own, "DW_WORKER_TOKEN": token.reveal()}


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a process, by force where it does not end by itself."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOPS_WITHIN)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "it said nothing"


@contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """SIGTERM as Ctrl-C, so that what was started is stopped."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
