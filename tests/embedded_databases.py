"""The embedded application's database for tests: the same rows on SQLite, MariaDB and PostgreSQL.

The rows are those of the recorded application where it is beside the checkout, else the reduced sample of
`tests/data/embedded`; the definitions of the tables are the application's own on each engine. Only tables that
dwctl reads are there. Servers are those of DWCTL_TEST_MARIADB_URL and DWCTL_TEST_POSTGRES_URL (users that may
create databases and users); a test is skipped where one is not there, unless DWCTL_REQUIRE_DATABASES is set.
"""

# ruff: noqa: S608
from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pymysql
import pytest
from sqlalchemy.engine import URL, make_url

from dwctl.embedded.database import EmbeddedDatabase
from dwctl.embedded.expected_schema import EXPECTED
from dwctl.secret import Secret

DATA = Path(__file__).parent / "data" / "embedded"
_SHARED = Path(os.environ.get("DWCTL_REFERENCE_DATA", Path(__file__).parents[2] / "shared"))
RECORDED = _SHARED / "embedded" / "embedded-sqlite.db.gz"

PASSWORD = "geheim@/#:%"
"""Of the readers that tests make: full of what must be escaped in a URL."""

ENGINES = ("sqlite", "mariadb", "postgresql")

# Read when the module is imported: a test's own environment has none of it.
_REQUIRED = bool(os.environ.get("DWCTL_REQUIRE_DATABASES"))
_SERVERS = {
    "mariadb": make_url(os.environ.get("DWCTL_TEST_MARIADB_URL", "mysql://root@127.0.0.1:3306/")),
    "postgresql": make_url(os.environ.get("DWCTL_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")),
}


def recorded_rows() -> bool:
    """Whether the whole recorded application is there, or only the reduced sample."""
    return RECORDED.is_file()


def connect(url: URL) -> Any:
    """A writing connection of the bare driver that commits every statement, as an administrator of the test has."""
    if url.drivername.startswith("sqlite"):
        return sqlite3.connect(str(url.database), isolation_level=None, check_same_thread=False)
    if url.drivername.startswith("mysql"):
        return pymysql.connect(
            host=url.host or "127.0.0.1", port=url.port or 3306, user=url.username or "root",
            password=url.password or "", database=url.database or None, autocommit=True, charset="utf8mb4",
            unix_socket=url.query.get("unix_socket") or None,
        )  # fmt: skip
    return psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True)


@dataclass
class TestDatabase:
    """One database of a test: its URL for dwctl, and a way to change it as its owner."""

    __test__ = False

    engine: str
    url: URL
    users: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The URL as an operator writes it."""
        return self.url.render_as_string(hide_password=False)

    @property
    def name(self) -> str:
        """The name of the database on its server, or the path of its file."""
        return str(self.url.database)

    def open(self, **options: Any) -> EmbeddedDatabase:
        """The database as dwctl opens it."""
        return EmbeddedDatabase.open(Secret(self.text), **options)

    def run(self, *statements: str) -> list[Any]:
        """Run statements as the owner, each committed; the rows of the last."""
        with closing(connect(self.url)) as connection, closing(connection.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def reader(self, *tables: str, password: str = PASSWORD) -> URL:
        """The URL of a new user that has SELECT on the tables named, and nothing else."""
        user = f"dwctl_{uuid4().hex[:12]}"
        self.users.append(user)
        if self.engine == "mariadb":
            self.run(f"CREATE USER {user}@'%' IDENTIFIED BY '{password.replace('%', '%%')}'".replace("%%", "%"))
            self.run(*(f"GRANT SELECT ON `{self.name}`.`{table}` TO {user}@'%'" for table in tables))
        else:
            self.run(f"CREATE USER {user} PASSWORD '{password}'")
            self.run(*(f'GRANT SELECT ON "{table}" TO {user}' for table in tables))
        return self.url.set(username=user, password=password)

    def drop(self) -> None:
        """Remove the database and its users from the server."""
        if self.engine == "sqlite":
            Path(self.name).unlink(missing_ok=True)
            return
        with closing(connect(_SERVERS[self.engine])) as connection, closing(connection.cursor()) as cursor:
            force = "" if self.engine == "mariadb" else " WITH (FORCE)"
            cursor.execute(f"DROP DATABASE IF EXISTS {self.name}{force}")
            for user in self.users:
                cursor.execute(f"DROP USER IF EXISTS {user}" + ("@'%'" if self.engine == "mariadb" else ""))


@pytest.fixture(params=ENGINES)
def database_engine(request: pytest.FixtureRequest) -> str:
    """Each engine that is there; the others are skipped with the reason."""
    name = str(request.param)
    need(name)
    return name


@pytest.fixture(scope="session")
def _samples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, TestDatabase]]:
    """The databases of this process that tests only read, by engine; made when they are first asked for."""
    made: dict[str, TestDatabase] = {"": TestDatabase("sqlite", _sample_file(tmp_path_factory.mktemp("embedded")))}
    yield made
    for database in made.values():
        with suppress(Exception):
            database.drop()


@pytest.fixture
def embedded_sample(database_engine: str, _samples: dict[str, TestDatabase]) -> TestDatabase:
    """The application's rows on each engine, shared by all tests: to be read, never changed."""
    return _sample(database_engine, _samples)


