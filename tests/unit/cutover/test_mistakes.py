"""Mistakes in cutover.toml, each told with its place and the way out; and what its JSON Schema refuses of them."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pytest
from jsonschema import Draft202012Validator

from cutover_documents import as_json, described
from dwctl.cli.main import run
from dwctl.cutover.cutover import read_cutover
from dwctl.cutover.kinds import MOMENT, complaint
from dwctl.cutover.schema import cutover_schema
from dwctl.errors import ExitCode, RequestNotPossible

SECRET = "tok-planted"
FAMILY = '[[family]]\nname = "orders"\ntask_queue = "orders"\nworkflow_types = ["orders.process"]\n'
OTHER = '[[family]]\nname = "other"\ntask_queue = "orders"\n'
SHADOW = '[[shadow]]\nworkflow_type = "orders.process"\n'


class Row(NamedTuple):
    """A file, and parts of what must be said: where it is, what is wrong, and what to do."""

    text: str
    where: str
    what: str
    step: str


NO_TOML = {
    "not closed": Row("[server\n", "line 1", "not TOML at line 1", "Mend that line"),
    "no value": Row("[server]\n\nurl =\n", "line 3", "Invalid value", "Quote texts"),
    "a word without quotes": Row("[server]\nurl = example\n", "line 2", "Invalid value", "Quote texts"),
    "a key twice": Row('[server]\nurl = "a"\nurl = "b"\n[cutover]\n', "line 3", "overwrite", "twice"),
    "a table twice": Row("[server]\n[cutover]\n[server]\n", "line 3", "Cannot declare", "[[family]]"),
    "a class in double quotes": Row(
        '[[shadow]]\nworkflow_type = "App\\Work"\n', "line 2", "Unescaped", "single quotes"
    ),
    "an end too soon": Row('[server]\nurl = "x', "the end of the file", "Unterminated", "Mend that line"),
    "no such day": Row("[cutover]\navro_since = 2026-13-40\n", "line 2", "not TOML", "Mend that line"),
}
"""What the TOML reader does not read."""

STRUCTURE = {
    "an unknown table": Row('[sever]\nurl = "x"\n', "[sever]", "no table [sever]", "Did you mean [server]?"),
    "an unknown list": Row('[[familly]]\nname = "x"\n', "[familly]", "no table", "Did you mean [[family]]?"),
    "a table like no other": Row("[zzzz]\na = 1\n", "[zzzz]", "no table", "[server]"),
    "an unknown key": Row('[server]\nurll = "x"\n', "[server] urll", "no key `urll`", "Did you mean `url`?"),
    "a key with a dash": Row('[server]\nca-file = "x"\n', "[server] ca-file", "no key", "Did you mean `ca_file`?"),
    "a key like no other": Row("[limits]\nxyzzy = 1\n", "[limits] xyzzy", "no key", "certificate_days"),
    "a hostile key": Row('[server]\n"a\\nb" = 1\n', '[server] "a\\nb"', 'no key `"a\\nb"`', "It may hold"),
    "a key of another table": Row('[server]\nledger = "x"\n', "[server] ledger", "no key", "belongs into [cutover]"),
    "a key of two others": Row('[cutover]\ntask_queue = "x"\n', "[cutover] task_queue", "no key",
                               "belongs into [[family]] or [[shadow]]"),
    "a misspelt key of another table": Row('[cutover]\nretention_days = 1\ncertificate_day = 1\n',
                                           "[cutover] retention_days", "no key", "of [limits]?"),
    "a key before every table": Row('import_id = "x"\n', "import_id", "outside of any table", "belongs into [cutover]"),
    "a table as a key": Row('[cutover]\nserver = "x"\n', "[cutover] server", "no key", "is a table of its own"),
    "a table where a list is expected": Row(FAMILY.replace("[[family]]", "[family]"), "[family]",
                                            "must be a list of tables", "Write it as [[family]], once for each"),
    "a list where a table is expected": Row('[[server]]\nurl = "x"\n', "[[server]]", "must be a table",
                                            "Write it as [server], once"),
    "a value where a table is expected": Row("server = 1\n", "server", "must be a table", "[server]"),
    "a value where a list is expected": Row("family = 1\n", "family", "must be a list of tables", "[[family]]"),
    "a list of values": Row('family = ["orders"]\n', "family", "must be a list of tables", "[[family]]"),
    "no family at all": Row("family = []\n", "[[family]]", "is an empty list", "Leave it out"),
    "a wrong type": Row('[cutover]\nname = 1\n', "[cutover] name", "must be a name", 'name = "orders"'),
    "a truth that is a word": Row(SHADOW + 'cleanup = "yes"\n', "[[shadow]] 1 cleanup", "must be true or false",
                                  "cleanup = true"),
    "a number that is a truth": Row("[retention]\ndays = true\n", "[retention] days", "whole number", "days = 30"),
    "a choice that is none": Row('[cutover]\nruns = "move"\n', "[cutover] runs", '"import" or "drain"', "runs = "),
    "a strategy that is none": Row('[cutover]\nv1 = "keep"\n', "[cutover] v1", '"drain" or "coexist"', "v1 = "),
    "closed runs that are neither": Row('[retention]\nclosed_runs = "all"\n', "[retention] closed_runs",
                                        '"keep" or "none"', "closed_runs = "),
    "a status that no run has": Row(SHADOW + 'expect_status = "done"\n', "[[shadow]] 1 expect_status", '"waiting"',
                                    "expect_status = "),
    "a driver that is none": Row('[server]\nauth = "basic"\n', "[server] auth", '"signature"', "auth = "),
    "no queue": Row('[[family]]\nname = "a"\nworkflow_types = ["x"]\n', "[[family]] 1", "`task_queue` is missing",
                    "task_queue = "),
    "an empty name": Row(FAMILY + '[[family]]\nname = ""\ntask_queue = "q"\nworkflow_types = ["x"]\n', "[[family]] 2",
                         "`name` is missing", "name = "),
    "no types": Row('[[family]]\nname = "a"\ntask_queue = "q"\n', "[[family]] 1",
                    "`workflow_types` or `activity_types` is missing", "workflow_types = "),
    "no type of a shadow": Row('[[shadow]]\ntask_queue = "q"\n', "[[shadow]] 1", "`workflow_type` is missing",
                               "workflow_type = "),
    "an empty list": Row("[bundles]\npaths = []\n", "[bundles] paths", "is empty", 'paths = ["exports"]'),
    "a word for a list": Row('[bundles]\npaths = "exports"\n', "[bundles] paths", "a list of paths", "paths = ["),
    "a number in a list": Row(FAMILY + "activity_types = [\"a\", 1]\n", "[[family]] 1 activity_types",
                              "number 2 must be a type key", "activity_types = "),
    "the same twice": Row('[cutover]\nqueues = ["a", "a"]\n', "[cutover] queues", "names the same twice", "queues = "),
    "a class as a type": Row(FAMILY.replace('"orders.process"', "'App\\Workflows\\X'"), "[[family]] 1 workflow_types",
                             "number 1 must be a type key such as orders.process, and no PHP class name", "type keys"),
    "a class as a shadow": Row("[[shadow]]\nworkflow_type = 'App\\X'\n", "[[shadow]] 1 workflow_type",
                               "no PHP class name", "workflow_type = "),
    "negative days": Row("[retention]\ndays = -1\n", "[retention] days", "from 1 to 36500", "days = 30"),
    "no days": Row("[limits]\ncertificate_days = 0\n", "[limits] certificate_days", "from 1 to 36500", "= 14"),
    "half a day": Row("[retention]\ndays = 1.5\n", "[retention] days", "whole number", "days = 30"),
    "a moment without a zone": Row("[cutover]\navro_since = 2026-11-23T08:00:00\n", "[cutover] avro_since",
                                   "a moment with its zone", "avro_since = "),
    "a moment in words": Row('[cutover]\nstarters_paused_since = "yesterday"\n', "[cutover] starters_paused_since",
                             "a moment with its zone", "starters_paused_since = "),
    "a time of day": Row("[cutover]\navro_since = 08:00:00\n", "[cutover] avro_since", "a moment", "avro_since = "),
    "a duration in words": Row(SHADOW + 'timeout = "soon"\n', "[[shadow]] 1 timeout", "a duration such as", '"60s"'),
    "a duration before now": Row("[server]\ntimeout = -1\n", "[server] timeout", "a duration such as", '"30s"'),
    "an endless duration": Row("[embedded]\ntimeout = inf\n", "[embedded] timeout", "a duration such as", '"60s"'),
    "input that is no list": Row(SHADOW + 'input = "x"\n', "[[shadow]] 1 input", "a list of JSON values", "input = ["),
    "bundles in a bucket": Row('[bundles]\npaths = ["s3://b/x"]\n', "[bundles] paths", "a path on this machine", "["),
    "an archive on the web": Row('[retention]\narchives = ["https://x/y"]\n', "[retention] archives", "s3://bucket/",
                                 "archives = "),
    "a long import id": Row(f'[cutover]\nimport_id = "{"x" * 65}"\n', "[cutover] import_id", "1 to 64 characters",
                            "import_id = "),
    "a blank name": Row('[cutover]\nname = " "\n', "[cutover] name", "a name of 1 to 255", 'name = "orders"'),
    "a token": Row(f'[server]\ntoken = "{SECRET}"\n', "[server] token", "keep a secret", "`token_env`"),
    "a password": Row(f'[embedded]\npassword = "{SECRET}"\n', "[embedded] password", "keep a secret", "url_env"),
    "a token outside": Row(f'auth_token = "{SECRET}"\n', "auth_token", "keep a secret", "`token_env`"),
    "a token where its variable belongs": Row(f'[server]\ntoken_env = "{SECRET}"\n', "[server] token_env",
                                              "the name of an environment variable", "token_env = "),
}  # fmt: skip
"""What shows in the structure: told by every command, and refused by the JSON Schema."""

MEANING = {
    "two families of one name": Row(FAMILY + FAMILY.replace("process", "other"), "[[family]] 2 name",
                                    'family 1 has the name "orders" too', "a name of its own"),
    "a type in two families": Row(FAMILY + OTHER + 'workflow_types = ["orders.process"]\n',
                                  "[[family]] 2 workflow_types", '"orders.process" is in the family "orders" too',
                                  "moves with one family"),
    "an activity in two families": Row(
        FAMILY + 'activity_types = ["a"]\n' + OTHER + 'activity_types = ["b", "a"]\n',
        "[[family]] 2 activity_types", '"a" is in the family "orders" too', "moves with one family"),
    "a shadow of no family": Row(FAMILY + SHADOW.replace("process", "proces"), "[[shadow]] 1 workflow_type",
                                 'no family has the workflow type "orders.proces"', 'Did you mean "orders.process"?'),
    "a shadow of a foreign type": Row(FAMILY + '[[shadow]]\nworkflow_type = "x"\ntask_queue = "q"\n',
                                      "[[shadow]] 1 workflow_type", 'no family has the workflow type "x"',
                                      "Add it to the workflow_types"),
    "a shadow without a queue": Row(SHADOW, "[[shadow]] 1", "`task_queue` is missing, and no family", "task_queue = "),
    "a shadow of two queues": Row(
        FAMILY + OTHER.replace('"orders"', '"o2"') + 'workflow_types = ["orders.process"]\n' + SHADOW,
        "[[shadow]] 1", "several families have its type", "task_queue = "),
    "input twice": Row(FAMILY + SHADOW + 'input = []\ninput_file = "x.json"\n', "[[shadow]] 1 input_file",
                       "cannot both be given", "Leave one"),
    "an input file that is not there": Row(FAMILY + SHADOW + 'input_file = "absent.json"\n', "[[shadow]] 1 input_file",
                                           "cannot be read: No such file", "between [ and ]"),
    "an input file that is no JSON": Row(FAMILY + SHADOW + 'input_file = "words.json"\n', "[[shadow]] 1 input_file",
                                         "not JSON", "between [ and ]"),
    "an input file that is no list": Row(FAMILY + SHADOW + 'input_file = "object.json"\n', "[[shadow]] 1 input_file",
                                         "no JSON array", "between [ and ]"),
    "an input file with what JSON has not": Row(FAMILY + SHADOW + 'input_file = "nan.json"\n',
                                                "[[shadow]] 1 input_file", "not JSON", "between [ and ]"),
    "an output of a failure": Row(FAMILY + SHADOW + 'expect_status = "failed"\nexpect_output = 1\n',
                                  "[[shadow]] 1 expect_output", "only a completed run has an output", "Leave it out"),
    "a date in the input": Row(FAMILY + SHADOW + "input = [2026-11-23]\n", "[[shadow]] 1 input", "JSON has not",
                               "input = ["),
    "a number that JSON has not": Row(FAMILY + SHADOW + "expect_output = { a = [nan] }\n",
                                      "[[shadow]] 1 expect_output", "a number that JSON has not", "expect_output = "),
    "no such month": Row('[cutover]\navro_since = "2026-13-01"\n', "[cutover] avro_since", "must be a moment",
                         "avro_since = 2026"),
    "a moment before time": Row('[cutover]\navro_since = "0001-01-01T00:00:00+10:00"\n', "[cutover] avro_since",
                                "no moment of our times", "avro_since = 2026"),
    "no time at all": Row(FAMILY + SHADOW + 'timeout = "0s"\n', "[[shadow]] 1 timeout", "above zero", '"60s"'),
    "a secret in a URL": Row(f'[retention]\narchives = ["a", "s3://key:{SECRET}@b/x"]\n', "[retention] archives",
                             "number 2 of `archives` would keep a secret", "Leave it out"),
    "a URL that is none": Row('[retention]\narchives = ["s3://[b/x"]\n', "[retention] archives", "is no URL",
                              "s3://bucket"),
}  # fmt: skip
"""What no JSON Schema sees: told by the checklist."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with input files of every kind."""
    files = {"words.json": "[1, tok-planted", "object.json": '{"a": "tok-planted"}', "nan.json": "[NaN]"}
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, row in (NO_TOML | STRUCTURE | MEANING).items()])
def test_a_mistake_is_told_with_its_place_what_is_wrong_and_the_way_out(folder: Path, row: Row) -> None:
    with pytest.raises(RequestNotPossible) as caught:
        described(folder, row.text)
    error = caught.value
    assert error.exit_code is ExitCode.USAGE
    assert error.reason == "unusable_cutover_file"
    assert error.where == f"{folder / 'cutover.toml'}: {row.where}"
    assert row.what in error.message
    assert row.step in str(error.next_step)
    assert str(error.next_step).rstrip().endswith((".", "?"))
    assert SECRET not in f"{error.message} {error.where} {error.next_step}"


