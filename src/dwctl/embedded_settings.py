"""How the embedded application is reached: `[embedded]` of `cutover.toml`, and the variable that it names.

Nothing of it is taken from the environment's own DB_* or from a profile: whoever reads an application's
database says which (design, "Settings").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Final

from dwctl.cutover.cutover import FILE_NAME
from dwctl.secret import Secret
from dwctl.setting_values import duration
from dwctl.sources import Layers, Setting, Source, default_of

TABLE: Final = "embedded"
DEFAULT_TIMEOUT: Final = 60.0
DEFAULT_STATEMENT_TIMEOUT: Final = 30.0

Words = Setting[tuple[str, ...] | None]


@dataclass(frozen=True, slots=True)
class EmbeddedSettings:
    """Every setting of the embedded side, each with its source; times are seconds.

    `artisan`, `php`, `pause` and `resume` are argument lists, never shell strings. `database_url` may hold a
    password, so it is a Secret whole; a variable that was named but is not set is there with the value None.
    """

    artisan: Words
    php: Words
    path: Setting[str | None]
    timeout: Setting[float]
    database_url: Setting[Secret | None]
    table_prefix: Setting[str]
    statement_timeout: Setting[float]
    database_timezone: Setting[str | None]
    pause: Words
    resume: Words

    def rows(self) -> Iterator[tuple[str, Setting[Any]]]:
        """Every setting by name, for `doctor`."""
        for field in fields(self):
            yield field.name, getattr(self, field.name)


def embedded_settings(find: Layers) -> EmbeddedSettings:
    """Resolve every setting of the embedded side. Raises RequestNotPossible for a value that cannot be right."""
    return EmbeddedSettings(
        artisan=_words(find, "artisan"),
        php=_words(find, "php"),
        path=find.file("path", TABLE) or default_of(None),
        timeout=_seconds(find, "timeout", DEFAULT_TIMEOUT),
        database_url=_database_url(find),
        table_prefix=find.file("table_prefix", TABLE) or default_of(""),
        statement_timeout=_seconds(find, "statement_timeout", DEFAULT_STATEMENT_TIMEOUT),
        database_timezone=find.file("database_timezone", TABLE) or default_of(None),
        pause=_words(find, "pause"),
        resume=_words(find, "resume"),
    )


def _words(find: Layers, key: str) -> Words:
    found = find.file(key, TABLE)
    return Setting(tuple(found.value), found.source, found.origin) if found else default_of(None)


def _seconds(find: Layers, key: str, default: float) -> Setting[float]:
    found = find.file(key, TABLE)
    if found is None:
        return default_of(default)
    return Setting(duration(str(found.value), found.origin), found.source, found.origin)


def _database_url(find: Layers) -> Setting[Secret | None]:
    """The variable that the file names comes first: it is there to keep the password out of the file."""
    if named := find.file("database_url_env", TABLE):
        value = find.variable(str(named.value))
        where = f"{FILE_NAME} [{TABLE}] database_url_env: {named.value}"
        if value is None:
            return Setting(None, Source.CUTOVER, f"{where} (not set)")
        return Setting(Secret(value.value), Source.CUTOVER, where)
    found = find.file("database_url", TABLE)
    return Setting(Secret(str(found.value)), found.source, found.origin) if found else default_of(None)
