"""The dw configuration: which file, which profile, and what is refused (contract/dw-cli.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dwctl.errors import ExitCode, RequestNotPossible
from dwctl.profiles import choose_profile, config_path

PROD = {
    "server": "https://prod.example.com",
    "namespace": "orders",
    "token_source": {"type": "env", "value": "PROD_DW_TOKEN"},
    "tls_verify": False,
    "output": "json",
}


def config(folder: Path, **changes: Any) -> Path:
    """A configuration with one profile, changed as asked."""
    document = {"schema": "durable-workflow.cli.config", "version": 1, "envs": {"prod": PROD}} | changes
    file = folder / "config.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("environ", "windows", "path"),
    [
        ({"DW_CONFIG_HOME": "/a", "XDG_CONFIG_HOME": "/b", "HOME": "/c"}, False, "/a/config.json"),
        ({"DW_CONFIG_HOME": "", "XDG_CONFIG_HOME": "/b", "HOME": "/c"}, False, "/b/dw/config.json"),
        ({"HOME": "/c", "APPDATA": "/d"}, False, "/c/.config/dw/config.json"),
        ({"HOME": "/c", "APPDATA": "/d"}, True, "/d/dw/config.json"),
    ],
)
def test_the_file_is_where_dw_keeps_it(environ: dict[str, str], windows: bool, path: str) -> None:
    assert config_path(environ, windows=windows) == Path(path)


def test_without_any_home_there_is_no_file_and_no_profile() -> None:
    assert config_path({}) is None
    assert choose_profile(None, None, {}) is None


def test_the_flag_wins_over_the_variable_and_the_variable_over_the_file(tmp_path: Path) -> None:
    envs = {name: {"server": f"https://{name}"} for name in ("flag", "variable", "current")}
    path = config(tmp_path, envs=envs, current_env="current")
    for flag, environ, name, chosen_by in (
        ("flag", {"DW_ENV": "variable"}, "flag", "--env"),
        (None, {"DW_ENV": "variable"}, "variable", "DW_ENV"),
        (None, {"DW_ENV": ""}, "current", "current_env"),
    ):
        profile = choose_profile(path, flag, environ)
        assert profile is not None
        assert (profile.name, profile.chosen_by) == (name, chosen_by)


def test_a_profile_carries_what_it_sets_and_nothing_else(tmp_path: Path) -> None:
    profile = choose_profile(config(tmp_path), "prod", {})
    assert profile is not None
    assert (profile.server, profile.namespace, profile.tls_verify, profile.output) == (
        "https://prod.example.com",
        "orders",
        False,
        "json",
    )
    assert profile.token_source is not None
    assert profile.token_source.value == "PROD_DW_TOKEN"
    bare = choose_profile(config(tmp_path, envs={"bare": {}}), "bare", {})
    assert bare is not None
    assert (bare.server, bare.namespace, bare.tls_verify, bare.token_source) == (None, None, None, None)


def test_a_literal_token_is_not_shown_by_repr(tmp_path: Path) -> None:
    path = config(tmp_path, envs={"x": {"token_source": {"type": "literal", "value": "tok-planted"}}})
    assert "tok-planted" not in repr(choose_profile(path, "x", {}))


@pytest.mark.parametrize(
    ("flag", "environ", "current", "said"),
    [
        ("staging", {}, "prod", "--env"),
        ("", {}, "prod", "--env"),
        (None, {"DW_ENV": "staging"}, "prod", "DW_ENV"),
        (None, {}, "gone", "current_env"),
    ],
)
def test_an_unknown_profile_is_refused_and_never_replaced(
    tmp_path: Path, flag: str | None, environ: dict[str, str], current: str, said: str
) -> None:
    with pytest.raises(RequestNotPossible, match="prod") as caught:
        choose_profile(config(tmp_path, current_env=current), flag, environ)
    assert caught.value.exit_code is ExitCode.USAGE
    assert said in caught.value.message


def test_a_profile_without_a_file_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(RequestNotPossible, match="none"):
        choose_profile(tmp_path / "config.json", "prod", {})


@pytest.mark.parametrize(
    "text",
    ["", "not json", "[]", '{"schema": "other"}', '{"version": 2}', '{"envs": [], "current_env": "x"}', "[" * 100_000],
)
def test_an_unusable_file_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(RequestNotPossible) as caught:
        choose_profile(file, None, {})
    assert str(file) in str(caught.value.where)
    assert caught.value.next_step


@pytest.mark.parametrize(
    "entry",
    [
        [],
        {"server": 1},
        {"namespace": []},
        {"tls_verify": "yes"},
        {"output": "xml"},
        {"token_source": "literal"},
        {"token_source": {"type": "file", "value": "x"}},
        {"token_source": {"type": "env", "value": ""}},
        {"token_source": {"type": "env"}},
    ],
)
def test_a_malformed_profile_is_refused(tmp_path: Path, entry: Any) -> None:
    with pytest.raises(RequestNotPossible, match="bad"):
        choose_profile(config(tmp_path, envs={"bad": entry}), "bad", {})
