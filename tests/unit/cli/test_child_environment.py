"""What a child of ours inherits: nothing of ours that is secret, and all that the application itself needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from dwctl.cli.child_environment import without_secrets
from dwctl.settings import Flags, Settings, load_settings

URL = "mysql://reader:planted-1@db/app"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings in an environment with secrets under many names."""
    (tmp_path / "cutover.toml").write_text('[embedded]\ndatabase_url_env = "READER_URL"\n')
    found = {
        "READER_URL": URL, "DB_URL": URL, "DATABASE_URL": URL, "COPY": URL, "DW_ADMIN_TOKEN": "planted-2",
        "ADMIN": "planted-2", "DWCTL_SIGNING_KEY": "planted-3", "DB_PASSWORD": "its-own", "PATH": "/bin",
    }  # fmt: skip
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return load_settings(Flags(), {**found, "DW_CONFIG_HOME": str(tmp_path)}, folder=tmp_path)


@pytest.mark.parametrize("for_application", [False, True])
def test_our_secrets_stay_here_under_whatever_name(settings: Settings, for_application: bool) -> None:
    environment = without_secrets(settings, for_application=for_application)
    assert {"READER_URL", "COPY", "DW_ADMIN_TOKEN", "ADMIN", "DWCTL_SIGNING_KEY"}.isdisjoint(environment)
    assert (environment["DB_PASSWORD"], environment["PATH"]) == ("its-own", "/bin")


def test_the_application_keeps_what_it_reads_itself_and_nobody_else_gets_it(settings: Settings) -> None:
    environment = without_secrets(settings, for_application=True)
    assert environment["DB_URL"] == environment["DATABASE_URL"] == URL
    assert {"DB_URL", "DATABASE_URL"}.isdisjoint(without_secrets(settings))
