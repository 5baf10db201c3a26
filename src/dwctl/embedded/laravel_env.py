"""The database that a Laravel application's `.env` names; read only when somebody asks for it.

Only `DB_*` (and the clock's `APP_TIMEZONE`) are taken, with Laravel's own defaults; the process's environment plays
no part. The rules are those of Laravel's reader (phpdotenv). The usual library of Python is not used: it takes what
the file does not say from the environment, and makes `${UNKNOWN}` empty where Laravel leaves it as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from dwctl.embedded.database_reasons import failure
from dwctl.errors import UnreadableInput
from dwctl.secret import Secret

LIMIT: Final = 1_000_000
"""Bytes. No `.env` is larger."""

_SCHEMES: Final[Mapping[str, str]] = {"mysql": "mysql", "mariadb": "mariadb", "pgsql": "postgresql", "sqlite": "sqlite"}
_PORTS: Final[Mapping[str, str]] = {"mysql": "3306", "mariadb": "3306", "postgresql": "5432"}
_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*=[^\S\n]*(.*)", re.DOTALL)
_SPECIAL = re.compile(r"\\.|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_.]*)\}", re.DOTALL)
_WORDS: Final[Mapping[str, str | None]] = {
    "null": None, "(null)": None, "empty": "", "(empty)": "", "true": "1", "(true)": "1", "false": "", "(false)": "",
}  # fmt: skip
"""Words that `env()` of Laravel makes values of, in any case, as a connection then takes them."""
_ESCAPES: Final[Mapping[str, str]] = {r"\n": "\n", r"\r": "\r", r"\t": "\t"}


@dataclass(frozen=True, slots=True)
class LaravelDatabase:
    """What the file says: the URL (a secret whole), the table prefix, and the zone of the application's clock."""

    url: Secret
    prefix: str
    zone: str | None


def read_laravel_env(path: Path) -> LaravelDatabase:
    """The database of `path`, as Laravel's `config/database.php` would take it from there.

    Raises UnreadableInput for a file that cannot be read, RequestNotPossible where it names no database that
    dwctl reads. No message holds a value of the file.
    """
    try:
        with path.open("rb") as file:
            text = file.read(LIMIT + 1)
        if len(text) > LIMIT:
            raise UnreadableInput(f"{path} is larger than any .env", where=str(path), next_step="Check the path.")
        values = parse_env(text.decode("utf-8-sig"), str(path))
    except FileNotFoundError:
        raise UnreadableInput(
            f"there is no file {path}", where="--laravel-env", next_step="Give the path of the application's .env."
        ) from None
    except (OSError, UnicodeDecodeError):
        raise UnreadableInput(
            f"{path} cannot be read", where="--laravel-env", next_step="Make it a readable UTF-8 file."
        ) from None
    return _database(_worded(values), path)


def parse_env(text: str, where: str) -> dict[str, str]:
    """The variables of an `.env`: comments, `export`, both quotes, several lines in quotes, `${NAME}` of lines before.

    A # outside of quotes begins a comment, also within a word.

    Raises RequestNotPossible for a quote that is never closed, with the line's number.
    """
    values: dict[str, str] = {}
    lines = iter(enumerate(text.replace("\r\n", "\n").split("\n"), start=1))
    for number, line in lines:
        found = _LINE.fullmatch(line)
        if found is None or line.lstrip().startswith("#"):
            continue
        name, rest = found[1], found[2]
        quote_sign = rest[:1] if rest[:1] in ("'", '"') else ""
        if quote_sign:
            while (end := _closing(rest, quote_sign)) is None:
                more = next(lines, None)
                if more is None:
                    raise failure("laravel_env_wrong", f"the quote of {name} is not closed", where=f"{where}:{number}")
                rest += "\n" + more[1]
            value = rest[1:end]
        else:
            value = rest.partition("#")[0].strip()
        values[name] = value if quote_sign == "'" else _expanded(value, values, quoted=bool(quote_sign))
    return values


