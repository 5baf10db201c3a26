"""Is the server up, and is it ready for work: both probes, once or until it is (server.md §2)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from dwctl.errors import ExitCode
from dwctl.server.endpoints import health as ask_health
from dwctl.server.endpoints import ready as ask_ready
from dwctl.server.failures import ServerFailure
from dwctl.server.results import Probe
from dwctl.server.retries import ONCE
from dwctl.server.transport import Server

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 2.0


@dataclass(frozen=True, slots=True)
class HealthReport:
    """Both probes; one that failed is None, with its error. `ready` decides: health only means a database."""

    health: Probe | None
    ready: Probe | None
    health_error: ServerFailure | None
    ready_error: ServerFailure | None
    waited: float
    attempts: int

    @property
    def is_ready(self) -> bool:
        """200 and the word `ready`; anything else, also what is not known, is not ready."""
        return self.ready is not None and self.ready.http_status == 200 and self.ready.status == "ready"

    @property
    def exit_code(self) -> ExitCode:
        """0 ready, 6 not ready, else that of the failure."""
        if self.is_ready:
            return ExitCode.DONE
        return self.ready_error.exit_code if self.ready_error is not None else ExitCode.SERVER


def check_health(
    server: Server,
    *,
    wait: float = 0.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> HealthReport:
    """Ask both probes; with `wait` seconds, ask again until the server is ready or the time is over."""
    started, attempts, pause = clock(), 0, _FIRST_PAUSE
    while True:
        attempts += 1
        report = _once(server, clock() - started, attempts)
        left = wait - (clock() - started)
        if report.is_ready or left <= 0:
            return report
        sleep(min(pause, left))
        pause = min(pause * 2, _LONGEST_PAUSE)


def _once(server: Server, waited: float, attempts: int) -> HealthReport:
    health, health_error = _ask(ask_health, server)
    if health_error is not None and health_error.exchange.status is None:
        return HealthReport(None, None, health_error, health_error, waited, attempts)
    ready, ready_error = _ask(ask_ready, server)
    return HealthReport(health, ready, health_error, ready_error, waited, attempts)


def _ask(probe: Callable[..., Probe], server: Server) -> tuple[Probe | None, ServerFailure | None]:
    try:
        return probe(server, policy=ONCE), None
    except ServerFailure as error:
        return None, error
