"""Who answers for the embedded application: its database where one is named, else its batch PHP process."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from dwctl.cli.clock import now
from dwctl.errors import RequestNotPossible

if TYPE_CHECKING:
    from dwctl.cli.server_options import Connection
    from dwctl.embedded.application import EmbeddedApplication
    from dwctl.embedded.check_artisan import Ask
    from dwctl.embedded.database import EmbeddedDatabase
    from dwctl.settings import Settings
    from dwctl.transfer.runtimes.positions import EmbeddedSide

GIVE_ONE = (
    "Give --database-url or --laravel-env FILE, or set embedded.database_url_env (or php and path under [embedded]) in "
    "cutover.toml."
)


def embedded_side(connection: Connection, stack: ExitStack, database: EmbeddedDatabase | None) -> EmbeddedSide | None:
    """Whoever is configured, None where nobody is. The batch process is booted here, and ends with the stack.

    Raises why the batch process does not work, where it is the one that is configured.
    """
    from dwctl.transfer.runtimes.positions import ByBatch, ByDatabase

    if database is not None:
        return ByDatabase(database)
    application = batch_application(connection)
    if application is None:
        return None
    from dwctl.embedded.batch import BatchExporter

    exporter = stack.enter_context(BatchExporter(application))
    exporter.start()
    return ByBatch(exporter, now)


def require_side(connection: Connection, stack: ExitStack, database: EmbeddedDatabase | None) -> EmbeddedSide:
    """The same, for a command that cannot do without. Raises RequestNotPossible where nobody is configured."""
    side = embedded_side(connection, stack, database)
    if side is None:
        raise RequestNotPossible(
            "neither a database nor a batch PHP process of the embedded application is configured",
            next_step=GIVE_ONE, reason="database_not_set",
        )  # fmt: skip
    return side


def embedded_application(settings: Settings) -> EmbeddedApplication:
    """The application as the settings describe it; its methods refuse what they do not say."""
    from dwctl.cli.child_environment import without_secrets
    from dwctl.embedded.application import EmbeddedApplication

    embedded = settings.embedded
    return EmbeddedApplication(
        embedded.artisan.value, embedded.php.value, embedded.path.value, embedded.timeout.value,
        without_secrets(settings, for_application=True),
    )  # fmt: skip


def embedded_artisan(settings: Settings) -> Ask | None:
    """Who asks the application's artisan; None where the settings name none."""
    from dwctl.embedded.check_artisan import asker

    embedded = settings.embedded
    if not (embedded.artisan.value or (embedded.php.value and embedded.path.value)):
        return None
    return asker(embedded_application(settings))


def batch_application(connection: Connection) -> EmbeddedApplication | None:
    """The application whose PHP can be started, if the settings say how."""
    application = embedded_application(connection.settings)
    try:
        application.php_words()
        application.folder()
    except RequestNotPossible:
        return None
    return application
