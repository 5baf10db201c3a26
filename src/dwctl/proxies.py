"""Which proxy of the environment stands between here and a server; the environment is handed in."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from dwctl.errors import RequestNotPossible


def proxy_for(url: str, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """The variable and the proxy URL that apply to `url`, or None.

    `HTTPS_PROXY` or `HTTP_PROXY` by the scheme, else `ALL_PROXY`; lower case first, as curl has it. Loopback
    never goes through a proxy, whatever `NO_PROXY` says: a token must not leave the machine by accident.
    Raises RequestNotPossible for a proxy that cannot be used.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host) or _exempt(host, parts.port, environ):
        return None
    for name in (f"{parts.scheme}_proxy", "all_proxy"):
        for variable in (name, name.upper()):
            if value := environ.get(variable, "").strip():
                return variable, _proxy_url(value, variable)
    return None


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _exempt(host: str, port: int | None, environ: Mapping[str, str]) -> bool:
    listed = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    return any(_matches(entry.strip().lower(), host, port) for entry in listed.split(",") if entry.strip())


def _matches(entry: str, host: str, port: int | None) -> bool:
    """One entry of NO_PROXY: `*`, a name with its subdomains, an address, a network; perhaps a port."""
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        pass
    name, _, wanted = entry.rpartition(":") if entry.count(":") == 1 else (entry, "", "")
    if wanted and wanted != str(port):
        return False
    name = name.removeprefix("*").removeprefix(".")
    return host == name or host.endswith(f".{name}")


def _proxy_url(value: str, variable: str) -> str:
    url = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise RequestNotPossible(
            f"{variable} does not name a proxy that dwctl can use: only http:// and https:// proxies",
            next_step=f"Set {variable} right, or exempt the server with NO_PROXY.",
            reason="wrong_setting",
        )
    return url
