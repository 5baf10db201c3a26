"""Every `reason` word that the source gives has a row of `dwctl explain`, and every row of ours is given somewhere.

The words are read off the source: as a keyword `reason="word"`, and handed to a function that takes a parameter
`reason`. Words that come out of a table are named here with their table.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import dwctl
from dwctl.bundle.restoration import Cause
from dwctl.explanations import all_explanations
from dwctl.server.failures import Delivery, Exchange, ServerFailure
from dwctl.server.status_reasons import STATUS_REASONS
from dwctl.transfer.ledger.reasons import LEDGER_REASONS

SOURCE = Path(dwctl.__file__).parent
LOOKED_AT = [path for path in sorted(SOURCE.rglob("*.py")) if "rehearsal" not in path.relative_to(SOURCE).parts[:1]]
"""The rehearsal server is left out: it speaks the words of the server that it stands in for."""

EXPLAINED = {row.id for row in all_explanations()}
WORD = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")

OF_TABLES = {Cause.EDITED_OR_DAMAGED.value, "embedded_v2_import_unavailable"}
"""What is given as `reason=` out of an enumeration or a mapping."""


def words_given(text: str) -> Iterator[str]:
    """The constant words that a module gives as a reason."""
    tree = ast.parse(text)
    takers = dict(functions_that_take_a_reason(tree))
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        given = [keyword.value for keyword in call.keywords if keyword.arg == "reason"]
        place = takers.get(call.func.id) if isinstance(call.func, ast.Name) else None
        if place is not None and len(call.args) > place:
            given.append(call.args[place])
        yield from (word for value in given for word in constants(value) if WORD.fullmatch(word))


def functions_that_take_a_reason(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Functions of the module with a parameter `reason` that can be given by its place, and that place."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            names = [argument.arg for argument in node.args.args]
            if "reason" in names:
                yield node.name, names.index("reason")


def constants(value: ast.expr) -> Iterator[str]:
    """The texts that an expression can be, as far as it names them: a constant, or either side of a condition."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.IfExp):
        yield from (*constants(value.body), *constants(value.orelse))
    elif isinstance(value, ast.BoolOp):
        yield from (word for side in value.values for word in constants(side))


def test_every_reason_of_the_source_is_explained() -> None:
    places = {
        word: path.relative_to(SOURCE).as_posix() for path in LOOKED_AT for word in words_given(path.read_text("utf-8"))
    }
    assert len(places) > 100
    assert {"usage", "unreadable", "lone_surrogate", "no_bundles", "wrong_expiry"} <= set(places)
    assert {word: place for word, place in places.items() if word not in EXPLAINED} == {}


@pytest.mark.parametrize("word", sorted(OF_TABLES))
def test_a_reason_out_of_a_table_is_explained(word: str) -> None:
    assert word in EXPLAINED


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('raise Failure("no", reason="no_such_word")', ["no_such_word"]),
        ('def _no(text, reason): ...\n_no("it", "by_place")', ["by_place"]),
        ('x = Failure(reason="one" if y else "two")', ["one", "two"]),
        ('x = Failure(reason=found or "fall_back")', ["fall_back"]),
        ('archive(reason="the person said so")', []),
    ],
)
def test_a_word_is_found_where_it_is_given(text: str, words: Iterable[str]) -> None:
    assert list(words_given(text)) == words


def failed_with(status: int) -> ServerFailure:
    """What a call raises that was answered with this status and no reason."""
    exchange = Exchange("POST", "http://server.test/", Delivery.ANSWERED, status)
    return ServerFailure("the server refused it", exchange)


def test_no_row_of_ours_explains_what_nobody_says() -> None:
    of_tables = re.compile(r"reasons\.py$")
    source = "".join(path.read_text("utf-8") for path in LOOKED_AT if not of_tables.search(path.name))
    said = set(re.findall(r'"([a-z][a-z0-9_]+)"', source)) | {cause.value for cause in Cause}
    said |= {failed_with(status).reason_or_status for row in STATUS_REASONS for status in row.statuses}
    ours = {row.id for row in all_explanations() if row.origin == "dwctl" and row.kind.startswith("reason")}
    assert {row.id for row in LEDGER_REASONS} <= ours
    assert ours - said == set()
