"""The options that commands on bundles share."""

from __future__ import annotations

from pathlib import Path

import pytest

from dwctl.cli.bundle_options import size_limit, verify_options
from dwctl.errors import RequestNotPossible
from dwctl.transfer.files.sources import MAX_BUNDLE_SIZE

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (None, MAX_BUNDLE_SIZE),
        ("1", 1),
        ("500k", 500 << 10),
        ("500K", 500 << 10),
        ("64M", 64 << 20),
        ("64MB", 64 << 20),
        ("64MiB", 64 << 20),
        (" 64m ", 64 << 20),
        ("1G", 1 << 30),
        ("2gib", 2 << 30),
        ("7b", 7),
    ],
)
def test_a_size_is_read_with_its_unit(text: str | None, size: int) -> None:
    assert size_limit(text) == size


@pytest.mark.parametrize("text", ["", "0", "0M", "-1", "1.5G", "1T", "M", "big", "1 G", "1e6", "0x10", "²", "+1"])
def test_anything_else_is_no_size(text: str) -> None:
    with pytest.raises(RequestNotPossible, match="is not a size") as caught:
        size_limit(text)
    assert caught.value.where == "--max-bundle-size"
    assert caught.value.next_step


def key_of(given: str | None = None, file: Path | None = None) -> bytes | None:
    """The key that these options give."""
    return verify_options(given, file, require_signature=False, strict=False).signing_key


def test_a_key_comes_from_the_option_before_the_file_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"from file\n")
    assert key_of() is None
    monkeypatch.setenv("DWCTL_SIGNING_KEY", "from environment")
    assert key_of() == b"from environment"
    assert key_of(file=file) == b"from file"
    assert capsys.readouterr().err == ""
    assert key_of("from option") == b"from option"
    assert "visible to others" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "key"), [(b"k", b"k"), (b"k\n", b"k"), (b"k\r\n", b"k"), (b" k \n", b" k "), (b"\xff\x00", b"\xff\x00")]
)
def test_only_the_newline_at_the_end_of_a_file_is_not_part_of_the_key(
    content: bytes, key: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    assert key_of(file=file) == key


def test_an_empty_environment_variable_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DWCTL_SIGNING_KEY", "")
    assert key_of() is None


def test_a_key_that_is_no_unicode_is_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert key_of("\udcff\u00e9") == b"\xff\xc3\xa9"
    monkeypatch.setenv("DWCTL_SIGNING_KEY", "\udcff")
    assert key_of() == b"\xff"


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n\r\n"])
def test_an_empty_key_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(RequestNotPossible, match="the signing key is empty"):
        key_of(file=file)
    with pytest.raises(RequestNotPossible, match="the signing key is empty"):
        key_of("")


def test_a_key_file_that_cannot_be_read_and_two_keys_are_refused(tmp_path: Path) -> None:
    for file in (tmp_path / "none", tmp_path):
        with pytest.raises(RequestNotPossible, match="the signing key cannot be read") as caught:
            key_of(file=file)
        assert caught.value.where == str(file)
    with pytest.raises(RequestNotPossible, match="cannot both be given"):
        key_of("a", tmp_path / "key")


def test_the_other_options_are_handed_on() -> None:
    options = verify_options(None, None, require_signature=True, strict=True, payloads=True, schema=True)
    assert (options.require_signature, options.strict, options.payloads) == (True, True, True)
    assert options.schema is not None
    assert options.schema["$id"] == "dwctl.history-export"
    assert verify_options(None, None, require_signature=False, strict=False).schema is None
