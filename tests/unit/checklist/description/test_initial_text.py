"""The text of a first cutover.toml: TOML whatever is in it, and read back as it was meant."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cutover_documents import as_json, described
from dwctl.bundle.demand import DemandKind
from dwctl.checklist.description.initial import Draft, Seen, with_families
from dwctl.checklist.description.initial_text import draft_text
from dwctl.checklist.toml_values import toml_value
from dwctl.cutover.cutover import read_cutover
from dwctl.cutover.keys import TABLES
from dwctl.cutover.schema import cutover_schema

HOSTILE = ['"', "'", "\\", '"""', "a\nb", "\r\n", "\x00", "\x1b[2J", "\x7f", "\u202e", "\u2028", "é", "\U0001f600",
           "\ufeff", "# x", "[server]", "a = 1", "\ue000", "\t", "]"]  # fmt: skip
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40) | st.sampled_from(HOSTILE)
NAME = TEXT.filter(str.strip)
TYPE_KEY = NAME.map(lambda name: name.replace("\\", "/"))
JSON = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | st.just(""), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_a_value_is_read_back_as_it_was(value: Any) -> None:
    text = toml_value(value)
    assert tomllib.loads(f"x = {text}") == {"x": value}
    assert text.isprintable()


@pytest.mark.parametrize("value", [date(2026, 11, 23), datetime(2026, 11, 23, 8, tzinfo=UTC)])
def test_moments_are_read_back(value: date) -> None:
    assert tomllib.loads(f"x = {toml_value(value)}") == {"x": value}


SEEN = st.builds(Seen, st.sampled_from(DemandKind), TYPE_KEY | st.just("App\\X") | st.none(), NAME | st.none(),
                 NAME | st.none(), st.booleans())  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(SEEN, max_size=8), NAME, st.lists(TEXT, max_size=3), st.lists(JSON, min_size=1, max_size=3))
def test_a_draft_is_read_back_without_a_complaint(
    tmp_path: Path, seen: list[Seen], name: str, said: list[str], arguments: list[Any]
) -> None:
    families, left_out, _ = with_families(seen)
    shadow = {"workflow_type": "t", "task_queue": name, "input": arguments}
    shadows = () if any("workflow_types" in row for row in families) else (shadow,)
    values = {("cutover", "name"): name, ("server", "ca_file"): name, ("cutover", "avro_since"): date(2026, 1, 2)}
    draft = Draft(values, families, shadows, left_out, tuple(said), {"family": tuple(said), "server": (name,)})
    text = draft_text(draft)
    assert all(line.isprintable() for line in text.split("\n"))
    found = described(tmp_path, text)
    assert found.name == name
    assert [(one.name, one.task_queue, one.compatibility) for one in found.families] == [
        (row["name"], row["task_queue"], row.get("compatibility")) for row in families
    ]
    placed = {one for row in families for key in ("workflow_types", "activity_types") for one in row.get(key, ())}
    assert {one for family in found.families for one in (*family.workflow_types, *family.activity_types)} == placed
    assert [list(one.arguments) for one in found.shadows] == [row["input"] for row in shadows]
    Draft202012Validator(cutover_schema()).validate(as_json(tomllib.loads(text)))


def test_every_key_is_there_with_its_meaning_and_may_be_set_by_taking_its_sign_away(tmp_path: Path) -> None:
    text = draft_text(Draft({("cutover", "name"): "orders"}))
    assert tomllib.loads(text)["cutover"] == {"name": "orders"}
    lines = text.splitlines()
    opened = "\n".join(line[1:] if line.startswith("#") and line[1:2] not in (" ", "") else line for line in lines)
    path = tmp_path / "cutover.toml"
    path.write_text(opened, encoding="utf-8")
    found = read_cutover(path)
    assert found is not None
    for name, table in TABLES.items():
        (row,) = found.rows(name) if table.repeats else (found.tables[name],)
        assert set(row) == set(table.keys)
        for key in table.keys:
            place = next(n for n, line in enumerate(lines) if line.lstrip("#").startswith(f"{key} = "))
            assert lines[place - 1].startswith("# ")


def test_what_is_left_to_a_person_says_for_which_phase() -> None:
    text = draft_text(Draft({}, notes={"server": ("look at this.",)}))
    assert "# To fill in for the phase deploy: Base URL of the server" in text
    assert "# To fill in for the phase prepare: Workflow types that move together." in text
    assert "# Note: look at this.\n[server]" in text


def test_a_shadow_is_suggested_of_a_type_that_there_is() -> None:
    rows = ({"name": "m", "task_queue": "mail", "activity_types": ["x"]},
            {"name": "o", "task_queue": "o q", "workflow_types": ["orders.go"]})  # fmt: skip
    text = draft_text(Draft({}, families=rows))
    assert "#[[shadow]]\n" in text
    assert '#workflow_type = "orders.go"' in text
    assert '#task_queue = "o q"' in text


def test_long_lists_have_a_line_for_each() -> None:
    types = [f"orders.type-{number}" for number in range(20)]
    text = draft_text(Draft({}, families=({"name": "o", "task_queue": "o", "workflow_types": types},)))
    assert 'workflow_types = [\n    "orders.type-0",\n' in text
    assert tomllib.loads(text)["family"][0]["workflow_types"] == types
