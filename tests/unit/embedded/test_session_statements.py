"""What a session says to each kind of server before it reads, and what MySQL 8 needs to log in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from dwctl.embedded.database_errors import translated
from dwctl.embedded.database_url import database_target
from dwctl.embedded.session_mysql import MysqlSession
from dwctl.errors import NotAuthorized
from dwctl.secret import Secret


class Recorded(MysqlSession):
    """A session whose server answers nothing but its version and its clock."""

    def __init__(self, version: str, timeout: float) -> None:
        super().__init__(database_target(Secret("mysql://reader@db/app")), timeout)
        self.version, self.said = version, list[str]()

    def plain(self, sql: str) -> list[Any]:
        self.said.append(sql)
        return [(self.version,)] if "VERSION" in sql else [("2026-11-23T00:00:00.000000Z",)]


def begun(version: str, timeout: float = 30.0) -> Recorded:
    session = Recorded(version, timeout)
    session.begin(cast("Any", SimpleNamespace(connection=SimpleNamespace(driver_connection=None))))
    return session


@pytest.mark.parametrize(
    ("version", "dialect", "limit"),
    [
        ("10.11.6-MariaDB-1:10.11.6", "mariadb", "SET SESSION max_statement_time = 30.000000"),
        ("5.5.5-10.4.32-MariaDB-log", "mariadb", "SET SESSION max_statement_time = 30.000000"),
        ("8.0.36", "mysql", "SET SESSION max_execution_time = 30000"),
        ("8.4.0-commercial", "mysql", "SET SESSION max_execution_time = 30000"),
        ("5.7.44-log", "mysql", "SET SESSION max_execution_time = 30000"),
    ],
)
def test_each_kind_of_server_is_bounded_in_its_own_words(version: str, dialect: str, limit: str) -> None:
    session = begun(version)
    assert session.dialect == dialect
    assert session.said[1] == limit
    assert [one for one in session.said if "max_" in one] == [limit]


@pytest.mark.parametrize("version", ["8.0.36", "11.4.2-MariaDB"])
def test_read_only_comes_before_the_snapshot_begins(version: str) -> None:
    said = begun(version).said
    read_only = said.index("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    assert said[read_only + 1] == "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"


def test_a_short_timeout_is_not_no_timeout() -> None:
    """0 would mean no limit at all."""
    assert "SET SESSION max_execution_time = 1" in begun("8.0.36", 0.0001).said
    waits = [one for one in begun("8.0.36", 0.2).said if "lock_wait_timeout" in one]
    assert waits == ["SET SESSION lock_wait_timeout = 1, SESSION innodb_lock_wait_timeout = 1"]


def test_times_stay_text() -> None:
    from pymysql.constants import FIELD_TYPE

    engine = Recorded("8.0.36", 30.0).engine()
    found: dict[str, Any] = {}

    def connect(*_: Any, **arguments: Any) -> None:
        found.update(arguments)
        raise ConnectionError

    engine.dialect.connect = connect  # type: ignore[method-assign, assignment]
    with pytest.raises(ConnectionError):
        engine.raw_connection()
    assert FIELD_TYPE.TIMESTAMP not in found["conv"]
    assert FIELD_TYPE.LONGLONG in found["conv"]
    assert found["local_infile"] is False


def test_the_login_of_mysql_8_has_what_it_needs() -> None:
    """caching_sha2_password without TLS encrypts the password with the server's key, through this package."""
    from pymysql import _auth

    # So that the line with the server's key is the way that is taken.
    assert vars(_auth)["_have_cryptography"] is True


def test_without_it_the_login_is_refused_with_a_sentence() -> None:
    target = database_target(Secret("mysql://reader:planted@db/app"))
    said = "'cryptography' package is required for sha256_password or caching_sha2_password auth methods"
    error = translated(RuntimeError(said), target, 30.0, "")
    assert isinstance(error, NotAuthorized)
    assert "cryptography" in error.message
    assert "planted" not in str(error)
