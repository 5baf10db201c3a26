"""Running dwctl in this process, and holding its JSON against the schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from dwctl.cli.main import run

SCHEMAS = Path(__file__).parents[1] / "schemas"


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one command line."""
    capsys.readouterr()
    code = run(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and the JSON document, which its schema has accepted."""
    code, out, _ = command(capsys, *arguments, "--json")
    found: dict[str, Any] = json.loads(out)
    name = found["schema"].removeprefix("dwctl.")
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(found)
    assert found["schema_version"] == 1
    return code, found
