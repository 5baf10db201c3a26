"""The stand-in on a real socket, in a thread of the test's process."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
import uvicorn

from standin.app import Behaviour, StandIn


@dataclass(frozen=True)
class RunningStandIn:
    """A stand-in that answers at `url`."""

    url: str
    app: StandIn


@dataclass(frozen=True)
class Certificates:
    """A certificate for a name, as files, and the authority that signed it."""

    chain: Path
    key: Path
    authority: Path


def certificates(folder: Path, *names: str) -> Certificates:
    """A fresh authority and a certificate of it for these names."""
    authority = trustme.CA()
    made = authority.issue_cert(*names)
    files = Certificates(folder / "chain.pem", folder / "key.pem", folder / "authority.pem")
    authority.cert_pem.write_to_path(str(files.authority))
    made.private_key_pem.write_to_path(str(files.key))
    for index, blob in enumerate(made.cert_chain_pems):
        blob.write_to_path(str(files.chain), append=index > 0)
    return files


@contextmanager
def serve(behaviour: Behaviour | None = None, *, tls: Certificates | None = None) -> Iterator[RunningStandIn]:
    """Run a stand-in on a free port of the loopback interface until the block ends."""
    app = StandIn(behaviour)
    listener = socket.socket(
        socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP
    )  # asyncio sets TCP_NODELAY on these
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        log_level="critical",
        http="h11",
        ws="none",
        loop="asyncio",
        ssl_certfile=str(tls.chain) if tls else None,
        ssl_keyfile=str(tls.key) if tls else None,
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the stand-in did not start")
        time.sleep(0.005)
    try:
        yield RunningStandIn(f"{'https' if tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}", app)
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()
