"""A command line for a person to type or to paste into a shell, as reports, findings and messages give it."""

from __future__ import annotations

import shlex

TO_FILL_IN = "…"
"""What stands in place of a word that cannot be typed as it is."""


def command_line(*words: str) -> str:
    """The words of one command, each quoted as a shell needs it (POSIX), with a space between them.

    A word with characters that are not printable (a line break, an escape, bytes of a name that are no text) can
    neither be typed nor shown: `…` stands for it, which the shell takes for a plain word.
    """
    return " ".join(shlex.quote(word) if word.isprintable() else TO_FILL_IN for word in words)
