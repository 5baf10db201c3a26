"""cutover.toml in tests: described from its text, and as a JSON document for its schema."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from dwctl.checklist.description.described import Described, described_of
from dwctl.cutover.cutover import read_cutover


def described(folder: Path, text: str) -> Described:
    """What this text describes, once it is written into the folder."""
    (folder / "cutover.toml").write_text(text, encoding="utf-8")
    return described_of(read_cutover(folder / "cutover.toml"), folder=folder)


def as_json(value: Any) -> Any:
    """A TOML document as the tools that hold it against a JSON Schema have it: moments are strings."""
    if isinstance(value, Mapping):
        return {key: as_json(one) for key, one in value.items()}
    if isinstance(value, list):
        return [as_json(one) for one in value]
    return value.isoformat() if isinstance(value, date) else value
