"""What artisan answers where no database is given, and what its documents do not say."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dwctl.embedded.application import EmbeddedApplication
from dwctl.embedded.check_artisan import Said, asker, doctor_by_artisan, upgrade_by_artisan, v1_by_artisan
from dwctl.embedded.check_queries import Asked
from dwctl.embedded.check_results import Answer, CheckResult, Strategy
from dwctl.errors import DwctlError
from dwctl.transfer.runtimes.check import Sources, run_checks

Words = tuple[str, ...]


def says(value: Any, code: int = 0, *, before: str = "", after: str = "") -> Callable[[Words], Said]:
    text = value if isinstance(value, str) else json.dumps(value, indent=2)
    return lambda words: Said(code, f"{before}{text}\n{after}".encode())


@pytest.mark.parametrize(
    ("document", "answer", "count"),
    [
        ([], Answer.PASS, 0),
        ([{"id": 5, "class": "App\\V1"}, {"id": 6}], Answer.FAIL, 2),
        ({"workflows": [{"id": 5}]}, Answer.FAIL, 1),
        ({"workflows": []}, Answer.PASS, 0),
        ({"surprise": True}, Answer.UNKNOWN, 0),
        ("nothing here", Answer.UNKNOWN, 0),
        ('{"workflows": [', Answer.UNKNOWN, 0),
        ({"error": "SQLSTATE[42S02]", "data": []}, Answer.UNKNOWN, 0),
        ({"error": None, "data": []}, Answer.PASS, 0),
        ({"data": [], "total": 0, "next_page": None}, Answer.PASS, 0),
        ({"data": [], "total": 7}, Answer.UNKNOWN, 0),
        ({"open": [], "count": 5}, Answer.UNKNOWN, 0),
        ({"data": [], "next_page": 2}, Answer.UNKNOWN, 0),
        ({"data": [{"id": 5}], "count": 1, "has_more": False}, Answer.FAIL, 1),
    ],
)
def test_open_v1_workflows_by_artisan(document: Any, answer: Answer, count: int) -> None:
    result = v1_by_artisan(says(document), Asked())
    assert (result.answer, result.count) == (answer, count)


@pytest.mark.parametrize("document", [[], {"workflows": []}, {"error": "SQLSTATE[42S02]", "data": []}])
def test_a_listing_that_failed_proves_nothing(document: Any) -> None:
    result = v1_by_artisan(says(document, 1), Asked())
    assert result.answer is Answer.UNKNOWN
    assert result.said == "artisan workflow:v1:list failed (exit code 1)"


def test_noise_around_the_document_is_passed_over() -> None:
    noisy = says([{"id": 5}], before='Deprecated: {"x"} in Foo\n[warning] cache\n', after="{ done\n")
    assert v1_by_artisan(noisy, Asked()).ids == ("5",)
    assert v1_by_artisan(noisy, Asked(v1=Strategy.COEXIST)).answer is Answer.PASS


@pytest.mark.parametrize(
    ("document", "answer"),
    [
        ({"ready": True, "findings": []}, Answer.PASS),
        ({"ready": True, "findings": [{"id": "x", "message": "look"}]}, Answer.WARN),
        ({"ready": False, "findings": ["v1 is open"]}, Answer.FAIL),
        ({"ready": "yes"}, Answer.UNKNOWN),
        ([], Answer.UNKNOWN),
        ({"ready": True, "findings": {"v1": "is open"}}, Answer.UNKNOWN),
        ({"ready": True, "findings": None}, Answer.PASS),
        ({"ready": True, "findings": [7]}, Answer.WARN),
        ({"ready": True, "error": "no connection"}, Answer.UNKNOWN),
        ({"ready": False, "findings": {"v1": "is open"}}, Answer.FAIL),
    ],
)
def test_readiness_by_artisan(document: Any, answer: Answer) -> None:
    asked: list[Words] = []

    def ask(words: Words) -> Said:
        asked.append(words)
        return says(document)(words)

    result = upgrade_by_artisan(ask, Asked(v1=Strategy.COEXIST))
    assert result.answer is answer
    assert asked == [("workflow:v2:upgrade-status", "--strategy=coexist", "--json")]


@pytest.mark.parametrize(("ready", "answer"), [(True, Answer.UNKNOWN), (False, Answer.FAIL)])
def test_readiness_from_a_command_that_failed_is_not_believed(ready: bool, answer: Answer) -> None:
    assert upgrade_by_artisan(says({"ready": ready}, 1), Asked()).answer is answer


@pytest.mark.parametrize(
    ("document", "code", "answer"),
    [
        ({"healthy": True}, 0, Answer.PASS),
        ({"status": "ok"}, 0, Answer.PASS),
        ({"status": "degraded"}, 0, Answer.FAIL),
        ({"healthy": True}, 1, Answer.FAIL),
        ({"healthy": False, "findings": ["no worker"]}, 0, Answer.FAIL),
        ({"something": 1}, 0, Answer.UNKNOWN),
        ({"healthy": True, "findings": "none"}, 0, Answer.UNKNOWN),
        ({"healthy": True, "error": "no connection"}, 0, Answer.UNKNOWN),
    ],
)
def test_health_by_artisan(document: Any, code: int, answer: Answer) -> None:
    assert doctor_by_artisan(says(document, code), Asked()).answer is answer


def by_artisan(ask: Callable[[Words], Said]) -> dict[str, CheckResult]:
    return {result.row.id: result for result in run_checks(Sources(artisan=ask), Asked())}


def test_without_a_database_artisan_answers_what_it_can_and_the_rest_is_unknown() -> None:
    documents = {
        "workflow:v1:list": [],
        "workflow:v2:upgrade-status": {"ready": True},
        "workflow:v2:doctor": {"ok": True},
    }
    results = by_artisan(lambda words: says(documents[words[0]])(words))
    answered = {name for name, result in results.items() if result.answer is Answer.PASS}
    assert answered == {"embedded.v1_drained", "embedded.upgrade_status", "embedded.doctor"}
    assert {result.answer for name, result in results.items() if name not in answered} == {Answer.UNKNOWN}


def test_an_artisan_that_fails_leaves_its_checks_unknown_with_the_reason() -> None:
    def ask(words: Words) -> Said:
        raise DwctlError("the embedded application was not reached", next_step="Try it in a shell.")

    result = by_artisan(ask)["embedded.v1_drained"]
    assert (result.answer, result.next_step) == (Answer.UNKNOWN, "Try it in a shell.")
    assert "not reached" in result.said


def artisan(tmp_path: Path, body: str, timeout: float = 20.0) -> Callable[[Words], Said]:
    script = tmp_path / "artisan.py"
    script.write_text(body)
    return asker(EmbeddedApplication(artisan=(sys.executable, str(script)), timeout=timeout))


def test_artisan_is_run_with_its_words(tmp_path: Path) -> None:
    ask = artisan(tmp_path, "import sys, json\nprint(json.dumps(sys.argv[1:]))\nsys.exit(1)")
    said = ask(("workflow:v1:list", "--json"))
    assert (said.code, json.loads(said.output)) == (1, ["workflow:v1:list", "--json"])


@pytest.mark.parametrize(
    ("body", "timeout", "reason"),
    [
        ("import time\ntime.sleep(60)", 0.3, "question_failed"),
        (
            "import sys\nsys.stderr.write('ssh: connect to host x: refused')\nsys.exit(255)",
            20.0,
            "application_not_reached",
        ),
    ],
)
def test_an_artisan_that_hangs_or_is_not_reached(tmp_path: Path, body: str, timeout: float, reason: str) -> None:
    with pytest.raises(DwctlError) as raised:
        artisan(tmp_path, body, timeout)(("workflow:v1:list",))
    assert raised.value.reason == reason


def test_an_artisan_that_cannot_be_started() -> None:
    with pytest.raises(DwctlError) as raised:
        asker(EmbeddedApplication(artisan=("/nowhere/php", "artisan")))(("workflow:v1:list",))
    assert raised.value.reason == "application_not_started"
