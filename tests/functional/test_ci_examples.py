"""The examples for CI: the very commands of their files, run in clean clones against a server and a worker."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import junitparser
import pytest
import yaml

from ci_places import (
    BUNDLES,
    TOKENS,
    Json,
    Place,
    Ran,
    clean_clone,
    example,
    git,
    listed,
    long_ago,
    put,
    server_with_tokens,
    team,
    working,
)
from rehearsal_server import CONTROL
from sample_bundles import ROOT

pytestmark = pytest.mark.skipif(
    not (ROOT / ".git").exists() or shutil.which("git") is None or shutil.which("bash") is None,
    reason="a clean clone needs git, bash, and a checkout to clone",
)

CI = ROOT / "examples" / "ci"
LEASED = "refused-leased-1.json"
SECRET = re.compile(r"\$\{\{ secrets\.(\w+) \}\}")
ANNOTATION = re.compile(r"::(error|warning|notice)(?: ((?:file|title)=[^:,]*(?:,(?:file|title)=[^:,]*)*))?::(.*)")
"""What the runner takes for an annotation: properties with `:` and `,` escaped, then the message."""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clean_clone(tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="module")
def url(clone: Path) -> Iterator[str]:
    """A server that asks for tokens, and a worker that is registered there."""
    with server_with_tokens() as address, working(clone, address):
        headers = CONTROL | {"X-Namespace": "production", "Authorization": f"Bearer {TOKENS['operator']}"}
        until = time.monotonic() + 30
        while not httpx.get(f"{address}/api/workers", headers=headers).json()["workers"]:
            assert time.monotonic() < until, "the worker did not come"
        yield address


@pytest.fixture
def place(clone: Path, url: str, tmp_path: Path) -> Iterator[Place]:
    """The team's checkout; whatever a test does, no token comes out of it."""
    made = team(tmp_path, clone, url)
    yield made
    assert [role for role, token in TOKENS.items() if token in made.told()] == []


# --- how the systems run what stands in their files ------------------------------------------------------------


def github(place: Place, job: str) -> dict[str, Ran]:
    """The steps of a job by their names, as GitHub runs them: after one that failed, only those that say so."""
    ran: dict[str, Ran] = {}
    for step in example(place.clone, "github-workflow.yml")["jobs"][job]["steps"]:
        failed = any(one.code for one in ran.values())
        if "run" not in step or installs(step["run"]) or (failed and "!cancelled()" not in step.get("if", "")):
            continue
        if "hashFiles('reports/*.md')" in step.get("if", "") and not list(place.checkout.glob("reports/*.md")):
            continue
        named = {name: SECRET.sub(lambda found: place.secrets[found[1]], value) for name, value in environ(step)}
        ran[step["name"]] = place.run(step["run"], named)
    return ran


def gitlab(place: Place, job: str) -> Ran:
    """A job as GitLab runs it: every line of `before_script` and `script`, until one fails; with its variables."""
    document = example(place.clone, "gitlab-ci.yml")
    lines = [*inherited(document, job, "before_script"), *inherited(document, job, "script")]
    named = place.secrets if "environment" in document[document[job]["extends"]] else {}
    return place.run("\n".join(line for line in lines if not installs(line)), named)


def environ(step: Json) -> list[tuple[str, str]]:
    return list(step.get("env", {}).items())


def inherited(document: Json, job: str, key: str) -> Any:
    """A key of a job or of what it extends."""
    while key not in document[job]:
        job = document[job]["extends"]
    return document[job][key]


def installs(line: str) -> bool:
    """Whether a step only installs dwctl: here the clone's own is on the PATH."""
    return line.startswith("python -m pip install ")


def cases(place: Place, name: str) -> dict[str, str]:
    """The cases of a JUnit report and how each ended, as the standard library and another library read it alike."""
    path = place.checkout / "reports" / name
    ended: dict[str, str] = {}
    for one in ElementTree.parse(path).getroot().iter("testcase"):  # noqa: S314 - our own report
        ends = [child.tag for child in one if child.tag in ("failure", "error", "skipped")]
        ended[f"{one.get('classname')}/{one.get('name')}"] = ends[0] if ends else "passed"
    suites = junitparser.JUnitXml.fromfile(str(path))
    assert {f"{case.classname}/{case.name}" for suite in suites for case in suite} == set(ended)
    assert suites.tests == len(ended)
    assert suites.failures + suites.errors == sum(end in ("failure", "error") for end in ended.values())
    return ended


