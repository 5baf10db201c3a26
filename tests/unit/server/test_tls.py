"""Whom we trust."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from dwctl.errors import ExitCode, RequestNotPossible
from dwctl.server.target import Target
from dwctl.server.tls import peer_of, trust

FAR = "https://workflows.example.com"


def test_the_default_verifies_name_and_authority() -> None:
    context = trust(Target(FAR))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_an_image_without_authorities_gets_those_of_httpx(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    paths = ssl.get_default_verify_paths()._replace(capath=str(tmp_path))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda self, purpose=None: None)
    context = trust(Target(FAR))
    assert context.cert_store_stats()["x509_ca"] > 0
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_verification_is_off_only_where_it_was_asked_for() -> None:
    assert trust(Target(FAR, tls_verify=False)).verify_mode is ssl.CERT_NONE


def test_without_tls_nothing_is_trusted() -> None:
    context = trust(Target("http://localhost"))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.cert_store_stats()["x509_ca"] == 0


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\xff\xfe"])
def test_a_ca_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(RequestNotPossible) as caught:
        trust(Target(FAR, ca_file=str(file)))
    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.where == str(file)
    assert "--ca-file" in str(caught.value.next_step)


def test_no_connection_is_no_peer() -> None:
    assert peer_of(None) is None
