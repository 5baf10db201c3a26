"""Values of settings: what is accepted, and that a refusal names the place and never the value."""

from __future__ import annotations

import pytest

from dwctl.errors import RequestNotPossible
from dwctl.secret import Secret
from dwctl.setting_values import boolean, duration, namespace_name, server_url, token_text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90.0), ("1.5", 1.5), ("500ms", 0.5), ("30s", 30.0), ("2m", 120.0), ("1h", 3600.0), (" 5s ", 5.0)],
)
def test_a_duration_is_seconds(text: str, seconds: float) -> None:
    assert duration(text, "--wait") == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "-1", "5 s", "1d", "NaN", "inf", "1e3", "s", "٣s", "9" * 400])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(RequestNotPossible, match="--wait"):
        duration(text, "--wait")


@pytest.mark.parametrize("text", ["true", "YES", "on", "1", "false", "No", "off", "0"])
def test_the_words_of_dw_for_yes_and_no(text: str) -> None:
    assert boolean(text, "--tls-verify") is (text.lower() in ("true", "yes", "on", "1"))


@pytest.mark.parametrize("text", ["", "maybe", "2", "tru"])
def test_any_other_word_is_refused(text: str) -> None:
    with pytest.raises(RequestNotPossible, match="true, yes, on, 1, false, no, off, 0"):
        boolean(text, "--tls-verify")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://localhost:8080", "http://localhost:8080"),
        ("https://workflows.example.com/", "https://workflows.example.com"),
        ("https://example.com/durable/", "https://example.com/durable"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_a_base_url_loses_its_trailing_slash(text: str, url: str) -> None:
    assert server_url(text, "--server") == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost:8080",
        "ftp://example.com",
        "http://",
        "http://example.com:0",
        "http://example.com:99999",
        "http://example.com/api",
        "http://example.com/api/",
        "http://example.com?x=1",
        "http://example.com#x",
        "http://exa mple.com",
        "http://example.com\n",
        "http://user:tok-planted@example.com",
        "http://[::1",
        "http://exämple.com",
    ],
)
def test_what_is_no_base_url_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(RequestNotPossible, match="--server") as caught:
        server_url(text, "--server")
    assert "tok-planted" not in f"{caught.value.message}{caught.value.next_step}"


def test_a_namespace_is_folded_as_the_server_folds_it() -> None:
    assert namespace_name("Production.EU_1-a", "--namespace") == "production.eu_1-a"


@pytest.mark.parametrize("text", ["", "a b", "a/b", "ä", "x" * 129, "a\n"])
def test_a_name_that_the_server_cannot_have_is_refused(text: str) -> None:
    with pytest.raises(RequestNotPossible, match="--namespace"):
        namespace_name(text, "--namespace")


@pytest.mark.parametrize("text", ["", "tok planted", "tok-planted\n", "tök", "tok\x00"])
def test_a_token_that_no_header_can_carry_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(RequestNotPossible, match="DW_ADMIN_TOKEN") as caught:
        token_text(Secret(text), "DW_ADMIN_TOKEN")
    assert not text.strip() or text.strip() not in f"{caught.value.message}{caught.value.next_step}"
