"""A seed: namespaces to create and bundles to import before the rehearsal server answers its first request.

A TOML file::

    [[namespace]]
    name = "production"
    retention_days = 30

    [[bundle]]
    path = "bundles/*.json"   # beside the seed
    namespace = "production"
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Any

from dwctl.errors import AnswerIsNo, RequestNotPossible, UnreadableInput
from dwctl.rehearsal.importer import import_bundle
from dwctl.rehearsal.namespaces import DEFAULT_RETENTION_DAYS, ensure_namespace
from dwctl.rehearsal.state import DEFAULT_NAMESPACE, Rehearsal

_KEYS = {"namespace": {"name", "description", "retention_days"}, "bundle": {"path", "namespace"}}


@dataclass(frozen=True, slots=True)
class Planted:
    """What a seed has put into the server."""

    namespaces: int
    bundles: int


def plant(state: Rehearsal, path: Path) -> Planted:
    """Put a seed into the server; what is there already stays as it is.

    Raises `UnreadableInput` for a file that cannot be read, `RequestNotPossible` for one that says something
    else than a seed, and `AnswerIsNo` for a bundle that is refused.
    """
    seed = _read(path)
    namespaces = list(_rows(seed, "namespace", path))
    for row in namespaces:
        days = row.get("retention_days", DEFAULT_RETENTION_DAYS)
        if not isinstance(days, int) or not 1 <= days <= 365:
            raise _not_a_seed(path, f"retention_days of {row['name']!r} is not a number from 1 to 365")
        ensure_namespace(state, str(row["name"]).lower(), row.get("description"), days)
    known = {DEFAULT_NAMESPACE, *(str(row["name"]).lower() for row in namespaces)}
    count = 0
    for row in _rows(seed, "bundle", path):
        namespace = str(row.get("namespace", DEFAULT_NAMESPACE)).lower()
        if namespace not in known:
            raise _not_a_seed(path, f"the namespace {namespace!r} of {row['path']!r} is not among its namespaces")
        for file in _files(path, str(row["path"])):
            _import(state, file, namespace)
            count += 1
    return Planted(len(namespaces), count)


def _read(path: Path) -> dict[str, Any]:
    try:
        seed = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableInput(
            "the seed cannot be read", where=str(path), next_step="Name a TOML file that is there and may be read."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise _not_a_seed(path, f"it is not TOML: {error}") from error
    unknown = sorted(seed.keys() - _KEYS.keys())
    if unknown:
        raise _not_a_seed(path, f"it has no table {unknown[0]!r}")
    return seed


def _rows(seed: dict[str, Any], table: str, path: Path) -> Iterator[dict[str, Any]]:
    needed = "name" if table == "namespace" else "path"
    rows = seed.get(table, [])
    for row in rows if isinstance(rows, list) else [rows]:
        if not isinstance(row, dict) or needed not in row or not row.keys() <= _KEYS[table]:
            raise _not_a_seed(path, f"each [[{table}]] has {needed}, and at most {', '.join(sorted(_KEYS[table]))}")
        yield row


def _files(seed: Path, pattern: str) -> list[Path]:
    found = sorted(Path(file) for file in glob(str(seed.parent / pattern)))  # noqa: PTH207 - it may be absolute
    if not found:
        raise _not_a_seed(seed, f"no file is named {pattern!r}")
    return found


def _import(state: Rehearsal, file: Path, namespace: str) -> None:
    try:
        document = file.read_bytes()
    except OSError as error:
        raise UnreadableInput(
            f"the bundle cannot be read: {error.strerror}", where=str(file), next_step="Check its permissions."
        ) from error
    report = import_bundle(state.database, document, namespace=namespace, profile=state.profile, now=state.now())
    if report["status"] == "rejected":
        rules = ", ".join(error["rule"] for error in report["eligibility"]["errors"])
        raise AnswerIsNo(
            f"the seed's bundle is refused: {rules}",
            where=str(file),
            next_step=f"see: dwctl bundle verify {file}",
            reason="seed_refused",
        )


def _not_a_seed(path: Path, problem: str) -> RequestNotPossible:
    return RequestNotPossible(
        f"the seed cannot be used: {problem}",
        where=str(path),
        next_step="write [[namespace]] tables with a name, and [[bundle]] tables with a path and a namespace",
        reason="bad_seed",
    )