def _closing(text: str, sign: str) -> int | None:
    """Where the quote ends; within double quotes a backslash keeps the next character from ending it."""
    place = 1
    while place < len(text):
        if text[place] == "\\" and sign == '"':
            place += 1
        elif text[place] == sign:
            return place
        place += 1
    return None


def _expanded(value: str, values: Mapping[str, str], *, quoted: bool) -> str:
    """The value with `${NAME}` of earlier lines put in; what is not known stays as it is, as in Laravel's reader.

    One pass, so that a value that was put in is not itself looked through. Escapes count within double quotes.
    """

    def put_in(found: re.Match[str]) -> str:
        if found[0].startswith("$"):
            return values.get(found["name"], found[0])
        return _ESCAPES.get(found[0], found[0][1:]) if quoted else found[0]

    return _SPECIAL.sub(put_in, value)


def _worded(values: Mapping[str, str]) -> dict[str, str]:
    """The values as `env()` of Laravel gives them; one that says null is as if it were not there."""
    meant = {name: _WORDS.get(text.lower(), text) for name, text in values.items()}
    return {name: text for name, text in meant.items() if text is not None}


def _database(values: Mapping[str, str], path: Path) -> LaravelDatabase:
    prefix, zone = values.get("DB_PREFIX", ""), values.get("APP_TIMEZONE") or None
    if url := values.get("DB_URL") or values.get("DATABASE_URL"):
        return LaravelDatabase(Secret(_from_its_folder(url, path)), prefix, zone)
    connection = values.get("DB_CONNECTION", "")
    if not connection:
        raise failure("laravel_env_wrong", f"{path} sets no DB_CONNECTION", where=str(path))
    scheme = _SCHEMES.get(connection)
    if scheme is None:
        raise failure(
            "laravel_env_wrong", f"{path} has a DB_CONNECTION that dwctl does not know", where=str(path),
            next_step="A connection of another name is described in config/database.php: give --database-url.",
        )  # fmt: skip
    url = _sqlite(values, path) if scheme == "sqlite" else _server(scheme, values, path)
    return LaravelDatabase(Secret(url), prefix, zone)


def _from_its_folder(url: str, path: Path) -> str:
    """The URL, with the whole path of an SQLite file: a relative one counts from the application's folder."""
    scheme, slashes, name = url.partition(":///")
    relative = scheme.lower() == "sqlite" and slashes and name and not name.startswith(("/", ":memory:"))
    return f"{scheme}:///{(path.parent / name).absolute()}" if relative else url


def _sqlite(values: Mapping[str, str], path: Path) -> str:
    """Laravel's default is database/database.sqlite; a relative path counts from the application's folder."""
    name = values.get("DB_DATABASE") or "database/database.sqlite"
    # What would end the path in a URL, or be read as an escape there.
    return "sqlite:///" + str((path.parent / name).absolute()).replace("%", "%25").replace("?", "%3F")


def _server(scheme: str, values: Mapping[str, str], path: Path) -> str:
    name = values.get("DB_DATABASE", "")
    if not name:
        raise failure("laravel_env_wrong", f"{path} sets no DB_DATABASE", where=str(path))
    user, password = (quote(values.get(key, ""), safe="") for key in ("DB_USERNAME", "DB_PASSWORD"))
    account = f"{user}:{password}@" if password else f"{user}@" if user else ""
    host, port = values.get("DB_HOST") or "127.0.0.1", values.get("DB_PORT") or _PORTS[scheme]
    address = f"[{host}]" if ":" in host else host
    option, socket = "unix_socket", values.get("DB_SOCKET", "")
    if scheme == "postgresql":
        # libpq takes a host that begins with a slash for the folder of the socket.
        option, socket, address = ("host", host, "") if host.startswith("/") else ("host", "", address)
    query = f"?{option}={quote(socket, safe='/')}" if socket else ""
    return f"{scheme}://{account}{address}:{port}/{quote(name, safe='')}{query}"
