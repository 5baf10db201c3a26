"""`--compress` may stand alone, and nothing else is touched by that."""

from __future__ import annotations

import pytest

from dwctl.cli.export_options import with_compress_value


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (["a", "--compress"], ["a", "--compress=gzip"]),
        (["--compress", "a"], ["--compress=gzip", "a"]),
        (["--compress", "--json"], ["--compress=gzip", "--json"]),
        (["--compress", "zstd"], ["--compress", "zstd"]),
        (["--compress=zstd", "a"], ["--compress=zstd", "a"]),
        (["--compress", "--", "gzip"], ["--compress=gzip", "--", "gzip"]),
        (["--", "--compress"], ["--", "--compress"]),
        ([], []),
    ],
)
def test_a_bare_compress_means_gzip(given: list[str], read: list[str]) -> None:
    assert with_compress_value(given) == read
