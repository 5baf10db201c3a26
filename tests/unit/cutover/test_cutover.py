"""cutover.toml: what is read, and what is refused at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from dwctl.cutover.cutover import read_cutover
from dwctl.cutover.keys import TABLES
from dwctl.errors import ExitCode, RequestNotPossible


def written(folder: Path, text: str) -> Path:
    """A cutover.toml with this text."""
    file = folder / "cutover.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_no_file_is_no_cutover(tmp_path: Path) -> None:
    assert read_cutover(tmp_path / "cutover.toml") is None


def test_every_known_key_is_read_with_its_example(tmp_path: Path) -> None:
    lines = []
    for name, table in TABLES.items():
        lines.append(f"[[{name}]]" if table.repeats else f"[{name}]")
        lines += [f"{key} = {row.example}" for key, row in table.keys.items()]
    found = read_cutover(written(tmp_path, "\n".join(lines)))
    assert found is not None
    for name, table in TABLES.items():
        (row,) = found.rows(name) if table.repeats else (found.tables[name],)
        assert set(row) == set(table.keys)
    assert found.get("server", "php") == ["docker", "compose", "exec", "-T", "server", "php"]
    assert found.get("server", "tls_verify") is True
    assert found.get("retention", "days") == 30


def test_a_text_may_begin_with_the_mark_that_some_editors_write(tmp_path: Path) -> None:
    (tmp_path / "cutover.toml").write_bytes(b'\xef\xbb\xbf[server]\nurl = "x"\n')
    found = read_cutover(tmp_path / "cutover.toml")
    assert found is not None
    assert found.get("server", "url") == "x"


def test_an_empty_string_in_a_list_of_tables_counts_as_not_set_but_for_json(tmp_path: Path) -> None:
    found = read_cutover(written(tmp_path, '[[shadow]]\nworkflow_type = "t"\ntask_queue = ""\nexpect_output = ""\n'))
    assert found is not None
    assert found.rows("shadow") == ({"workflow_type": "t", "expect_output": ""},)
    assert found.rows("family") == ()


def test_an_empty_string_counts_as_not_set(tmp_path: Path) -> None:
    found = read_cutover(written(tmp_path, '[server]\nurl = ""\n'))
    assert found is not None
    assert found.get("server", "url") is None
    assert found.get("server", "namespace") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[server\n", "line 1"),
        ("[sever]\n", "server"),
        ("[zzzz]\n", "server"),
        ("server = 1\n", "[server]"),
        ('[server]\nurll = "x"\n', "`url`"),
        ('[server]\nname-space = "x"\n', "`namespace`"),
        ("[server]\ntls-verify = true\n", "`tls_verify`"),
        ('[server]\nxyzzy = "x"\n', "namespace"),
        ("[server]\nurl = 1\n", "base URL"),
        ("[server]\nurl = true\n", "base URL"),
        ('[server]\ntls_verify = "yes"\n', "certificate"),
        ("[server]\ntimeout = true\n", "answer"),
        ('[server]\nphp = "php"\n', "PHP"),
        ("[server]\nphp = []\n", "PHP"),
        ("[server]\nphp = [1]\n", "PHP"),
        ('[server]\nphp = [""]\n', "PHP"),
        ('[embedded]\nartisan = "php artisan"\n', "artisan"),
        ("[embedded]\npause = []\n", "pause the embedded workers"),
        ('[embedded]\nartissan = ["php"]\n', "`artisan`"),
        ('[server]\ntoken = "tok-planted"\n', "token_env"),
        ('[server]\nadmin_token = "tok-planted"\n', "admin_token_env"),
        ('[server]\noperator_token = "tok-planted"\n', "operator_token_env"),
        ('[server]\nworker_token = "tok-planted"\n', "worker_token_env"),
        ('[server]\nauth_token = "tok-planted"\n', "token_env"),
    ],
)
def test_a_mistake_is_answered_with_the_place_and_the_way_out(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RequestNotPossible) as caught:
        read_cutover(written(tmp_path, text))
    error = caught.value
    assert error.exit_code is ExitCode.USAGE
    assert "cutover.toml" in str(error.where)
    assert said in f"{error.message} {error.next_step}"
    assert "tok-planted" not in f"{error.message} {error.next_step} {error.where}"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cutover.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RequestNotPossible):
        read_cutover(tmp_path / "cutover.toml")


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cutover.toml").mkdir()
    with pytest.raises(RequestNotPossible):
        read_cutover(tmp_path / "cutover.toml")
