"""Item 10 of `dwctl checklist` turned red and green by changing the world: files, rows, the server."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dwctl.checklist.checks.exports import dry_run
from export_places import Capture, Place, cutover
from gate_runs import gate, one, run
from many_bundles import many_bundles
from rows_of_bundles import change
from sample_bundles import EXAMPLES, LEASED, LOST_FRACTION, SIGNED, WAITING, sealed
from server_cli import command

CHAIN = tuple(EXAMPLES / f"chain-sub-1-run-{number}.json" for number in (1, 2))
OF_BUNDLES = ("exports.there", "exports.verified", "exports.quiesced", "exports.manifest", "exports.once",
              "exports.links")  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Iterator[Place]:
    """A cutover that both items have nothing against, in the folder of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    with cutover(tmp_path, capsys) as made:
        yield made


def test_what_was_exported_and_kept_well_passes(place: Place) -> None:
    code, checks = gate(place.capsys, "10", "12")

    others = {name: check["state"] for name, check in checks.items() if check["state"] != "pass"}
    assert others == {"retention.archived": "unknown"}  # advice, and nothing is imported yet
    assert code == 0
    passed = [check for check in checks.values() if check["state"] == "pass"]
    assert len(passed) == len(checks) - 1 == 11
    assert all(check["evidence"] for check in passed)
    assert "3 of 3 bundles" in checks["exports.dry_run"]["evidence"][1]["asked"]


Harm = Callable[[Place], None]


def _folder_gone(place: Place) -> None:
    place.exports.rename(place.folder / "moved")


def _one_byte(place: Place) -> None:
    """A byte within the history, with the times and the size put back."""
    file = place.first()
    was, content = file.stat(), file.read_bytes()
    at = content.index(b'"history_events"') + 300
    with file.open("r+b") as opened:
        opened.seek(at)
        opened.write(b"#" if content[at : at + 1] != b"#" else b"%")
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))


def _leased(place: Place) -> None:
    shutil.copy(LEASED, place.exports / "leased.json")


def _truncated(place: Place) -> None:
    place.first().write_bytes(place.first().read_bytes()[:5000])


def _a_blank_more(place: Place) -> None:
    place.first().write_bytes(place.first().read_bytes() + b" ")


def _removed(place: Place) -> None:
    place.first().unlink()


def _foreign(place: Place) -> None:
    shutil.copy(LOST_FRACTION, place.exports / "foreign.json")


def _without_manifest(place: Place) -> None:
    (place.exports / "manifest.jsonl").unlink()


def _a_later_export(place: Place) -> None:
    document = json.loads(WAITING.read_bytes())
    document["dedupe_key"] = document["dedupe_key"].replace(":", ":9", 1)
    (place.exports / "later.json").write_bytes(sealed(document))


def _a_copy(place: Place) -> None:
    shutil.copy(WAITING, place.exports / "copy.json")


def _a_chain(place: Place) -> None:
    place.keep(place.exports, *(path.read_bytes() for path in CHAIN))


TURNS: list[tuple[str, Harm, str, str]] = [
    ("exports.there", _folder_gone, "fail", "no bundle lies at"),
    ("exports.verified", _one_byte, "fail", "1 bundle would be refused (integrity.checksum_mismatch"),
    ("exports.verified", _leased, "fail", "tasks.leased_task_present"),
    ("exports.verified", _truncated, "fail", "1 file cannot be read as a bundle"),
    ("exports.quiesced", _leased, "fail", "1 run had a leased task or a running attempt"),
    ("exports.quiesced", _truncated, "unknown", "nobody knows what was held"),
    ("exports.manifest", _a_blank_more, "fail", "1 file changed since the export"),
    ("exports.manifest", _one_byte, "fail", "1 file changed since the export"),
    ("exports.manifest", _removed, "fail", "1 file that a manifest names gone"),
    ("exports.manifest", _foreign, "fail", "1 file that no manifest names"),
    ("exports.manifest", _without_manifest, "warn", "3 files without a manifest"),
    ("exports.once", _a_later_export, "fail", "1 run in exports of different moments"),
    ("exports.once", _a_copy, "warn", "1 run in more than one file"),
    ("exports.links", _a_chain, "warn", "1 link shared by two runs"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "harm", "state", "said"), TURNS, ids=[f"{row[0]}-{row[1].__name__}" for row in TURNS])
