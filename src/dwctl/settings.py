"""Where each setting came from: flag, environment, `cutover.toml`, `dw` profile, default; in that order.

Nothing here reads the process: the caller hands in the flags, the environment and the folder. Names are those
of the official `dw` CLI (contract/dw-cli.md). An empty variable counts as not set. What somebody named and
what does not exist is an error, never a reason to look further down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

from dwctl.cutover.cutover import FILE_NAME, read_cutover
from dwctl.embedded_settings import EmbeddedSettings, embedded_settings
from dwctl.errors import RequestNotPossible
from dwctl.profiles import Profile, choose_profile, config_path
from dwctl.proxies import proxy_for
from dwctl.secret import Secret
from dwctl.setting_values import boolean, duration, namespace_name, server_url, token_text, wrong_value
from dwctl.sources import Layers, Names, Setting, Source, default_of

DEFAULT_SERVER: Final = "http://localhost:8080"
DEFAULT_NAMESPACE: Final = "default"
DEFAULT_TIMEOUT: Final = 30.0

T = TypeVar("T")


class Role(StrEnum):
    """The roles of the server's tokens; `admin` does not include `worker` (contract/server.md §1)."""

    WORKER = "worker"
    OPERATOR = "operator"
    ADMIN = "admin"


class Auth(StrEnum):
    """How a call is authenticated; the words of the server's own DW_AUTH_DRIVER."""

    TOKEN = "token"  # noqa: S105 - the name of a driver
    SIGNATURE = "signature"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Flags:
    """What stood on the command line; None where nothing did."""

    server: str | None = None
    namespace: str | None = None
    token: Secret | None = None
    tls_verify: str | None = None
    env: str | None = None
    ca_file: str | None = None
    timeout: str | None = None
    allow_insecure: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting of the server side, each with its source.

    `role_tokens` holds only roles that somebody configured; a variable that was named but is not set is there
    with the value None, and nothing takes its place. `contradictions` are sentences that the person should read
    before a read, and that stop a change.
    """

    server: Setting[str]
    namespace: Setting[str]
    auth: Setting[Auth]
    flag_token: Setting[Secret | None] | None
    role_tokens: Mapping[Role, Setting[Secret | None]]
    general_token: Setting[Secret | None]
    tls_verify: Setting[bool]
    ca_file: Setting[str | None]
    timeout: Setting[float]
    allow_insecure: Setting[bool]
    proxy: Setting[Secret | None]
    php: Setting[tuple[str, ...] | None]
    path: Setting[str | None]
    output: Setting[str | None]
    embedded: EmbeddedSettings
    profile: Profile | None
    cutover: Path | None
    contradictions: tuple[str, ...] = ()

    def token(self, role: Role) -> Setting[Secret | None]:
        """What authenticates a call of `role`: `--token`, the role's own, the general one, the profile's."""
        return self.flag_token or self.role_tokens.get(role) or self.general_token

    def rows(self) -> Iterator[tuple[str, Setting[Any]]]:
        """Every setting by name, for `doctor`; secrets are Secret objects and print as a mask."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Setting) and field.name not in ("flag_token", "general_token"):
                yield field.name, value
        for role in Role:
            yield f"{role} token", self.token(role)
        for name, value in self.embedded.rows():
            yield f"embedded {name}", value


def load_settings(flags: Flags, environ: Mapping[str, str], *, folder: Path, windows: bool = False) -> Settings:
    """Resolve every setting. `folder` is where `cutover.toml` may stand.

    Raises RequestNotPossible for an unknown profile, an unusable file, or a value that cannot be right.
    """
    cutover = read_cutover(folder / FILE_NAME)
    profile = choose_profile(config_path(environ, windows=windows), flags.env, environ)
    find = Layers(environ, cutover, profile)
    server = find.text(flags.server, _SERVER) or default_of(DEFAULT_SERVER)
    namespace = find.text(flags.namespace, _NAMESPACE) or default_of(DEFAULT_NAMESPACE)
    server = _replace(server, server_url(server.value, server.origin))
    return Settings(
        server=server,
        namespace=_replace(namespace, namespace_name(namespace.value, namespace.origin)),
        auth=_auth(find),
        flag_token=_flag_token(flags),
        role_tokens={role: found for role in Role if (found := find.role_token(role))},
        general_token=find.general_token(),
        tls_verify=_tls_verify(flags, find),
        ca_file=_optional(find, flags.ca_file, "--ca-file", "ca_file"),
        timeout=_timeout(flags, find),
        allow_insecure=_allow_insecure(flags),
        proxy=_proxy(server.value, environ),
        php=_php(find),
        path=_optional(find, None, "", "path"),
        output=_output(profile),
        embedded=embedded_settings(find),
        profile=profile,
        cutover=cutover.path if cutover else None,
        contradictions=tuple(_contradictions(profile, server, namespace)),
    )


