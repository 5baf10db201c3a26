"""Every reason that an export gives has its row, every row is given, and `dwctl explain` knows it."""

from __future__ import annotations

import re
from pathlib import Path

import dwctl
from dwctl.embedded.artisan_reasons import ARTISAN_REASONS, failure
from dwctl.errors import DwctlError
from dwctl.explanations import explanation

SOURCE = Path(dwctl.__file__).parent / "embedded"
GIVING = ("application", "batch", "bundle_text", "check_artisan", "export_one", "php_process")


def given() -> set[str]:
    """The reasons that the modules name."""
    text = "".join((SOURCE / f"{name}.py").read_text() for name in GIVING)
    return set(re.findall(r'failure\(\s*"([a-z_]+)"', text)) | set(re.findall(r'reason="([a-z_]+)"', text))


def test_what_is_given_has_a_row_and_what_has_a_row_is_given() -> None:
    assert given() == {row.id for row in ARTISAN_REASONS}


def test_a_row_makes_an_error_of_its_class_and_is_explained() -> None:
    for row in ARTISAN_REASONS:
        error = failure(row.id, "it failed", where="somewhere")
        assert isinstance(error, DwctlError)
        assert type(error) is row.raised
        assert (error.reason, error.next_step, error.where) == (row.id, row.fix, "somewhere")
        assert failure(row.id, "it failed", next_step="Do this.").next_step == "Do this."
        assert explanation(row.id).kind == f"reason, exit code {row.exit_code}"