@pytest.mark.parametrize(
    "row", [pytest.param(STRUCTURE[name], id=name) for name in
            ("an unknown key", "a class as a type", "a moment without a zone", "a table where a list is expected")]
)  # fmt: skip
def test_every_command_on_a_server_refuses_it(
    folder: Path, row: Row, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "cutover.toml").write_text(row.text, encoding="utf-8")
    monkeypatch.chdir(folder)
    assert run(["doctor"]) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert row.where in said
    assert row.what in said
    assert row.step in said


def test_a_url_that_is_none_is_refused_where_the_server_is_asked(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "cutover.toml").write_text('[server]\nurl = "ftp://x"\n', encoding="utf-8")
    monkeypatch.chdir(folder)
    assert run(["doctor"]) == ExitCode.USAGE
    assert "cutover.toml [server] url must be a base URL" in capsys.readouterr().err


def test_all_mistakes_are_told_at_once(folder: Path) -> None:
    with pytest.raises(RequestNotPossible) as caught:
        described(folder, '[server]\nurll = "x"\n[cutover]\nruns = "x"\nv1 = "x"\n[[family]]\nname = "a"\n')
    error = caught.value
    assert "(the first of 5 mistakes)" in error.message
    places = [line.split(": ")[1] for line in str(error.next_step).splitlines()[1:]]
    assert places == ["[cutover] runs", "[cutover] v1", "[[family]] 1", "[[family]] 1"]


