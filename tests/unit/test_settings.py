"""Who set what: every layer, in the order of the design."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dwctl.errors import ExitCode, RequestNotPossible
from dwctl.secret import Secret
from dwctl.settings import Auth, Flags, Role, Settings, load_settings, require_target
from dwctl.sources import Source


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a profile `prod`, and no cutover.toml."""
    profile = {
        "server": "https://profile.example.com",
        "namespace": "of-profile",
        "tls_verify": False,
        "token_source": {"type": "env", "value": "PROD_TOKEN"},
    }
    literal = {"token_source": {"type": "literal", "value": "of-literal"}}
    document = {"schema": "durable-workflow.cli.config", "version": 1, "envs": {"prod": profile, "lit": literal}}
    (tmp_path / "config.json").write_text(json.dumps(document), encoding="utf-8")
    return tmp_path


def load(home: Path, flags: Flags | None = None, toml: str = "", **environ: str) -> Settings:
    """Settings from these layers."""
    if toml:
        (home / "cutover.toml").write_text(f"[server]\n{toml}\n", encoding="utf-8")
    return load_settings(flags or Flags(), {"DW_CONFIG_HOME": str(home)} | environ, folder=home)


def shown(settings: Settings, role: Role) -> tuple[str | None, str]:
    """A role's token and where it came from."""
    found = settings.token(role)
    return (found.value.reveal() if found.value else None, found.origin)


def test_server_and_namespace_come_from_the_first_layer_that_sets_them(home: Path) -> None:
    toml = 'url = "https://toml.example.com"\nnamespace = "of-toml"'
    variables = {
        "DURABLE_WORKFLOW_SERVER_URL": "https://env.example.com",
        "DURABLE_WORKFLOW_NAMESPACE": "of-env",
        "DW_ENV": "prod",
    }
    flags = Flags(server="https://flag.example.com", namespace="of-flag")
    layers = [
        (load(home), "http://localhost:8080", "default", Source.DEFAULT),
        (load(home, DW_ENV="prod"), "https://profile.example.com", "of-profile", Source.PROFILE),
        (load(home, toml=toml, DW_ENV="prod"), "https://toml.example.com", "of-toml", Source.CUTOVER),
        (load(home, None, toml, **variables), "https://env.example.com", "of-env", Source.ENVIRONMENT),
        (load(home, flags, toml, **variables), "https://flag.example.com", "of-flag", Source.FLAG),
    ]
    for settings, server, namespace, source in layers:
        assert (settings.server.value, settings.namespace.value) == (server, namespace)
        assert settings.server.source is settings.namespace.source is source


def test_an_empty_variable_counts_as_not_set(home: Path) -> None:
    settings = load(home, DURABLE_WORKFLOW_SERVER_URL="", DURABLE_WORKFLOW_TLS_VERIFY="", DW_ADMIN_TOKEN="", DW_ENV="")
    assert settings.server.source is Source.DEFAULT
    assert settings.tls_verify.value is True
    assert settings.role_tokens == {}


def test_tls_verify_has_its_layers_too(home: Path) -> None:
    assert load(home).tls_verify.value is True
    assert load(home, DW_ENV="prod").tls_verify.value is False
    assert load(home, toml="tls_verify = true", DW_ENV="prod").tls_verify.value is True
    assert load(home, toml="tls_verify = true", DURABLE_WORKFLOW_TLS_VERIFY="off").tls_verify.value is False
    found = load(home, Flags(tls_verify="on"), DURABLE_WORKFLOW_TLS_VERIFY="off").tls_verify
    assert (found.value, found.origin) == (True, "--tls-verify")


def test_timeout_ca_file_auth_php_and_path(home: Path) -> None:
    toml = 'timeout = 5\nca_file = "ca.pem"\nauth = "signature"\nphp = ["ssh", "host", "php"]\npath = "/app"'
    settings = load(home, toml=toml)
    assert settings.timeout.value == 5.0
    assert settings.ca_file.value == "ca.pem"
    assert settings.auth.value is Auth.SIGNATURE
    assert settings.php.value == ("ssh", "host", "php")
    assert settings.path.value == "/app"
    changed = load(home, Flags(timeout="2m", ca_file="other.pem"), toml, DW_AUTH_DRIVER="none")
    assert (changed.timeout.value, changed.ca_file.value, changed.auth.value) == (120.0, "other.pem", Auth.NONE)


@pytest.mark.parametrize(
    ("flags", "environ"),
    [
        (Flags(tls_verify="maybe"), {}),
        (Flags(timeout="soon"), {}),
        (Flags(server=""), {}),
        (Flags(namespace="a/b"), {}),
        (Flags(token=Secret("a b")), {}),
        (Flags(), {"DURABLE_WORKFLOW_TLS_VERIFY": "maybe"}),
        (Flags(), {"DW_AUTH_DRIVER": "basic"}),
        (Flags(), {"DW_OPERATOR_TOKEN": "tok\n"}),
        (Flags(env="staging"), {}),
    ],
)
def test_a_value_that_cannot_be_right_is_exit_2(home: Path, flags: Flags, environ: dict[str, str]) -> None:
    with pytest.raises(RequestNotPossible) as caught:
        load(home, flags, **environ)
    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.next_step


