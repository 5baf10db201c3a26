"""What `dwctl checklist` looks at: the server, the embedded application, the bundles; opened once, looked at often."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dwctl.cli.embedded_side import batch_application, embedded_artisan, require_side
from dwctl.cli.output import say
from dwctl.cli.server_options import Connection
from dwctl.errors import RequestNotPossible

if TYPE_CHECKING:
    from dwctl.checklist.description.described import Described
    from dwctl.checklist.facts.bundles import Watch
    from dwctl.checklist.facts.gathering import Sources
    from dwctl.checklist.facts.world import World
    from dwctl.embedded.database import EmbeddedDatabase
    from dwctl.server.target import Credential
    from dwctl.server.transport import Server
    from dwctl.settings import Role
    from dwctl.transfer.runtimes.positions import EmbeddedSide


def worlds(
    connection: Connection,
    find_database: Callable[[], EmbeddedDatabase | None],
    described: Described,
    stack: ExitStack,
    *,
    deep: bool = False,
    rehash: bool = False,
    watch: Watch,
) -> Callable[[], World]:
    """A function that looks: each call is a World of its own, over the same connections, which end with the stack.

    `watch` passes on what is read (the bundles of a first look) and may show how far it is; it is called from other
    threads. Raises RequestNotPossible for settings that cannot be right; a server that does not answer is found out by
    the checks, and so is a database whose variable is not set here: many a gate has no way to it.
    """
    from dwctl.checklist.facts.gathering import How, make_world

    sources = _sources(connection, find_database, stack)
    how = How(lambda: datetime.now(UTC), deep, rehash, _said, watch)
    return lambda: make_world(connection.settings, described, sources, how)


def _said(sentence: str) -> None:
    say(f"dwctl: {sentence}")


def _sources(connection: Connection, find_database: Callable[[], EmbeddedDatabase | None], stack: ExitStack) -> Sources:
    from dwctl.checklist.facts.gathering import Sources

    settings = connection.settings
    # Nobody's guess: a list of a namespace that nobody named would be empty, and look like a pass.
    named = settings.server.given and settings.namespace.given
    server = stack.enter_context(connection.open(tell=False)) if named else None
    database, no_database = _database(find_database)
    return Sources(
        server,
        None if server is None else _operator(connection, server, stack),
        database,
        embedded_artisan(settings),
        _side(connection, database, stack),
        no_database,
    )


def _database(
    find: Callable[[], EmbeddedDatabase | None],
) -> tuple[EmbeddedDatabase | None, RequestNotPossible | None]:
    try:
        return find(), None
    except RequestNotPossible as problem:
        if problem.reason != "database_not_set":
            raise
        return None, problem


def _operator(connection: Connection, server: Server, stack: ExitStack) -> Server | None:
    """The same server with nothing but the operators' token; None where nobody said which that is."""
    from dwctl.checklist.facts.missing import may_name_operator
    from dwctl.server.target import target_of
    from dwctl.server.transport import Server
    from dwctl.settings import Auth, Role

    settings = connection.settings
    if settings.auth.value is not Auth.TOKEN:
        return server
    if not may_name_operator(settings):
        return None
    target = target_of(settings)
    own: Mapping[Role, Credential] = {Role.OPERATOR: target.credentials[Role.OPERATOR]}
    return stack.enter_context(Server(replace(target, credentials=own)))


def _side(
    connection: Connection, database: EmbeddedDatabase | None, stack: ExitStack
) -> Callable[[], EmbeddedSide] | None:
    """Who says where runs stand; the batch process begins with the first question, and serves all looks."""
    if database is None and batch_application(connection) is None:
        return None
    begun: list[EmbeddedSide] = []

    def side() -> EmbeddedSide:
        if not begun:
            begun.append(require_side(connection, stack, database))
        return begun[0]

    return side
