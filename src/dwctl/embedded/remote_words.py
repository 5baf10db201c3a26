"""Argument lists that must stay argument lists on the other side of ssh."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

# One or more letters of ssh, the last of which takes the next word as its value: -i, -vp.
_SSH_OPTION_BEFORE_VALUE = re.compile("-[^BbcDEeFIiJLlmOoPpQRSWw-]*[BbcDEeFIiJLlmOoPpQRSWw]")


def as_one_command(words: Sequence[str]) -> list[str]:
    """The argument list to start: behind ssh, all of the remote command is quoted word by word; else as it is."""
    return _quoted_for_ssh(words) if words and words[0].rpartition("/")[2] == "ssh" else list(words)


def _quoted_for_ssh(words: Sequence[str]) -> list[str]:
    """The words with all of the remote command quoted.

    ssh joins them for a shell on the other side. Its own options and the host stay as they are: no shell reads
    those, and a quoted `-i ~/.ssh/key` would name another file.
    """
    at, host = 1, False
    while at < len(words):
        word = words[at]
        if word.startswith("-") and word != "-":
            at += 2 if _SSH_OPTION_BEFORE_VALUE.fullmatch(word) else 1
        elif host:
            break
        else:
            at, host = at + 1, True
    return [*words[:at], *(shlex.quote(word) for word in words[at:])]
