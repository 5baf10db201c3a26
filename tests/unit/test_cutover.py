"""cutover.toml: what is read, and twenty ways of getting it wrong, each answered with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from dwctl.cutover import KEYS, read_cutover
from dwctl.errors import ExitCode, RequestNotPossible


def written(folder: Path, text: str) -> Path:
    """A cutover.toml with this text."""
    file = folder / "cutover.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_no_file_is_no_cutover(tmp_path: Path) -> None:
    assert read_cutover(tmp_path / "cutover.toml") is None


def test_every_known_key_is_read(tmp_path: Path) -> None:
    found = read_cutover(
        written(
            tmp_path,
            """
            [server]
            url = "https://workflows.example.com"
            namespace = "orders"
            tls_verify = false
            ca_file = "ca.pem"
            timeout = "45s"
            auth = "signature"
            token_env = "A"
            admin_token_env = "B"
            operator_token_env = "C"
            worker_token_env = "D"
            php = ["docker", "compose", "exec", "-T", "server", "php"]
            path = "/app"

            [embedded]
            artisan = ["docker", "compose", "exec", "-T", "app", "php", "artisan"]
            php = ["docker", "compose", "exec", "-T", "app", "php"]
            path = "/var/www/html"
            timeout = 90
            database_url = "sqlite:///app.db"
            database_url_env = "E"
            table_prefix = "dw_"
            statement_timeout = "5s"
            database_timezone = "Europe/Berlin"
            pause = ["docker", "compose", "stop", "worker"]
            resume = ["docker", "compose", "start", "worker"]
            """,
        )
    )
    assert found is not None
    assert {table: set(found.tables[table]) for table in KEYS} == {table: set(KEYS[table]) for table in KEYS}
    assert found.get("server", "php") == ["docker", "compose", "exec", "-T", "server", "php"]
    assert found.get("server", "tls_verify") is False


def test_an_empty_string_counts_as_not_set(tmp_path: Path) -> None:
    found = read_cutover(written(tmp_path, '[server]\nurl = ""\n'))
    assert found is not None
    assert found.get("server", "url") is None
    assert found.get("server", "namespace") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[server\n", "line 1"),
        ("[sever]\n", "server"),
        ("[zzzz]\n", "server"),
        ("server = 1\n", "[server]"),
        ('[server]\nurll = "x"\n', "`url`"),
        ('[server]\nname-space = "x"\n', "`namespace`"),
        ("[server]\ntls-verify = true\n", "`tls_verify`"),
        ('[server]\nxyzzy = "x"\n', "namespace"),
        ("[server]\nurl = 1\n", "base URL"),
        ("[server]\nurl = true\n", "base URL"),
        ('[server]\ntls_verify = "yes"\n', "certificate"),
        ("[server]\ntimeout = true\n", "answer"),
        ('[server]\nphp = "php"\n', "PHP"),
        ("[server]\nphp = []\n", "PHP"),
        ("[server]\nphp = [1]\n", "PHP"),
        ('[server]\nphp = [""]\n', "PHP"),
        ('[embedded]\nartisan = "php artisan"\n', "artisan"),
        ("[embedded]\npause = []\n", "pause the embedded workers"),
        ('[embedded]\nartissan = ["php"]\n', "`artisan`"),
        ('[server]\ntoken = "tok-planted"\n', "token_env"),
        ('[server]\nadmin_token = "tok-planted"\n', "admin_token_env"),
        ('[server]\noperator_token = "tok-planted"\n', "operator_token_env"),
        ('[server]\nworker_token = "tok-planted"\n', "worker_token_env"),
        ('[server]\nauth_token = "tok-planted"\n', "token_env"),
    ],
)
def test_a_mistake_is_answered_with_the_place_and_the_way_out(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RequestNotPossible) as caught:
        read_cutover(written(tmp_path, text))
    error = caught.value
    assert error.exit_code is ExitCode.USAGE
    assert "cutover.toml" in str(error.where)
    assert said in f"{error.message} {error.next_step}"
    assert "tok-planted" not in f"{error.message} {error.next_step} {error.where}"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cutover.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RequestNotPossible):
        read_cutover(tmp_path / "cutover.toml")


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cutover.toml").mkdir()
    with pytest.raises(RequestNotPossible):
        read_cutover(tmp_path / "cutover.toml")
