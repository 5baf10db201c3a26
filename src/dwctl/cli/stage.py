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
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from dwctl.errors import AnswerIsNo, ServerTimedOut

if TYPE_CHECKING:
    from types import TracebackType

    from dwctl.cli.server_options import Connection
    from dwctl.server.transport import Server
    from dwctl.transfer.rehearsals.plan import WorkerPlan

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

    With a `connection` the server is that one's, and only workers are started; without, a rehearsal server is.
    """

    def __init__(self, namespace: str, worker: WorkerPlan, connection: Connection | None = None) -> None:
        self._namespace, self._plan, self._connection = namespace, worker, connection
        self._processes = ExitStack()
        self._workers: list[_Worker] = []
        self._url = "" if connection is None else connection.settings.server.value

    def __enter__(self) -> Self:
        self._folder = Path(self._processes.enter_context(tempfile.TemporaryDirectory(prefix="dwctl-rehearse-")))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._processes.close()

    def server(self) -> Server:
        """Connect to the server; a rehearsal server is started first where no other is given."""
        from dwctl.server.target import Target
        from dwctl.server.transport import Server
        from dwctl.settings import Auth

        if self._connection is not None:
            return self._processes.enter_context(self._connection.open())
        self._url = self._start_server()
        return self._processes.enter_context(Server(Target(self._url, self._namespace, auth=Auth.NONE)))

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

    def start_worker(self, task_queue: str) -> str | None:
        """Start the worker of the plan on a queue; returns its id, None where it chooses one itself.

        Its command line says where to work, and so do the guide's environment variables; the token is in the
        environment only. Raises AnswerIsNo where it cannot be started.
        """
        worker_id = f"{self._namespace}-worker-{len(self._workers) + 1}"
        values = {
            "python": sys.executable,
            "url": self._url,
            "namespace": self._namespace,
            "task_queue": task_queue,
            "worker_id": worker_id,
        }
        environment = {
            **self._environment(),
            "DURABLE_WORKFLOW_SERVER_URL": self._url,
            "DURABLE_WORKFLOW_NAMESPACE": self._namespace,
            "DURABLE_WORKFLOW_TASK_QUEUE": task_queue,
        }
        log = self._folder / f"{worker_id}.log"
        command = self._plan.arguments(values)
        try:
            process = self._start(command, log, environment, stdout=None, folder=self._plan.folder)
        except OSError as error:
            raise AnswerIsNo(
                f"the worker cannot be started: {error.strerror or error}", where=command[0],
                next_step="Is the program there, and may it be run? See [worker] of rehearsal.toml.",
            ) from error  # fmt: skip
        self._workers.append(_Worker(process, worker_id, log))
        return worker_id if self._plan.takes_an_id else None

    def worker_problem(self) -> str | None:
        """Which worker has ended, with the last line that it wrote; None while all run."""
        for worker in self._workers:
            if (code := worker.process.poll()) is not None:
                said = self._redacted(_last_line(worker.log))
                return f"the worker {worker.worker_id} has ended with code {code}: {said}"
        return None

    def _redacted(self, text: str) -> str:
        from dwctl.server.target import target_of

        return text if self._connection is None else target_of(self._connection.settings).redact(text)

    def _start(
        self,
        command: list[str],
        log: Path,
        environment: Mapping[str, str],
        *,
        stdout: int | None,
        folder: Path | None = None,
    ) -> subprocess.Popen[bytes]:
        with log.open("wb") as written:
            # In a group of its own: Ctrl-C reaches us alone, and what a worker starts itself ends with it.
            process = subprocess.Popen(  # noqa: S603 - our own program, or the operator's; no shell
                command, stdin=subprocess.DEVNULL, stdout=written if stdout is None else stdout, stderr=written,
                env=dict(environment), cwd=folder, process_group=0,
            )  # fmt: skip
        self._processes.callback(_stop, process)
        return process

    def _environment(self) -> dict[str, str]:
        """Ours without any token or key; for the worker of a real server with its token and how to trust it."""
        from dwctl.settings import Role

        own = {
            name: value
            for name, value in os.environ.items()
            if not (name.startswith(("DW_", "DWCTL_", "DURABLE_")) and name.endswith(("_TOKEN", "_KEY")))
        }
        if self._connection is None:
            return {**own, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        settings = self._connection.settings
        if settings.ca_file.value is not None:
            own["SSL_CERT_FILE"] = str(Path(settings.ca_file.value).absolute())
        own["DURABLE_WORKFLOW_TLS_VERIFY"] = "true" if settings.tls_verify.value else "false"
        token = settings.token(Role.WORKER).value
        return own if token is None else {**own, "DW_WORKER_TOKEN": token.reveal()}


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and all of its group, by force where it does not end by itself."""
    if process.poll() is None:
        _signal_group(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(STOPS_WITHIN)
    _signal_group(process, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "it said nothing"


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """SIGTERM and SIGHUP (the terminal is closed) as Ctrl-C, so that what was started is stopped."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
