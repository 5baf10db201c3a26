"""httpx's exceptions as failures of ours; the one place that knows them (a test walks every class)."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import httpx

from dwctl.server.failures import Delivery, ServerFailure, own_failure
from dwctl.server.target import Target


def failure_of(error: Exception, method: str, url: str, target: Target) -> ServerFailure:
    """The failure that an exception of httpx stands for, and how far the call had got."""
    if isinstance(error, httpx.TimeoutException):
        return _timed_out(error, method, url, target)
    if isinstance(error, httpx.ConnectError | httpx.ProxyError | httpx.UnsupportedProtocol | httpx.InvalidURL):
        return _not_connected(error, method, url, target)
    if isinstance(error, httpx.DecodingError):
        message = "the answer's compression is damaged"
        return own_failure("unreadable_answer", message, method, url, Delivery.UNKNOWN)
    if isinstance(error, httpx.LocalProtocolError):
        message = "the request could not be put on the wire"
        return own_failure("server_unreachable", message, method, url, Delivery.NOT_SENT)
    message = f"the connection to {target.origin} broke before the whole answer was there"
    return own_failure("connection_lost", message, method, url, Delivery.UNKNOWN)


def _timed_out(error: httpx.TimeoutException, method: str, url: str, target: Target) -> ServerFailure:
    waited = f"within {target.timeout:g} s"
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        message = f"no connection to {target.origin} {waited}"
        return own_failure("timed_out", message, method, url, Delivery.NOT_SENT)
    message = f"no answer from {target.origin} {waited}"
    return own_failure("timed_out", message, method, url, Delivery.UNKNOWN)


def _not_connected(error: Exception, method: str, url: str, target: Target) -> ServerFailure:
    place = f"the proxy for {target.origin}" if isinstance(error, httpx.ProxyError) else target.origin
    reason, why = "server_unreachable", "no connection"
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason, why = "tls_not_trusted", f"its certificate was not accepted: {cause.verify_message}"
        elif isinstance(cause, ssl.SSLError):
            reason, why = "tls_not_trusted", "TLS could not be agreed; is the address really https://?"
        elif isinstance(cause, socket.gaierror):
            why = "the name is not known"
        elif isinstance(cause, ConnectionRefusedError):
            why = "connection refused"
        else:
            continue
        break
    return own_failure(reason, f"{place} was not reached: {why}", method, url, Delivery.NOT_SENT)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The chain behind an exception, nearest first."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
