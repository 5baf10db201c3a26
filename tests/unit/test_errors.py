"""The exception tree: one exit code each, drawn in the docstring as it is in the code."""

from __future__ import annotations

import inspect
import re

import pytest

from dwctl import errors
from dwctl.errors import DwctlError, ExitCode

CLASSES = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, DwctlError) and value is not DwctlError
]
CODES = {
    "DONE": 0,
    "NO": 1,
    "USAGE": 2,
    "NETWORK": 3,
    "AUTH": 4,
    "NOT_FOUND": 5,
    "SERVER": 6,
    "TIMEOUT": 7,
    "INCOMPATIBLE": 8,
    "PARTLY": 9,
    "LOCAL_STATE": 10,
    "INTERRUPTED": 130,
}


def test_the_exit_codes_are_those_of_the_design() -> None:
    assert {code.name: int(code) for code in ExitCode} == CODES


def test_every_exit_code_but_done_belongs_to_one_class_directly_below_the_root() -> None:
    direct = [cls for cls in CLASSES if cls.__base__ is DwctlError]
    assert sorted(cls.exit_code for cls in direct) == sorted(set(ExitCode) - {ExitCode.DONE})


@pytest.mark.parametrize("cls", CLASSES)
def test_a_subclass_says_more_but_never_another_exit_code(cls: type[DwctlError]) -> None:
    base = cls.__base__
    assert base is not None
    assert issubclass(base, DwctlError)
    assert base is DwctlError or cls.exit_code is base.exit_code


@pytest.mark.parametrize("cls", CLASSES)
def test_every_class_says_what_it_is_for(cls: type[DwctlError]) -> None:
    assert cls.__doc__ is not None
    assert cls.__doc__ not in {base.__doc__ for base in cls.__bases__}


def test_the_tree_in_the_docstring_is_the_tree_of_the_code() -> None:
    assert drawn_tree(inspect.getdoc(errors) or "") == {
        cls.__name__: (cls.__base__.__name__ if cls.__base__ else "", int(cls.exit_code)) for cls in CLASSES
    }


def test_a_class_missing_in_the_drawing_is_noticed() -> None:
    text = inspect.getdoc(errors) or ""
    without = "\n".join(line for line in text.splitlines() if "NotRepairable" not in line)
    assert set(drawn_tree(text)) - set(drawn_tree(without)) == {"NotRepairable"}


@pytest.mark.parametrize("cls", [DwctlError, *CLASSES])
def test_an_error_carries_what_where_why_and_what_next(cls: type[DwctlError]) -> None:
    error = cls("it is wrong", where="a.json at $.b", next_step="Do this.", reason="a_reason")
    assert str(error) == error.message == "it is wrong"
    assert (error.where, error.next_step, error.reason) == ("a.json at $.b", "Do this.", "a_reason")


def test_a_document_that_does_not_decode_names_line_and_column() -> None:
    error = errors.UndecodableDocument("it stops", line=3, column=14)
    assert error.where == "line 3, column 14"
    assert (error.line, error.column) == (3, 14)


def drawn_tree(text: str) -> dict[str, tuple[str, int]]:
    """Read the drawing: class → (the class it hangs from, its exit code; a subclass has its parent's)."""
    tree: dict[str, tuple[str, int]] = {}
    path: list[str] = ["DwctlError"]
    for line in text.splitlines():
        drawn = re.match(r"\s{4}((?:│   |    )*)[├└]── (\w+)(?:\s+(\d+))?", line)
        if not drawn:
            continue
        indent, name, code = drawn.groups()
        depth = len(indent) // 4 + 1
        parent = path[depth - 1]
        tree[name] = (parent, int(code) if code else tree[parent][1])
        path[depth:] = [name]
    return tree
