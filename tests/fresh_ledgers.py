"""Imports as from another machine each time: with a ledger that knows nothing of the imports before."""

from __future__ import annotations

import itertools

import pytest

from server_cli import command as plain_command

_NUMBERS = itertools.count()


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one command line; an import has a new ledger in this folder."""
    if arguments[:1] == ("history-import",) and "--ledger" not in arguments:
        arguments = (*arguments, "--ledger", f".ledgers/{next(_NUMBERS)}.db")
    return plain_command(capsys, *arguments)
