"""How the application is reached: what is set, what follows from it, and what is said where nothing does."""

from __future__ import annotations

import pytest

from dwctl.embedded.application import EmbeddedApplication
from dwctl.errors import ExitCode, RequestNotPossible

COMPOSE = ("docker", "compose", "exec", "-T", "app", "php")


def test_what_is_set_is_what_is_run() -> None:
    application = EmbeddedApplication((*COMPOSE, "artisan"), ("php8.3", "-d", "memory_limit=1G"), "/srv/app")
    assert application.artisan_words() == (*COMPOSE, "artisan")
    assert application.php_words() == ("php8.3", "-d", "memory_limit=1G")
    assert application.folder() == "/srv/app"


def test_php_and_path_name_an_artisan() -> None:
    assert EmbeddedApplication(php=COMPOSE, path="/srv/app/").artisan_words() == (*COMPOSE, "/srv/app/artisan")


@pytest.mark.parametrize(
    ("artisan", "php", "folder"),
    [
        ((*COMPOSE, "artisan"), COMPOSE, "."),
        (("ssh", "host", "/usr/bin/php8.2", "/var/www/html/artisan"), ("ssh", "host", "/usr/bin/php8.2"),
         "/var/www/html"),
        (("php", "-d", "memory_limit=-1", "/artisan"), ("php", "-d", "memory_limit=-1"), "/"),
    ],
)  # fmt: skip
def test_an_artisan_run_by_php_names_php_and_the_folder(
    artisan: tuple[str, ...], php: tuple[str, ...], folder: str
) -> None:
    application = EmbeddedApplication(artisan)
    assert (application.php_words(), application.folder()) == (php, folder)


@pytest.mark.parametrize(
    "artisan", [None, ("./artisan",), ("sail", "artisan"), ("php", "console"), ("phpunit", "artisan")]
)
def test_another_form_of_artisan_names_no_php(artisan: tuple[str, ...] | None) -> None:
    application = EmbeddedApplication(artisan)
    for ask in (application.php_words, application.folder):
        with pytest.raises(RequestNotPossible) as caught:
            ask()
        assert caught.value.reason == "application_not_set"
        assert caught.value.next_step is not None
        assert "--no-batch" in caught.value.next_step


def test_without_any_words_the_setting_is_named() -> None:
    for application in (EmbeddedApplication(), EmbeddedApplication(php=COMPOSE), EmbeddedApplication(path="/srv")):
        with pytest.raises(RequestNotPossible) as caught:
            application.artisan_words()
        assert (caught.value.where, caught.value.exit_code) == ("embedded.artisan", ExitCode.USAGE)


def test_the_environment_is_not_shown() -> None:
    assert "hunter2" not in repr(EmbeddedApplication(environment={"DB_PASSWORD": "hunter2"}))
