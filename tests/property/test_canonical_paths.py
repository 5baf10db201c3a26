"""The fast path, the exact path and PHP give the same bytes, or refuse the same documents."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings

from dwctl.bundle import canonical
from dwctl.bundle.php_decode import decode_exactly
from dwctl.bundle.php_encode import write_exactly
from dwctl.errors import UndecodableDocument
from json_texts import documents

_PHP = Path(__file__).parents[1] / "php" / "canonical.php"


def _exactly(document: bytes) -> bytes:
    return b"".join(write_exactly(decode_exactly(document)))


def _or_refused(write: Callable[[bytes], bytes], document: bytes) -> bytes | None:
    try:
        return write(document)
    except UndecodableDocument:
        return None


@given(documents)
@settings(max_examples=1500, deadline=None)
def test_the_chosen_path_gives_what_the_exact_path_gives(document: bytes) -> None:
    assert _or_refused(canonical.canonical_json, document) == _or_refused(_exactly, document)


@given(documents)
@settings(max_examples=500, deadline=None)
def test_the_sealed_part_is_the_canonical_text_without_integrity(document: bytes) -> None:
    if _or_refused(canonical.canonical_json, document) is None:
        return
    bundle = b'{"integrity":{"a":' + document + b'},"k":' + document + b"}"
    sealed = b"".join(canonical.decode(bundle).sealed_chunks())
    assert sealed == _exactly(b'{"k":' + document + b"}")


@pytest.fixture(scope="module")
def php() -> Iterator[subprocess.Popen[bytes]]:
    """A PHP process that answers a document a line."""
    if shutil.which("php") is None:
        if os.environ.get("DWCTL_REQUIRE_PHP"):
            pytest.fail("php is not installed, and DWCTL_REQUIRE_PHP demands it")
        pytest.skip("php is not installed")
    with subprocess.Popen(["php", str(_PHP)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process


@given(document=documents)
@settings(max_examples=1500, deadline=None)
def test_php_gives_the_same_bytes(php: subprocess.Popen[bytes], document: bytes) -> None:
    assert php.stdin is not None
    assert php.stdout is not None
    php.stdin.write(base64.b64encode(document) + b"\n")
    php.stdin.flush()
    answer = php.stdout.readline().rstrip(b"\n")
    expected = None if answer == b"!" else base64.b64decode(answer)
    assert _or_refused(canonical.canonical_json, document) == expected
