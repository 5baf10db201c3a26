"""The docs do not rot: every command line in them is one that this dwctl takes, and every id to explain exists."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from dwctl.cli.app import app
from dwctl.cli.checklist_options import PhaseName
from dwctl.errors import DwctlError, ExitCode
from dwctl.explanations import all_explanations, explanation

ROOT = Path(__file__).parents[2]
RUNBOOK = ROOT / "docs" / "runbook.md"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "examples").glob("*/README.md"))]
COMMAND: Any = typer.main.get_command(app)
"""The real command line, as typer builds it; its class is private to typer."""

SHELL = {"|", "||", "&&", ";", "&"}
AT_ONCE = {"--help", "--version", "--install-completion", "--show-completion"}
"""Options that act while a line is taken apart; they are left out, since nothing is to be carried out."""

LACKS = "Missing|requires an argument"
"""What is said of a line to which something is still to be added."""

PLACEHOLDER = re.compile(r"[A-Z_]+")
"""A word that a person replaces: ID, RULE."""


class Line(NamedTuple):
    """A command line of a page. One in running text may be a part: a command and an option, without their values."""

    page: str
    text: str
    whole: bool


def lines(page: Path) -> Iterator[Line]:
    """Every command line of dwctl on a page: of its blocks, and in running text."""
    name, text = page.relative_to(ROOT).as_posix(), page.read_text(encoding="utf-8")
    blocks = re.compile(r"^```\w*\n(.*?)^```|(?:^ {4}.*\n)+", re.MULTILINE | re.DOTALL)
    for block in blocks.finditer(text):
        joined = block[0].replace("\\\n", " ")
        for found in re.finditer(r"^\s*(?:\$ )?(dwctl (?!:).*)$", joined, re.MULTILINE):
            if not found[1].startswith("dwctl: "):
                yield from (Line(name, one, whole=True) for one in commands(found[1]))
    for found in re.finditer(r"(?<!`)`(dwctl [^`]+)`(?!`)", blocks.sub("", text)):
        yield from (Line(name, " ".join(one.split()), whole=False) for one in commands(found[1]))


def commands(text: str) -> Iterator[str]:
    """The calls of dwctl in a line of the shell."""
    words: list[str] = []
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split, lexer.commenters = True, "#"
    redirected = False
    for word in [*lexer, ";"]:
        if word in SHELL:
            if words and words[0] == "dwctl":
                yield shlex.join(words)
            words, redirected = [], False
        elif word.startswith((">", "<")):
            redirected = True
        elif redirected:
            redirected = False
        else:
            words.append(word)


def complaint(line: Line) -> str | None:
    """Why the command line is not taken; nothing is carried out."""
    words = shlex.split(line.text)[1:]
    given = [word for word in words if word not in AT_ONCE]
    may_lack = not line.whole or given != words
    command, path = COMMAND, ["dwctl"]
    context: Any = None
    while True:
        try:
            context = command.make_context(path[-1], list(given), parent=context)
        except typer.TyperException as error:
            said = error.format_message() or LACKS
            return None if may_lack and re.search(LACKS, said) else f"{' '.join(path)}: {said}"
        if not hasattr(command, "commands"):
            return None
        given = list(context._protected_args) + list(context.args)
        if not given:
            return None if command.invoke_without_command or may_lack else f"{' '.join(path)}: {LACKS}"
        name = given.pop(0)
        if name not in command.commands:
            return f"{' '.join(path)}: no command {name}"
        command = command.commands[name]
        path.append(name)


ALL = [line for page in PAGES for line in lines(page)]


def test_there_are_pages_with_commands() -> None:
    assert len({line.text for line in ALL if line.page == "docs/runbook.md"}) > 60
    assert {line.page for line in ALL} >= {
        "README.md", "docs/checklist.md", "docs/diagnose.md", "docs/runbook.md", "examples/ci/README.md",
        "examples/workers/README.md",
    }  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_of_a_page_can_be_typed(page: Path) -> None:
    found = [(line.text, why) for line in lines(page) if (why := complaint(line)) is not None]
    assert found == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_id_that_a_page_has_explained_exists(page: Path) -> None:
    unknown = []
    for line in lines(page):
        _, name, *rest = shlex.split(line.text)
        asked = [word for word in rest if not word.startswith("-") and not PLACEHOLDER.fullmatch(word)]
        if name == "explain" and asked and not explained(asked[0]):
            unknown.append(line.text)
    assert unknown == []


def explained(identifier: str) -> bool:
    """Whether `dwctl explain` knows an id."""
    try:
        explanation(identifier)
    except DwctlError:
        return False
    return True


def test_every_id_in_the_runbook_is_a_row() -> None:
    """Anything that looks like an id of dwctl: a category word, a dot, and what."""
    categories = {one.id.partition(".")[0] for one in all_explanations() if re.fullmatch(r"\w+\.\w+", one.id)}
    text = RUNBOOK.read_text(encoding="utf-8")
    named = {one for one in re.findall(r"`(\w+\.\w+)`", text) if one.partition(".")[0] in categories}
    assert len(named) > 20
    assert [one for one in sorted(named) if not explained(one)] == []


def test_the_runbook_goes_through_every_phase_and_every_way_back() -> None:
    text = RUNBOOK.read_text(encoding="utf-8")
    assert re.findall(r"^## ([A-F])\. ", text, re.MULTILINE) == list("ABCDEF")
    assert [phase for phase in PhaseName if f"dwctl checklist --phase {phase.value}" not in text] == []
    for heading in ("Before the import", "Imported, not claimed", "Claimed", "Completed"):
        assert f"\n### {heading}\n" in text
        assert f"](#{heading.lower().replace(',', '').replace(' ', '-')})" in text
    told = {int(code) for row in re.findall(r"^\| ([\d, ]+) \|", text, re.MULTILINE) for code in row.split(",")}
    assert told >= {int(code) for code in ExitCode}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        file, _, anchor = target.partition("#")
        there = (page.parent / file) if file else page
        if "://" in target:
            continue
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert broken == []


def anchors(page: Path) -> set[str]:
    """The names under which the headings of a page can be linked to."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("dwctl checklist --phase later", "'later' is not one of"),
        ("dwctl checklist --fase prepare", "No such option"),
        ("dwctl bundle burn x", "no command burn"),
        ("dwctl bundle", LACKS),
        ("dwctl explain a b", "unexpected extra argument"),
        ("dwctl checklist waive server.clock", "Missing option"),
        ("dwctl history-import exports --jobs many", "not a valid int"),
    ],
)
def test_a_line_that_cannot_be_typed_is_noticed(text: str, why: str) -> None:
    assert why in str(complaint(Line("x", text, whole=True)))


def test_parts_in_running_text_may_lack_values_but_not_be_wrong() -> None:
    assert complaint(Line("x", "dwctl history-export --output-dir", whole=False)) is None
    assert complaint(Line("x", "dwctl history-export --output-folder", whole=False)) is not None
    assert complaint(Line("x", "dwctl checklist attests", whole=False)) is not None


def test_lines_of_the_shell_are_taken_apart() -> None:
    assert list(commands("dwctl checklist --json > a.json; dwctl checklist --compare a.json  # what changed")) == [
        "dwctl checklist --json", "dwctl checklist --compare a.json",
    ]  # fmt: skip
    assert list(commands("dwctl ledger show x | jq .a && dwctl health")) == ["dwctl ledger show x", "dwctl health"]