@pytest.fixture
def embedded_sqlite(_samples: dict[str, TestDatabase]) -> TestDatabase:
    """The same on SQLite alone."""
    return _samples[""]


@pytest.fixture
def embedded_scratch(database_engine: str, _samples: dict[str, TestDatabase], tmp_path: Path) -> Iterator[TestDatabase]:
    """A copy of the application's rows on each engine, for one test to change."""
    copy = _copy(_sample(database_engine, _samples), tmp_path)
    yield copy
    copy.drop()


def _sample(engine: str, made: dict[str, TestDatabase]) -> TestDatabase:
    if engine == "sqlite":
        return made[""]
    if engine not in made:
        made[engine] = _created(engine)
        load(Path(made[""].name), made[engine])
    return made[engine]


def need(engine: str) -> None:
    """Skip the test where the engine's server is not there; fail it where it has to be."""
    if engine != "sqlite" and (missing := _missing(engine)):
        (pytest.fail if _REQUIRED else pytest.skip)(missing)


@cache
def _missing(engine: str) -> str | None:
    try:
        connect(_SERVERS[engine]).close()
    except Exception as error:
        return f"no {engine} server at {_SERVERS[engine].render_as_string()}: {type(error).__name__}"
    return None


def _sample_file(folder: Path) -> URL:
    """The rows as an SQLite file of the tables that dwctl reads."""
    path, whole = folder / "embedded.sqlite", folder / "whole.sqlite"
    source = RECORDED if recorded_rows() else DATA / "sample.db.gz"
    whole.write_bytes(gzip.decompress(source.read_bytes()))
    with closing(sqlite3.connect(whole)) as database:
        # Indexes go with their tables.
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            if name not in EXPECTED and not name.startswith("sqlite_"):
                database.execute(f'DROP TABLE "{name}"')
        database.commit()
        database.execute("VACUUM INTO ?", [str(path)])
    whole.unlink()
    return URL.create("sqlite", database=str(path))


def _created(engine: str) -> TestDatabase:
    """An empty database of a name of its own."""
    name = f"dwctl_test_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{uuid4().hex[:12]}"
    with closing(connect(_SERVERS[engine])) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(f"CREATE DATABASE {name}" + (" CHARACTER SET utf8mb4" if engine == "mariadb" else ""))
    return TestDatabase(engine, _SERVERS[engine].set(database=name))


def definitions(engine: str) -> str:
    """The statements that make the application's tables on a server."""
    return (DATA / ("mariadb.sql" if engine == "mariadb" else "postgres.sql")).read_text()


def load(source: Path, target: TestDatabase) -> None:
    """Make the tables on a server and fill them with the rows of an SQLite file."""
    with (
        closing(sqlite3.connect(source)) as origin,
        closing(connect(target.url)) as connection,
        closing(connection.cursor()) as cursor,
    ):
        for statement in definitions(target.engine).split(";\n"):
            if statement.strip():
                cursor.execute(statement)
        for table in EXPECTED:
            rows = origin.execute(f'SELECT * FROM "{table}"')
            columns = [column[0] for column in rows.description]
            (_fill_mariadb if target.engine == "mariadb" else _fill_postgres)(cursor, table, columns, rows.fetchall())
        if target.engine == "postgresql":
            cursor.execute("ANALYZE")


