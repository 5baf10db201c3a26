"""The twelve items of the guide: where each is turned red, green and unknown by changing the world, not the check.

The tests themselves are in the modules beside this one; here is the overview, and it fails where one of them is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import NamedTuple

import pytest

from dwctl.checklist.gate.items import ITEMS


class Turned(NamedTuple):
    """An item, and the tests that turn it: `module::test`, with the id of a row in brackets where it is one."""

    item: int
    red: str
    green: str
    unknown: str


_ROWS = "application::test_rows_turn_a_check"
_READY = "application::test_a_cutover_that_is_ready_passes_every_check_of_these_items"
_NO_SERVER = "server::test_without_a_server_all_is_unknown"
_NO_DATABASE = "application::test_without_the_database_every_check_of_it_is_unknown"

TABLE = (
    Turned(1, f"{_ROWS}[v1.drained]", _READY, _NO_DATABASE),
    Turned(2, f"{_ROWS}[types.runs]", _READY, _NO_DATABASE),
    Turned(3, f"{_ROWS}[codec.new_runs]", _READY,
           "application::test_where_no_run_is_new_none_shows_the_codec_of_new_ones"),
    Turned(4, "server::test_a_dead_server_is_one_fail_and_the_rest_is_not_asked",
           "server::test_a_server_where_all_is_well_is_green", _NO_SERVER),
    Turned(5, "server::test_retention_is_red_while_it_would_prune_what_is_imported",
           "server::test_a_namespace_that_is_missing_is_made_with_the_command_that_is_given", _NO_SERVER),
    Turned(6, "workers::test_each_gap_of_the_coverage_has_its_reason",
           "workers::test_workers_that_come_go_stale_and_drain_turn_it_green_and_red",
           "workers::test_where_nobody_says_what_is_needed_or_who_is_there_it_is_unknown"),
    Turned(7, "workers::test_a_shadow_that_nobody_claims_fails_with_the_reason_in_its_time",
           "workers::test_shadows_reach_what_is_expected_at_once_or_say_what_came",
           "workers::test_without_a_described_shadow_or_a_server_it_is_unknown"),
    Turned(8, "server::test_operators_see_it_with_their_own_token_and_no_other",
           "server::test_operators_see_it_with_their_own_token_and_no_other",
           "server::test_an_administrator_s_token_shows_nothing_of_what_operators_see"),
    Turned(9, f"{_ROWS}[starters.paused]", _READY,
           "application::test_a_moment_that_nobody_wrote_or_that_has_not_come_is_unknown"),
    Turned(10, "exports::test_rows_that_move_turn_the_drift_red",
           "exports::test_what_was_exported_and_kept_well_passes",
           "exports::test_a_source_that_is_not_described_leaves_its_checks_unknown[embedded]"),
    Turned(11, "imports::test_what_moves_in_the_application_runs_twice",
           "imports::test_after_the_import_what_is_still_to_be_done_is_red_and_then_all_is_green",
           "imports::test_without_the_ledger_nothing_is_known"),
    Turned(12, "retention::test_a_closed_run_that_nobody_kept_turns_item_12_red",
           "exports::test_what_was_exported_and_kept_well_passes",
           "retention::test_no_archive_is_unknown_unless_nothing_has_to_be_kept"),
)  # fmt: skip


def test_every_item_of_the_guide_is_in_the_table_once() -> None:
    assert [row.item for row in TABLE] == [item.number for item in ITEMS]


@pytest.mark.parametrize(
    "name", list(dict.fromkeys(name for row in TABLE for name in row[1:])), ids=lambda name: name.replace("::", " ")
)
def test_each_of_them_is_there(name: str) -> None:
    module, _, test = name.partition("::")
    test, _, row = test.rstrip("]").partition("[")
    function = getattr(import_module(f"test_gate_{module}"), test)
    assert callable(function)
    if row:
        assert row in set(_ids(function))


def _ids(function: object) -> Iterator[str]:
    for mark in getattr(function, "pytestmark", ()):
        if mark.name == "parametrize":
            yield from mark.kwargs.get("ids") or ()
