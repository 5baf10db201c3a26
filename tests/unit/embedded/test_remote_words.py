"""Words that must stay words: quoted behind ssh, and nowhere else."""

from __future__ import annotations

import shlex

import pytest

from dwctl.embedded.remote_words import as_one_command

REMOTE = ["php", "/a b/artisan", "workflow:v2:history-export", "--run", "--", "it's $(x); --y"]


@pytest.mark.parametrize(
    "own",
    [
        ["ssh", "host"],
        ["/usr/bin/ssh", "-i", "~/.ssh/my key", "host"],
        ["ssh", "-o", "ProxyCommand=nc %h 22", "-o", "BatchMode=yes", "user@host"],
        ["ssh", "-vTp2222", "host"],
        ["ssh", "--", "host"],
    ],
)
def test_behind_ssh_all_of_the_remote_command_is_quoted_and_nothing_else(own: list[str]) -> None:
    words = as_one_command([*own, *REMOTE])
    assert words[: len(own)] == own
    assert shlex.split(" ".join(words[len(own) :])) == REMOTE


@pytest.mark.parametrize(
    "own", [[], ["docker", "exec", "-i", "app"], ["kubectl", "exec", "deploy/app", "--"], ["sshpass", "ssh"]]
)
def test_without_ssh_in_front_words_stay_as_they_are(own: list[str]) -> None:
    assert as_one_command([*own, *REMOTE]) == [*own, *REMOTE]
    assert as_one_command([]) == []