def test_a_role_uses_its_own_token_before_the_general_one(home: Path) -> None:
    settings = load(home, DW_ADMIN_TOKEN="adm", DURABLE_WORKFLOW_AUTH_TOKEN="gen", PROD_TOKEN="pro", DW_ENV="prod")
    assert shown(settings, Role.ADMIN) == ("adm", "DW_ADMIN_TOKEN")
    assert shown(settings, Role.OPERATOR) == ("gen", "DURABLE_WORKFLOW_AUTH_TOKEN")
    assert shown(settings, Role.WORKER) == ("gen", "DURABLE_WORKFLOW_AUTH_TOKEN")


def test_the_flag_is_for_every_role_and_wins(home: Path) -> None:
    settings = load(home, Flags(token=Secret("flg")), DW_ADMIN_TOKEN="adm", DURABLE_WORKFLOW_AUTH_TOKEN="gen")
    assert {shown(settings, role) for role in Role} == {("flg", "--token")}


def test_the_profile_comes_last(home: Path) -> None:
    assert shown(load(home, DW_ENV="prod", PROD_TOKEN="pro"), Role.ADMIN) == ("pro", "profile prod: PROD_TOKEN")
    assert shown(load(home, DW_ENV="lit"), Role.ADMIN) == ("of-literal", "profile lit (literal)")


def test_cutover_toml_names_variables_and_stands_before_the_profile(home: Path) -> None:
    toml = 'token_env = "GEN"\nadmin_token_env = "ADM"'
    settings = load(home, toml=toml, GEN="g", ADM="a", DW_ENV="prod", PROD_TOKEN="pro")
    assert shown(settings, Role.ADMIN) == ("a", "cutover.toml [server] admin_token_env: ADM")
    assert shown(settings, Role.OPERATOR)[0] == "g"


def test_a_named_variable_that_is_not_set_means_no_token_and_no_other_one(home: Path) -> None:
    value, origin = shown(load(home, DW_ENV="prod"), Role.OPERATOR)
    assert value is None
    assert origin == "profile prod: PROD_TOKEN (not set)"
    toml = 'admin_token_env = "ADM"\ntoken_env = "GEN"'
    settings = load(home, toml=toml, DW_ENV="prod", PROD_TOKEN="pro")
    assert shown(settings, Role.ADMIN) == (None, "cutover.toml [server] admin_token_env: ADM (not set)")
    assert shown(settings, Role.OPERATOR) == (None, "cutover.toml [server] token_env: GEN (not set)")


def test_what_changes_a_server_needs_a_server_and_a_namespace_that_somebody_set(home: Path) -> None:
    with pytest.raises(RequestNotPossible, match="server") as caught:
        require_target(load(home, Flags(namespace="x")))
    assert caught.value.exit_code is ExitCode.USAGE
    with pytest.raises(RequestNotPossible, match="namespace"):
        require_target(load(home, Flags(server="http://localhost")))
    require_target(load(home, Flags(server="http://localhost")), namespace=False)
    require_target(load(home, Flags(server="http://localhost", namespace="x")))
    require_target(load(home, DW_ENV="prod"))


@pytest.mark.parametrize("how", ["--env", "DW_ENV"])
def test_a_profile_asked_for_and_overruled_by_the_file_stops_a_change(home: Path, how: str) -> None:
    toml = 'url = "https://toml.example.com"\nnamespace = "of-toml"'
    flags, environ = (Flags(env="prod"), {}) if how == "--env" else (Flags(), {"DW_ENV": "prod"})
    settings = load(home, flags, toml, **environ)
    assert settings.server.value == "https://toml.example.com"
    assert len(settings.contradictions) == 2
    with pytest.raises(RequestNotPossible, match="comes first"):
        require_target(settings)
    told = Flags(env=flags.env, server="https://x.example.com", namespace="y")
    require_target(load(home, told, toml, **environ))


def test_every_setting_has_a_row_and_no_row_shows_a_secret(home: Path) -> None:
    settings = load(
        home,
        Flags(server="https://far.example.com"),
        DW_ADMIN_TOKEN="tok-planted",
        HTTPS_PROXY="http://user:pass-planted@proxy:3128",
    )
    rows = dict(settings.rows())
    assert {"server", "namespace", "tls_verify", "timeout", "proxy", "admin token", "worker token"} <= set(rows)
    assert rows["admin token"].origin == "DW_ADMIN_TOKEN"
    assert rows["proxy"].origin == "HTTPS_PROXY"
    assert "planted" not in f"{settings!r}{rows!r}"


def test_a_profile_may_set_the_output(home: Path) -> None:
    document = json.loads((home / "config.json").read_text())
    document["envs"]["prod"]["output"] = "jsonl"
    (home / "config.json").write_text(json.dumps(document))
    assert load(home, DW_ENV="prod").output.value == "jsonl"
    assert load(home).output.value is None
