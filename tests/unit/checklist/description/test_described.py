"""cutover.toml as typed values: what stands in it, and what holds where nothing does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cutover_documents import described
from dwctl.checklist.description.described import Described, Family, Runs, ShadowWorkflow, described_of
from dwctl.cutover.cutover import read_cutover
from dwctl.embedded.check_results import Strategy

WHOLE = """
[cutover]
name = "orders"
import_id = "orders-2026"
runs = "drain"
v1 = "coexist"
avro_since = 2026-11-01T01:00:00+01:00
starters_paused_since = "2026-11-23"
queues = ["reports"]
ledger = "state/ledger.db"
[[family]]
name = "orders"
task_queue = "orders"
workflow_types = ["orders.process", "orders.approval"]
activity_types = ["orders.charge"]
compatibility = "b-1"
[[family]]
name = "mail"
task_queue = "mail"
activity_types = ["mail.send"]
[[shadow]]
workflow_type = "orders.process"
input_file = "input.json"
expect_output = { state = "shipped", items = [1, 2.5] }
timeout = "2m"
cleanup = true
[[shadow]]
workflow_type = "orders.approval"
task_queue = "canary"
input = ["x", [true]]
expect_status = "waiting"
timeout = 0.5
[bundles]
paths = ["exports", "/elsewhere/*.json"]
[retention]
days = 30
archives = ["kept", "s3://bucket/kept"]
closed_runs = "none"
[limits]
certificate_days = 30
[evidence]
folder = "proof"
attestations = "a.toml"
waivers = "w.toml"
"""


def test_everything_that_stands_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "input.json").write_text('["shadow-1", null, {"a": 1}]', encoding="utf-8")
    assert described(tmp_path, WHOLE) == Described(
        path=tmp_path / "cutover.toml",
        name="orders",
        import_id="orders-2026",
        runs=Runs.DRAIN,
        v1=Strategy.COEXIST,
        avro_since="2026-11-01T00:00:00.000000Z",
        starters_paused_since="2026-11-23T00:00:00.000000Z",
        queues=("reports",),
        families=(
            Family("orders", "orders", ("orders.process", "orders.approval"), ("orders.charge",), "b-1"),
            Family("mail", "mail", (), ("mail.send",)),
        ),
        shadows=(
            ShadowWorkflow(
                "orders.process", "orders", ("shadow-1", None, {"a": 1}), "completed",
                ({"state": "shipped", "items": [1, 2.5]},), 120.0, cleanup=True,
            ),
            ShadowWorkflow("orders.approval", "canary", ("x", [True]), "waiting", (), 0.5),
        ),
        bundles=(str(tmp_path / "exports"), "/elsewhere/*.json"),
        archives=(str(tmp_path / "kept"), "s3://bucket/kept"),
        closed_runs=False,
        ledger=tmp_path / "state/ledger.db",
        retention_days=30,
        certificate_days=30,
        evidence=tmp_path / "proof",
        attestations=tmp_path / "a.toml",
        waivers=tmp_path / "w.toml",
    )  # fmt: skip


@pytest.mark.parametrize("text", ["", "[cutover]\n", '[cutover]\nname = ""\nledger = ""\nruns = ""\n'])
def test_what_is_not_said_has_its_default(tmp_path: Path, text: str) -> None:
    found = described(tmp_path, text)
    nothing = described_of(None, folder=tmp_path)
    assert found.path == tmp_path / "cutover.toml"
    assert nothing.path is None
    for field in Described.__slots__:
        assert field == "path" or getattr(found, field) == getattr(nothing, field)
    assert nothing.name == tmp_path.name
    assert nothing.ledger == tmp_path / ".dwctl/ledger.db"
    assert nothing.waivers == tmp_path / "cutover.waivers.toml"


def test_paths_begin_in_the_folder_of_the_file_wherever_it_was_named_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cutover.toml").write_text('[bundles]\npaths = ["exports"]\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found = described_of(read_cutover(Path("cutover.toml")), folder=Path())
    assert found.path == tmp_path / "cutover.toml"
    assert found.bundles == (str(tmp_path / "exports"),)


def test_a_folder_at_the_root_has_a_name_too() -> None:
    assert described_of(None, folder=Path(os.sep)).name == "cutover"


def test_the_same_type_may_be_on_two_queues_and_of_two_builds(tmp_path: Path) -> None:
    rows = [("a", "q", "b-1"), ("b", "q", "b-2"), ("c", "q", ""), ("d", "other", "")]
    text = "".join(
        f'[[family]]\nname = "{name}"\ntask_queue = "{queue}"\nworkflow_types = ["t"]\ncompatibility = "{build}"\n'
        for name, queue, build in rows
    )
    assert [family.compatibility for family in described(tmp_path, text).families] == ["b-1", "b-2", None, None]


def test_a_type_may_be_a_workflow_and_an_activity(tmp_path: Path) -> None:
    row = '[[family]]\nname = "{0}"\ntask_queue = "q"\n{1}_types = ["t"]\n'
    assert len(described(tmp_path, row.format("a", "workflow") + row.format("b", "activity")).families) == 2


def test_a_shadow_needs_no_family_where_none_is_described(tmp_path: Path) -> None:
    found = described(tmp_path, '[[shadow]]\nworkflow_type = "t"\ntask_queue = "q"\nexpect_output = ""\n')
    assert found.shadows == (ShadowWorkflow("t", "q", output=("",)),)


def test_an_input_file_that_is_too_long_is_not_read_whole(tmp_path: Path) -> None:
    from dwctl.errors import RequestNotPossible

    (tmp_path / "long.json").write_bytes(b"[" + b" " * (4 << 20) + b"]")
    with pytest.raises(RequestNotPossible, match="longer than 4,194,304 bytes"):
        described(tmp_path, '[[shadow]]\nworkflow_type = "t"\ntask_queue = "q"\ninput_file = "long.json"\n')
