"""Help and completion: every command explains itself, and what help and README show can be typed."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from dwctl.cli.app import app
from dwctl.cli.main import run

README = Path(__file__).parents[2] / "README.md"
DWCTL = Path(sys.executable).with_name("dwctl")

Command = Any
"""A command as typer builds it; its class is private to typer."""


def commands(command: Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Command]]:
    """Every command and group below this one, with the words that lead to it."""
    for name, child in getattr(command, "commands", {}).items():
        yield (*path, name), child
        yield from commands(child, (*path, name))


ROOT: Command = typer.main.get_command(app)
ALL = dict(commands(ROOT))
LEAVES = {path: command for path, command in ALL.items() if not hasattr(command, "commands")}
EXPECTED = {
    *(("bundle", name) for name in ("verify", "show", "decode", "diff", "canonical", "repair")),
    ("history-import",),
    ("explain",),
    *(("schema", name) for name in ("list", "show")),
}


def test_the_commands_of_this_version_are_there() -> None:
    assert set(LEAVES) >= EXPECTED


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_a_command_has_a_one_line_summary(path: tuple[str, ...]) -> None:
    summary, *_ = (ALL[path].help or "").splitlines()
    assert 10 <= len(summary) <= 100
    assert summary.endswith(".")


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_a_command_has_a_paragraph_and_examples_that_can_be_typed(path: tuple[str, ...]) -> None:
    text = LEAVES[path].help or ""
    about, heading, examples = text.partition("Examples:")
    assert heading
    assert len(about.strip().split("\n\n")) >= 2
    lines = example_lines(examples)
    assert any(line.startswith(f"dwctl {' '.join(path)}") for line in lines)
    assert [complaint for line in lines for complaint in untypable(line)] == []


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_the_paragraphs_of_a_command_fit_a_terminal_of_80_columns(path: tuple[str, ...]) -> None:
    about, _, _ = (ALL[path].help or "").partition("Examples:")
    assert [line for line in about.splitlines()[1:] if len(line) > 78] == []


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_option_and_argument_is_described(path: tuple[str, ...]) -> None:
    silent = [p.name for p in LEAVES[path].params if not getattr(p, "help", None) and p.name != "help"]
    assert silent == []


@pytest.mark.parametrize("path", [(), *ALL], ids=lambda path: " ".join(path) or "dwctl")
def test_help_is_printed_and_keeps_the_layout_of_its_examples(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*path, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Usage" in shown
    for line in example_lines((ALL[path].help or "") if path else ""):
        first_words = " ".join(line.split()[:3])
        assert f"$ {first_words}" in shown


def test_the_commands_of_the_readme_can_be_typed() -> None:
    lines = example_lines(README.read_text(encoding="utf-8"))
    assert len(lines) > 5
    assert [complaint for line in lines for complaint in untypable(line)] == []


def test_the_readme_names_every_command_and_group() -> None:
    text = README.read_text(encoding="utf-8")
    assert [name for name in ROOT.commands if not re.search(rf"\bdwctl {name}\b", text)] == []


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("dwctl bundle burn x.json", "no command: bundle burn"),
        ("dwctl bundle verify --no-such x.json", "no option --no-such"),
        ("dwctl bundle", "not a whole command"),
        ("dwctl checklist --skip 11 burn", "no command: checklist burn"),
    ],
)
def test_an_example_that_cannot_be_typed_is_noticed(line: str, complaint: str) -> None:
    assert complaint in "\n".join(untypable(line))


def test_bash_completes_commands_from_the_script_that_dwctl_prints(tmp_path: Path) -> None:
    printed = subprocess.run(
        [DWCTL], env={"_DWCTL_COMPLETE": "source_bash"}, capture_output=True, text=True, check=True
    ).stdout
    script = tmp_path / "completion.bash"
    script.write_text(printed, encoding="utf-8")
    assert complete(script, "bun") == ["bundle"]
    assert set(complete(script, "bundle", "")) == {path[1] for path in LEAVES if path[0] == "bundle"}
    assert "--offline" in complete(script, "history-import", "--o")
    assert complete(script, "checklist", "waive", "server.clo") == ["server.clock"]
    assert complete(script, "explain", "server.clo") == ["server.clock"]
    assert {"server", "server.clock"} <= set(complete(script, "checklist", "--only", "server"))
    assert complete(script, "checklist", "--skip", "1") == ["1", "10", "11", "12"]


def test_completion_can_be_shown_from_the_command_line() -> None:
    done = subprocess.run(
        ["bash", "-c", f"{shlex.quote(str(DWCTL))} --show-completion; exit $?"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "_DWCTL_COMPLETE=complete_bash" in done.stdout


def complete(script: Path, *words: str) -> list[str]:
    """What bash offers for the last of these words, with the script sourced."""
    line = f'source "$1"; shift; COMP_WORDS=(dwctl "$@"); COMP_CWORD={len(words)}; _dwctl_completion dwctl'
    show = 'printf "%s\\n" "${COMPREPLY[@]}"'
    path = f"{DWCTL.parent}:/usr/bin:/bin"
    done = subprocess.run(
        ["bash", "-c", f"{line}; {show}", "bash", script, *words],
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def example_lines(text: str) -> list[str]:
    """The command lines of dwctl that a text shows after a `$`, without the prompt."""
    return re.findall(r"^\s*\$ (dwctl .*)$", text, re.MULTILINE)


def untypable(line: str) -> Iterator[str]:
    """What is wrong with a command line: a command or an option that does not exist."""
    command = ROOT
    path: tuple[str, ...] = ()
    words = before_the_shell(shlex.split(line, comments=True)[1:])
    for word in words:
        if word.startswith("-") and word.strip("-"):
            known = {name: p for p in command.params for name in (*p.opts, *p.secondary_opts)}
            option, given, _ = word.partition("=")
            if option not in {*known, "--help", "--version", "-h", "-V"}:
                yield f"no option {word} of dwctl {' '.join(path)}"
            elif option in known and not (given or known[option].is_flag or known[option].count):
                next(words, None)
        elif hasattr(command, "commands"):
            path = (*path, word)
            if word not in command.commands:
                yield f"no command: {' '.join(path)}"
                return
            command = command.commands[word]
    is_whole = not hasattr(command, "commands") or getattr(command, "invoke_without_command", False)
    if not is_whole and not line.endswith(("--help", "--version")):
        yield f"not a whole command: {line}"


def before_the_shell(words: list[str]) -> Iterator[str]:
    """The words before a pipe or a redirection."""
    for word in words:
        if word in {"|", "||", "&&", ";"} or word.startswith((">", "<", "2>")):
            return
        yield word
