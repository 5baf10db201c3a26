"""Whom to talk to and how: everything that the transport needs to know, checked before anything leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from dwctl.errors import RequestNotPossible
from dwctl.proxies import is_loopback
from dwctl.secret import MASK, Secret
from dwctl.settings import Auth, Role, Settings

DEFAULT_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Credential:
    """What authenticates a call, and where it came from; `secret` is None where nothing was configured."""

    secret: Secret | None
    origin: str


@dataclass(frozen=True, slots=True)
class Target:
    """One server and namespace, with the credential of each role.

    `url` is the base without `/api`; `timeout` is in seconds and holds for each step of an exchange. `secrets` is every
    secret that it knows.
    """

    url: str
    namespace: str = "default"
    auth: Auth = Auth.TOKEN
    credentials: Mapping[Role, Credential] = field(default_factory=dict)
    tls_verify: bool = True
    ca_file: str | None = None
    timeout: float = DEFAULT_TIMEOUT
    proxy: Secret | None = None
    allow_insecure: bool = False
    secrets: tuple[Secret, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Gather the secrets once: whatever a server says is looked through for them, a text at a time."""
        object.__setattr__(self, "secrets", tuple(self._known_secrets()))

    @property
    def origin(self) -> str:
        """Scheme, host and port: what a token may be sent to."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def encrypted(self) -> bool:
        """Whether the server is reached over TLS."""
        return self.url.startswith("https:")

    def credential(self, roles: Sequence[Role]) -> Credential:
        """What a call is authenticated with that takes any of these roles: the first that is configured.

        Another role's is never tried after a refusal.
        """
        if self.auth is Auth.NONE:
            return Credential(None, "auth = none")
        known = [self.credentials[role] for role in roles if role in self.credentials]
        set_ones = [credential for credential in known if credential.secret is not None]
        return next(iter(set_ones or known), Credential(None, "default"))

    def _known_secrets(self) -> Iterator[Secret]:
        yield from (known.secret for known in self.credentials.values() if known.secret is not None)
        if self.proxy is not None:
            yield self.proxy
            if password := urlsplit(self.proxy.reveal()).password:
                yield Secret(password)

    def redact(self, text: str) -> str:
        """`text` without any secret of this target, in case a server repeats what it was sent."""
        for secret in self.secrets:
            text = text.replace(secret.reveal(), MASK)
        return text


def redacted(value: Any, redact: Callable[[str], str]) -> Any:
    """A decoded answer, with every text and key in it as `redact` gives it back."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact(key): redacted(item, redact) for key, item in value.items()}
    return [redacted(item, redact) for item in value] if isinstance(value, list) else value


def target_of(settings: Settings) -> Target:
    """The target that the settings describe."""
    found = {role: settings.token(role) for role in Role}
    return Target(
        url=settings.server.value,
        namespace=settings.namespace.value,
        auth=settings.auth.value,
        credentials={role: Credential(token.value, token.origin) for role, token in found.items()},
        tls_verify=settings.tls_verify.value,
        ca_file=settings.ca_file.value,
        timeout=settings.timeout.value,
        proxy=settings.proxy.value,
        allow_insecure=settings.allow_insecure.value,
    )


def refuse_open_wire(target: Target, credential: Credential) -> None:
    """Refuse to send a credential where anybody on the way can read it. Raises RequestNotPossible.

    A signature counts too: that of an empty body never changes, so whoever has seen one can repeat it.
    """
    host = urlsplit(target.url).hostname or ""
    if credential.secret is None or target.encrypted or target.allow_insecure or is_loopback(host):
        return
    raise RequestNotPossible(
        f"the token from {credential.origin} would travel unencrypted to {target.origin}",
        next_step="Use an https:// address, or insist with --allow-insecure.",
        reason="insecure_connection",
    )
