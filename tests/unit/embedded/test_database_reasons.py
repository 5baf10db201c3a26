"""Every reason of the database has its row, every row is given, and `dwctl explain` knows it."""

from __future__ import annotations

import re
from pathlib import Path

import dwctl
from dwctl.embedded import database_errors
from dwctl.embedded.database_reasons import DATABASE_REASONS, failure
from dwctl.explanations import explanation

SOURCE = Path(dwctl.__file__).parent


def given() -> set[str]:
    """The reasons that the modules name, and those of the tables of codes."""
    modules = ("application_clock", "database_url", "laravel_env", "session", "session_sqlite", "wall_clock")
    files = [*(SOURCE / "embedded" / f"{name}.py" for name in modules), SOURCE / "embedded" / "database_errors.py"]
    text = "".join(path.read_text() for path in (*files, SOURCE / "cli" / "database_options.py"))
    named = set(re.findall(r'failure\(\s*"([a-z_]+)"', text)) | set(re.findall(r'reason="(database_[a-z_]+)"', text))
    tables = {*database_errors._MYSQL.values(), *database_errors._POSTGRES.values(), *database_errors._SQLITE.values()}
    return named | tables | {"rows_hidden", "database_failed", "database_timeout"}


def test_what_is_given_has_a_row_and_what_has_a_row_is_given() -> None:
    assert given() == {row.id for row in DATABASE_REASONS}


def test_a_row_makes_an_error_of_its_class_and_is_explained() -> None:
    for row in DATABASE_REASONS:
        error = failure(row.id, "it failed", where="somewhere")
        assert type(error) is row.raised
        assert (error.reason, error.next_step, error.where) == (row.id, row.fix, "somewhere")
        assert explanation(row.id).kind == f"reason, exit code {row.exit_code}"


def test_every_reason_of_a_code_has_a_sentence() -> None:
    tables = {*database_errors._MYSQL.values(), *database_errors._POSTGRES.values(), *database_errors._SQLITE.values()}
    assert tables - {"database_timeout"} <= database_errors._SENTENCES.keys()
