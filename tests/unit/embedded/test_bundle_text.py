"""The bundle among what was printed: cut out byte for byte, or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwctl.embedded.bundle_text import BundleIds, bundle_ids, check_target, find_bundle
from dwctl.embedded.captured import Target
from dwctl.errors import ServerFailed
from sample_bundles import EXAMPLES, ORDER, sealed, small_bundle

BUNDLE = sealed(small_bundle())
PRETTY = json.dumps(small_bundle(), indent=4).encode()
IDS = BundleIds("run-1", "order-1")
LAST_KEY_FIRST = json.dumps(dict(reversed(small_bundle().items()))).encode()

NOISE = [
    b"", b"\n", b"{", b"}", b"}}", b"[1, {", b'{"x":', b"\xff\xfe", b"\xef\xbb\xbf", b"Notice: {a} in {b}\n",
    b'{"schema":"boot"}\n', b'PHP Deprecated: "x" {"a": [1, {"b": "}"}]}\n', b"{" * 2000, b'{"a":' * 2000,
    b'"', b"\\", b"\x00\x1b[31m",
]  # fmt: skip


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("bundle", [BUNDLE, PRETTY, LAST_KEY_FIRST], ids=["compact", "pretty", "other order"])
def test_a_bundle_is_cut_out_of_any_noise(bundle: bytes, noise: bytes) -> None:
    for before, after in ((noise, b""), (b"", noise), (noise, noise)):
        found = find_bundle(before + bundle + b"\n" + after)
        assert found is not None
        assert (found.content, found.ids) == (bundle + b"\n", IDS)
        assert (found.before, found.after) == (before, after)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.name)
def test_every_example_comes_out_as_it_is(path: Path) -> None:
    content = path.read_bytes()
    workflow = json.loads(content)["workflow"]
    for before, after in ((b"", b""), (b"Deprecated: {x}\n", b"\nbye {\n")):
        found = find_bundle(before + content + after)
        assert found is not None
        assert found.before + found.content + found.after == before + content + after
        assert found.content.strip() == content.strip()
        assert found.ids == (workflow["run_id"], workflow["instance_id"])


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_random_noise_changes_nothing(before: bytes, after: bytes) -> None:
    found = find_bundle(before + BUNDLE + after)
    assert found is not None
    assert found.content.removesuffix(b"\n") == BUNDLE


@pytest.mark.parametrize("output", [b"", b"\n", b"{}", b"null", b"All good.", b'{"schema":"other"}', b'{"a":' * 5000])
def test_where_there_is_no_bundle_there_is_none(output: bytes) -> None:
    assert find_bundle(output) is None


@pytest.mark.parametrize("length", [60, 200, len(BUNDLE) // 2, len(BUNDLE) - 1])
def test_a_part_of_a_bundle_is_never_a_bundle(length: int) -> None:
    for after in (b"", b"\n", b"\nNotice: {}\n", b"]]"):
        with pytest.raises(ServerFailed) as caught:
            find_bundle(BUNDLE[:length] + after)
        assert caught.value.reason == "export_incomplete"


def test_a_large_part_of_a_bundle_is_refused_soon() -> None:
    with pytest.raises(ServerFailed) as caught:
        find_bundle(ORDER.read_bytes()[:-2])
    assert caught.value.reason == "export_incomplete"


@pytest.mark.parametrize(
    "output",
    [
        BUNDLE + BUNDLE,
        BUNDLE + b"\n" + BUNDLE,
        BUNDLE + PRETTY[:300],
        PRETTY[:300] + b"\n" + BUNDLE,
        BUNDLE + b'\n{"level":"info","context":' + BUNDLE + b"}\n",
    ],
)
def test_more_than_one_bundle_is_refused(output: bytes) -> None:
    with pytest.raises(ServerFailed) as caught:
        find_bundle(output)
    assert caught.value.reason == "export_ambiguous"


def test_a_bundle_without_ids_is_none() -> None:
    for path in ("workflow.run_id", "workflow.instance_id", "workflow"):
        assert bundle_ids(sealed(small_bundle({path: ...}))) is None
    assert bundle_ids(sealed(small_bundle({"schema": "other"}))) is None
    assert bundle_ids(b"[" * 100_000) is None
    assert bundle_ids(b'{"schema":"\xff"}') is None
    assert bundle_ids(BUNDLE) == IDS


def test_a_bundle_of_another_run_or_instance_is_refused() -> None:
    check_target(Target("run-1", True), IDS)
    check_target(Target("order-1", False), IDS)
    for target in (Target("run-2", True), Target("RUN-1", True), Target("run-1", False), Target("order-1", True)):
        with pytest.raises(ServerFailed) as caught:
            check_target(target, IDS)
        assert caught.value.reason == "export_wrong_run"
        assert target.id in caught.value.message
