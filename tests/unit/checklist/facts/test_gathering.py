"""The world of one look: what is missing and why, and each source asked once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dwctl.checklist.description.described import Described, Runs, ShadowWorkflow
from dwctl.checklist.facts.gathering import How, Sources, make_world
from dwctl.checklist.facts.missing import may_name_operator
from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import Need
from dwctl.embedded.database import EmbeddedDatabase
from dwctl.errors import LocalStateError, RequestNotPossible
from dwctl.secret import Secret
from dwctl.server.target import Target
from dwctl.server.transport import Server
from dwctl.settings import Flags, Settings, load_settings
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.runtimes.positions import ByDatabase
from export_worlds import Looks
from rows_of_bundles import empty_database, put_bundle
from sample_bundles import ORDER, WAITING

MOMENT = datetime(2026, 11, 23, 20, 0, 0, 7, tzinfo=UTC)
NAMED = Flags(server="http://localhost:8080", namespace="production")


def settings(folder: Path, flags: Flags = NAMED, **environ: str) -> Settings:
    """Settings of these flags and variables alone."""
    return load_settings(flags, {"DW_CONFIG_HOME": str(folder), **environ}, folder=folder)


def described(folder: Path, **changes: Any) -> Described:
    """A cutover with everything described; its files are not there."""
    given: dict[str, Any] = {
        "bundles": (str(folder / "exports"),), "archives": (str(folder / "archive"),),
        "ledger": folder / ".dwctl" / "ledger.db", "shadows": (ShadowWorkflow("orders", "orders"),),
    }  # fmt: skip
    return Described(folder / "cutover.toml", "orders", **{**given, **changes})


def look(folder: Path, what: Described, sources: Sources, configured: Settings | None = None) -> World:
    """One look."""
    return make_world(configured or settings(folder), what, sources, How(lambda: MOMENT))


@pytest.fixture
def everything(tmp_path: Path) -> Sources:
    """Every source there is; nothing is connected."""
    server = Server(Target("http://localhost:8080"))
    path = empty_database(tmp_path)
    for bundle in (WAITING, ORDER):
        put_bundle(path, bundle.read_bytes())
    database = EmbeddedDatabase.open(Secret(f"sqlite:///{path}"))
    return Sources(server, server, database, None, lambda: ByDatabase(database))


def ledger(folder: Path, url: str = "http://localhost:8080") -> Path:
    """A ledger of the namespace, without a row."""
    path = folder / ".dwctl" / "ledger.db"
    Ledger.open(path, server=url, namespace="production", who="a test", clock=lambda: MOMENT).close()
    return path


def test_nothing_is_missing_where_everything_is_there(tmp_path: Path, everything: Sources) -> None:
    ledger(tmp_path)

    world = look(tmp_path, described(tmp_path), everything)

    assert world.missing == {}
    assert world.namespace == "production"
    assert world.now() == "2026-11-23T20:00:00.000007Z"


def test_everything_is_missing_where_nothing_is_there(tmp_path: Path) -> None:
    world = look(tmp_path, Described(None, "orders"), Sources(), settings(tmp_path, Flags()))

    assert set(world.missing) == set(Need)
    for need, missing in world.missing.items():
        assert missing.applies, need
        assert missing.next_step, need
        assert str(missing.command).startswith("dwctl "), need


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (Flags(), "no server is named"),
        (Flags(namespace="production"), "no server is named"),
        (Flags(server="http://localhost:8080"), "no namespace is named"),
    ],
)
def test_nobody_guesses_a_server_or_a_namespace(tmp_path: Path, everything: Sources, flags: Flags, why: str) -> None:
    ledger(tmp_path)
    sources = replace(everything, server=None, operator=None)

    world = look(tmp_path, described(tmp_path), sources, settings(tmp_path, flags))

    assert set(world.missing) == {Need.SERVER, Need.OPERATOR, Need.LEDGER}
    assert all(why in missing.why for missing in world.missing.values())


@pytest.mark.parametrize(
    ("changes", "needs"),
    [
        ({"runs": Runs.DRAIN, "bundles": ()}, {Need.BUNDLES, Need.LEDGER, Need.DRIFT}),
        ({"runs": Runs.DRAIN}, {Need.LEDGER}),
        ({"closed_runs": False, "archives": ()}, {Need.ARCHIVES}),
        ({"closed_runs": False}, {Need.ARCHIVES}),
    ],
)
def test_what_a_cutover_does_without_does_not_apply(
    tmp_path: Path, everything: Sources, changes: dict[str, Any], needs: set[Need]
) -> None:
    if changes.get("runs") is not Runs.DRAIN:
        ledger(tmp_path)

    world = look(tmp_path, described(tmp_path, **changes), everything)

    assert set(world.missing) == needs
    assert not any(missing.applies for missing in world.missing.values())


@pytest.mark.parametrize(
    ("changes", "need"),
    [({"bundles": ()}, Need.BUNDLES), ({"archives": ()}, Need.ARCHIVES), ({"shadows": ()}, Need.SHADOWS)],
)
def test_what_is_not_described_is_missing(
    tmp_path: Path, everything: Sources, changes: dict[str, Any], need: Need
) -> None:
    ledger(tmp_path)

    world = look(tmp_path, described(tmp_path, **changes), everything)

    assert set(world.missing) == {need}
    assert world.missing[need].applies


def test_without_a_ledger_the_import_itself_is_the_next_command(tmp_path: Path, everything: Sources) -> None:
    what = described(tmp_path, bundles=("/srv/my exports",), ledger=Path("/srv/ledger.db"), import_id="orders-1")
    assert look(tmp_path, what, everything).missing[Need.LEDGER].command == (
        "dwctl history-import '/srv/my exports' --import-id orders-1 --ledger /srv/ledger.db "
        "--server http://localhost:8080 --namespace production"
    )
    missing = look(tmp_path, replace(what, bundles=()), everything).missing[Need.LEDGER]
    assert missing.command == "dwctl history-import --help"


def test_drift_needs_somebody_who_knows_and_something_to_ask_about(tmp_path: Path, everything: Sources) -> None:
    ledger(tmp_path)
    what = described(tmp_path)

    assert "batch PHP process" in look(tmp_path, what, replace(everything, side=None)).missing[Need.DRIFT].why
    assert Need.DRIFT not in look(tmp_path, replace(what, bundles=()), everything).missing
    (tmp_path / ".dwctl" / "ledger.db").unlink()
    assert Need.DRIFT not in look(tmp_path, what, everything).missing
    assert look(tmp_path, replace(what, bundles=()), everything).missing[Need.DRIFT].why == "no bundles are described"


def test_an_embedded_application_without_a_database_cannot_list_its_runs(tmp_path: Path) -> None:
    world = look(tmp_path, described(tmp_path), Sources(artisan=lambda words: pytest.fail("asked")))

    assert Need.EMBEDDED not in world.missing
    with pytest.raises(RequestNotPossible, match="which have ended"):
        world.application()


def test_closed_runs_are_those_that_ended(tmp_path: Path, everything: Sources) -> None:
    world = look(tmp_path, described(tmp_path), everything)

    assert len(world.application().closed) == 1
    assert world.application().asked.startswith("database sqlite:///")


def test_each_fact_is_asked_for_once_and_a_look_later_anew(tmp_path: Path, everything: Sources) -> None:
    exports = tmp_path / "exports"
    exports.mkdir()
    (exports / "1.json").write_bytes(WAITING.read_bytes())
    first = look(tmp_path, described(tmp_path), everything)
    assert len(first.bundles().bundles) == 1
    (exports / "2.json").write_bytes(ORDER.read_bytes())

    assert first.bundles() is first.bundles()
    assert len(first.bundles().bundles) == 1
    assert len(look(tmp_path, described(tmp_path), everything).bundles().bundles) == 2


def test_drift_is_asked_of_bundles_and_ledger(tmp_path: Path, everything: Sources) -> None:
    exports = tmp_path / "exports"
    exports.mkdir()
    (exports / "1.json").write_bytes(WAITING.read_bytes())

    world = look(tmp_path, described(tmp_path), everything)

    assert world.drift().unmoved == 1


def test_a_ledger_of_another_server_is_none_of_ours(tmp_path: Path, everything: Sources) -> None:
    ledger(tmp_path, "http://elsewhere:8080")

    world = look(tmp_path, described(tmp_path), everything)

    with pytest.raises(LocalStateError):
        world.ledger()


def test_the_record_lies_beside_the_ledger(tmp_path: Path, everything: Sources) -> None:
    exports = tmp_path / "exports"
    exports.mkdir()
    (exports / "1.json").write_bytes(WAITING.read_bytes())
    later = How(lambda: datetime(2100, 1, 1, tzinfo=UTC))
    what = described(tmp_path, ledger=tmp_path / "kept" / "cutover.db")

    make_world(settings(tmp_path), what, everything, later).bundles()

    assert Looks(tmp_path / "kept").record.is_file()


@pytest.mark.parametrize(
    ("environ", "knows"),
    [
        ({}, False),
        ({"DW_OPERATOR_TOKEN": "o"}, True),
        ({"DW_OPERATOR_TOKEN": "o", "DW_ADMIN_TOKEN": "a"}, True),
        ({"DW_ADMIN_TOKEN": "a"}, False),
        ({"DURABLE_WORKFLOW_AUTH_TOKEN": "g"}, True),
        ({"DURABLE_WORKFLOW_AUTH_TOKEN": "g", "DW_ADMIN_TOKEN": "a"}, False),
        ({"DURABLE_WORKFLOW_AUTH_TOKEN": "g", "DW_WORKER_TOKEN": "w"}, False),
    ],
)
def test_whether_anybody_knows_the_operators_token(tmp_path: Path, environ: dict[str, str], knows: bool) -> None:
    assert may_name_operator(settings(tmp_path, NAMED, **environ)) is knows


def test_a_token_that_is_named_and_not_set_is_none(tmp_path: Path) -> None:
    (tmp_path / "cutover.toml").write_text('[server]\noperator_token_env = "OPS"\n')

    configured = settings(tmp_path, NAMED, DURABLE_WORKFLOW_AUTH_TOKEN="g")
    world = look(tmp_path, described(tmp_path), Sources(Server(Target("http://localhost:8080"))), configured)

    assert not may_name_operator(configured)
    assert "OPS" in world.missing[Need.OPERATOR].why
