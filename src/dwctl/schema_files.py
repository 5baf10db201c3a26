"""The JSON Schema files that come with dwctl: one for each JSON output, one for the bundle itself.

They live in `schemas/` of a checkout and in `dwctl/schemas/` of an installed package.
"""

from __future__ import annotations

import difflib
import json
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from dwctl.errors import RequestNotPossible

_SUFFIX = ".schema.json"


def names() -> list[str]:
    """The names of all schemas, sorted; a name is the file's without `.schema.json`."""
    files = [file.name for file in _folder().iterdir()]
    return sorted(name.removesuffix(_SUFFIX) for name in files if name.endswith(_SUFFIX))


def text(name: str) -> str:
    """The text of a schema file, as it was written.

    Raises `RequestNotPossible`, with the nearest names, for a schema that does not exist.
    """
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3)
        raise RequestNotPossible(
            f"there is no schema named {name!r}",
            next_step=f"Did you mean {' or '.join(near)}?" if near else "See `dwctl schema list`.",
            reason="unknown_schema",
        )
    return _folder().joinpath(name + _SUFFIX).read_text(encoding="utf-8")


def load(name: str) -> dict[str, Any]:
    """A schema as a document; raises as `text` does."""
    schema: dict[str, Any] = json.loads(text(name))
    return schema


def _folder() -> Traversable:
    packaged = resources.files("dwctl").joinpath("schemas")
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "schemas"
