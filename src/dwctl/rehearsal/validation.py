"""Validation as the server answers it: every field that is wrong, each with its sentences (contract/server.md §1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dwctl.rehearsal.answers import Refusal

Problems = dict[str, list[str]]


class Fields:
    """Reads fields of a request and collects what is wrong with them; `done` refuses the request if anything is.

    `facts` are repeated in the refusal: what the path names.
    """

    def __init__(self, values: Mapping[str, Any], facts: Mapping[str, Any] | None = None) -> None:
        self._values = values
        self._facts = dict(facts or {})
        self.problems: Problems = {}

    def wrong(self, field: str, sentence: str) -> None:
        """Note one thing that is wrong."""
        self.problems.setdefault(field, []).append(sentence)

    def text(
        self,
        field: str,
        *,
        required: bool = False,
        longest: int = 255,
        pattern: re.Pattern[str] | None = None,
        choices: tuple[str, ...] = (),
    ) -> str | None:
        """A text, or None where it is absent or wrong."""
        value = self._values.get(field)
        if value is None:
            if required:
                self.wrong(field, f"The field {field} is required.")
            return None
        if not isinstance(value, str):
            self.wrong(field, f"The field {field} must be a text.")
        elif len(value) > longest:
            self.wrong(field, f"The field {field} must not be longer than {longest} characters.")
        elif pattern is not None and not pattern.fullmatch(value):
            self.wrong(field, f"The field {field} has characters that it may not have.")
        elif choices and value not in choices:
            self.wrong(field, f"The field {field} must be one of {', '.join(choices)}.")
        else:
            return value
        return None

    def integer(self, field: str, *, least: int, most: int | None = None) -> int | None:
        """An integer, written as a number or as a text; None where it is absent or wrong."""
        value = self._values.get(field)
        if value is None:
            return None
        if isinstance(value, bool) or not re.fullmatch(r"-?\d{1,18}", str(value)):
            self.wrong(field, f"The field {field} must be an integer.")
            return None
        number = int(value)
        if number < least:
            self.wrong(field, f"The field {field} must be at least {least}.")
        elif most is not None and number > most:
            self.wrong(field, f"The field {field} must not be greater than {most}.")
        else:
            return number
        return None

    def array(self, field: str) -> list[Any] | dict[str, Any] | None:
        """An array as PHP knows it, a JSON list or object; None where it is absent or wrong."""
        value = self._values.get(field)
        if value is None or isinstance(value, list | dict):
            return value
        self.wrong(field, f"The field {field} must be a list or an object.")
        return None

    def boolean(self, field: str) -> bool | None:
        """A truth value in any of the framework's spellings; None where it is absent or wrong."""
        value = self._values.get(field)
        if value is None:
            return None
        spelled = str(value).lower() if isinstance(value, bool | int | str) else ""
        if spelled not in ("1", "0", "true", "false", "on", "off", "yes", "no"):
            self.wrong(field, f"The field {field} must be true or false.")
            return None
        return spelled in ("1", "true", "on", "yes")

    def done(self) -> None:
        """Raise `Refusal` 422 if anything was wrong."""
        if not self.problems:
            return
        first = next(iter(self.problems.values()))[0]
        others = sum(map(len, self.problems.values())) - 1
        more = f" (and {others} more)" if others else ""
        raise Refusal(
            422,
            {
                "message": first + more,
                "reason": "validation_failed",
                "errors": self.problems,
                "validation_errors": self.problems,
                **self._facts,
            },
        )
