"""Which database the options and cutover.toml name, and which setting comes before which."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dwctl.cli.database_options import application_database, require_database
from dwctl.cli.server_options import Connection
from dwctl.embedded import database as database_module
from dwctl.errors import RequestNotPossible
from dwctl.secret import Secret
from dwctl.settings import Flags, load_settings

FILE = """
[embedded]
database_url_env = "APP_DB"
table_prefix = "file_"
statement_timeout = "7s"
database_timezone = "Europe/Berlin"
"""

LARAVEL = "DB_CONNECTION=mysql\nDB_DATABASE=laravel\nDB_PREFIX=env_\nAPP_TIMEZONE=Asia/Tokyo\n"


def connection(folder: Path, toml: str = "", *, verbose: bool = False, **environ: str) -> Connection:
    """A connection with the settings of this file and environment; no server is asked for anything."""
    (folder / "cutover.toml").write_text(toml, encoding="utf-8")
    settings = load_settings(Flags(), {"DW_CONFIG_HOME": str(folder)} | environ, folder=folder)
    return cast("Connection", SimpleNamespace(settings=settings, verbose=verbose))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """With what every database was opened."""
    calls: list[dict[str, Any]] = []
    original = database_module.EmbeddedDatabase.open

    def noted(url: Secret, **options: Any) -> database_module.EmbeddedDatabase:
        calls.append({"url": url.reveal(), **options})
        return original(url, **options)

    monkeypatch.setattr(database_module.EmbeddedDatabase, "open", noted)
    return calls


def test_nothing_named_is_no_database(tmp_path: Path) -> None:
    assert application_database(connection(tmp_path, DB_CONNECTION="mysql", DB_DATABASE="x")) is None
    with pytest.raises(RequestNotPossible) as raised:
        require_database(None)
    assert raised.value.reason == "database_not_set"


def test_the_file_alone(tmp_path: Path, opened: list[dict[str, Any]]) -> None:
    assert application_database(connection(tmp_path, FILE, APP_DB="sqlite:///app.db"))
    assert opened == [{"url": "sqlite:///app.db", "prefix": "file_", "statement_timeout": 7.0, "zone": "Europe/Berlin"}]


def test_the_application_s_own_file_comes_before_the_cutover_s(tmp_path: Path, opened: list[dict[str, Any]]) -> None:
    (tmp_path / ".env").write_text(LARAVEL)
    given = connection(tmp_path, FILE, APP_DB="sqlite:///app.db")
    assert application_database(given, laravel_env=tmp_path / ".env")
    assert opened == [
        {
            "url": "mysql://127.0.0.1:3306/laravel",
            "prefix": "env_",
            "statement_timeout": 7.0,
            "zone": "Asia/Tokyo",
        }
    ]


def test_a_flag_comes_before_everything(tmp_path: Path, opened: list[dict[str, Any]]) -> None:
    (tmp_path / ".env").write_text(LARAVEL)
    given = connection(tmp_path, FILE, APP_DB="sqlite:///app.db")
    flags = {"table_prefix": "", "statement_timeout": "2m", "database_timezone": "America/New_York"}
    assert application_database(given, laravel_env=tmp_path / ".env", **cast("Any", flags))
    assert application_database(given, database_url="sqlite:///flag.db", **cast("Any", flags))
    common = {"prefix": "", "statement_timeout": 120.0, "zone": "America/New_York"}
    assert opened == [{"url": "mysql://127.0.0.1:3306/laravel", **common}, {"url": "sqlite:///flag.db", **common}]


def test_two_databases_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestNotPossible) as raised:
        application_database(connection(tmp_path), database_url="sqlite:///a.db", laravel_env=tmp_path / ".env")
    assert "both" in raised.value.message


def test_a_variable_that_is_not_set_is_said(tmp_path: Path) -> None:
    with pytest.raises(RequestNotPossible) as raised:
        application_database(connection(tmp_path, FILE))
    assert raised.value.reason == "database_not_set"
    assert "APP_DB" in raised.value.message


@pytest.mark.parametrize("text", ["soon", "0", "-3s"])
def test_a_timeout_that_cannot_be_right(tmp_path: Path, text: str) -> None:
    with pytest.raises(RequestNotPossible) as raised:
        application_database(connection(tmp_path), database_url="sqlite:///a.db", statement_timeout=text)
    assert "--statement-timeout" in raised.value.message


def test_verbose_names_the_database_without_its_password(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = connection(tmp_path, verbose=True)
    assert application_database(given, database_url="mysql://app:planted@db/orders")
    said = capsys.readouterr().err
    assert "mysql://app:********@db/orders from --database-url" in said
    assert "planted" not in said
