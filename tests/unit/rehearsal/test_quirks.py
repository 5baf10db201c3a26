"""The table of quirks, and the profiles that switch them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dwctl.errors import ExitCode, RequestNotPossible
from dwctl.rehearsal.quirks import GUIDE, MEASURED, QUIRKS, Q, profile_named


def test_every_quirk_is_one_row() -> None:
    assert [quirk.id for quirk in QUIRKS] == list(Q)


def test_every_quirk_says_where_the_contract_tells_of_it(shared: Path) -> None:
    for quirk in QUIRKS:
        match = re.fullmatch(r"(import|server)\.md §(\d)(?:\.(\d))?", quirk.contract)
        assert match, quirk.id
        text = (shared / "contract" / f"{match[1]}.md").read_text("utf-8")
        assert re.search(rf"^## {match[2]}\. ", text, re.MULTILINE), quirk.id


def test_the_measured_server_has_every_quirk() -> None:
    assert all(MEASURED.has(quirk) for quirk in Q)


@pytest.mark.parametrize(
    "promised",
    [Q.IMPORT_MARKERS_HIDDEN, Q.REDACTED_BUNDLES_IMPORTED, Q.TIMERS_WAIT_FOR_REPAIR, Q.JSON_BODY_REWRITTEN],
)
def test_the_guide_keeps_its_promises(promised: Q) -> None:
    assert not GUIDE.has(promised)


def test_single_quirks_can_be_switched() -> None:
    changed = MEASURED.but(off=[Q.BODY_LIMIT_FOR_IMPORTS])
    assert not changed.has(Q.BODY_LIMIT_FOR_IMPORTS)
    assert changed.but(on=[Q.BODY_LIMIT_FOR_IMPORTS]) == MEASURED


def test_profiles_have_names() -> None:
    assert profile_named("measured") is MEASURED
    assert profile_named("guide") is GUIDE


def test_another_name_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(RequestNotPossible) as refusal:
        profile_named("strict")
    assert refusal.value.exit_code is ExitCode.USAGE
    assert "measured" in str(refusal.value.next_step)
