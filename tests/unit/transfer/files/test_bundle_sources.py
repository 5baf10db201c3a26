"""Where bundles come from: nothing is missed in silence, and nothing that is named can hang or flood the reader."""

from __future__ import annotations

import io
import os
import socket
import stat
import tracemalloc
from pathlib import Path

import pytest

from dwctl.errors import ExitCode, RequestNotPossible, UndecodableDocument, UnreadableInput
from dwctl.transfer.files import sources
from dwctl.transfer.files.compression import Compression, compress
from dwctl.transfer.files.sources import MAX_BUNDLE_SIZE, find_bundles, load_document, read_bundle

needs_a_mere_user = pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a folder `exports` of bundles in it."""
    for name in (
        "b.json",
        "a.json",
        "nested/deep/c.json",
        ".hidden.json",
        ".git/d.json",
        "nested/.e.json",
        "notes.txt",
    ):
        file = tmp_path / "exports" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(*names: str) -> RequestNotPossible:
    """How these names are refused."""
    with pytest.raises(RequestNotPossible) as caught:
        find_bundles(names)
    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.next_step
    return caught.value


def unreadable(name: str, limit: int = MAX_BUNDLE_SIZE) -> UnreadableInput:
    """How reading this name fails."""
    with pytest.raises(UnreadableInput) as caught:
        read_bundle(name, limit)
    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.where == name
    assert caught.value.next_step
    return caught.value


# --- finding -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
class TestFinding:
    """What names stand for."""

    def test_a_folder_stands_for_every_visible_bundle_below_it_in_order(self) -> None:
        assert find_bundles(["exports"]) == ["exports/a.json", "exports/b.json", "exports/nested/deep/c.json"]

    def test_a_file_is_taken_whatever_its_name_and_even_hidden(self) -> None:
        assert find_bundles(["exports/notes.txt", "exports/.hidden.json"]) == [
            "exports/notes.txt",
            "exports/.hidden.json",
        ]

    def test_a_hidden_folder_is_taken_when_it_is_named(self) -> None:
        assert find_bundles(["exports/.git"]) == ["exports/.git/d.json"]

    def test_names_keep_their_order_and_each_file_comes_once(self) -> None:
        assert find_bundles(["exports/b.json", "exports", "exports/b.json"]) == [
            "exports/b.json",
            "exports/a.json",
            "exports/nested/deep/c.json",
        ]

    @pytest.mark.parametrize(
        ("pattern", "expected"),
        [
            ("exports/*.json", ["exports/a.json", "exports/b.json"]),
            ("exports/[b]*", ["exports/b.json"]),
            ("exports/**/*.json", ["exports/a.json", "exports/b.json", "exports/nested/deep/c.json"]),
            ("export?", ["exports/a.json", "exports/b.json", "exports/nested/deep/c.json"]),
        ],
    )
    def test_a_pattern_stands_for_what_it_matches(self, pattern: str, expected: list[str]) -> None:
        assert find_bundles([pattern]) == expected

    @pytest.mark.parametrize("name", ["[a].json", "what?.json", "*.json"])
    def test_a_file_whose_name_looks_like_a_pattern_is_that_file(self, name: str) -> None:
        Path("exports", name).write_text("{}", encoding="utf-8")
        assert find_bundles([f"exports/{name}"]) == [f"exports/{name}"]

    def test_a_folder_whose_name_looks_like_a_pattern_is_that_folder(self) -> None:
        Path("[x]").mkdir()
        Path("[x]/a.json").write_text("{}", encoding="utf-8")
        assert find_bundles(["[x]"]) == ["[x]/a.json"]

    def test_standard_input_and_names_that_are_not_there_are_kept_for_the_reader(self) -> None:
        long = "a" * 5_000
        assert find_bundles(["-", "nowhere.json", "", long, "-"]) == ["-", "nowhere.json", "", long]

    def test_standard_input_is_not_a_folder_of_that_name(self) -> None:
        Path("-").mkdir()
        Path("-/a.json").write_text("{}", encoding="utf-8")
        assert find_bundles(["-"]) == ["-"]
        assert find_bundles(["./-"]) == ["-/a.json"]

    def test_a_dangling_link_and_a_fifo_in_a_folder_are_kept_for_the_reader(self) -> None:
        Path("odd").mkdir()
        Path("odd/link.json").symlink_to("nowhere")
        os.mkfifo("odd/fifo.json")
        assert find_bundles(["odd"]) == ["odd/fifo.json", "odd/link.json"]

    def test_a_linked_folder_that_is_named_is_read(self) -> None:
        Path("link").symlink_to("exports")
        assert find_bundles(["link"]) == ["link/a.json", "link/b.json", "link/nested/deep/c.json"]

    def test_no_names_are_refused(self) -> None:
        assert "no bundle was named" in refused().message

    @pytest.mark.parametrize("name", ["nothing/*.json", "exports/*.xml", "[z]*"])
    def test_a_pattern_that_matches_nothing_is_refused(self, name: str) -> None:
        error = refused("exports", name)
        assert (error.where, error.reason) == (name, "no_bundles")

    def test_a_folder_without_a_bundle_is_refused_even_beside_others(self) -> None:
        Path("empty").mkdir()
        for names in (("empty",), ("exports", "empty"), ("emp*",)):
            error = refused(*names)
            assert (error.where, error.reason) == ("empty", "no_bundles")

    def test_a_folder_of_only_hidden_or_other_files_is_refused(self) -> None:
        Path("other").mkdir()
        for name in (".a.json", "b.xml", "c.gz", "d.json.bz2", ".e.json.gz"):
            Path("other", name).write_text("{}", encoding="utf-8")
        assert refused("other").reason == "no_bundles"

    @needs_a_mere_user
    def test_a_folder_that_may_not_be_read_is_refused_even_deep_down(self) -> None:
        closed = Path("exports/nested")
        closed.chmod(0)
        try:
            error = refused("exports")
            assert isinstance(error, UnreadableInput)
            assert error.where == "exports/nested"
        finally:
            closed.chmod(0o700)

    @pytest.mark.parametrize("failure", [PermissionError, FileNotFoundError, OSError])
    def test_a_folder_that_fails_while_it_is_walked_is_refused(
        self, failure: type[OSError], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scan = os.scandir

        def failing(path: str) -> object:
            if str(path).endswith("nested"):
                raise failure(5, "it went away", str(path))
            return scan(path)

        monkeypatch.setattr(os, "scandir", failing)
        error = refused("exports")
        assert isinstance(error, UnreadableInput)
        assert error.where == "exports/nested"


# --- reading -----------------------------------------------------------------------------------------------


def test_a_file_is_read_as_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    for content in (b"", b"{}", b"\xff\x00\r\n" * 1_000):
        file.write_bytes(content)
        assert read_bundle(str(file)) == content


def test_standard_input_is_the_stream_that_is_handed_in() -> None:
    assert read_bundle("-", stdin=io.BytesIO(b"{}")) == b"{}"
    with pytest.raises(UnreadableInput) as caught:
        read_bundle("-", 3, io.BytesIO(b"four"))
    assert (caught.value.where, caught.value.reason) == ("standard input", "too_large")
    assert read_bundle("-", 4, io.BytesIO(b"four")) == b"four"


@pytest.mark.parametrize("name", ["", "nowhere.json", "no/where.json", "a" * 5_000, "nul\x00byte"])
def test_what_is_not_there_is_unreadable(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert unreadable(name).reason == "unreadable"


def test_a_missing_file_is_called_missing(tmp_path: Path) -> None:
    error = unreadable(str(tmp_path / "none.json"))
    assert "no such file" in error.message


def test_a_file_that_vanishes_between_listing_and_reading_is_called_missing(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b"{}")
    (name,) = find_bundles([str(tmp_path)])
    file.unlink()
    assert "no such file" in unreadable(name).message


@needs_a_mere_user
def test_a_file_that_may_not_be_read_is_called_that(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b"{}")
    file.chmod(0)
    assert "may not be read" in unreadable(str(file)).message


def test_a_permission_that_is_missing_is_called_that(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, flags: int) -> int:
        raise PermissionError(13, "Permission denied", name)

    monkeypatch.setattr(os, "open", refuse)
    assert "may not be read" in unreadable("a.json").message


def test_a_disk_that_fails_while_reading_is_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b"{}")

    def fail(descriptor: int) -> os.stat_result:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fstat", fail)
        error = unreadable(str(file))
    assert "Input/output error" in error.message


def test_a_folder_a_fifo_a_device_and_a_socket_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo")
    for name, kind in ((str(tmp_path), "a folder"), ("fifo", "a FIFO"), (os.devnull, "a device")):
        error = unreadable(name)
        assert kind in error.message
        assert error.reason == "not_a_file"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        assert unreadable("socket").reason in {"not_a_file", "unreadable"}


def test_a_fifo_with_a_writer_is_not_read_either(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.json"
    os.mkfifo(fifo)
    descriptor = os.open(fifo, os.O_RDWR)
    try:
        os.write(descriptor, b"{}")
        assert "a FIFO" in unreadable(str(fifo)).message
    finally:
        os.close(descriptor)


def test_a_file_of_the_limit_is_read_and_one_byte_more_is_not(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b"1234")
    assert read_bundle(str(file), 4) == b"1234"
    error = unreadable(str(file), 3)
    assert error.reason == "too_large"
    assert "--max-bundle-size" in str(error.next_step)


def test_a_huge_file_is_refused_by_its_size_without_memory(tmp_path: Path) -> None:
    file = tmp_path / "huge.json"
    with file.open("wb") as sparse:
        sparse.truncate(200_000_000)
    tracemalloc.start()
    try:
        assert unreadable(str(file)).reason == "too_large"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000


def test_a_file_that_grows_while_it_is_read_is_still_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b"12345")
    real = os.fstat

    def smaller(descriptor: int) -> os.stat_result:
        fields = list(real(descriptor))
        fields[stat.ST_SIZE] = 1
        return os.stat_result(fields)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fstat", smaller)
        error = unreadable(str(file), 4)
    assert error.reason == "too_large"


@pytest.mark.parametrize("limit", [1 << 40, 1 << 62, 1 << 100])
def test_a_limit_beyond_all_memory_is_no_failure(limit: int, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b"{}")
    assert read_bundle(str(file), limit) == b"{}"
    assert read_bundle("-", limit, io.BytesIO(b"{}")) == b"{}"


@pytest.mark.parametrize(
    ("size", "limit"), [(101, 100), (7_111, 100), ((64 << 20) + 1, 64 << 20), (200_000_000, 64 << 20), (2_000, 1_999)]
)
def test_the_complaint_names_both_sizes_exactly(size: int, limit: int, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    with file.open("wb") as sparse:
        sparse.truncate(size)
    assert unreadable(str(file), limit).message == f"{size:,} bytes are more than the limit of {limit:,} bytes"


# --- decoding ----------------------------------------------------------------------------------------------


def test_a_document_is_loaded_with_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b' {"a": 1.0}')
    document = load_document(str(file))
    assert (document.raw, document.value) == (b' {"a": 1.0}', {"a": 1.0})
    assert load_document("-", stdin=io.BytesIO(b"5")).value == 5


@pytest.mark.parametrize(("content", "place"), [(b"{", "line 1, column 2"), (b"", "line 1, column 1")])
def test_a_document_that_does_not_decode_is_named_with_its_file(content: bytes, place: str, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(content)
    with pytest.raises(UndecodableDocument) as caught:
        load_document(str(file))
    assert caught.value.where == f"{file}, {place}"


def test_the_limit_of_the_module_is_64_mib() -> None:
    assert sources.MAX_BUNDLE_SIZE == 64 * 1024 * 1024


# --- compressed --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
def test_compressed_bundles_of_a_folder_are_found() -> None:
    for name in ("d.json.gz", "E.JSON.ZST", ".f.json.gz", "g.gz", "h.jsonl", "manifest.jsonl"):
        Path("exports", name).write_bytes(b"")
    assert find_bundles(["exports"]) == [
        "exports/E.JSON.ZST", "exports/a.json", "exports/b.json", "exports/d.json.gz", "exports/nested/deep/c.json",
    ]  # fmt: skip


@pytest.mark.parametrize("how", list(Compression))
def test_a_compressed_bundle_is_read_expanded_by_its_name_or_from_a_stream_by_its_beginning(
    how: Compression, tmp_path: Path
) -> None:
    file = tmp_path / f"a{how.suffix}"
    packed = compress(b'{"a":1}' * 500, how)
    file.write_bytes(packed)
    assert read_bundle(str(file)) == b'{"a":1}' * 500
    assert read_bundle("-", stdin=io.BytesIO(packed)) == b'{"a":1}' * 500
    assert unreadable(str(file), 3_499).reason == "too_large"
    with pytest.raises(UnreadableInput) as caught:
        read_bundle("-", 3_499, io.BytesIO(packed))
    assert (caught.value.reason, caught.value.where) == ("too_large", "standard input")


@pytest.mark.parametrize("how", [Compression.GZIP, Compression.ZSTD])
def test_a_damaged_compressed_bundle_is_unreadable(how: Compression, tmp_path: Path) -> None:
    file = tmp_path / f"a{how.suffix}"
    file.write_bytes(compress(b"{}", how)[:-1])
    assert unreadable(str(file)).reason == "damaged_compression"
