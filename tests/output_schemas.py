"""Holding real outputs against the schemas under schemas/."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from sample_bundles import ROOT


@cache
def schema(name: str) -> dict[str, Any]:
    """A schema of this project by the name that an output carries after `dwctl.`."""
    loaded: dict[str, Any] = json.loads((ROOT / "schemas" / f"{name}.schema.json").read_bytes())
    return loaded


@cache
def _validator(name: str, part: str | None) -> Draft202012Validator:
    whole = schema(name)
    Draft202012Validator.check_schema(whole)
    return Draft202012Validator(whole if part is None else {"$ref": f"#/$defs/{part}", "$defs": whole["$defs"]})


def is_valid(name: str, value: Any, part: str | None = None) -> bool:
    """Whether a value is as the schema, or the part of it under `$defs`, describes it."""
    return _validator(name, part).is_valid(value)


def document(text: str, name: str) -> dict[str, Any]:
    """The one JSON document of an output, after it was held against its schema."""
    value = _strict(text)
    _validator(name, None).validate(value)
    assert isinstance(value, dict)
    return value


def lines(text: str, name: str, part: str) -> list[dict[str, Any]]:
    """The items of a stream of JSON lines, each held against its part of the schema."""
    items = [_strict(line) for line in text.splitlines()]
    for item in items:
        _validator(name, part).validate(item)
    return items


def _strict(text: str) -> Any:
    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)
