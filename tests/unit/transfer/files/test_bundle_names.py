"""Names of bundle files: what a person sees of them, and what is none."""

from __future__ import annotations

import pytest

from dwctl.errors import AnswerIsNo, ExitCode
from dwctl.transfer.files.names import LONGEST, bundle_file, ids_of

RUN = "01m82n0txaq9b1c0pv65w28x1p"


@pytest.mark.parametrize(
    ("instance", "folder"),
    [
        ("order-1001", "order-1001"),
        ("user+tag@example.com", "user+tag@example.com"),
        ("Order-1", "Order-1,1"),
        ("orderProcess", "orderProcess,20"),
        ("orders/2026 #1", "orders%2f2026%20%231"),
        ("..", "%2e%2e"),
        (".hidden", "%2ehidden"),
        ("end.", "end%2e"),
        ("-rf", "%2drf"),
        ("", "%"),
        ("con", "%63on"),
        ("NUL.txt", "%4eUL.txt,3"),
        ("manifest.jsonl", "%6danifest.jsonl"),
        ("export-log.jsonl", "%65xport-log.jsonl"),
        ("größe", "gr%c3%b6%c3%9fe"),
        ("a,b", "a%2cb"),
        ("a%2fb", "a%252fb"),
    ],
)
def test_the_folder_of_an_instance(instance: str, folder: str) -> None:
    assert bundle_file(instance, RUN) == f"{folder}/{RUN}.json"
    assert ids_of(f"{folder}/{RUN}.json") == (instance, RUN)


@pytest.mark.parametrize("suffix", [".json", ".json.gz", ".json.zst"])
def test_the_suffix_is_no_part_of_the_id(suffix: str) -> None:
    assert bundle_file("a", "b.json", suffix) == f"a/b.json{suffix}"
    assert ids_of(f"a/b.json{suffix}") == ("a", "b.json")


def test_an_unknown_suffix_is_a_mistake_of_the_program() -> None:
    with pytest.raises(ValueError, match="no suffix"):
        bundle_file("a", "b", ".xml")


def test_a_long_id_goes_on_in_a_folder_below() -> None:
    name = bundle_file("x" * 450, "y" * 201)
    assert [len(part) for part in name.split("/")] == [199, 200, 55, 199, 9]
    assert ids_of(name) == ("x" * 450, "y" * 201)
    assert bundle_file("x" * LONGEST, "y").count("/") == 1


@pytest.mark.parametrize(
    "name",
    [
        *("", "a.json", "a/b", "a/b.xml", "a/b/c.json", "/b.json", "a/.json", "a/b.JSON.bz2", "manifest.jsonl"),
        *("A,1,1/b.json", "a/%zz.json", "a/%41.json", "a/b,0.json", "a/b,2.json", "a/%ff.json", "con/b.json"),
        *("a,/b.json", "a,/,b.json", "a/é.json", "a/\u212a.json", "../b.json", "a b/c.json", "%,1/b.json"),
        *("a//b.json", "%63an/b.json"),
    ],
)
def test_a_name_that_no_export_gives_is_refused(name: str) -> None:
    with pytest.raises(AnswerIsNo) as caught:
        ids_of(name)
    assert (caught.value.exit_code, caught.value.reason, caught.value.where) == (ExitCode.NO, "foreign_name", name)
    assert caught.value.next_step
