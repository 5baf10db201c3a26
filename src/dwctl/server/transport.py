"""One HTTP client for the server: headers of each plane, authentication, limits, retries.

Source: contract/server.md §1. Nothing of httpx leaves this module: answers are `Answer`, failures are
`ServerFailure`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlencode

import httpx

from dwctl import __version__
from dwctl.server.calls import JSON, Answer, Attempt, Call, Plane, retry_after_of
from dwctl.server.failures import Delivery, ServerFailure, answered, own_failure
from dwctl.server.retries import RetryPolicy, may_repeat
from dwctl.server.target import Target, redacted, refuse_open_wire
from dwctl.server.tls import peer_of, trust
from dwctl.server.wire_errors import failure_of
from dwctl.settings import Auth, Role

for _library in ("httpx", "httpcore"):
    logging.getLogger(_library).setLevel(logging.WARNING)  # their debug lines hold headers; ours is `Attempt`

CONTROL_PLANE_VERSION: Final = "2"
LARGEST_ANSWER: Final = 512 * 1024 * 1024
"""Bytes of one decoded answer; a server that sends more is stopped, whatever it compressed it to."""
_SLOW_FACTOR: Final = 10
"""A whole answer may take this many timeouts: a server that trickles bytes is stopped too."""


class Server:
    """A connection to one target; each thread that shares it has a connection of its own, closed with all others.

    Close it, or use it in a `with` block.
    """

    def __init__(
        self,
        target: Target,
        *,
        policy: RetryPolicy | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
        on_attempt: Callable[[Attempt], None] = lambda attempt: None,
    ) -> None:
        self.target = target
        self._policy = policy or RetryPolicy()
        self._sleep, self._clock, self._now, self._chance = sleep, clock, now, chance
        self._on_attempt = on_attempt
        self._given = transport
        self._trust = trust(target)
        self._timeout = httpx.Timeout(target.timeout).as_dict()
        self._here = threading.local()
        self._transports: dict[threading.Thread, httpx.BaseTransport] = {}

    @property
    def _transport(self) -> httpx.BaseTransport:
        """The connection of this thread.

        A pool that threads share looks at each idle connection before every request, and each look is a change of
        threads: with a dozen lanes that costs as much as the requests themselves. What an `httpx.Client` does above
        its transport (cookies, redirects, authentication by challenge) is nothing that dwctl wants of a server.
        """
        transport: httpx.BaseTransport | None = getattr(self._here, "transport", None)
        if transport is None:
            self._close_of_ended_threads()
            proxy = self.target.proxy.reveal() if self.target.proxy else None
            transport = self._given or httpx.HTTPTransport(verify=self._trust, proxy=proxy, trust_env=False)
            self._here.transport = self._transports[threading.current_thread()] = transport
        return transport

    def _close_of_ended_threads(self) -> None:
        """Whoever looks again and again, each time with new threads, would run out of files otherwise."""
        for thread in list(self._transports):
            if not thread.is_alive() and (transport := self._transports.pop(thread, None)) is not None:
                transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        for transport in list(self._transports.values()):
            transport.close()

    def call(self, call: Call, *, policy: RetryPolicy | None = None) -> Answer:
        """Make the call, again where that is safe, and return a 2xx answer or one of `call.accepted`.

        Raises a ServerFailure, or RequestNotPossible for what may not be sent.
        """
        policy = policy or self._policy
        started, number, unsettled, unfinished = self._clock(), 0, 0, 0
        while True:
            number += 1
            begun = self._clock()
            outcome = self._attempt(call, number, unsettled, unfinished)
            elapsed = self._clock() - begun
            pause = self._pause(call, outcome, policy, number, started)
            self._on_attempt(_noted(call, outcome, number, elapsed, pause, self._url(call)))
            if pause is None:
                if isinstance(outcome, ServerFailure):
                    outcome.exchange = replace(
                        outcome.exchange, earlier_unsettled=unsettled, earlier_unfinished=unfinished
                    )
                    raise outcome
                return outcome
            if isinstance(outcome, ServerFailure):
                unsettled += outcome.exchange.unsettled
                unfinished += outcome.exchange.unfinished
            self._sleep(pause)

    def _pause(
        self, call: Call, outcome: Answer | ServerFailure, policy: RetryPolicy, number: int, started: float
    ) -> float | None:
        """Seconds until the next attempt, or None where this outcome stands."""
        if isinstance(outcome, ServerFailure):
            again, retry_after = may_repeat(call.repeat, outcome.exchange), outcome.exchange.retry_after
        else:
            again, retry_after = call.busy is not None and call.busy(outcome), None
        if not again:
            return None
        pause = policy.pause(number, retry_after, self._chance())
        return pause if policy.allows(number, self._clock() - started, pause) else None

    def _attempt(self, call: Call, number: int, unsettled: int, unfinished: int) -> Answer | ServerFailure:
        request = self._request(call)
        url = self._url(call)
        sent_at = self._now()
        deadline = self._clock() + _SLOW_FACTOR * self.target.timeout
        try:
            response = self._transport.handle_request(request)
            try:
                body = self._read(response, deadline)
                stream = response.extensions.get("network_stream")
                peer = peer_of(stream.get_extra_info("ssl_object")) if stream is not None else None
            finally:
                response.close()
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            return failure_of(error, call.method, url, self.target)
        except _TooMuchError as error:
            return own_failure(error.reason, str(error), call.method, url, Delivery.UNKNOWN)
        answer = Answer(
            method=call.method,
            url=url,
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=body,
            sent_at=sent_at,
            received_at=self._now(),
            attempts=number,
            unsettled=unsettled,
            unfinished=unfinished,
            peer=peer,
        )
        if response.is_success or response.status_code in call.accepted:
            return answer
        return self.failure(call, answer)

    def _read(self, response: httpx.Response, deadline: float) -> bytes:
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > LARGEST_ANSWER:
                raise _TooMuchError("unreadable_answer", f"the answer is larger than {LARGEST_ANSWER} bytes")
            if self._clock() > deadline:
                raise _TooMuchError("timed_out", "the answer arrives too slowly to wait for its end")
        return bytes(body)

    def failure(self, call: Call, answer: Answer) -> ServerFailure:
        """The failure that an error answer or a redirect stands for; for callers that accepted its status.

        It says what attempts before this answer may have done, as each failure of `call` does.
        """
        return answer.remembering(self._failure_of(call, answer))

    def _failure_of(self, call: Call, answer: Answer) -> ServerFailure:
        if 300 <= answer.status < 400:
            place = self.target.redact(answer.headers.get("location", "nowhere")).split("?")[0][:200]
            message = f"the server redirects to {place}"
            return own_failure("redirected", message, call.method, answer.url, Delivery.ANSWERED, status=answer.status)
        try:
            document = redacted(json.loads(answer.body), self.target.redact)
        except (ValueError, RecursionError):
            document = None
        return answered(
            call.method,
            answer.url,
            answer.status,
            document if isinstance(document, dict) else {},
            retry_after=retry_after_of(answer.headers, answer.received_at),
            credential=self.target.credential(call.roles) if call.roles else None,
            roles=call.roles,
        )

    def _url(self, call: Call) -> str:
        return f"{self.target.url}{call.path}"

    def _request(self, call: Call) -> httpx.Request:
        url = self._url(call) + (f"?{urlencode(call.query)}" if call.query else "")
        headers = {"Accept": JSON, "Accept-Encoding": "gzip", "User-Agent": f"dwctl/{__version__}"}
        if call.plane is not Plane.OPEN:
            headers[call.plane.value] = CONTROL_PLANE_VERSION if call.plane is Plane.CONTROL else call.protocol
        if call.namespaced:
            headers["X-Namespace"] = self.target.namespace
        if call.body is not None:
            headers["Content-Type"] = call.content_type
        if call.roles:
            headers.update(self._credentials(call.roles, call.body or b""))
        return httpx.Request(
            call.method, url, headers=headers, content=call.body, extensions={"timeout": self._timeout}
        )

    def _credentials(self, roles: Sequence[Role], body: bytes) -> Mapping[str, str]:
        """The auth driver's header: a bearer token, or the hex HMAC of the raw body (recordings 413-417)."""
        credential = self.target.credential(roles)
        if credential.secret is None:
            return {}
        refuse_open_wire(self.target, credential)
        text = credential.secret.reveal()
        if self.target.auth is Auth.SIGNATURE:
            return {"X-Signature": hmac.new(text.encode(), body, hashlib.sha256).hexdigest()}
        return {"Authorization": f"Bearer {text}"}


class _TooMuchError(Exception):
    """An answer that is stopped: too large, or too slow."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def _noted(
    call: Call, outcome: Answer | ServerFailure, number: int, elapsed: float, pause: float | None, url: str
) -> Attempt:
    if isinstance(outcome, ServerFailure):
        status, reason = outcome.exchange.status, outcome.exchange.reason
    else:
        status, reason = outcome.status, None
    return Attempt(call.method, url, number, elapsed, status, reason, pause)
