"""A command line as a person types it."""

from __future__ import annotations

import shlex

import pytest

from dwctl.typed_commands import command_line


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("dwctl", "ledger", "show", "01RUN", "--ledger", "a b.db"), "dwctl ledger show 01RUN --ledger 'a b.db'"),
        (("dwctl", "$(id)", "it's", ""), """dwctl '$(id)' 'it'"'"'s' ''"""),
        (("dwctl", "größe.json"), "dwctl 'größe.json'"),
        (("dwctl", "a\nb", "\x1b[2J", "bytes\udc80"), "dwctl … … …"),
    ],
)
def test_words_are_quoted_and_what_cannot_be_typed_is_to_be_filled_in(words: tuple[str, ...], line: str) -> None:
    assert command_line(*words) == line


def test_a_shell_reads_the_words_back() -> None:
    words = ["dwctl", "history-import", "a b/*.json", "--only", "it's", "", "#no", "~", "--reason", 'so "said"; ls']
    assert shlex.split(command_line(*words)) == words