def annotated(ran: Ran) -> list[tuple[str, dict[str, str], str]]:
    """The annotations of a step: level, properties and message. Each is one that the runner understands."""
    found = []
    for line in ran.annotations:
        matched = ANNOTATION.fullmatch(line)
        assert matched, line
        properties = dict(one.split("=", 1) for one in (matched[2] or "").split(",") if one)
        found.append((matched[1], properties, matched[3]))
    return found


def markdown(place: Place, name: str) -> str:
    return (place.checkout / "reports" / name).read_text(encoding="utf-8")


def spoil(place: Place) -> None:
    """One more bundle, exported while a worker held its task."""
    put(place.checkout / "exports" / LEASED, long_ago(place.clone, LEASED))


def test_the_clone_is_clean_and_its_dwctl_is_the_one_that_runs(place: Place) -> None:
    assert git(place.checkout, "status", "--porcelain") == ""
    ran = place.run("dwctl --version; python3 -c 'import dwctl; print(dwctl.__file__)'; env", {})
    assert str(place.clone / "src" / "dwctl") in ran.out
    assert not re.search(r"^(DW_|DURABLE_)", ran.out, re.MULTILINE)


# --- GitHub ----------------------------------------------------------------------------------------------------


def test_github_is_green_on_sound_bundles_and_an_open_gate(place: Place) -> None:
    ran = github(place, "bundles")
    assert {name: one.code for name, one in ran.items()} == {"Dry run without a server": 0, "Summary": 0}
    assert len(cases(place, "bundles.xml")) == len(BUNDLES)
    assert set(cases(place, "bundles.xml").values()) == {"passed"}
    assert [one[0] for one in annotated(ran["Dry run without a server"])] == ["notice"]

    ran = github(place, "gate")
    assert {name: one.code for name, one in ran.items()} == {
        "Dry run on the server": 0, "Checklist up to the import": 0, "Summary": 0,
    }, ran["Checklist up to the import"].out  # fmt: skip
    assert set(cases(place, "dry-run.xml").values()) == {"passed"}
    ended = cases(place, "gate.xml")
    checks = json.loads(place.run("dwctl checklist list --json", {}).out)["checks"]
    assert {name.rpartition("/")[2].split()[0] for name in ended} == {one["id"] for one in checks}
    assert set(ended.values()) == {"passed", "skipped"}
    found = annotated(ran["Checklist up to the import"])
    assert "error" not in {level for level, _, _ in found}
    assert any(message.startswith("The gate is open") for _, _, message in found)
    assert "**The gate is open" in markdown(place, "gate.md")
    summary = place.summary.read_text(encoding="utf-8")
    assert all(markdown(place, f"{name}.md") in summary for name in ("bundles", "dry-run", "gate"))
    for name in ("bundles", "dry-run", "gate"):
        html = (place.checkout / "reports" / f"{name}.html").read_text(encoding="utf-8")
        assert html.lower().startswith("<!doctype html>")


def test_github_is_red_on_a_bundle_that_was_exported_under_a_lease(place: Place) -> None:
    spoil(place)
    ran = github(place, "bundles")
    assert {name: one.code for name, one in ran.items()} == {"Dry run without a server": 1, "Summary": 0}
    ended = cases(place, "bundles.xml")
    assert sorted(ended.values()) == ["failure", *["passed"] * len(BUNDLES)]
    (about,) = [one for one in annotated(ran["Dry run without a server"]) if "file" in one[1]]
    level, properties, message = about
    assert (level, properties["file"]) == ("error", f"exports/{LEASED}")
    assert "tasks.leased_task_present" in properties["title"]
    assert message.startswith("refused: ")
    assert "tasks.leased_task_present" in markdown(place, "bundles.md")

    ran = github(place, "gate")
    assert [one.code for one in ran.values()] == [1, 1, 0]
    assert list(cases(place, "dry-run.xml").values()).count("failure") == 1
    red = {name.rpartition("/")[2].split()[0] for name, end in cases(place, "gate.xml").items() if end == "failure"}
    assert {"exports.verified", "exports.quiesced"} <= red
    assert ("error", {"title": "exports.verified (fail)"}) in [
        one[:2] for one in annotated(ran["Checklist up to the import"])
    ]
    assert "**The gate is shut.**" in markdown(place, "gate.md")


