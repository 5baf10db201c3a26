"""`cutover.toml`, the description of one cutover: read, and what is wrong in it said plainly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dwctl.errors import RequestNotPossible

FILE_NAME = "cutover.toml"


@dataclass(frozen=True, slots=True)
class Key:
    """One key that a table of the file may hold: its types, and what it is for."""

    types: tuple[type, ...]
    expected: str
    meaning: str


KEYS: Final[Mapping[str, Mapping[str, Key]]] = {
    "server": {
        "url": Key((str,), "a string", "base URL of the server, without /api"),
        "namespace": Key((str,), "a string", "the namespace that the cutover moves runs into"),
        "tls_verify": Key((bool,), "true or false", "whether the server's certificate is verified"),
        "ca_file": Key((str,), "a string", "PEM file of the authority that signed the server's certificate"),
        "timeout": Key((int, float, str), 'seconds or a duration such as "30s"', "how long one answer may take"),
        "auth": Key((str,), "a string", "how calls are authenticated: token, signature or none"),
        "token_env": Key((str,), "a string", "name of the variable that holds the general token"),
        "admin_token_env": Key((str,), "a string", "name of the variable that holds the admin token"),
        "operator_token_env": Key((str,), "a string", "name of the variable that holds the operator token"),
        "worker_token_env": Key((str,), "a string", "name of the variable that holds the worker token"),
        "php": Key((list,), "a list of strings", "the words that start PHP beside the server"),
        "path": Key((str,), "a string", "folder of the server's application, as that PHP sees it"),
    },
    "embedded": {
        "artisan": Key((list,), "a list of strings", "the words that start the embedded application's artisan"),
        "php": Key((list,), "a list of strings", "the words that start PHP beside the embedded application"),
        "path": Key((str,), "a string", "folder of the embedded application, as that PHP sees it"),
        "timeout": Key((int, float, str), 'seconds or a duration such as "60s"', "how long one call of it may take"),
        "database_url": Key((str,), "a string", "URL of the embedded application's database"),
        "database_url_env": Key((str,), "a string", "name of the variable that holds the database's URL"),
        "table_prefix": Key((str,), "a string", "what stands before the name of every table"),
        "statement_timeout": Key((int, float, str), 'seconds or a duration such as "30s"', "how long a query may take"),
        "database_timezone": Key((str,), "a string", "zone of the embedded application's clock"),
        "pause": Key((list,), "a list of strings", "the words that pause the embedded workers"),
        "resume": Key((list,), "a list of strings", "the words that let the embedded workers go on"),
    },
}
"""Every table and key that the file may hold."""

_LITERAL_SECRETS: Final[Mapping[str, str]] = {
    "token": "token_env",
    "auth_token": "token_env",
    "admin_token": "admin_token_env",
    "operator_token": "operator_token_env",
    "worker_token": "worker_token_env",
}
"""Keys that would hold a secret, and the key that names its environment variable instead."""


@dataclass(frozen=True, slots=True)
class Cutover:
    """A read and checked `cutover.toml`: its path, and its tables as they stand."""

    path: Path
    tables: Mapping[str, Mapping[str, Any]]

    def get(self, table: str, key: str) -> Any:
        """The value, or None where the file does not set it; an empty string counts as not set."""
        value = self.tables.get(table, {}).get(key)
        return None if value == "" else value


def read_cutover(path: Path) -> Cutover | None:
    """Read `path`; None where there is no such file.

    Raises RequestNotPossible for what is not TOML, an unknown key (naming the nearest right one), a value
    of the wrong type, or a secret that stands in the file.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _mistake(path, "it cannot be read", "Make it a readable UTF-8 file.") from error
    import tomllib

    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _mistake(path, f"it is not TOML: {error}", "Mend that line.") from error
    for name, table in document.items():
        _check_table(path, name, table)
    return Cutover(path, document)


def _check_table(path: Path, name: str, table: object) -> None:
    if name not in KEYS:
        raise _mistake(path, f"there is no table [{name}]", _nearest(name, KEYS), where=f"[{name}]")
    if not isinstance(table, dict):
        raise _mistake(path, f"`{name}` must be a table", f"Write it as [{name}].", where=name)
    for key, value in table.items():
        where = f"[{name}] {key}"
        if key in _LITERAL_SECRETS:
            raise _mistake(
                path,
                f"`{key}` would keep a secret in a file that is shared",
                f"Put it into an environment variable, and name that one in `{_LITERAL_SECRETS[key]}`.",
                where=where,
            )
        known = KEYS[name].get(key)
        if known is None:
            raise _mistake(path, f"[{name}] has no key `{key}`", _nearest(key, KEYS[name]), where=where)
        right = isinstance(value, known.types) and (bool in known.types or not isinstance(value, bool))
        if isinstance(value, list):
            right = right and bool(value) and all(isinstance(word, str) and word for word in value)
        if not right:
            raise _mistake(
                path,
                f"`{key}` must be {known.expected}",
                f"It is the {known.meaning.removeprefix('the ')}.",
                where=where,
            )


def _nearest(word: str, known: Mapping[str, object]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word.replace("-", "_"), known, n=1, cutoff=0.5)
    return f"Did you mean `{near[0]}`?" if near else f"It may hold: {', '.join(sorted(known))}."


def _mistake(path: Path, what: str, next_step: str, *, where: str | None = None) -> RequestNotPossible:
    return RequestNotPossible(
        f"{path.name} is not usable: {what}",
        where=f"{path}: {where}" if where else str(path),
        next_step=next_step,
        reason="unusable_cutover_file",
    )
