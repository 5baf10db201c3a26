"""Complaints about what is in a bundle name the file that it came from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dwctl.errors import AnswerIsNo


@contextmanager
def naming(file: str) -> Iterator[None]:
    """Let a complaint about a document's content name the file before the place in it."""
    try:
        yield
    except AnswerIsNo as error:
        error.where = file if error.where in (None, "$") else f"{file}, {error.where}"
        raise