def test_github_is_red_where_there_is_nothing_to_judge(place: Place) -> None:
    shutil.rmtree(place.checkout / "exports")
    ran = github(place, "bundles")
    assert {name: one.code for name, one in ran.items()} == {"Dry run without a server": 2, "Summary": 0}
    assert set(cases(place, "bundles.xml").values()) == {"error"}
    assert "error" in {level for level, _, _ in annotated(ran["Dry run without a server"])}


def test_github_is_red_without_its_secrets(place: Place) -> None:
    place.secrets = dict.fromkeys(place.secrets, "")
    ran = github(place, "gate")
    assert ran["Dry run on the server"].code == 4
    assert ran["Checklist up to the import"].code == 1
    assert "EMBEDDED_DATABASE_URL" in ran["Checklist up to the import"].out


# --- GitLab ----------------------------------------------------------------------------------------------------


def test_gitlab_is_green_then_red(place: Place) -> None:
    for job in ("bundles", "dry-run", "gate"):
        ran = gitlab(place, job)
        assert ran.code == 0, (job, ran.out, ran.err)
        assert set(cases(place, f"{job}.xml").values()) <= {"passed", "skipped"}
        assert markdown(place, f"{job}.md")
    spoil(place)
    for job in ("bundles", "dry-run", "gate"):
        assert gitlab(place, job).code == 1
        assert "failure" in cases(place, f"{job}.xml").values()


# --- hooks -----------------------------------------------------------------------------------------------------


def try_commit(place: Place) -> tuple[bool, str]:
    """Whether a commit of what is staged was made, and what was said."""
    before = git(place.checkout, "rev-parse", "HEAD")
    ran = place.run("git commit --message more", {})
    made = git(place.checkout, "rev-parse", "HEAD") != before
    assert made is (ran.code == 0)
    return made, ran.out + ran.err


@pytest.fixture
def hooked(place: Place) -> Place:
    hook = place.checkout / ".git" / "hooks" / "pre-commit"
    put(hook, (place.clone / "examples" / "ci" / "pre-commit").read_bytes())
    hook.chmod(0o755)
    return place


def test_the_hook_refuses_a_commit_of_a_bad_bundle_and_lets_a_good_one_pass(hooked: Place) -> None:
    spoil(hooked)
    git(hooked.checkout, "add", "exports")
    made, said = try_commit(hooked)
    assert not made
    assert "tasks.leased_task_present" in said
    git(hooked.checkout, "rm", "--cached", "--quiet", f"exports/{LEASED}")
    put(hooked.checkout / "exports" / "later.json", long_ago(hooked.clone, "completed-order-1001.json"))
    git(hooked.checkout, "add", "exports/later.json")
    assert (hooked.checkout / "exports" / LEASED).exists()
    assert try_commit(hooked)[0], "what is not staged is not judged"


def test_the_hook_judges_what_is_staged_and_not_what_lies_there(hooked: Place) -> None:
    spoil(hooked)
    git(hooked.checkout, "add", "exports")
    (hooked.checkout / "exports" / LEASED).unlink()
    assert not try_commit(hooked)[0]


def test_the_hook_lets_go_what_is_no_concern_of_its_own(hooked: Place) -> None:
    (hooked.bin / "dwctl").unlink()
    put(hooked.checkout / "notes.txt", b"x")
    git(hooked.checkout, "add", "notes.txt")
    assert try_commit(hooked)[0]
    spoil(hooked)
    git(hooked.checkout, "add", "exports")
    made, said = try_commit(hooked)
    assert not made
    assert "python -m pip install dwctl" in said


def test_the_hook_leaves_nothing_behind(hooked: Place, tmp_path: Path) -> None:
    spoil(hooked)
    git(hooked.checkout, "add", "exports")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    assert hooked.run("TMPDIR=$SCRATCH .git/hooks/pre-commit", {"SCRATCH": str(scratch)}).code == 1
    assert list(scratch.iterdir()) == []