def _fill_mariadb(cursor: Any, table: str, columns: Sequence[str], rows: Sequence[Any]) -> None:
    names, marks = ", ".join(f"`{column}`" for column in columns), ", ".join(["%s"] * len(columns))
    cursor.execute("START TRANSACTION")
    for start in range(0, len(rows), 500):
        cursor.executemany(f"INSERT INTO `{table}` ({names}) VALUES ({marks})", rows[start : start + 500])
    cursor.execute("COMMIT")


def _fill_postgres(cursor: Any, table: str, columns: Sequence[str], rows: Sequence[Any]) -> None:
    cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s AND data_type = 'boolean'",
                   [table])  # fmt: skip
    booleans = {columns.index(name) for (name,) in cursor.fetchall()}
    names = ", ".join(f'"{column}"' for column in columns)
    with cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(
                [bool(value) if place in booleans and value is not None else value for place, value in enumerate(row)]
            )


def _copy(sample: TestDatabase, folder: Path) -> TestDatabase:
    if sample.engine == "sqlite":
        path = folder / "application.sqlite"
        shutil.copyfile(sample.name, path)
        return TestDatabase("sqlite", URL.create("sqlite", database=str(path)))
    copy = TestDatabase(sample.engine, _SERVERS[sample.engine].set(database=f"{sample.name}_{uuid4().hex[:8]}"))
    if sample.engine == "postgresql":
        _run_on_server("postgresql", f"CREATE DATABASE {copy.name} TEMPLATE {sample.name}")
        return copy
    statements = [f"CREATE DATABASE {copy.name} CHARACTER SET utf8mb4"]
    statements += [f"CREATE TABLE {copy.name}.`{table}` LIKE {sample.name}.`{table}`" for table in EXPECTED]
    # One commit, not one a table; LIKE copies no foreign key, and the rows were unique before.
    statements += ["SET SESSION unique_checks = 0", "START TRANSACTION"]
    statements += [f"INSERT INTO {copy.name}.`{table}` SELECT * FROM {sample.name}.`{table}`" for table in EXPECTED]
    statements.append("COMMIT")
    _run_on_server("mariadb", *statements)
    return copy


def _run_on_server(engine: str, *statements: str) -> None:
    with closing(connect(_SERVERS[engine])) as connection, closing(connection.cursor()) as cursor:
        for statement in statements:
            cursor.execute(statement)


def rename_with_prefix(database: TestDatabase, prefix: str) -> None:
    """Give every table the prefix, as Laravel's `prefix` of the connection does."""
    for table in EXPECTED:
        database.run(f"ALTER TABLE {table} RENAME TO {prefix}{table}")


def shift_times(database: TestDatabase, hours: int) -> None:
    """Make every time that of an application whose clock is so many hours ahead of UTC."""
    for table, columns in time_columns(database).items():
        database.run(f"UPDATE {table} SET " + ", ".join(_shifted(database.engine, name, hours) for name in columns))


def _shifted(engine: str, column: str, hours: int) -> str:
    if engine == "sqlite":
        # SQLite's own arithmetic keeps three digits of a second; the other three are put back.
        return (f"{column} = strftime('%Y-%m-%d %H:%M:%S', substr({column}, 1, 19), '{hours:+d} hours') "
                f"|| substr({column}, 20)")  # fmt: skip
    if engine == "mariadb":
        return f"`{column}` = `{column}` + INTERVAL {hours} HOUR"
    return f"{column} = {column} + INTERVAL '{hours} hours'"


def time_columns(database: TestDatabase) -> dict[str, list[str]]:
    """Table → its time columns."""
    if database.engine == "sqlite":
        found = {table: database.run(f'SELECT name, type FROM pragma_table_info("{table}")') for table in EXPECTED}
        return {
            table: names for table, rows in found.items() if (names := [row[0] for row in rows if row[1] == "datetime"])
        }
    schema = "table_schema = DATABASE()" if database.engine == "mariadb" else "table_schema = 'public'"
    grouped: dict[str, list[str]] = {}
    rows = database.run(f"SELECT table_name, column_name, data_type FROM information_schema.columns WHERE {schema}")
    for table, column, kind in rows:
        if re.match("timestamp|datetime", kind):
            grouped.setdefault(table, []).append(column)
    return grouped


def plain(value: Any) -> Any:
    """A driver's value as every engine gives it, for comparing answers."""
    if isinstance(value, bool):
        return int(value)
    if hasattr(value, "isoformat"):
        return value.isoformat(sep=" ", timespec="microseconds")
    return json.dumps(value) if isinstance(value, (dict, list)) else value
