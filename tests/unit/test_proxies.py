"""Which proxy applies, and that loopback never has one."""

from __future__ import annotations

import pytest

from dwctl.errors import RequestNotPossible
from dwctl.proxies import is_loopback, proxy_for

FAR = "https://workflows.example.com:8443"


@pytest.mark.parametrize(
    ("url", "environ", "found"),
    [
        (FAR, {"HTTPS_PROXY": "http://p:3128"}, ("HTTPS_PROXY", "http://p:3128")),
        (FAR, {"https_proxy": "http://a", "HTTPS_PROXY": "http://b"}, ("https_proxy", "http://a")),
        (FAR, {"HTTP_PROXY": "http://p"}, None),
        (FAR, {"ALL_PROXY": "p:3128"}, ("ALL_PROXY", "http://p:3128")),
        (FAR, {"HTTPS_PROXY": "  "}, None),
        ("http://example.com", {"http_proxy": "http://p"}, ("http_proxy", "http://p")),
        ("http://localhost:8080", {"http_proxy": "http://p", "ALL_PROXY": "http://p"}, None),
        ("http://127.0.0.1", {"http_proxy": "http://p"}, None),
        ("http://[::1]:80", {"http_proxy": "http://p"}, None),
    ],
)
def test_the_proxy_goes_by_the_scheme(url: str, environ: dict[str, str], found: tuple[str, str] | None) -> None:
    assert proxy_for(url, environ) == found


@pytest.mark.parametrize(
    ("listed", "exempt"),
    [
        ("*", True),
        ("example.com", True),
        (".example.com", True),
        ("*.example.com", True),
        ("workflows.example.com:8443", True),
        ("workflows.example.com:443", False),
        ("other.org, WORKFLOWS.example.com", True),
        ("ample.com", False),
        ("", False),
        (",", False),
    ],
)
def test_no_proxy_exempts_names_and_their_subdomains(listed: str, exempt: bool) -> None:
    environ = {"HTTPS_PROXY": "http://p", "NO_PROXY": listed}
    assert (proxy_for(FAR, environ) is None) is exempt


@pytest.mark.parametrize(("listed", "exempt"), [("10.0.0.0/8", True), ("10.1.2.3", True), ("10.2.0.0/16", False)])
def test_no_proxy_exempts_addresses_and_networks(listed: str, exempt: bool) -> None:
    environ = {"http_proxy": "http://p", "no_proxy": listed}
    assert (proxy_for("http://10.1.2.3:80", environ) is None) is exempt


@pytest.mark.parametrize("value", ["socks5://p:1080", "http://", "http://p:99999", "http://[::1"])
def test_a_proxy_that_cannot_be_used_is_refused_by_its_variable(value: str) -> None:
    with pytest.raises(RequestNotPossible, match="HTTPS_PROXY"):
        proxy_for(FAR, {"HTTPS_PROXY": value})


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("db.localhost", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("0.0.0.0", False),  # noqa: S104 - an address to judge, not to bind
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("", False),
    ],
)
def test_loopback_is_what_can_only_mean_this_machine(host: str, local: bool) -> None:
    assert is_loopback(host) is local
