"""Connections belong to threads: those of threads that have ended do not pile up."""

from __future__ import annotations

from threading import Thread

import httpx
from servers import TARGET

from dwctl.server.calls import Call
from dwctl.server.transport import Server


class Counting(httpx.MockTransport):
    """Answers every request; `closed` counts the clients that were closed."""

    closed = 0

    def __init__(self) -> None:
        super().__init__(lambda request: httpx.Response(200, content=b"{}"))

    def close(self) -> None:
        """One more."""
        self.closed += 1


def ask_in_a_thread(server: Server) -> None:
    thread = Thread(target=lambda: server.call(Call("GET", "/api/health", ())))
    thread.start()
    thread.join()


def test_looks_with_ever_new_threads_leave_one_connection_open() -> None:
    transport = Counting()
    with Server(TARGET, transport=transport) as server:
        for _ in range(5):
            ask_in_a_thread(server)
        assert transport.closed == 4
        server.call(Call("GET", "/api/health", ()))
        assert transport.closed == 5
        ask_in_a_thread(server)
        assert transport.closed == 5  # the thread of this test still has its own
    assert transport.closed == 7