def test_of_very_many_mistakes_the_rest_is_counted(folder: Path) -> None:
    with pytest.raises(RequestNotPossible) as caught:
        described(folder, "[server]\n" + "".join(f"k{number} = 1\n" for number in range(100)))
    lines = str(caught.value.next_step).splitlines()
    assert len(lines) == 31
    assert lines[-1] == "  also: 70 more"


def test_what_is_not_utf_8_is_said_to_be_so(folder: Path) -> None:
    (folder / "cutover.toml").write_bytes(b'[server]\nurl = "\xff"\n')
    with pytest.raises(RequestNotPossible, match="not UTF-8 text at byte 16") as caught:
        read_cutover(folder / "cutover.toml")
    assert caught.value.next_step == "Save it as UTF-8."


def test_there_are_more_than_twenty_kinds() -> None:
    assert len(NO_TOML | STRUCTURE | MEANING) == len(NO_TOML) + len(STRUCTURE) + len(MEANING) > 20


# --- the schema --------------------------------------------------------------------------------------------

VALIDATOR = Draft202012Validator(cutover_schema())


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=name) for name, row in STRUCTURE.items() if "= inf" not in row.text]
)
def test_the_schema_refuses_what_shows_in_the_structure(row: Row) -> None:
    assert not VALIDATOR.is_valid(as_json(tomllib.loads(row.text)))


@pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, row in MEANING.items()])
def test_the_schema_takes_what_is_wrong_only_in_its_meaning(row: Row) -> None:
    assert VALIDATOR.is_valid(as_json(tomllib.loads(row.text)))


@pytest.mark.parametrize(
    "text",
    ["2026-11-23", "2026-11-23T08:00Z", "2026-11-23 08:00:00+01:00", "2026-11-23T08:00:00.123456-05:30",
     date(2026, 11, 23)],
)  # fmt: skip
def test_moments_may_be_written_in_many_ways(text: str | date) -> None:
    assert complaint("avro_since", MOMENT, (), text) is None
