"""What a child process of ours inherits: this environment without our tokens, keys and passwords."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dwctl.settings import Settings


_THE_APPLICATION_S_OWN = frozenset({"DB_URL", "DATABASE_URL"})
"""What Laravel reads its database's URL from: the application that is called needs it, and owns what is in it."""


def without_secrets(settings: Settings, *others: str | None, for_application: bool = False) -> dict[str, str]:
    """This process's environment without secrets, by their values and by their names; `others` are more values.

    `for_application`: the child is the embedded application itself, which keeps the variables of its own database.
    """
    tokens = [settings.general_token, *settings.role_tokens.values()]
    if settings.flag_token is not None:
        tokens.append(settings.flag_token)
    secrets = {token.value.reveal() for token in tokens if token.value is not None}
    secrets.update(other for other in others if other)
    database = settings.embedded.database_url.value
    keeps = _THE_APPLICATION_S_OWN if for_application else frozenset()
    return {
        name: value
        for name, value in os.environ.items()
        if value not in secrets
        and not (database is not None and value == database.reveal() and name not in keeps)
        and not (name.startswith(("DW_", "DWCTL_", "DURABLE_")) and name.endswith(("_TOKEN", "_KEY")))
    }