def test_the_hook_for_pre_commit_says_what_the_repository_offers(place: Place) -> None:
    (repository,) = example(place.clone, "pre-commit-config.yaml")["repos"]
    (hook,) = repository["hooks"]
    (offered,) = yaml.safe_load((place.clone / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert {key: offered[key] for key in offered if key != "description"} == {
        key: hook[key] for key in hook if key != "additional_dependencies"
    }
    assert hook["pass_filenames"] is False
    asked = re.compile(hook["files"])
    assert all(asked.search(f"exports/{name}") for name in (*BUNDLES, "a/b.json.gz", "a/b.json.zst"))
    assert asked.search("cutover.toml")
    assert not asked.search("exports/manifest.jsonl")
    assert place.run(hook["entry"], {}).code == 0
    spoil(place)
    assert place.run(hook["entry"], {}).code == 1


# --- the files -------------------------------------------------------------------------------------------------


def scripts(name: str) -> Iterator[str]:
    """Every script of a file, wherever it stands."""

    def walk(value: Any) -> Iterator[str]:
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            if key in ("run", "entry"):
                yield one
            elif key in ("script", "before_script"):
                yield "\n".join(one)
            elif isinstance(one, dict | list):
                yield from walk(one)

    yield from walk(yaml.safe_load((CI / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", ["github-workflow.yml", "gitlab-ci.yml", "pre-commit-config.yaml"])
def test_scripts_hold_no_secret_no_host_and_nothing_that_the_system_puts_in(name: str) -> None:
    found = list(scripts(name))
    assert any("dwctl history-import exports --dry-run" in one for one in found)
    for one in found:
        assert "${{" not in one, "GitHub would put it in before the shell reads it"
        assert not re.search(r"--token|TOKEN|://|DATABASE_URL", one)


def test_the_workflow_is_of_the_shape_that_github_reads() -> None:
    document = example(ROOT, "github-workflow.yml")
    assert set(document) == {"name", "on", "permissions", "concurrency", "jobs"}
    assert document["permissions"] == {"contents": "read"}
    assert document["concurrency"]["cancel-in-progress"] is False
    assert set(document["on"]) == {"pull_request", "push", "schedule", "workflow_dispatch"}
    for job in document["jobs"].values():
        assert job["timeout-minutes"] <= 30
        for step in job["steps"]:
            assert ("uses" in step) is not ("run" in step)
            assert "run" in step or re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"])
    assert "secrets." not in str(document["jobs"]["bundles"])
    gate = document["jobs"]["gate"]
    assert (gate["needs"], gate["environment"]) == ("bundles", "cutover")
    assert "pull_request" in gate["if"]
    assert not any("secrets." in str(step) for step in gate["steps"] if "dwctl" not in step.get("run", ""))


def test_the_pipeline_is_of_the_shape_that_gitlab_reads() -> None:
    document = example(ROOT, "gitlab-ci.yml")
    jobs = {name: job for name, job in document.items() if name not in ("stages", "default") and name[0] != "."}
    assert set(jobs) == {"bundles", "dry-run", "gate"}
    for name in jobs:
        assert inherited(document, name, "stage") in document["stages"]
        assert inherited(document, name, "script")
    reports = document[".reports"]["artifacts"]
    assert (reports["when"], reports["reports"]) == ("always", {"junit": "reports/*.xml"})
    assert document[".on-the-server"]["resource_group"] == "cutover"
    assert "DW_" not in str(document)


def test_the_readme_tells_of_every_file_and_job() -> None:
    text = (CI / "README.md").read_text(encoding="utf-8")
    files = {Path(name).name for name in listed("--cached", "--others", "--exclude-standard", "examples/ci")}
    assert [name for name in files - {"README.md"} if f"`{name}`" not in text] == []
    for name, key in (("github-workflow.yml", "jobs"), ("gitlab-ci.yml", "")):
        document = example(ROOT, name)
        jobs = document[key] if key else [one for one in document if one not in ("stages", "default") and one[0] != "."]
        assert [job for job in jobs if f"`{job}`" not in text] == []
