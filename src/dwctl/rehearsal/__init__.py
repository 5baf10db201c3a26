"""A server to rehearse a cutover against: the standalone server's surface, on SQLite (optional extra `rehearsal`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.applications import Starlette


def create_app(**options: Any) -> Starlette:
    """Make the server as an ASGI application; the options are those of `dwctl.rehearsal.app.create_app`.

    Starlette is imported here and not with the package: the importer and its tables do without.
    """
    from dwctl.rehearsal.app import create_app as create

    return create(**options)
