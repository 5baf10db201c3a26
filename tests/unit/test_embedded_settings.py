"""The settings of the embedded side: from cutover.toml alone, and the variable that it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from dwctl.embedded_settings import DEFAULT_STATEMENT_TIMEOUT, DEFAULT_TIMEOUT, EmbeddedSettings
from dwctl.errors import ExitCode, RequestNotPossible
from dwctl.settings import Flags, load_settings
from dwctl.sources import Source

URL = "mysql://app:planted-secret@db.example.com/app"


def load(folder: Path, toml: str = "", **environ: str) -> EmbeddedSettings:
    """The settings of an `[embedded]` table with this text."""
    (folder / "cutover.toml").write_text(f"[embedded]\n{toml}\n", encoding="utf-8")
    return load_settings(Flags(), {"DW_CONFIG_HOME": str(folder)} | environ, folder=folder).embedded


def test_nothing_is_set_and_nothing_is_guessed(tmp_path: Path) -> None:
    """A Laravel application's own DB_* in the environment says nothing."""
    found = load(tmp_path, DB_CONNECTION="mysql", DB_PASSWORD="planted-secret", DATABASE_URL=URL)
    assert {name for name, setting in found.rows() if setting.given} == set()
    assert (found.artisan.value, found.php.value, found.path.value, found.pause.value) == (None, None, None, None)
    assert (found.timeout.value, found.statement_timeout.value) == (DEFAULT_TIMEOUT, DEFAULT_STATEMENT_TIMEOUT)
    assert (found.table_prefix.value, found.database_url.value) == ("", None)
    assert found.database_timezone.value is None


def test_everything_comes_from_the_file(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        """
        artisan = ["docker", "compose", "exec", "-T", "app", "php", "artisan"]
        php = ["docker", "compose", "exec", "-T", "app", "php"]
        path = "/var/www/html"
        timeout = "2m"
        database_url = "sqlite:////srv/app.db"
        table_prefix = "dw_"
        statement_timeout = 5
        database_timezone = "Europe/Berlin"
        pause = ["docker", "compose", "stop", "worker"]
        resume = ["docker", "compose", "start", "worker"]
        """,
    )
    assert found.artisan.value == ("docker", "compose", "exec", "-T", "app", "php", "artisan")
    assert found.php.value == ("docker", "compose", "exec", "-T", "app", "php")
    assert (found.path.value, found.table_prefix.value) == ("/var/www/html", "dw_")
    assert (found.timeout.value, found.statement_timeout.value) == (120.0, 5.0)
    assert found.database_timezone.value == "Europe/Berlin"
    assert found.pause.value == ("docker", "compose", "stop", "worker")
    assert found.resume.value == ("docker", "compose", "start", "worker")
    assert found.database_url.value is not None
    assert found.database_url.value.reveal() == "sqlite:////srv/app.db"
    assert {setting.source for _, setting in found.rows()} == {Source.CUTOVER}


def test_the_variable_that_the_file_names_comes_before_the_file(tmp_path: Path) -> None:
    toml = 'database_url = "sqlite:///x.db"\ndatabase_url_env = "APP_DB"'
    found = load(tmp_path, toml, APP_DB=URL).database_url
    assert found.value is not None
    assert found.value.reveal() == URL
    assert found.origin.endswith("database_url_env: APP_DB")


@pytest.mark.parametrize("environ", [{}, {"APP_DB": ""}])
def test_a_variable_that_was_named_and_is_not_set_is_no_reason_to_look_further(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    found = load(tmp_path, 'database_url = "sqlite:///x.db"\ndatabase_url_env = "APP_DB"', **environ).database_url
    assert found.value is None
    assert found.origin.endswith("(not set)")


def test_the_url_is_a_secret_wherever_it_is_shown(tmp_path: Path) -> None:
    for toml, environ in ((f'database_url = "{URL}"', {}), ('database_url_env = "APP_DB"', {"APP_DB": URL})):
        rows = dict(load(tmp_path, toml, **environ).rows())
        assert "planted" not in f"{rows} {rows['database_url'].value} {rows['database_url'].origin}"


@pytest.mark.parametrize("key", ["timeout", "statement_timeout"])
@pytest.mark.parametrize("value", ['"soon"', "0", "-1", '"0s"'])
def test_a_time_that_cannot_be_right_is_refused(tmp_path: Path, key: str, value: str) -> None:
    with pytest.raises(RequestNotPossible) as caught:
        load(tmp_path, f"{key} = {value}")
    assert caught.value.exit_code is ExitCode.USAGE
    assert key in caught.value.message
