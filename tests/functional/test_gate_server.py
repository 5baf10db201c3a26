"""Items 4, 5 and 8 of the gate turned red and green by changing the world, and unknown when nobody can be asked."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from starlette.applications import Starlette

from dwctl.rehearsal.app import create_app
from dwctl.rehearsal.faults import parse_fault
from dwctl.rehearsal.state import Settings
from gate_runs import describe, gate, one, typed
from rehearsal_server import CONTROL, served
from sample_bundles import sealed, small_bundle
from server_cli import document
from standin.app import Behaviour
from standin.running import Certificates, serve

Capture = pytest.CaptureFixture[str]
TOKENS = {"admin": "tok-admin", "operator": "tok-operator", "worker": "tok-worker"}
NOT_ASKED = "not asked: "


class Moving:
    """The clock of a server that can go wrong."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class World:
    """A server with its clock and faults, at this address."""

    def __init__(self, app: Starlette, clock: Moving, url: str, token: str | None) -> None:
        self.app, self.clock, self.url, self.token = app, clock, url, token

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        """A call of the administrator."""
        headers = CONTROL | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
        answer = httpx.request(method, f"{self.url}/api/{path}", json=body, headers=headers)
        assert answer.is_success, answer.text

    def break_(self, *rules: str) -> None:
        """Put faults in force, in the place of those before."""
        self.app.state.rehearsal.faults.rules = [parse_fault(rule) for rule in rules]

    def execute(self, statement: str) -> None:
        """Change the server's database behind its back."""
        with self.app.state.rehearsal.database.write() as connection:
            connection.execute(statement)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))


@contextmanager
def running(tmp_path: Path, more: str = "", **settings: Any) -> Iterator[World]:
    """A rehearsal server with the namespace of the cutover, and a description of it."""
    clock = Moving()
    app = create_app(settings=Settings(poll_timeout=1.0, **settings), now=clock)
    asks = settings.get("auth") == "token"
    with served(app) as url:
        found = World(app, clock, url, TOKENS["admin"] if asks else None)
        found.send("POST", "namespaces", {"name": "production", "retention_days": 30})
        describe(tmp_path, url, more, server="" if asks else 'auth = "none"')
        yield found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with running(tmp_path) as found:
        yield found


# --- item 4 -----------------------------------------------------------------------------------------------


def test_a_server_where_all_is_well_is_green(world: World, capsys: Capture) -> None:
    code, found = gate(capsys, "4")
    assert code == 0
    assert {name: check["state"] for name, check in found.items()} == {
        "server.health": "pass",
        "server.ready": "pass",
        "server.cluster_info": "pass",
        "server.fits": "pass",
        "server.certificate": "skipped",
        "server.clock": "pass",
    }
    assert all(check["evidence"] for check in found.values())
    assert "on this machine" in found["server.certificate"]["said"]


