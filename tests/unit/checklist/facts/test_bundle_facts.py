"""What the bundles say, and that no record makes a changed file trusted."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dwctl.bundle.demand import DemandKind
from dwctl.bundle.links import LinkRow
from dwctl.bundle.verify import Outcome
from dwctl.checklist.facts.facts import Recorded
from dwctl.transfer.files.sources import read_bundle
from dwctl.transfer.storage.bundle_folder import BundleFolder
from dwctl.transfer.storage.folder_store import FolderStore
from export_worlds import NOW, Looks
from kept_exports import NOW as EXPORTED
from kept_exports import export, keep
from sample_bundles import LEASED, LOST_FRACTION, ORDER, SIGNED, WAITING, sealed, small_bundle


@pytest.fixture
def looks(tmp_path: Path) -> Looks:
    """Looks with a record of their own."""
    return Looks(tmp_path / "state")


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    """A folder of two real bundles."""
    folder = tmp_path / "exports"
    folder.mkdir()
    shutil.copy(ORDER, folder / "1.json")
    shutil.copy(WAITING, folder / "2.json")
    return folder


def kept(folder: Path, count: int = 3) -> list[Path]:
    """A folder as an export leaves it, with its manifest."""
    bundles = BundleFolder(FolderStore.open(str(folder), create=True))
    with bundles.writing("a test", lambda: NOW):
        entries = [keep(bundles, export(run, instance=f"order-{run}")) for run in range(count)]
    return [folder / entry.file for entry in entries]


def test_tells_what_a_bundle_says(looks: Looks, exports: Path) -> None:
    closed, waiting = looks.bundles(exports).bundles

    assert closed.status == "completed"
    assert closed.closed_at is not None
    assert closed.demands == ()
    assert closed.bytes == ORDER.stat().st_size
    assert (waiting.outcome, waiting.problem) == (Outcome.OK, None)
    assert waiting.workflow_type is not None
    assert waiting.codecs == ("avro",)
    assert waiting.demands[0].kind is DemandKind.WORKFLOW
    assert waiting.demands[0].queue == waiting.task_queue
    assert waiting.read_at == NOW
    assert waiting.recorded is Recorded.NO_MANIFEST


@pytest.mark.parametrize(
    ("sample", "rule"), [(LEASED, "tasks.leased_task_present"), (SIGNED, "integrity.signature_key_missing")]
)
def test_names_the_rules(looks: Looks, sample: Path, rule: str) -> None:
    (fact,) = looks.bundles(sample).bundles

    assert any(rule.split(".")[0] in one for one in fact.rules), fact.rules
    assert fact.signed is (sample is SIGNED)
    assert fact.outcome is (Outcome.REFUSED if sample is LEASED else Outcome.WARNING)


def test_a_proven_repair_counts(looks: Looks) -> None:
    (fact,) = looks.bundles(LOST_FRACTION).bundles

    assert fact.outcome in (Outcome.OK, Outcome.WARNING)
    assert fact.repaired is not None
    assert fact.bytes == LOST_FRACTION.stat().st_size + 2


def test_tells_links_and_activities(looks: Looks, tmp_path: Path) -> None:
    links = {"children": [{"parent_workflow_run_id": "p", "child_workflow_run_id": "c", "type": "child"}]}
    (tmp_path / "1.json").write_bytes(sealed(small_bundle({"links": links})))

    (fact,) = looks.bundles(tmp_path / "1.json").bundles

    assert fact.links == (LinkRow("p", "c", "child"),)
    assert fact.activity_types


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"{", "it is no JSON that PHP reads"), (b"[1", "it is no JSON"), (b"3", "it is no export bundle")],
)
def test_what_is_no_bundle_has_a_problem(looks: Looks, tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "1.json").write_bytes(content)

    (fact,) = looks.bundles(tmp_path / "1.json").bundles

    assert said in str(fact.problem)
    assert fact.run_id is None


def test_what_cannot_be_read_has_a_problem_and_is_never_recorded(looks: Looks, tmp_path: Path) -> None:
    place = tmp_path / "exports"
    place.mkdir()
    (place / "1.json").symlink_to(tmp_path / "nowhere.json")

    for _ in range(2):
        found = looks.bundles(place)
        assert found.bundles[0].problem == "there is no such file"
        assert found.read == 1


def test_a_place_with_nothing_is_missing(looks: Looks, exports: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    places = [tmp_path / "empty", tmp_path / "nowhere", tmp_path / "*.zst", exports]

    found = looks.bundles(*places)

    assert found.missing == tuple(str(place) for place in places[:3])
    assert len(found.bundles) == 2


def test_a_second_look_reads_nothing(looks: Looks, exports: Path) -> None:
    first = looks.bundles(exports)
    second = looks.bundles(exports)

    assert (first.read, second.read) == (2, 0)
    assert second.bundles == first.bundles
    assert looks.bundles(exports, rehash=True).read == 2


def test_only_what_is_new_is_read(looks: Looks, exports: Path) -> None:
    looks.bundles(exports)
    shutil.copy(LEASED, exports / "3.json")

    assert looks.bundles(exports).read == 1
    (exports / "1.json").unlink()
    found = looks.bundles(exports)
    assert (found.read, len(found.bundles)) == (0, 2)


def test_a_file_that_was_touched_just_now_is_not_recorded(looks: Looks, exports: Path) -> None:
    looks.bundles(exports, later_ns=0)

    assert looks.bundles(exports, later_ns=0).read == 2


def test_a_damaged_record_reads_everything_again(looks: Looks, exports: Path) -> None:
    first = looks.bundles(exports)
    looks.record.write_bytes(looks.record.read_bytes()[:-10])

    assert looks.bundles(exports).bundles == first.bundles
    assert "it is damaged" in looks.told[0]
    assert looks.bundles(exports).read == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(at=st.integers(0, 19_000), bit=st.integers(0, 7), times=st.booleans())
def test_no_change_hides_behind_the_record(
    looks: Looks, tmp_path_factory: pytest.TempPathFactory, at: int, bit: int, times: bool
) -> None:
    """One bit anywhere, with size and times put back: the time of the last change shows it, which nobody can set."""
    file = tmp_path_factory.mktemp("exports") / "1.json"
    shutil.copy(WAITING, file)
    (before,) = looks.bundles(file).bundles
    was = file.stat()
    content = bytearray(file.read_bytes())
    content[at] ^= 1 << bit
    with file.open("r+b") as opened:
        opened.write(content)
    if times:
        os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
        assert file.stat().st_mtime_ns == was.st_mtime_ns
    assert file.stat().st_size == was.st_size

    found = looks.bundles(file)

    assert found.read == 1
    assert found.bundles[0].sha256 != before.sha256


def test_another_file_in_its_place_is_read(looks: Looks, exports: Path, tmp_path: Path) -> None:
    looks.bundles(exports)
    was = (exports / "2.json").stat()
    other = tmp_path / "other.json"
    other.write_bytes((exports / "2.json").read_bytes().replace(b"approval-1", b"approval-2"))
    os.utime(other, ns=(was.st_atime_ns, was.st_mtime_ns))
    other.rename(exports / "2.json")

    found = looks.bundles(exports)

    assert found.read == 1
    assert found.bundles[1].outcome is Outcome.REFUSED


def test_a_file_that_changes_while_it_is_read_is_not_recorded(
    looks: Looks, exports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changing(name: str, *rest: object) -> bytes:
        content = read_bundle(name)
        Path(name).write_bytes(content + b" ")
        return content

    with monkeypatch.context() as patched:
        patched.setattr("dwctl.checklist.facts.bundles.read_bundle", changing)
        looks.bundles(exports)

    assert looks.bundles(exports).read == 2


def test_says_when_a_bundle_was_exported(looks: Looks, tmp_path: Path) -> None:
    kept(tmp_path / "exports")

    found = looks.bundles(tmp_path / "exports")

    assert [one.recorded for one in found.bundles] == [Recorded.SAME] * 3
    assert [one.exported_at for one in found.bundles] == [EXPORTED] * 3
    assert (found.lost, found.damaged) == ((), ())
    assert looks.bundles(tmp_path / "exports") == type(found)(found.bundles, 0)


@pytest.mark.parametrize("place", ["exports", "", "exports/order-1/run-1.json", "exports/*/*.json"])
def test_finds_the_manifest_from_wherever_it_was_named(looks: Looks, tmp_path: Path, place: str) -> None:
    kept(tmp_path / "exports")

    found = looks.bundles(tmp_path / place)

    assert {one.recorded for one in found.bundles} == {Recorded.SAME}


def test_tells_changed_foreign_and_lost_files(looks: Looks, tmp_path: Path) -> None:
    first, second, third = kept(tmp_path / "exports")
    first.write_bytes(first.read_bytes() + b" ")
    second.unlink()
    shutil.copy(WAITING, third.parent / "foreign.json")

    found = looks.bundles(tmp_path / "exports")

    assert {Path(one.file).name: one.recorded for one in found.bundles} == {
        first.name: Recorded.CHANGED, "foreign.json": Recorded.NOT_NAMED, third.name: Recorded.SAME,
    }  # fmt: skip
    assert found.lost == (str(second),)


def test_a_manifest_that_changes_is_noticed_although_no_bundle_did(looks: Looks, tmp_path: Path) -> None:
    kept(tmp_path / "exports", 1)
    looks.bundles(tmp_path / "exports")
    manifest = tmp_path / "exports" / "manifest.jsonl"
    manifest.write_bytes(b"garbage\n")

    found = looks.bundles(tmp_path / "exports")

    assert found.read == 0
    assert found.bundles[0].recorded is Recorded.NOT_NAMED
    assert found.damaged == (f"{manifest}, line 1",)


def test_a_torn_last_line_stands_for_no_export(looks: Looks, tmp_path: Path) -> None:
    kept(tmp_path / "exports", 2)
    manifest = tmp_path / "exports" / "manifest.jsonl"
    manifest.write_bytes(manifest.read_bytes()[:-5])

    found = looks.bundles(tmp_path / "exports")

    assert [one.recorded for one in found.bundles] == [Recorded.SAME, Recorded.NOT_NAMED]
    assert found.damaged == ()


def test_a_compressed_bundle_is_told_by_the_file_as_it_lies(looks: Looks, tmp_path: Path) -> None:
    file = tmp_path / "1.json.gz"
    file.write_bytes(gzip.compress(WAITING.read_bytes()))

    (fact,) = looks.bundles(file).bundles

    assert fact.bytes == WAITING.stat().st_size
    assert fact.outcome is Outcome.OK
    assert fact.sha256 != looks.bundles(WAITING).bundles[0].sha256
