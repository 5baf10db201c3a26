"""The schema files: found in a checkout and in an installed package, named, loaded."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest

from dwctl import schema_files
from dwctl.errors import ExitCode, RequestNotPossible

FOLDER = Path(__file__).parents[2] / "schemas"


def test_the_names_are_those_of_the_files() -> None:
    assert schema_files.names() == sorted(
        path.name.removesuffix(".schema.json") for path in FOLDER.glob("*.schema.json")
    )
    assert {"history-export", "bundle-show", "bundle-diff", "schema-list"} <= set(schema_files.names())


def test_the_text_is_the_file_as_it_was_written() -> None:
    assert schema_files.text("bundle-show").encode("utf-8") == (FOLDER / "bundle-show.schema.json").read_bytes()


@pytest.mark.parametrize("name", schema_files.names())
def test_every_schema_has_its_name_in_its_id(name: str) -> None:
    assert schema_files.load(name)["$id"] == f"dwctl.{name}"


def test_an_unknown_name_is_answered_with_the_nearest_ones() -> None:
    with pytest.raises(RequestNotPossible) as caught:
        schema_files.text("bundel-show")
    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.reason == "unknown_schema"
    assert caught.value.next_step is not None
    assert "bundle-show" in caught.value.next_step


def test_a_name_that_is_like_no_other_is_answered_with_the_list() -> None:
    with pytest.raises(RequestNotPossible, match="zzz") as caught:
        schema_files.load("zzz")
    assert caught.value.next_step == "See `dwctl schema list`."


@pytest.mark.parametrize("name", ["../pyproject", "/etc/passwd", "", "history-export.schema.json"])
def test_a_name_is_never_a_path(name: str) -> None:
    with pytest.raises(RequestNotPossible):
        schema_files.text(name)


def test_an_installed_package_reads_its_own_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "schemas"
    installed.mkdir()
    (installed / "only-here.schema.json").write_text(json.dumps({"title": "x"}), encoding="utf-8")
    (installed / "notes.txt").write_text("not a schema", encoding="utf-8")
    monkeypatch.setattr(resources, "files", lambda package: tmp_path)
    assert schema_files.names() == ["only-here"]
    assert schema_files.load("only-here") == {"title": "x"}