def require_target(settings: Settings, *, namespace: bool = True) -> None:
    """Refuse to change anything on a server or in a namespace that nobody named (design, "Settings").

    Raises RequestNotPossible. `namespace=False` where the command names its own.
    """
    if not settings.server.given:
        raise RequestNotPossible(
            "this command changes a server, and nobody said which one",
            next_step="Give --server, or set DURABLE_WORKFLOW_SERVER_URL.",
            reason="server_not_set",
        )
    if namespace and not settings.namespace.given:
        raise RequestNotPossible(
            "this command changes a namespace, and nobody said which one",
            next_step="Give --namespace, or set DURABLE_WORKFLOW_NAMESPACE.",
            reason="namespace_not_set",
        )
    if settings.contradictions:
        raise RequestNotPossible(
            settings.contradictions[0],
            next_step="Say which one is meant with --server and --namespace.",
            reason="contradicting_settings",
        )


_SERVER = Names("--server", "DURABLE_WORKFLOW_SERVER_URL", "url", "server")
_NAMESPACE = Names("--namespace", "DURABLE_WORKFLOW_NAMESPACE", "namespace", "namespace")


def _replace(setting: Setting[str], value: T) -> Setting[T]:
    return Setting(value, setting.source, setting.origin)


def _optional(find: Layers, flag: str | None, option: str, key: str) -> Setting[str | None]:
    if flag is not None:
        return Setting(flag, Source.FLAG, option)
    return find.file(key) or default_of(None)


def _flag_token(flags: Flags) -> Setting[Secret | None] | None:
    if flags.token is None:
        return None
    return Setting(token_text(flags.token, "--token"), Source.FLAG, "--token")


def _allow_insecure(flags: Flags) -> Setting[bool]:
    return Setting(True, Source.FLAG, "--allow-insecure") if flags.allow_insecure else default_of(False)


def _auth(find: Layers) -> Setting[Auth]:
    found = find.variable("DW_AUTH_DRIVER") or find.file("auth")
    if found is None:
        return default_of(Auth.TOKEN)
    if found.value not in tuple(Auth):
        raise wrong_value(found.origin, "must be one of: " + ", ".join(Auth))
    return _replace(found, Auth(found.value))


def _tls_verify(flags: Flags, find: Layers) -> Setting[bool]:
    if flags.tls_verify is not None:
        return Setting(boolean(flags.tls_verify, "--tls-verify"), Source.FLAG, "--tls-verify")
    if found := find.variable("DURABLE_WORKFLOW_TLS_VERIFY"):
        return _replace(found, boolean(found.value, found.origin))
    return find.file("tls_verify") or find.profile("tls_verify") or default_of(True)


def _timeout(flags: Flags, find: Layers) -> Setting[float]:
    if flags.timeout is not None:
        return Setting(duration(flags.timeout, "--timeout"), Source.FLAG, "--timeout")
    found = find.file("timeout")
    return _replace(found, duration(str(found.value), found.origin)) if found else default_of(DEFAULT_TIMEOUT)


def _php(find: Layers) -> Setting[tuple[str, ...] | None]:
    found = find.file("php")
    return Setting(tuple(found.value), found.source, found.origin) if found else default_of(None)


def _output(profile: Profile | None) -> Setting[str | None]:
    if profile is None or profile.output is None:
        return default_of(None)
    return Setting(profile.output, Source.PROFILE, f"profile {profile.name}")


def _contradictions(profile: Profile | None, *settings: Setting[str]) -> Iterator[str]:
    """A profile asked for by name, whose server or namespace cutover.toml overrules: an easy wrong target."""
    if profile is None or profile.chosen_by == "current_env":
        return
    for setting, own in zip(settings, (profile.server, profile.namespace), strict=True):
        overruled = setting.source is Source.CUTOVER and own is not None
        if overruled and str(own).rstrip("/").lower() != setting.value.rstrip("/").lower():
            yield (
                f"profile '{profile.name}' was asked for with {profile.chosen_by}, "
                f"but {setting.origin} says {setting.value}, and that file comes first"
            )


def _proxy(server: str, environ: Mapping[str, str]) -> Setting[Secret | None]:
    found = proxy_for(server, environ)
    return Setting(Secret(found[1]), Source.ENVIRONMENT, found[0]) if found else default_of(None)
