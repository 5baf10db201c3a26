"""`dwctl checklist attest` and `waive` as they are typed, and what the gate makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from output_schemas import document
from rehearsal_server import CONTROL, on_a_socket
from server_cli import command

Capture = pytest.CaptureFixture[str]
TOML = '[cutover]\nname = "orders"\n[server]\nurl = "{url}"\nnamespace = "production"\n'
ATTEST = ("checklist", "attest", "1", "--by", "Ana Lima", "--note", "v1:list is empty on all hosts")
WAIVE = ("checklist", "waive", "namespace.exists", "--owner", "ops", "--reason", "made tonight", "--expires", "2d")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with on_a_socket() as address:
        httpx.post(f"{address}/api/namespaces", json={"name": "production"}, headers=CONTROL)
        yield address


@pytest.fixture(autouse=True)
def _described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    Path("cutover.toml").write_text(TOML.format(url=url), encoding="utf-8")


def gate(capsys: Capture, *arguments: str) -> tuple[int, str]:
    code, out, _ = command(capsys, "checklist", *arguments)
    return code, out


def test_an_attestation_opens_what_nobody_can_measure(capsys: Capture) -> None:
    only = ("--only", "v1.drained")
    assert gate(capsys, *only)[0] == 1
    Path("v1.txt").write_text("none")
    code, out, _ = command(capsys, *ATTEST, "--evidence", "v1.txt", "--expires", "30d")
    assert code == 0
    assert "Attested by Ana Lima" in out
    assert "cutover.attestations.toml" in out
    code, out = gate(capsys, *only)
    assert code == 0
    assert "measured unknown. Attested by Ana Lima" in out
    _, out, _ = command(capsys, "checklist", *only, "--json")
    (one,) = [row for row in document(out, "checklist")["checks"] if row["id"] == "v1.drained"]
    assert (one["state"], one["measured"], one["attested"]["evidence"]) == ("pass", "unknown", "v1.txt")
    Path("v1.txt").write_text("one")
    code, out = gate(capsys, *only)
    assert code == 1
    assert "does not count:" in out
    assert "has changed since" in out


def test_an_attestation_does_not_overrule_a_measurement(capsys: Capture) -> None:
    only = ("--only", "namespace.exists", "--namespace", "nowhere")
    assert command(capsys, "checklist", "attest", "5", "--by", "Ana", "--note", "it is there")[0] == 0
    code, out = gate(capsys, *only)
    assert code == 1
    assert "the attestation of item 5 by Ana does not overrule a measurement that fails" in out


def test_a_waiver_goes_on_without_a_check_until_it_expires(capsys: Capture) -> None:
    only = ("--only", "namespace.exists", "--only", "server.health", "--namespace", "nowhere")
    assert gate(capsys, *only)[0] == 1
    code, out, _ = command(capsys, *WAIVE, "--json")
    assert code == 0
    made = document(out, "checklist-record")
    assert (made["waiver"]["owner"], made["attestation"]) == ("ops", None)
    code, out = gate(capsys, *only)
    assert code == 0
    assert "Waived by ops" in out
    assert gate(capsys, *only, "--strict")[0] == 1
    code, out = gate(capsys, *only, "--namespace", "production")
    assert code == 0
    assert "is no longer needed: the check is pass" in out
    file = Path("cutover.waivers.toml")
    text = file.read_text()
    text = text.replace(text[text.index("\nat = ") :], "\nat = 2026-01-01\nexpires = 2026-01-02\n")
    file.write_text(text)
    for namespace in ("nowhere", "production"):
        code, out = gate(capsys, *only, "--namespace", namespace)
        assert code == 1
        assert "expired at 2026-01-02T00:00:00.000000Z: it changes nothing" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("attest", "13", "--by", "x", "--note", "y"), "there is no item '13'"),
        (("attest", "1", "--by", "x"), "Missing option '--note'"),
        (("attest", "1", "--by", " ", "--note", "y"), "this must not be empty"),
        (("attest", "1", "--by", "x", "--note", "y", "--evidence", "no.txt"), "the evidence cannot be read"),
        (("attest", "1", "--by", "x", "--note", "y", "--expires", "2020-01-01"), "in the past"),
        (("waive", "x.y", "--owner", "o", "--reason", "r", "--expires", "1d"), "there is no check"),
        (("waive", "v1.drained", "--owner", "o", "--reason", "r"), "Missing option '--expires'"),
        (("waive", "v1.drained", "--owner", "o", "--reason", "r", "--expires", "400d"), "a year at most"),
    ],
)
def test_what_cannot_be_written_down(arguments: tuple[str, ...], sentence: str, capsys: Capture) -> None:
    code, out, err = command(capsys, "checklist", *arguments)
    assert (code, out) == (2, "")
    assert sentence in err
    code, out, _ = command(capsys, "checklist", *arguments, "--json")
    assert (code, json.loads(out)["schema"]) == (2, "dwctl.error")
    assert not list(Path().glob("cutover.*s.toml"))


def test_a_record_belongs_to_a_cutover(capsys: Capture) -> None:
    Path("cutover.toml").unlink()
    for arguments in (ATTEST, WAIVE):
        code, _, err = command(capsys, *arguments)
        assert code == 2
        assert "there is no cutover.toml in this folder" in err
        assert "dwctl checklist init" in err


def test_a_mistake_in_a_file_stops_the_gate_with_its_place(capsys: Capture) -> None:
    Path("cutover.waivers.toml").write_text('# reviewed\n[[waiver]]\ncheck = "v1.drained"\n')
    code, out, err = command(capsys, "checklist", "--only", "4")
    assert (code, out) == (2, "")
    assert "a waiver needs `reason`" in err
    assert "cutover.waivers.toml:2: reason" in err


def test_the_second_attestation_is_refused_while_the_first_counts(capsys: Capture) -> None:
    assert command(capsys, *ATTEST)[0] == 0
    code, _, err = command(capsys, *ATTEST)
    assert code == 2
    assert "item 1 is attested already, by Ana Lima" in err
    assert "cutover.attestations.toml:5" in err
