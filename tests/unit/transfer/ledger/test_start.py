"""How a ledger begins: the import id that nobody gave."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dwctl.transfer.ledger.start import first_import_id


def test_a_new_import_id_is_of_its_moment() -> None:
    early, late = (first_import_id(datetime(year, 1, 1, tzinfo=UTC)) for year in (2026, 2027))
    assert early.startswith("dwctl-")
    assert early < late


@pytest.mark.parametrize("year", [1, 1969, 1970, 9999])
def test_a_clock_that_is_wrong_is_no_reason_to_fail(year: int) -> None:
    assert len(first_import_id(datetime(year, 1, 1, tzinfo=UTC))) == len("dwctl-") + 26
