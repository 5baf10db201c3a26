"""The profiles of the official `dw` CLI: which one applies, and what it says (contract/dw-cli.md).

Reads one file; which one, and the environment, are handed in. A profile that was named is never replaced.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dwctl.errors import RequestNotPossible

SCHEMA = "durable-workflow.cli.config"
VERSION = 1
_OUTPUTS = ("table", "json", "jsonl")


@dataclass(frozen=True, slots=True)
class TokenSource:
    """Where a profile's token is: `env` (value names a variable) or `literal` (value is the token itself)."""

    kind: str
    value: str

    def __repr__(self) -> str:
        return f"TokenSource(kind={self.kind!r})"


@dataclass(frozen=True, slots=True)
class Profile:
    """One entry of `envs`; what it does not set is None. `chosen_by`: `--env`, `DW_ENV` or `current_env`."""

    name: str
    chosen_by: str
    path: Path
    server: str | None = None
    namespace: str | None = None
    token_source: TokenSource | None = None
    tls_verify: bool | None = None
    output: str | None = None


def config_path(environ: Mapping[str, str], *, windows: bool = False) -> Path | None:
    """The file that `dw` reads, or None where the environment names no home at all.

    `DW_CONFIG_HOME` is the directory itself; the others get a `dw` folder.
    """
    if own := environ.get("DW_CONFIG_HOME"):
        return Path(own) / "config.json"
    if base := environ.get("XDG_CONFIG_HOME"):
        return Path(base) / "dw" / "config.json"
    if windows and (base := environ.get("APPDATA")):
        return Path(base) / "dw" / "config.json"
    if home := environ.get("HOME") or environ.get("USERPROFILE"):
        return Path(home) / ".config" / "dw" / "config.json"
    return None


def choose_profile(path: Path | None, flag: str | None, environ: Mapping[str, str]) -> Profile | None:
    """The profile that applies: `--env`, else `DW_ENV`, else the file's `current_env`, else none.

    Raises RequestNotPossible for an unknown profile and for a file that cannot be understood.
    """
    document = _read(path)
    envs = document.get("envs") or {}
    if flag is not None:
        name, chosen_by = flag, "--env"
    elif environ.get("DW_ENV"):
        name, chosen_by = environ["DW_ENV"], "DW_ENV"
    elif document.get("current_env"):
        name, chosen_by = document["current_env"], "current_env"
    else:
        return None
    if not isinstance(envs, Mapping) or not isinstance(name, str):
        raise _malformed(path, "`envs` must be an object and `current_env` a string")
    if name not in envs:
        known = ", ".join(sorted(envs)) or "none"
        raise RequestNotPossible(
            f"there is no dw profile '{name}' (asked for with {chosen_by}); the profiles are: {known}",
            where=str(path) if path else None,
            next_step="Name one that exists with --env, or make it with `dw env:set`.",
            reason="unknown_profile",
        )
    return _profile(name, chosen_by, envs[name], path or Path())


def _read(path: Path | None) -> Mapping[str, Any]:
    if path is None:
        return {}
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise _malformed(path, f"it cannot be read ({type(error).__name__})") from error
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _malformed(path, "it is not JSON") from error
    if not isinstance(document, dict):
        raise _malformed(path, "it must hold an object")
    if document.get("schema", SCHEMA) != SCHEMA or document.get("version", VERSION) != VERSION:
        raise _malformed(path, f"its schema is not {SCHEMA} version {VERSION}")
    return document


def _profile(name: str, chosen_by: str, entry: object, path: Path) -> Profile:
    if not isinstance(entry, dict):
        raise _malformed(path, f"profile '{name}' must be an object")
    for key in ("server", "namespace", "output"):
        if not isinstance(entry.get(key), str | None):
            raise _malformed(path, f"`{key}` of profile '{name}' must be a string")
    if not isinstance(entry.get("tls_verify"), bool | None):
        raise _malformed(path, f"`tls_verify` of profile '{name}' must be true or false")
    if entry.get("output") not in (None, *_OUTPUTS):
        raise _malformed(path, f"`output` of profile '{name}' must be one of {', '.join(_OUTPUTS)}")
    return Profile(
        name=name,
        chosen_by=chosen_by,
        path=path,
        server=entry.get("server") or None,
        namespace=entry.get("namespace") or None,
        token_source=_token_source(name, entry.get("token_source"), path),
        tls_verify=entry.get("tls_verify"),
        output=entry.get("output"),
    )


def _token_source(name: str, entry: object, path: Path) -> TokenSource | None:
    if entry is None:
        return None
    kind = entry.get("type") if isinstance(entry, dict) else None
    value = entry.get("value") if isinstance(entry, dict) else None
    if kind not in ("env", "literal") or not isinstance(value, str) or not value:
        raise _malformed(path, f"`token_source` of profile '{name}' must have a type, env or literal, and a value")
    return TokenSource(kind, value)


def _malformed(path: Path | None, what: str) -> RequestNotPossible:
    return RequestNotPossible(
        f"the dw configuration is not usable: {what}",
        where=str(path),
        next_step="Mend the file, or point DW_CONFIG_HOME at another folder.",
        reason="unusable_profile",
    )
