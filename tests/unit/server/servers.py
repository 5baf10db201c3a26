"""A Server whose wire is a function: for tests that count requests and never sleep."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

from dwctl.secret import Secret
from dwctl.server.calls import Answer, Attempt
from dwctl.server.retries import RetryPolicy
from dwctl.server.target import Credential, Target
from dwctl.server.transport import Server
from dwctl.settings import Role

Handler = Callable[[httpx.Request], httpx.Response]

TOKENS = {role: Credential(Secret(f"tok-{role}"), f"DW_{role.upper()}_TOKEN") for role in Role}
TARGET = Target("http://127.0.0.1:8080", "production", credentials=TOKENS)


@dataclass
class Wire:
    """What went over it, what time it took, and what was waited for."""

    answers: Iterable[httpx.Response | Exception] | Handler
    requests: list[httpx.Request] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    seconds: float = 0.0

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer a request from the script."""
        self.requests.append(request)
        if callable(self.answers):
            return self.answers(request)
        answer = list(self.answers)[len(self.requests) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def sleep(self, seconds: float) -> None:
        """Note the pause, and let the clock run."""
        self.pauses.append(seconds)
        self.seconds += seconds

    def server(self, target: Target = TARGET, policy: RetryPolicy | None = None) -> Server:
        """A Server on this wire, without chance in its pauses."""
        return Server(
            target,
            policy=policy,
            transport=httpx.MockTransport(self.handle),
            sleep=self.sleep,
            clock=lambda: self.seconds,
            now=lambda: 1_800_000_000.0,
            chance=lambda: 0.0,
            on_attempt=self.attempts.append,
        )


def reply(document: Any = None, status: int = 200, **headers: str) -> httpx.Response:
    """A JSON answer; underscores in header names become dashes."""
    return httpx.Response(
        status,
        content=json.dumps({} if document is None else document).encode(),
        headers={"content-type": "application/json"} | {name.replace("_", "-"): text for name, text in headers.items()},
    )


def refusal(status: int, reason: str | None = None, **more: Any) -> httpx.Response:
    """An error answer with a reason."""
    return reply({"message": "no"} | ({"reason": reason} if reason else {}) | more, status)


def answer(document: Any, status: int = 200, **changes: Any) -> Answer:
    """An Answer that never was on a wire."""
    fields: dict[str, Any] = {
        "method": "GET",
        "url": "http://127.0.0.1/api/x",
        "status": status,
        "headers": {"content-type": "application/json"},
        "body": document if isinstance(document, bytes) else json.dumps(document).encode(),
        "sent_at": 0.0,
        "received_at": 0.0,
    }
    return Answer(**(fields | changes))
