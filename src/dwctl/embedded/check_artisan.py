"""What the application's own artisan answers: open v1 workflows, readiness, health (contract/embedded.md, "Artisan").

The commands are the library's, and their documents may grow: what is not recognised is unknown, never a pass.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from dwctl.embedded import check_rows as rows
from dwctl.embedded.application import EmbeddedApplication
from dwctl.embedded.artisan_reasons import failure
from dwctl.embedded.calls import Caller, CallPrintsTooMuch, CallTimedOut
from dwctl.embedded.check import v1_answer
from dwctl.embedded.check_queries import Asked
from dwctl.embedded.check_results import KEPT_IDS, Answer, CheckResult, CheckRow, Evidence, passed, unknown
from dwctl.embedded.child import Clock, start_failure
from dwctl.embedded.reached import was_not_reached
from dwctl.embedded.remote_words import as_one_command
from dwctl.embedded.said import with_said

V1_LIST = ("workflow:v1:list", "--json")
DOCTOR = ("workflow:v2:doctor", "--json")


def upgrade_status(asked: Asked) -> tuple[str, ...]:
    """The words of the command that says whether the application is ready, by the strategy."""
    return ("workflow:v2:upgrade-status", f"--strategy={asked.v1.value}", "--json")


@dataclass(frozen=True, slots=True)
class Said:
    """What one artisan command printed, and its exit code."""

    code: int
    output: bytes


Ask = Callable[[tuple[str, ...]], Said]
"""Runs artisan with these words. Raises a DwctlError where it cannot be run, or does not end in time."""

_MOST = 64 << 20
"""Bytes of stdout beyond which a call is ended: these commands print lists, not bundles."""


def asker(application: EmbeddedApplication, *, clock: Clock = time.monotonic) -> Ask:
    """How to ask the artisan of an application; each question boots it."""

    def ask(words: tuple[str, ...]) -> Said:
        command = as_one_command([*application.artisan_words(), *words])
        try:
            ended = Caller(clock).call(
                command, timeout=application.timeout, environment=application.environment, most=_MOST
            )
        except (OSError, ValueError) as error:
            raise failure("application_not_started", start_failure(command, error), where="embedded.artisan") from None
        except CallTimedOut as error:
            sentence = f"artisan {words[0]} did not end within {application.timeout:g} seconds"
            raise failure("question_failed", with_said(sentence, error.errors), where="embedded.timeout") from None
        except CallPrintsTooMuch:
            raise failure("question_failed", f"artisan {words[0]} printed without end, and was ended") from None
        if was_not_reached(ended.code, ended.output, ended.errors):
            sentence = f"the embedded application was not reached (exit code {ended.code})"
            raise failure("application_not_reached", with_said(sentence, ended.errors), where="embedded.artisan")
        return Said(ended.code, ended.output)

    return ask


def v1_by_artisan(ask: Ask, asked: Asked) -> CheckResult:
    """Open v1 workflows, as the application lists them."""
    said = ask(V1_LIST)
    listed = _list(_document(said.output))
    if listed is None or said.code != 0:
        return _unrecognised(rows.V1, V1_LIST, said)
    ids = [str(item.get("id")) if isinstance(item, dict) else str(item) for item in listed]
    return v1_answer(len(listed), ids[:KEPT_IDS], asked.v1, "artisan workflow:v1:list")


def upgrade_by_artisan(ask: Ask, asked: Asked) -> CheckResult:
    """Whether the library calls the application ready, with its findings."""
    words = upgrade_status(asked)
    said = ask(words)
    document = _document(said.output)
    ready = document.get("ready") if isinstance(document, dict) else None
    if not isinstance(ready, bool) or not isinstance(document, dict) or (ready and not _stands(said, document)):
        return _unrecognised(rows.UPGRADE, words, said)
    return _with_findings(rows.UPGRADE, ready, document, f"artisan {words[0]} --strategy={asked.v1.value}", "ready")


def doctor_by_artisan(ask: Ask, _asked: Asked) -> CheckResult:
    """Whether the library calls itself healthy, with its findings."""
    said = ask(DOCTOR)
    document = _document(said.output)
    if not isinstance(document, dict):
        return _unrecognised(rows.DOCTOR, DOCTOR, said)
    healthy = next((document[word] for word in _HEALTHY if isinstance(document.get(word), bool)), None)
    if healthy is None:
        status = document.get("status")
        healthy = said.code == 0 and str(status).lower() in _GOOD if isinstance(status, str) else None
    good = bool(healthy) and said.code == 0
    if healthy is None or (good and not _stands(said, document)):
        return _unrecognised(rows.DOCTOR, DOCTOR, said)
    return _with_findings(rows.DOCTOR, good, document, f"artisan {DOCTOR[0]}", "healthy")


_HEALTHY = ("healthy", "ok", "ready", "passed")
_GOOD = frozenset({"ok", "healthy", "pass", "passed", "ready"})


def _stands(said: Said, document: dict[str, Any]) -> bool:
    """Whether a good word can be believed: the command ended well, names no error, and its findings are a list."""
    findings = document.get("findings")
    return said.code == 0 and not document.get("error") and (findings is None or isinstance(findings, list))


def _with_findings(row: CheckRow, good: bool, document: dict[str, Any], asked: str, word: str) -> CheckResult:
    findings = list(_findings(document))
    evidence = (
        Evidence(asked, f"{word}: {'yes' if good else 'no'}"),
        *(Evidence("finding", one) for one in findings[:20]),
    )
    if good and not findings:
        return passed(row, f"the application says that it is {word}", *evidence)
    if good:
        said = f"the application says that it is {word}, with {len(findings):,} findings"
        return CheckResult(
            row, Answer.WARN, said, count=len(findings), ids_are="findings", evidence=evidence, next_step=row.fix
        )
    said = f"the application says that it is not {word}" + (f": {findings[0]}" if findings else "")
    return CheckResult(
        row, Answer.FAIL, said, count=len(findings), ids_are="findings", evidence=evidence, next_step=row.fix
    )


def _findings(document: dict[str, Any]) -> Iterator[str]:
    """The findings as short texts: a sentence where they have one, else their words."""
    found = document.get("findings")
    for one in found if isinstance(found, list) else ():
        keys = ("id", "code", "rule", "severity", "message", "title")
        words = [one.get(key) for key in keys] if isinstance(one, dict) else [one]
        yield " ".join(word for word in words if isinstance(word, str))[:300] or "a finding without words"


def _unrecognised(row: CheckRow, words: tuple[str, ...], said: Said) -> CheckResult:
    if said.code != 0:
        shape = "failed"
    else:
        shape = "printed no JSON document" if _document(said.output) is None else "printed a document of another shape"
    step = f"Run `php artisan {' '.join(words)}` in the application, and see what it says."
    return unknown(row, f"artisan {words[0]} {shape} (exit code {said.code})", step)


def _list(document: Any) -> list[Any] | None:
    """The workflows of a listing: the document itself, or the one list that it holds; none where it is not whole."""
    if isinstance(document, list):
        return document
    if not isinstance(document, dict) or document.get("error") or any(document.get(word) for word in _MORE_FOLLOWS):
        return None
    listed: list[Any] | None = next((document[word] for word in _LISTS if isinstance(document.get(word), list)), None)
    if listed is None or any(document.get(word) not in (None, len(listed)) for word in _COUNTS):
        return None
    return listed


_LISTS = ("workflows", "open", "items", "data", "runs")
_COUNTS = ("count", "total")
_MORE_FOLLOWS = ("has_more", "next", "next_cursor", "next_page", "next_page_url")


def _document(output: bytes) -> Any:
    """The JSON document in what artisan printed: warnings may stand around it. None where there is none."""
    text = output.decode("utf-8", "replace")
    decoder = json.JSONDecoder()
    best: Any = None
    longest = 0
    place = 0
    while (place := _opening(text, place)) >= 0:
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            place += 1
            continue
        if end - place > longest:
            best, longest = value, end - place
        place = end
    return best


def _opening(text: str, place: int) -> int:
    """Where the next line begins that opens an object or a list; -1 where none does."""
    while place < len(text):
        end = text.find("\n", place)
        line_end = len(text) if end < 0 else end
        begins = place == 0 or text[place - 1] == "\n"
        if begins and text[place:line_end].lstrip()[:1] in ("{", "["):
            return place + len(text[place:line_end]) - len(text[place:line_end].lstrip())
        place = line_end + 1
    return -1
