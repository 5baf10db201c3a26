"""What a child said, shortened to what helps a person."""

from __future__ import annotations

import re
from typing import Final

from dwctl.embedded.child import PHP_RUNS

_FIRST, _LAST, _WIDTH = 4, 2, 240
_A_FAULT: Final = re.compile(r"error|exception|fatal|not found|no such|failed|denied|could not|cannot", re.IGNORECASE)


def said(errors: bytes, output: bytes = b"") -> str:
    """The lines of stderr that matter, as one line; empty where there are none.

    Of stdout only lines without data are shown, and only where stderr is silent: stdout may hold a bundle.
    """
    lines = _lines(errors) or [line for line in _lines(output) if _A_FAULT.search(line) and not set("{[") & set(line)]
    if len(lines) > _FIRST + _LAST:
        lines = [*lines[:_FIRST], "...", *lines[-_LAST:]]
    return " | ".join(line if len(line) <= _WIDTH else f"{line[:_WIDTH]}..." for line in lines)


def with_said(sentence: str, errors: bytes, output: bytes = b"") -> str:
    """The sentence, followed by what the child said where it said something."""
    words = said(errors, output)
    return f"{sentence}: {words}" if words else sentence


def _lines(text: bytes) -> list[str]:
    lines = (line.strip() for line in text.decode("utf-8", "replace").splitlines())
    return [line for line in lines if line and line != PHP_RUNS]
