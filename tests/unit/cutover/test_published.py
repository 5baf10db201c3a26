"""What is made from the table of cutover.toml's keys: its JSON Schema and its page."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from jsonschema import Draft202012Validator

from cutover_documents import as_json
from dwctl.checklist.description.described import described_of
from dwctl.checklist.shadow.shadow import EXPECTED
from dwctl.cutover.cutover import Cutover, read_cutover
from dwctl.cutover.keys import KEYS, LITERAL_SECRETS, TABLES
from dwctl.cutover.kinds import complaint
from dwctl.cutover.page import BEGIN, END, cutover_reference
from dwctl.cutover.schema import cutover_schema, cutover_schema_text
from dwctl.embedded.check_results import Strategy
from dwctl.settings import Auth
from dwctl.transfer.storage.object_store import WHOLE_PUTS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "cutover.md").read_text(encoding="utf-8")


def test_the_schema_file_is_the_table() -> None:
    written = (ROOT / "schemas" / "cutover.schema.json").read_text(encoding="utf-8")
    assert written == cutover_schema_text(), "write the text of dwctl.cutover.schema.cutover_schema_text() to the file"


def test_the_schema_is_one_and_describes_every_key() -> None:
    schema = cutover_schema()
    Draft202012Validator.check_schema(schema)
    for name, table in TABLES.items():
        part = schema["properties"][name]
        keys = part["items"] if table.repeats else part
        assert keys["additionalProperties"] is False
        assert list(keys["properties"]) == list(table.keys)
        assert all(key["description"].endswith(".") for key in keys["properties"].values())
        for key, row in table.keys.items():
            assert set(row.choices) <= set(keys["properties"][key].get("enum", row.choices))


def test_the_page_has_the_table() -> None:
    begin, end = PAGE.index(BEGIN), PAGE.index(END)
    written = PAGE[begin + len(BEGIN) : end].strip()
    assert written == cutover_reference().strip(), "write dwctl.cutover.page.cutover_reference() between the marks"


def test_the_example_of_the_page_is_a_whole_description(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "cutover.toml"
    path.write_text(example, encoding="utf-8")
    described = described_of(read_cutover(path), folder=tmp_path)
    assert described.import_id
    assert len(described.families) > 1
    assert described.shadows
    assert set(tomllib.loads(example)) == set(TABLES)
    Draft202012Validator(cutover_schema()).validate(as_json(tomllib.loads(example)))


def test_every_example_and_default_is_a_right_value() -> None:
    for name, table in TABLES.items():
        for key, row in table.keys.items():
            value = tomllib.loads(f"x = {row.example}")["x"]
            assert complaint(key, row.kind, row.choices, value) is None, (name, key)
            assert not row.choices or row.default in row.choices
            assert set().union(*table.needs) <= set(table.keys)


def test_the_words_of_the_table_are_those_of_the_code() -> None:
    assert KEYS["shadow"]["expect_status"].choices == EXPECTED
    assert KEYS["cutover"]["v1"].choices == tuple(Strategy)
    assert KEYS["server"]["auth"].choices == tuple(Auth)
    pattern = str(KEYS["retention"]["archives"].kind.pattern)
    for scheme in (*WHOLE_PUTS, "http", "file", "ftp"):
        assert bool(re.fullmatch(pattern, f"{scheme}://b/x")) is (scheme in WHOLE_PUTS)
    assert re.fullmatch(pattern, "folder/exports")
    assert set(LITERAL_SECRETS.values()) <= {*KEYS["server"], *KEYS["embedded"]}


def test_no_key_is_a_secret_and_none_stands_for_one() -> None:
    assert not set(LITERAL_SECRETS) & {key for keys in KEYS.values() for key in keys}


def test_defaults_in_words_are_those_of_the_description(tmp_path: Path) -> None:
    described = described_of(None, folder=tmp_path)
    said = {(name, key): row.default for name, table in TABLES.items() for key, row in table.keys.items()}
    assert described.path is None
    assert described.name == tmp_path.name
    assert said["cutover", "runs"] == described.runs
    assert said["cutover", "v1"] == described.v1
    assert said["limits", "certificate_days"] == str(described.certificate_days)
    assert (said["retention", "closed_runs"] == "keep") is described.closed_runs
    paths = {
        ("cutover", "ledger"): described.ledger,
        ("evidence", "folder"): described.evidence,
        ("evidence", "attestations"): described.attestations,
        ("evidence", "waivers"): described.waivers,
    }
    assert {place: tmp_path / said[place] for place in paths} == paths
    assert described_of(Cutover(tmp_path / "cutover.toml", {}), folder=tmp_path).families == ()
