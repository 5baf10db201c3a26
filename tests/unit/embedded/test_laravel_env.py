"""The application's `.env`: Laravel's rules, only on request, and no value of it in a message."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from dwctl.embedded.database_url import database_target
from dwctl.embedded.laravel_env import parse_env, read_laravel_env
from dwctl.errors import DwctlError, RequestNotPossible, UnreadableInput


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=plain", "plain"),
        ("A = spaced ", "spaced"),
        ("export A=exported", "exported"),
        ("A=", ""),
        ("A=# nothing", ""),
        ("A=before # comment", "before"),
        ("A=with#inside", "with"),
        ("A='with#inside'#after", "with#inside"),
        ('A="with#inside"', "with#inside"),
        ('A="a # b" # comment', "a # b"),
        ("A='single $\\{B} \\n'", "single $\\{B} \\n"),
        ('A="two\nlines"', "two\nlines"),
        ('A="a\\"b\\\\c\\n\\$x"', 'a"b\\c\n$x'),
        ("B=there\nA=${B}/x", "there/x"),
        ('B=there\nA="${B}"', "there"),
        ("B=there\nA='${B}'", "${B}"),
        ("A=${UNKNOWN}", "${UNKNOWN}"),
        ("C=${B}\nB=late\nA=${C}", "${B}"),
        ("#A=no\nA=yes", "yes"),
        ("A=one\nA=two", "two"),
        ("A=windows\r\nB=x\r\n", "windows"),
        ("nonsense\nA=x", "x"),
    ],
)
def test_values(text: str, value: str) -> None:
    assert parse_env(text, ".env")["A"] == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DB_PASSWORD=null\nDB_SOCKET=null", "mysql://u@127.0.0.1:3306/x"),
        ("DB_PASSWORD=(NULL)\nDB_PORT=Null", "mysql://u@127.0.0.1:3306/x"),
        ('DB_PASSWORD="null"', "mysql://u@127.0.0.1:3306/x"),
        ("DB_PASSWORD=empty\nDB_SOCKET=(empty)", "mysql://u@127.0.0.1:3306/x"),
        ("DB_PASSWORD=true", "mysql://u:1@127.0.0.1:3306/x"),
        ("DB_PASSWORD=(false)", "mysql://u@127.0.0.1:3306/x"),
        ("DB_PASSWORD=nullified", "mysql://u:nullified@127.0.0.1:3306/x"),
        ("DB_PASSWORD=((null))", "mysql://u:%28%28null%29%29@127.0.0.1:3306/x"),
        ("DB_PASSWORD=nu(ll)", "mysql://u:nu%28ll%29@127.0.0.1:3306/x"),
        ("DB_URL=null", "mysql://u@127.0.0.1:3306/x"),
    ],
)
def test_the_words_of_laravel_are_values(tmp_path: Path, text: str, expected: str) -> None:
    """`env()` of Laravel gives null for `null`, and the empty text for `empty`, quoted or not."""
    head = "DB_CONNECTION=mysql\nDB_DATABASE=x\nDB_USERNAME=u\nDB_PREFIX=(empty)\nAPP_TIMEZONE=null\n"
    read = read_laravel_env(written(tmp_path, head + text))
    assert read.url.reveal() == expected
    assert (read.prefix, read.zone) == ("", None)


def test_a_quote_that_is_not_closed_names_its_line() -> None:
    with pytest.raises(RequestNotPossible) as raised:
        parse_env('B=1\nA="top-secret\nmore', ".env")
    assert raised.value.where == ".env:2"
    assert "top-secret" not in str(raised.value)


def written(folder: Path, text: str) -> Path:
    path = folder / ".env"
    path.write_text(text)
    return path


def test_a_server(tmp_path: Path) -> None:
    read = read_laravel_env(
        written(
            tmp_path,
            "APP_TIMEZONE=Europe/Berlin\nDB_CONNECTION=mysql\nDB_HOST=db\nDB_PORT=3307\nDB_DATABASE=orders\n"
            'DB_USERNAME=app\nDB_PASSWORD="p@ss/w#rd%"\nDB_PREFIX=wf_\n',
        )
    )
    url = make_url(read.url.reveal())
    assert (url.drivername, url.host, url.port, url.database) == ("mysql", "db", 3307, "orders")
    assert (url.username, url.password) == ("app", "p@ss/w#rd%")
    assert (read.prefix, read.zone) == ("wf_", "Europe/Berlin")
    assert "p@ss" not in repr(read)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DB_CONNECTION=pgsql\nDB_DATABASE=x", "postgresql://127.0.0.1:5432/x"),
        (
            "DB_CONNECTION=mariadb\nDB_DATABASE=x\nDB_SOCKET=/run/m.sock",
            "mariadb://127.0.0.1:3306/x?unix_socket=/run/m.sock",
        ),
        ("DB_CONNECTION=mysql\nDB_HOST=::1\nDB_DATABASE=x", "mysql://[::1]:3306/x"),
        ("DB_CONNECTION=mysql\nDB_URL=mysql://a:b@c/d", "mysql://a:b@c/d"),
        ("DB_CONNECTION=sqlite\nDB_DATABASE=/var/x.sqlite", "sqlite:////var/x.sqlite"),
        ("DB_URL=sqlite:////var/x.sqlite", "sqlite:////var/x.sqlite"),
        (
            "DB_CONNECTION=pgsql\nDB_HOST=/run/my pg\nDB_USERNAME=u\nDB_DATABASE=x",
            "postgresql://u@:5432/x?host=/run/my%20pg",
        ),
    ],
)
def test_urls(tmp_path: Path, text: str, expected: str) -> None:
    assert read_laravel_env(written(tmp_path, text)).url.reveal() == expected


@pytest.mark.parametrize(("line", "name"), [("", "database/database.sqlite"), ("DB_DATABASE=data/x.db", "data/x.db")])
def test_a_relative_sqlite_file_counts_from_the_application(tmp_path: Path, line: str, name: str) -> None:
    read = read_laravel_env(written(tmp_path, f"DB_CONNECTION=sqlite\n{line}"))
    assert read.url.reveal() == f"sqlite:///{tmp_path / name}"
    read = read_laravel_env(written(tmp_path, f"DB_URL=sqlite:///{name}"))
    assert read.url.reveal() == f"sqlite:///{tmp_path / name}"


@pytest.mark.parametrize("name", ["what?.sqlite", "100%41.sqlite", "a b#c.sqlite"])
def test_the_name_of_an_sqlite_file_is_the_whole_name(tmp_path: Path, name: str) -> None:
    read = read_laravel_env(written(tmp_path, f"DB_CONNECTION=sqlite\nDB_DATABASE='{name}'"))
    assert database_target(read.url).path == tmp_path / name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "APP_KEY=top-secret",
        "DB_CONNECTION=sqlsrv\nDB_PASSWORD=top-secret",
        "DB_CONNECTION=mysql\nDB_PASSWORD=top-secret",
    ],
)
def test_what_names_no_database(tmp_path: Path, text: str) -> None:
    with pytest.raises(RequestNotPossible) as raised:
        read_laravel_env(written(tmp_path, text))
    assert raised.value.reason == "laravel_env_wrong"
    assert raised.value.next_step
    assert "top-secret" not in f"{raised.value} {raised.value.where}"


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"A=" + b"x" * 1_000_001])
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / ".env"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnreadableInput) as raised:
        read_laravel_env(path)
    assert raised.value.next_step


def test_the_environment_plays_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_DATABASE", "other")
    with pytest.raises(DwctlError):
        read_laravel_env(written(tmp_path, "DB_CONNECTION=mysql"))
