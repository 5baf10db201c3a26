"""How the embedded Laravel application is reached: the words of its artisan and of its PHP."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from dwctl.errors import RequestNotPossible

_PHP = re.compile(r"php[\d.]*(\.exe)?$")
_ARTISAN_SETTING, _PHP_SETTING = "embedded.artisan", "embedded.php"


@dataclass(frozen=True, slots=True)
class EmbeddedApplication:
    """How the application is reached; the settings of `[embedded]` in cutover.toml.

    `artisan` and `php` are argument lists, never shell strings; `path` is the application's folder as that PHP sees
    it. `timeout` is in seconds, for one run or one boot. `environment` is what the children inherit; None for that of
    this process. What `artisan` or `php` alone says of the other is used: `php artisan` names both.
    """

    artisan: tuple[str, ...] | None = None
    php: tuple[str, ...] | None = None
    path: str | None = None
    timeout: float = 60.0
    environment: Mapping[str, str] | None = field(default=None, repr=False)

    @property
    def artisan_setting(self) -> str:
        """The setting that the words of artisan come from, for errors."""
        return _ARTISAN_SETTING if self.artisan or not self.php else _PHP_SETTING

    def artisan_words(self) -> tuple[str, ...]:
        """The words that start artisan. Raises RequestNotPossible where neither `artisan` nor `php` is set."""
        if self.artisan:
            return self.artisan
        if self.php and self.path:
            return (*self.php, f"{self.path.rstrip('/')}/artisan")
        raise RequestNotPossible(
            "how to run the embedded application's artisan is not set", where=_ARTISAN_SETTING,
            next_step='Set artisan = ["docker", "compose", "exec", "-T", "app", "php", "artisan"] '
            "under [embedded] of cutover.toml.", reason="application_not_set",
        )  # fmt: skip

    def php_words(self) -> tuple[str, ...]:
        """The words that start PHP beside the application. Raises RequestNotPossible where nothing names them."""
        if self.php:
            return self.php
        if (found := self._php_of_artisan()) is not None:
            return found[0]
        raise _no_php("how to run PHP beside the embedded application is not set", _PHP_SETTING)

    def folder(self) -> str:
        """The application's folder as its PHP sees it. Raises RequestNotPossible where nothing names it."""
        if self.path:
            return self.path
        if (found := self._php_of_artisan()) is not None:
            return found[1]
        raise _no_php("where the embedded application is, as its PHP sees it, is not set", "embedded.path")

    def _php_of_artisan(self) -> tuple[tuple[str, ...], str] | None:
        """`… php [options] folder/artisan` as the words of PHP and the folder; None for another form."""
        *php, script = self.artisan or ("",)
        folder, _, name = script.rpartition("/")
        if name != "artisan" or not any(_PHP.match(word.rpartition("/")[2]) for word in php):
            return None
        return tuple(php), folder or ("/" if script.startswith("/") else ".")


def _no_php(what: str, where: str) -> RequestNotPossible:
    return RequestNotPossible(
        what, where=where,
        next_step='Set php = ["docker", "compose", "exec", "-T", "app", "php"] and path = "/var/www/html" '
        "under [embedded] of cutover.toml, or export one by one with --no-batch.", reason="application_not_set",
    )  # fmt: skip
