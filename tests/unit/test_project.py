"""The files around the code: what they promise is so."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from dwctl import __version__
from dwctl.errors import ExitCode

ROOT = Path(__file__).parents[2]
SCHEMAS = sorted((ROOT / "schemas").glob("*.schema.json"))
DRAFT = "https://json-schema.org/draft/2020-12/schema"

GENERATED = {".git", ".venv", ".ready", "__pycache__", "build", "dist", ".dwctl", ".hypothesis", ".rehearsal"}
RECORDED = ROOT / "examples" / "orders" / "bundles"
"""Bundles are quoted as they were written: a stack trace in one names the paths of the shop's machine."""

ELSEWHERE = [
    re.compile(r"(?<![\w.])/(?:work|root|home|Users)/\w"),
    re.compile(r"\b(?:pypi|pythonhosted|npmjs|packagist|crates|debian|ubuntu|docker|golang)\.(?:org|com|io)\b"),
]
"""Paths and hosts of one machine or of a package registry."""


def test_the_changelog_has_an_entry_for_this_version() -> None:
    assert re.search(rf"^## \[{re.escape(__version__)}\]", read("CHANGELOG.md"), re.MULTILINE)


def test_the_readme_lists_every_exit_code() -> None:
    section = read("README.md").split("## Exit codes", 1)[1].split("\n## ", 1)[0]
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)}
    assert listed == {int(code) for code in ExitCode}


def test_every_target_of_the_makefile_is_explained_by_make_help() -> None:
    phony = set(re.findall(r"^\.PHONY: (.*)$", read("Makefile"), re.MULTILINE)[0].split())
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {"rehearse", "test", "lint", "bench", "soak", "help"} <= phony
    assert set(re.findall(r"^  make ([\w-]+) +\S", shown, re.MULTILINE)) == phony


def test_the_readme_names_only_targets_that_exist() -> None:
    named = set(re.findall(r"\bmake ([a-z]+)\b", " ".join(re.findall(r"`+[^`]+`+", read("README.md")))))
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    assert named
    assert named <= targets


def test_there_are_schemas() -> None:
    assert len(SCHEMAS) > 0


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_a_schema_file_is_a_valid_schema_of_the_draft_it_names(path: Path) -> None:
    schema = json.loads(path.read_bytes())
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == DRAFT
    assert schema["$id"] == f"dwctl.{path.name.removesuffix('.schema.json')}"
    assert schema["title"]
    assert schema["description"]


def test_the_examples_are_listed_in_their_readme() -> None:
    text = read("examples/orders/README.md")
    missing = [path.name for path in RECORDED.glob("*.json") if not is_listed(path.name, text)]
    assert missing == []


def test_the_examples_cover_what_a_cutover_meets_and_stay_small() -> None:
    bundles = list(RECORDED.glob("*.json"))
    workflows = [json.loads(path.read_bytes())["workflow"] for path in bundles]
    assert {"completed", "failed", "cancelled", "terminated"} <= {one["status"] for one in workflows}
    assert any(one["status"] not in {"completed", "failed", "cancelled", "terminated"} for one in workflows)
    assert sum(path.stat().st_size for path in bundles) < 1_000_000


def test_no_file_names_a_machine_or_a_registry() -> None:
    files = list(project_files())
    assert len(files) > 20
    found = [f"{path.relative_to(ROOT)}: {hit}" for path in files for hit in foreign(path.read_text("utf-8"))]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "see /" + "work/thing/x.py",
        "cd /" + "home/me",
        "pip install -i https://" + "pypi" + ".org/simple",
        "http://registry." + "npmjs" + ".org",
    ],
)
def test_a_foreign_path_or_host_would_be_found(text: str) -> None:
    assert list(foreign(text))


def test_a_path_of_the_project_or_of_a_standard_is_not_foreign() -> None:
    assert list(foreign(f"examples/orders/work/x {DRAFT} .../work/x")) == []


def foreign(text: str) -> Iterator[str]:
    """The places in a text that name a machine's own path or a registry's host."""
    for pattern in ELSEWHERE:
        yield from (found.group() for found in pattern.finditer(text))


def project_files() -> Iterator[Path]:
    """The text files that are committed, as far as can be told without git."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not is_generated(name) and Path(folder, name) != RECORDED]
        for path in (Path(folder, name) for name in names if not is_generated(name)):
            try:
                path.read_text("utf-8")
            except UnicodeDecodeError:
                continue
            yield path


def is_generated(name: str) -> bool:
    return name in GENERATED or name.endswith(("_cache", ".egg-info"))


def is_listed(name: str, text: str) -> bool:
    """A file is named in full, or by the end that a row shares its start with (`a-1.json`, `-2.json`)."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return any(
        f"`{name}`" in row
        or any(name.endswith(end) and f"`{name[: -len(end)]}" in row for end in re.findall(r"`(-[^`]+)`", row))
        for row in rows
    )


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")
