"""How many connections a server sees: one for each thread, used again for each of its calls, and closed at the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dwctl.server.calls import Call
from dwctl.server.target import Target
from dwctl.server.transport import Server
from dwctl.settings import Auth

THREADS, CALLS = 4, 10


class _Counting(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    opened: list[tuple[str, int]]
    closed: threading.Semaphore

    def setup(self) -> None:
        super().setup()
        self.opened.append(self.client_address)

    def finish(self) -> None:
        super().finish()
        self.closed.release()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *words: object) -> None:  # noqa: A002 - the name in the standard library
        """Nothing is told."""


@pytest.fixture
def counting() -> Iterator[tuple[str, type[_Counting]]]:
    class Handler(_Counting):
        opened: list[tuple[str, int]] = []  # noqa: RUF012 - of this test's server alone
        closed = threading.Semaphore(0)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", Handler
        server.shutdown()


def test_each_thread_keeps_a_connection_of_its_own_and_all_are_closed(
    counting: tuple[str, type[_Counting]],
) -> None:
    url, handler = counting
    all_there = threading.Barrier(THREADS)
    with Server(Target(url, auth=Auth.NONE)) as server:

        def many(_: int) -> None:
            all_there.wait(timeout=10)
            for _ in range(CALLS):
                assert server.call(Call("GET", "/api/health", roles=())).status == 200

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(many, range(THREADS)))
        assert len(handler.opened) == THREADS
    assert all(handler.closed.acquire(timeout=10) for _ in range(THREADS))
