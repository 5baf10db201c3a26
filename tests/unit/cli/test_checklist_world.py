"""What `dwctl checklist` opens: the server as everybody and as an operator, and who knows where runs stand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dwctl.checklist.description.described import Described
from dwctl.checklist.facts.bundles import unwatched
from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import Need
from dwctl.cli.checklist_world import worlds
from dwctl.cli.output import Format
from dwctl.cli.server_options import Connection
from dwctl.embedded.database import EmbeddedDatabase
from dwctl.secret import Secret
from dwctl.settings import Flags, Role, load_settings
from rows_of_bundles import empty_database

NAMED = Flags(server="http://localhost:8080", namespace="production")


class Opened:
    """Looks into a folder, whose connections end with the test."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack

    def look(self, flags: Flags = NAMED, database: EmbeddedDatabase | None = None, **environ: str) -> World:
        """The first look with these flags and variables."""
        settings = load_settings(flags, {"DW_CONFIG_HOME": str(self.folder), **environ}, folder=self.folder)
        described = Described(None, "orders", ledger=self.folder / "ledger.db", bundles=(str(self.folder),))
        return worlds(Connection(settings, Format.TABLE), lambda: database, described, self._stack, watch=unwatched)()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Looks into a folder of their own."""
    with ExitStack() as stack:
        yield Opened(tmp_path, stack)


def test_operators_come_with_nothing_but_their_own_token(opened: Opened) -> None:
    world = opened.look(DW_ADMIN_TOKEN="a-secret", DW_OPERATOR_TOKEN="o-secret", DW_WORKER_TOKEN="w-secret")

    target = world.operator().target
    assert [token.reveal() for token in target.secrets] == ["o-secret"]
    assert target.credential((Role.ADMIN,)).secret is None
    assert len(world.server().target.secrets) == 3


def test_one_token_for_everybody_is_the_operators_too(opened: Opened) -> None:
    world = opened.look(DURABLE_WORKFLOW_AUTH_TOKEN="secret")

    assert [token.reveal() for token in world.operator().target.secrets] == ["secret"]


def test_an_administrator_s_token_is_never_the_operators(opened: Opened) -> None:
    assert Need.OPERATOR in opened.look(DW_ADMIN_TOKEN="a-secret").missing


def test_without_authentication_everybody_is_an_operator(opened: Opened) -> None:
    world = opened.look(DW_AUTH_DRIVER="none")

    assert world.operator() is world.server()


def test_nothing_is_opened_that_nobody_named(opened: Opened) -> None:
    world = opened.look(Flags(), DURABLE_WORKFLOW_AUTH_TOKEN="secret")

    assert {Need.SERVER, Need.OPERATOR, Need.EMBEDDED, Need.DRIFT} <= set(world.missing)


def test_a_database_answers_for_the_embedded_application(opened: Opened) -> None:
    path = empty_database(opened.folder)
    database = EmbeddedDatabase.open(Secret(f"sqlite:///{path}"))

    assert not {Need.EMBEDDED, Need.DRIFT} & set(opened.look(database=database).missing)


def test_artisan_alone_cannot_tell_where_runs_stand(opened: Opened) -> None:
    (opened.folder / "cutover.toml").write_text('[embedded]\nartisan = ["app-artisan"]\n', encoding="utf-8")

    missing = opened.look().missing
    assert Need.EMBEDDED not in missing
    assert "batch PHP process" in missing[Need.DRIFT].why


def test_php_beside_the_application_can(opened: Opened) -> None:
    text = '[embedded]\nphp = ["php"]\npath = "/app"\n'
    (opened.folder / "cutover.toml").write_text(text, encoding="utf-8")

    assert not {Need.EMBEDDED, Need.DRIFT} & set(opened.look().missing)
