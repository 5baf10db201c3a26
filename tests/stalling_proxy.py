"""A TCP proxy in front of a database that passes bytes on until it is told to stall, or to cut the line."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class StallingProxy:
    """One listening port; every connection to it is passed on to `target`."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._flowing = threading.Event()
        self._flowing.set()
        self._closed = False
        self._lines: list[socket.socket] = []
        self._left: int | None = None
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def stall(self) -> None:
        """From now on nothing comes through, and nothing is closed."""
        self._flowing.clear()

    def cut(self) -> None:
        """Close every connection now."""
        for line in self._lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def cut_after(self, size: int) -> None:
        """Close the connections after so many more bytes of the server's."""
        self._left = size

    def close(self) -> None:
        """End everything, and wait until it has ended."""
        self._closed = True
        self._flowing.set()
        # A listener that is only closed leaves its thread waiting, on a number that the next socket may get.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        self.cut()
        for thread in self._threads[1:]:
            thread.join()
        for line in self._lines:
            line.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            self._lines += [client, server]
            for source, sink, counted in ((client, server, False), (server, client, True)):
                thread = threading.Thread(target=self._pass_on, args=(source, sink, counted), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while chunk := source.recv(16384):
                self._flowing.wait()
                if self._closed:
                    return
                if counted and self._left is not None:
                    chunk, self._left = chunk[: self._left], max(0, self._left - len(chunk))
                sink.sendall(chunk)
                if counted and self._left == 0:
                    self.cut()
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy_to(host: str, port: int) -> Iterator[StallingProxy]:
    """A proxy to a server, closed at the end."""
    proxy = StallingProxy((host, port))
    try:
        yield proxy
    finally:
        proxy.close()