def test_a_dead_server_is_one_fail_and_the_rest_is_not_asked(tmp_path: Path, capsys: Capture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    describe(tmp_path, f"http://127.0.0.1:{port}", server='auth = "none"')
    code, found = gate(capsys, "4", "5", "8")
    assert code == 1
    states = {name: check["state"] for name, check in found.items()}
    assert states.pop("server.health") == "fail"
    assert states.pop("server.certificate") == "skipped"
    assert set(states.values()) == {"unknown"}
    assert all(found[name]["said"].startswith(NOT_ASKED) for name in states)
    assert "connection refused" in found["server.health"]["said"]
    assert found["namespace.retention"]["command"]


def test_without_a_server_all_is_unknown(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "cutover.toml").write_text('[cutover]\nname = "orders"\n', encoding="utf-8")
    code, found = gate(capsys, "4", "5", "8")
    assert code == 1
    assert {check["state"] for check in found.values()} == {"unknown"}
    assert {check["said"] for check in found.values()} == {"no server is named, and none is taken for granted"}


@pytest.mark.parametrize(
    ("check_id", "fault", "state", "said"),
    [
        ("server.health", "503=workflow_v2_blocked,on=/api/health", "fail", "until it is set up"),
        ("server.health", "truncate,on=/api/health", "fail", "broke before the whole answer"),
        ("server.ready", "500,on=/api/ready", "fail", "answered 500"),
        ("server.ready", "reset-before,on=/api/ready", "unknown", "broke before the whole answer"),
        ("server.cluster_info", "500,on=/api/cluster/info", "fail", "answered 500"),
        ("server.fits", "truncate,on=/api/cluster/info", "unknown", "broke before the whole answer"),
        ("server.clock", "reset-before,on=/api/health", "unknown", "broke before the whole answer"),
        ("namespace.exists", "429=3600,on=/api/namespaces", "unknown", "used up its requests"),
        ("namespace.retention", "reset-before,on=/api/namespaces", "unknown", "broke before"),
        ("operators.list_runs", "500,on=/api/workflows", "fail", "answered 500"),
        ("operators.workers", "reset-before,on=/api/workers", "unknown", "broke before"),
    ],
)
def test_faults_are_told_and_mended_ones_forgotten(
    check_id: str, fault: str, state: str, said: str, world: World, tmp_path: Path, capsys: Capture
) -> None:  # fmt: skip
    describe(tmp_path, world.url, "[retention]\ndays = 30\n", server='auth = "none"')
    world.break_(fault)
    code, found, sentence = one(capsys, check_id)
    assert (code, found) == (1, state)
    assert said in sentence
    world.break_()
    assert one(capsys, check_id)[:2] == (0, "pass")


def test_ready_says_what_is_missing_although_health_is_good(world: World, capsys: Capture) -> None:
    world.execute("DELETE FROM workflow_namespaces WHERE name = 'default'")
    assert one(capsys, "server.health")[:2] == (0, "pass")
    assert one(capsys, "server.ready") == (1, "fail", "the server is not ready: default_namespace is missing")
    world.send("POST", "namespaces", {"name": "default"})
    assert one(capsys, "server.ready")[:2] == (0, "pass")


def test_a_wait_sees_the_server_come_up(world: World, capsys: Capture) -> None:
    world.break_("500,on=/api/health,times=1")
    code, found = document(capsys, "checklist", "--only", "4", "--wait", "1m")
    assert (code, found["states"]["pass"], found["states"]["fail"]) == (0, 5, 0)


def test_a_clock_that_goes_wrong_is_told_and_then_shuts_the_gate(world: World, capsys: Capture) -> None:
    for seconds, code, state, said in (
        (20, 0, "warn", "s ahead of this machine's"),
        (-20, 0, "warn", "s behind this machine's"),
        (300, 1, "fail", "s ahead of this machine's"),
        (0, 0, "pass", "differ by less than"),
    ):
        world.clock.ahead = timedelta(seconds=seconds)
        found = one(capsys, "server.clock")
        assert found[:2] == (code, state)
        assert said in found[2]


def test_a_server_that_does_not_fit_says_where(tmp_path: Path, capsys: Capture) -> None:
    with serve(Behaviour(has_importer=False)) as standin:
        describe(tmp_path, standin.url, server='auth = "none"')
        code, state, said = one(capsys, "server.fits")
        assert (code, state) == (1, "fail")
        assert said.startswith("embedded_v2_import: needed is an importer")
        assert typed(capsys, "server.fits") == 8
        describe(tmp_path, standin.url, '[cutover]\nruns = "drain"\n', server='auth = "none"')
        assert one(capsys, "server.fits")[:2] == (0, "warn")
        standin.app.behaviour.has_importer = True
        assert one(capsys, "server.fits")[:2] == (0, "pass")
        standin.app.behaviour.cluster = {"control_plane": {"version": "3"}}
        assert one(capsys, "server.fits")[:2] == (1, "fail")


# --- the certificate --------------------------------------------------------------------------------------


def certificate(folder: Path, days: float) -> Certificates:
    """A certificate for this machine that ends in so many days."""
    authority, now = trustme.CA(), datetime.now(UTC)
    made = authority.issue_cert("127.0.0.1", not_before=now - timedelta(days=30), not_after=now + timedelta(days=days))
    files = Certificates(folder / "chain.pem", folder / "key.pem", folder / "authority.pem")
    authority.cert_pem.write_to_path(str(files.authority))
    made.private_key_pem.write_to_path(str(files.key))
    made.cert_chain_pems[0].write_to_path(str(files.chain))
    return files


@pytest.mark.parametrize(
    ("days", "limit", "code", "state", "said"),
    [
        (100.5, 14, 0, "pass", "is good for 100 days"),
        (100.5, 100, 0, "pass", "is good for 100 days"),
        (100.5, 101, 0, "warn", "is good for 100 days, fewer than 101"),
        (1.5, 14, 0, "warn", "is good for 1 day, fewer than 14"),
        (-1, 14, 1, "fail", "certificate has expired"),
    ],
)
def test_a_certificate_lives_long_enough_or_not(
    days: float, limit: int, code: int, state: str, said: str, tmp_path: Path, capsys: Capture
) -> None:  # fmt: skip
    files = certificate(tmp_path, days)
    with serve(tls=files) as standin:
        trusting = f'auth = "none"\nca_file = "{files.authority}"'
        describe(tmp_path, standin.url, f"[limits]\ncertificate_days = {limit}\n", server=trusting)
        found = one(capsys, "server.certificate")
        assert found[:2] == (code, state)
        assert said in found[2]
        if state == "fail":
            _, both = gate(capsys, "4")
            assert both["server.health"]["state"] == both["server.certificate"]["state"] == "fail"
            assert both["server.fits"]["said"].startswith(NOT_ASKED)


def test_a_certificate_of_nobody_fails_and_one_that_is_not_looked_at_is_unknown(
    tmp_path: Path, capsys: Capture
) -> None:  # fmt: skip
    with serve(tls=certificate(tmp_path, 100)) as standin:
        describe(tmp_path, standin.url, server='auth = "none"')
        code, state, said = one(capsys, "server.certificate")
        assert (code, state) == (1, "fail")
        assert "its certificate was not accepted" in said
        describe(tmp_path, standin.url, server='auth = "none"\ntls_verify = false')
        assert one(capsys, "server.certificate")[:2] == (1, "unknown")
        url = standin.url
    describe(tmp_path, url, server='auth = "none"')
    code, state, said = one(capsys, "server.certificate")
    assert (code, state, "connection refused" in said) == (1, "unknown", True)


# --- item 5 -----------------------------------------------------------------------------------------------


def test_a_namespace_that_is_missing_is_made_with_the_command_that_is_given(
    world: World, tmp_path: Path, capsys: Capture
) -> None:  # fmt: skip
    text = (tmp_path / "cutover.toml").read_text(encoding="utf-8").replace('"production"', '"elsewhere"')
    (tmp_path / "cutover.toml").write_text(text + "[retention]\ndays = 45\n", encoding="utf-8")
    code, found = gate(capsys, "5")
    assert code == 1
    assert found["namespace.exists"]["state"] == "fail"
    assert found["namespace.exists"]["said"].startswith("namespace elsewhere is not on this server, which has default")
    assert found["namespace.retention"]["said"] == f"{NOT_ASKED}namespace.exists does not pass"
    assert typed(capsys, "namespace.exists") == 0
    code, found = gate(capsys, "5")
    assert (code, {check["state"] for check in found.values()}) == (0, {"pass"})
    assert "kept for 45 days" in found["namespace.retention"]["said"]


def test_retention_is_red_while_it_would_prune_what_is_imported(world: World, tmp_path: Path, capsys: Capture) -> None:
    closed_at = (datetime.now(UTC) - timedelta(days=40)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    done = {"workflow.status": "completed", "summary.status": "completed", "workflow.closed_at": closed_at}
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "old.json").write_bytes(sealed(small_bundle(done)))
    bare = 'auth = "none"'
    describe(tmp_path, world.url, "[retention]\ndays = 60\n", server=bare)
    assert one(capsys, "namespace.retention")[1:] == (
        "fail", "closed runs are kept for 30 days, and the cutover wants 60")  # fmt: skip
    describe(tmp_path, world.url, '[bundles]\npaths = ["exports"]\n', server=bare)
    code, found = gate(capsys, "namespace.retention")
    check = found["namespace.retention"]
    assert (code, check["state"], check["ids"]) == (1, "fail", ["run-1"])
    assert typed(capsys, "namespace.retention") == 0
    world.send("PUT", "namespaces/production", {"retention_days": 60})
    assert one(capsys, "namespace.retention")[:2] == (0, "pass")
    (tmp_path / "exports" / "torn.json").write_bytes(b'{"schema"')
    assert one(capsys, "namespace.retention")[:2] == (1, "unknown")
    describe(tmp_path, world.url, server=bare)
    assert one(capsys, "namespace.retention")[:2] == (1, "unknown")


# --- item 8 -----------------------------------------------------------------------------------------------


def test_operators_see_it_with_their_own_token_and_no_other(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setenv("DW_ADMIN_TOKEN", TOKENS["admin"])
    with running(tmp_path, auth="token", tokens=TOKENS):
        code, found = gate(capsys, "8")
        assert (code, {check["state"] for check in found.values()}) == (1, {"unknown"})
        monkeypatch.setenv("DW_OPERATOR_TOKEN", TOKENS["worker"])
        code, found = gate(capsys, "8")
        assert (code, found.pop("operators.role")["state"]) == (1, "pass")  # no administrator's, at least
        assert {check["state"] for check in found.values()} == {"fail"}
        assert all("it is worker, needed is " in check["said"] for check in found.values())
        monkeypatch.setenv("DW_OPERATOR_TOKEN", "tok-nobodys")
        code, found = gate(capsys, "8")
        assert (code, {check["state"] for check in found.values()}) == (1, {"fail"})
        assert "tok-nobodys" not in str(found)
        monkeypatch.setenv("DW_OPERATOR_TOKEN", TOKENS["operator"])
        code, found = gate(capsys, "8")
        assert (code, {check["state"] for check in found.values()}) == (0, {"pass"})
        assert len(found) == 4


def test_an_administrator_s_token_shows_nothing_of_what_operators_see(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setenv("DW_ADMIN_TOKEN", TOKENS["admin"])
    monkeypatch.setenv("DW_OPERATOR_TOKEN", TOKENS["admin"])
    with running(tmp_path, auth="token", tokens=TOKENS):
        code, state, said = one(capsys, "operators.role")
        assert (code, state) == (1, "unknown")
        assert "DW_OPERATOR_TOKEN is let in where only administrators are" in said
        monkeypatch.setenv("DW_OPERATOR_TOKEN", TOKENS["operator"])
        assert one(capsys, "operators.role")[:2] == (0, "pass")


def test_a_token_that_the_server_does_not_know_fails_before_anything_is_asked_with_it(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    for role in TOKENS:
        monkeypatch.setenv(f"DW_{role.upper()}_TOKEN", "tok-nobodys")
    with running(tmp_path, auth="token", tokens=TOKENS):
        code, found = gate(capsys, "4", "5", "8")
        assert code == 1
        assert found["server.health"]["state"] == found["server.ready"]["state"] == "pass"
        assert found["server.cluster_info"]["state"] == "fail"
        assert found["operators.list_runs"]["said"].startswith(NOT_ASKED)
