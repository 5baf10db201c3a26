"""The rehearsal server on a socket: uvicorn, on loopback unless told otherwise."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import uvicorn

from dwctl.errors import RequestNotPossible
from dwctl.rehearsal.app import create_app
from dwctl.rehearsal.faults import FaultBox, parse_fault
from dwctl.rehearsal.seeds import Planted, plant
from dwctl.rehearsal.state import Rehearsal, Settings

_GRACE = 1  # seconds in which requests may end after the server was told to stop


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 is any free one. Raises `RequestNotPossible` where it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's delay off only where the protocol is named.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise RequestNotPossible(
            f"nothing can listen at {host} port {port}: {error.strerror or error}",
            next_step="name another port with --port; --port 0 takes a free one",
            reason="address_unavailable",
        ) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """The URL at which a client on this machine reaches the socket."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - not bound here, only named
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(listener: socket.socket) -> bool:
    """Whether only this machine can reach the socket."""
    return ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that answers: where, and how it behaves. `database` is None for one in memory."""

    url: str
    database: str | None
    profile: str
    protocol: str
    auth: str
    is_loopback: bool
    faults: tuple[str, ...]
    seeded: Planted | None


def serve(
    *,
    host: str,
    port: int,
    database: Path | None,
    profile: str,
    settings: Settings,
    faults: Sequence[str],
    seed: Path | None,
    on_ready: Callable[[Serving], None],
) -> None:
    """Serve until SIGINT or SIGTERM; `on_ready` is called once requests are answered.

    Raises `RequestNotPossible` for a port that is taken or a fault that does not exist, what `plant` raises for
    the seed, and `LocalStateError` for a file that is no database of a rehearsal.
    """
    box = FaultBox([parse_fault(rule) for rule in faults])
    with closing(listen(host, port)) as listener:
        app = create_app(database=database or ":memory:", profile=profile, settings=settings, faults=box)
        state: Rehearsal = app.state.rehearsal
        with closing(state.database):
            serving = Serving(
                url_of(listener),
                None if database is None else str(database),
                profile,
                settings.protocol,
                settings.auth,
                is_loopback(listener),
                tuple(faults),
                None if seed is None else plant(state, seed),
            )
            config = uvicorn.Config(
                app, lifespan="on", log_config=None, access_log=False, timeout_graceful_shutdown=_GRACE, ws="none"
            )
            _Server(config, lambda: on_ready(serving)).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Stops on a signal and returns, where uvicorn would die of the same signal afterwards."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, and say so."""
        await super().startup(sockets)
        self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, but what was captured is not raised again."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()