@pytest.mark.parametrize("trusted", [False, True], ids=["read", "trusted-before"])
def test_files_turn_a_check(
    place: Place, name: str, harm: Harm, state: str, said: str, trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record of an earlier verification makes no difference: what changed is read again."""
    if trusted:
        monkeypatch.setattr("dwctl.transfer.files.marks.SETTLED_SECONDS", -3600)
    shutil.copytree(place.exports, place.folder / "before")
    assert place.state(name) == "pass"

    harm(place)
    turned, check = place.ask(name)
    assert turned == state
    assert said in check["said"]
    assert check["count"] >= 1

    shutil.rmtree(place.exports, ignore_errors=True)
    (place.folder / "before").rename(place.exports)
    assert place.state(name) == "pass"


def test_a_later_look_reads_nothing_and_rehash_reads_all(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dwctl.transfer.files.marks.SETTLED_SECONDS", -3600)

    def came(*options: str) -> list[str]:
        _, out, _ = command(place.capsys, "checklist", "--only", "exports.there", "--only", "retention.proven",
                            "--json", *options)  # fmt: skip
        checks = [check for check in json.loads(out)["checks"] if not check["left_out"]]
        return [check["evidence"][0]["came"] for check in checks]

    assert [("3 read now" in bundles, "2 files read now" in kept) for bundles, kept in [came()]] == [(True, True)]
    assert [("0 read now" in bundles, " 0 files read now" in kept) for bundles, kept in [came()]] == [(True, True)]
    assert [("3 read now" in bundles, "2 files read now" in kept) for bundles, kept in [came("--rehash")]] == [
        (True, True)
    ]
    records = [place.folder / ".dwctl" / name for name in ("verified-bundles.jsonl", "verified-archives.jsonl")]
    assert [record.stat().st_mode & 0o777 for record in records] == [0o600, 0o600]

    records[0].write_bytes(records[0].read_bytes().replace(b'"ok"', b'"no"'))
    _, _, err = command(place.capsys, "checklist", "--only", "exports.verified")
    assert "the record of what was verified before is not used" in err
    assert place.state("exports.verified") == "pass"


def test_a_repair_and_unchecked_signatures_are_told(place: Place) -> None:
    place.keep(place.exports, LOST_FRACTION.read_bytes(), SIGNED.read_bytes())

    state, check = place.ask("exports.verified")

    assert state == "pass"
    assert "1 of them restored, as their checksums prove; the signatures of 1 were not checked" in check["said"]
    assert place.state("exports.dry_run") == "pass"


RUN = "UPDATE workflow_runs SET {} WHERE workflow_instance_id = 'approval-1'"


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (RUN.format("last_history_sequence = last_history_sequence + 1"), "1 run moved since the export"),
        (RUN.format("status = 'cancelled'"), "1 run moved since the export"),
        ("DELETE FROM workflow_runs WHERE workflow_instance_id = 'approval-1'", "1 run gone from the embedded"),
    ],
)
def test_rows_that_move_turn_the_drift_red(place: Place, statement: str, said: str) -> None:
    assert place.state("exports.drift") == "pass"
    shutil.copy(place.database, place.folder / "before.sqlite")

    change(place.database, statement)
    state, check = place.ask("exports.drift")
    assert (state, check["count"]) == ("fail", 1)
    assert said in check["said"]

    shutil.copy(place.folder / "before.sqlite", place.database)
    assert place.state("exports.drift") == "pass"


def test_the_server_s_own_refusal_turns_the_dry_run_red(place: Place) -> None:
    """Another export of the run is on the server: only the server can know."""
    document = json.loads(WAITING.read_bytes())
    document["dedupe_key"] = document["dedupe_key"].replace(":", ":9", 1)
    assert place.state("exports.dry_run") == "pass"

    place.post("workflows/import/embedded-v2", bundle=json.loads(sealed(document)))
    state, check = place.ask("exports.dry_run")

    assert (state, check["count"]) == ("fail", 1)
    assert "target.run_id_conflict" in check["said"]
    assert check["ids"] == [str(next(place.exports.glob("approval-1*/*.json")))]


def test_an_instance_id_that_is_taken_is_seen_although_the_dry_run_says_yes(place: Place) -> None:
    place.post("workflows", workflow_id="approval-1", workflow_type="orders.approval", task_queue="orders")

    state, check = place.ask("exports.dry_run")

    assert state == "fail"
    assert "target.instance_id_taken" in check["said"]


def test_what_is_imported_already_passes_the_dry_run(place: Place) -> None:
    assert run(place.capsys, "dwctl history-import exports --resolve-links chains") == 0

    state, check = place.ask("exports.dry_run")

    assert state == "pass"
    assert "3 of them are imported already" in check["evidence"][1]["came"]


def test_shared_links_are_no_matter_once_the_runs_are_imported(place: Place) -> None:
    place.describe(embedded=False)
    _a_chain(place)
    assert place.state("exports.links") == "warn"
    assert run(place.capsys, "dwctl history-import exports --resolve-links 'the chain is known'") == 0

    assert place.state("exports.links") == "pass"


def test_a_sample_is_asked_about_and_all_with_deep(place: Place) -> None:
    shutil.rmtree(place.exports)
    place.exports.mkdir()
    for name, content in many_bundles(12, (WAITING,)):
        (place.exports / name).write_bytes(content)

    assert "for 3 of 12 bundles" in place.ask("exports.dry_run")[1]["evidence"][1]["asked"]
    _, out, _ = command(place.capsys, "checklist", "--only", "exports.dry_run", "--deep", "--json")
    (check,) = [check for check in json.loads(out)["checks"] if not check["left_out"]]
    assert "for 12 of 12 bundles" in check["evidence"][1]["asked"]


def test_a_run_that_came_from_elsewhere_is_asked_about_whatever_the_sample(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of forty: the server has another export of it, of which the ledger knows nothing."""
    shutil.rmtree(place.exports)
    place.exports.mkdir()
    contents = [content for _, content in many_bundles(40, (WAITING,))]
    for number, content in enumerate(contents):
        (place.exports / f"{number}.json").write_bytes(content)
    by_hash = sorted(range(40), key=lambda number: hashlib.sha256(_run_id(contents[number]).encode()).digest())
    last = by_hash[-1]
    assert "for 3 of 40 bundles" in place.ask("exports.dry_run")[1]["evidence"][1]["asked"]

    document = json.loads(contents[last])
    document["dedupe_key"] = document["dedupe_key"].replace(":", ":9", 1)
    place.post("workflows/import/embedded-v2", bundle=json.loads(sealed(document)))
    state, check = place.ask("exports.dry_run")

    assert (state, check["ids"]) == ("fail", [str(place.exports / f"{last}.json")])
    assert "for 4 of 40 bundles (one in 100, at least 3; 1 of 1 suspects)" in check["evidence"][1]["asked"]

    monkeypatch.setattr(dry_run, "MOST_SUSPECTS", 0)
    _, check = place.ask("exports.dry_run")
    assert "for 3 of 40 bundles (one in 100, at least 3; 0 of 1 suspects)" in check["evidence"][1]["asked"]
    _, out, _ = command(place.capsys, "checklist", "--only", "exports.dry_run", "--deep", "--json")
    (check,) = [check for check in json.loads(out)["checks"] if not check["left_out"]]
    assert "for 40 of 40 bundles (all; 1 of 1 suspects)" in check["evidence"][1]["asked"]


def _run_id(content: bytes) -> str:
    return str(json.loads(content)["workflow"]["run_id"])


def test_bundles_that_are_too_large_for_http_are_told(place: Place) -> None:
    document = json.loads(WAITING.read_bytes())
    document["workflow"]["run_id"] = document["workflow"]["run_id"][:-1] + "z"
    document["padding"] = "x" * (3 << 20)
    (place.exports / "large.json").write_bytes(sealed(document))

    state, check = place.ask("exports.dry_run")

    assert (state, check["ids"]) == ("warn", [str(place.exports / "large.json")])
    assert "--via artisan" in check["command"]


@pytest.mark.parametrize(
    ("without", "unknown"),
    [
        ({"server": False}, {"exports.dry_run", "retention.archived"}),
        ({"embedded": False}, {"exports.complete", "exports.drift", "retention.exported", "retention.archived"}),
        (
            {"bundles": False},
            {*OF_BUNDLES, "exports.complete", "exports.dry_run", "exports.drift", "retention.archived"},
        ),
    ],
    ids=["server", "embedded", "bundles"],
)
def test_a_source_that_is_not_described_leaves_its_checks_unknown(
    place: Place, without: dict[str, bool], unknown: set[str]
) -> None:
    place.describe(**without)  # type: ignore[arg-type]

    code, checks = gate(place.capsys, "10", "12")

    assert code == 1
    assert {name for name, check in checks.items() if check["state"] == "unknown"} == unknown
    assert {check["state"] for name, check in checks.items() if name not in unknown} == {"pass"}
    for name in unknown:
        assert checks[name]["next_step"]
        assert checks[name]["command"].startswith("dwctl ")


def test_a_server_that_does_not_answer_leaves_the_dry_run_unknown(place: Place) -> None:
    text = (place.folder / "cutover.toml").read_text()
    (place.folder / "cutover.toml").write_text(text.replace(place.url, "http://127.0.0.1:9"))

    assert one(place.capsys, "exports.dry_run")[:2] == (1, "unknown")


def test_a_database_that_is_gone_leaves_drift_and_closed_runs_unknown(place: Place) -> None:
    place.database.unlink()

    assert one(place.capsys, "exports.drift")[:2] == (1, "unknown")
    assert one(place.capsys, "retention.exported")[:2] == (1, "unknown")


def test_runs_that_drain_need_no_exports(place: Place) -> None:
    place.describe('[cutover]\nruns = "drain"', bundles=False)

    _, checks = gate(place.capsys, "10")

    assert {check["state"] for check in checks.values()} == {"skipped"}
    assert all("drain" in check["said"] for check in checks.values())


def test_names_of_files_are_shown_as_text(place: Place) -> None:
    """A name with control characters and markup is data, and never drives a terminal."""
    (place.exports / "\x1b[31mred[bold]\x07.json").write_bytes(b"{}")

    code, out, err = command(place.capsys, "checklist", "--only", "10")

    assert code == 1
    assert "\x1b[31m" not in out + err
    assert "\x07" not in out + err
    assert "[bold]" in out
