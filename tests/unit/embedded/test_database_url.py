"""The database's URL: what is taken, what is refused, and that its password is never shown."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from dwctl.embedded.database_url import database_target
from dwctl.errors import RequestNotPossible
from dwctl.secret import Secret

TAKEN = [
    ("sqlite:///relative/file.sqlite", "sqlite", "sqlite:///relative/file.sqlite"),
    ("sqlite:////var/app/database.sqlite", "sqlite", "sqlite:////var/app/database.sqlite"),
    ("mysql://app:s3cret@db:3307/orders", "mysql", "mysql://app:********@db:3307/orders"),
    ("mariadb://app@db/orders", "mariadb", "mariadb://app@db/orders"),
    ("postgresql://app:s3cret@db/orders?sslmode=require", "postgresql", "postgresql://app:********@db/orders"),
    ("postgres://db/orders", "postgresql", "postgresql://db/orders"),
    ("pgsql://app:a%40b%2Fc%23d@[::1]:5433/orders", "postgresql", "postgresql://app:********@::1:5433/orders"),
    ("mysql://app:s3cret@/orders?unix_socket=/run/mysqld.sock", "mysql",
     "mysql://app:********@[/run/mysqld.sock]/orders"),
    (" mysql+pymysql://db/orders\n", "mysql", "mysql://db/orders"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "dialect", "location"), TAKEN)
def test_a_url_is_taken_and_shown_without_its_password(text: str, dialect: str, location: str) -> None:
    target = database_target(Secret(text))
    assert (target.dialect, target.location) == (dialect, location)


def test_special_characters_of_a_password_are_read_back() -> None:
    assert database_target(Secret("mysql://u:a%40b%2Fc%23d%25@db/orders")).url.password == "a@b/c#d%"


REFUSED = [
    ("", "no scheme"),
    ("top-secret", "no scheme"),
    ("oracle://u:top-secret@db/orders", "no scheme"),
    ("mysql+mysqldb://u:top-secret@db/orders", "no scheme"),
    ("mysql://u:top-secret@db:port/orders", "cannot be read"),
    ("mysql://u:top-secret@db", "names no database"),
    ("sqlite:///:memory:", "names no database"),
    ("sqlite://", "names no database"),
    ("sqlite://relative/file", "three slashes"),
    ("mysql://u:top-secret@db/orders?init_command=DROP", "does not pass on"),
    ("postgresql://u:top-secret@db/orders?service=x", "does not pass on"),
    ("mysql://u:pa@top-secret@db:3307/orders", "where its password ends"),
    ("postgresql://u:pa@top-secret/x@db/orders", "where its password ends"),
    ("mariadb://u:pa@top/secret?top-secret@db/orders", "where its password ends"),
    ("mysql://u/v:top-secret@db/orders", "where its password ends"),
]


@pytest.mark.parametrize(("text", "said"), REFUSED)
def test_a_url_is_refused_without_repeating_it(text: str, said: str) -> None:
    with pytest.raises(RequestNotPossible) as raised:
        database_target(Secret(text))
    error = raised.value
    assert said in error.message
    assert error.reason == "database_url_wrong"
    assert error.next_step
    assert "top-secret" not in f"{error} {error.where} {error.next_step}"


@pytest.mark.parametrize(
    ("missing", "text"),
    [("sqlalchemy", "sqlite:///x"), ("pymysql", "mysql://db/x"), ("psycopg", "postgresql://db/x")],
)
def test_a_missing_extra_is_a_sentence(monkeypatch: pytest.MonkeyPatch, missing: str, text: str) -> None:
    whole = importlib.import_module

    def without(name: str, *rest: Any) -> Any:
        if name == missing:
            raise ImportError(name)
        return whole(name, *rest)

    monkeypatch.setattr("dwctl.embedded.database_url.importlib.import_module", without)
    with pytest.raises(RequestNotPossible) as raised:
        database_target(Secret(text))
    assert raised.value.reason == "database_extra_missing"
    assert missing in raised.value.message
    assert "pip install 'dwctl[database]'" in str(raised.value.next_step)
