"""The checks of codecs: what an export would be refused for as payload_codec.unsupported, as far as rows tell.

The codec of a run stands in its row, that of its result beside it; what hangs on a run names its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dwctl.embedded import check_rows as rows
from dwctl.embedded.check_queries import (
    SAY_SINCE,
    Asked,
    clock_evidence,
    distinct_values,
    no_moment,
    runs_where,
    since_of_runs,
    undated,
)
from dwctl.embedded.check_results import Answer, CheckResult, Evidence, passed, unknown
from dwctl.embedded.row_conditions import has_no_begin, is_foreign, is_open

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement

    from dwctl.embedded.gaps import Gap
    from dwctl.embedded.snapshot import Snapshot

_PLACES: Final = (
    ("runs", "workflow_runs", "id", "payload_codec"),
    ("results", "workflow_runs", "id", "output_payload_codec"),
    ("activities", "activity_executions", "workflow_run_id", "payload_codec"),
    ("commands", "workflow_commands", "workflow_run_id", "payload_codec"),
    ("updates", "workflow_updates", "workflow_run_id", "payload_codec"),
    ("signals", "workflow_signal_records", "workflow_run_id", "payload_codec"),
)
"""Whose codec it is, its table, and there the columns of the run and of the codec: those that the inventory reads."""

_ASKED: Final = f"the codecs of {', '.join(what for what, *_ in _PLACES)}"


def codec_of_new_runs(snapshot: Snapshot, asked: Asked) -> CheckResult:
    """Runs since the moment that are in another codec; any moment will do where no run of any age is in one."""
    return _if_all_is_read(snapshot, _of_new_runs(snapshot, asked))


def codec_everywhere(snapshot: Snapshot, _asked: Asked) -> CheckResult:
    """Runs of any age in another codec; open ones have to finish where they are."""
    return _if_all_is_read(snapshot, _of_all_runs(snapshot))


def _if_all_is_read(snapshot: Snapshot, result: CheckResult) -> CheckResult:
    """The answer; a pass is unknown where a codec cannot be read."""
    gap = _first_gap(snapshot)
    if gap is None or result.answer is not Answer.PASS:
        return result
    return unknown(result.row, f"{result.said}, but not every codec can be read: {gap.sentence}", gap.next_step)


def _first_gap(snapshot: Snapshot) -> Gap | None:
    gaps = (snapshot.gap(table, run_id, codec) for _, table, run_id, codec in _PLACES)
    return next((gap for gap in gaps if gap is not None), None)


def _of_new_runs(snapshot: Snapshot, asked: Asked) -> CheckResult:
    row = rows.CODEC_NEW
    foreign = _foreign_runs(snapshot)
    everywhere, _ = runs_where(snapshot, foreign)
    refusal = no_moment(snapshot, row, asked)
    if refusal is not None:
        if everywhere == 0:
            return passed(row, "no run of any age uses another codec", _no_other_codec(snapshot))
        if asked.since is None:
            said = f"{everywhere:,} runs use another codec, and nobody said which runs are new"
            return unknown(row, said, SAY_SINCE)
        return refusal
    new = since_of_runs(snapshot, str(asked.since))
    count, ids = runs_where(snapshot, foreign, new)
    total, _ = runs_where(snapshot, new)
    came = Evidence(f"{_ASKED}, of runs since {asked.since}", f"{count:,} of {total:,} in another codec")
    evidence = (came, clock_evidence(snapshot))
    if count:
        said = f"{count:,} of {total:,} runs started since {asked.since} use another codec than avro"
        return CheckResult(row, Answer.FAIL, said, ids, "runs", count, evidence, row.fix)
    if (doubt := undated(row, "use another codec", *runs_where(snapshot, foreign, has_no_begin(snapshot)))) is not None:
        return doubt
    if total:
        named = f"all {total:,} runs started since {asked.since} use avro"
        unnamed = f"none of {total:,} runs started since {asked.since} uses another codec than avro"
        return passed(row, _by_name(snapshot, named, unnamed, new), *evidence)
    if everywhere == 0:
        said = f"no run was started since {asked.since}, and no older one uses another codec"
        return passed(row, said, *evidence, _no_other_codec(snapshot))
    said = f"no run was started since {asked.since}, so none shows which codec new ones use"
    return CheckResult(row, Answer.UNKNOWN, said, evidence=evidence, next_step="Give an earlier --since.")


def _of_all_runs(snapshot: Snapshot) -> CheckResult:
    row = rows.CODEC_ALL
    foreign = _foreign_runs(snapshot)
    count, ids = runs_where(snapshot, foreign)
    if count == 0:
        said = _by_name(snapshot, "every run uses avro", "no run uses another codec than avro")
        return passed(row, said, _no_other_codec(snapshot))
    still, _ = runs_where(snapshot, foreign, is_open(snapshot))
    evidence = Evidence(_ASKED, f"{count:,} runs: {'; '.join(_other_codecs(snapshot))}")
    said = f"{count:,} runs use a legacy codec, {still:,} of them open: they cannot be imported"
    return CheckResult(row, Answer.WARN, said, ids, "runs", count, (evidence,), row.fix)


def _no_other_codec(snapshot: Snapshot) -> Evidence:
    return Evidence(_ASKED, _by_name(snapshot, "avro in every run", "no other codec"))


def _by_name(snapshot: Snapshot, named: str, unnamed: str, *conditions: Any) -> str:
    """What is said where every run names its codec, or where some do not, with how many: such can be imported."""
    from sqlalchemy import or_

    codec = snapshot.table("workflow_runs").c.payload_codec
    count, _ = runs_where(snapshot, or_(codec.is_(None), codec == ""), *conditions)
    return f"{unnamed}; {count:,} without a codec" if count else named


def _foreign_runs(snapshot: Snapshot) -> ColumnElement[bool]:
    """Whether a run, or a row that hangs on it, is in another codec than Avro."""
    from sqlalchemy import exists, or_

    runs = snapshot.table("workflow_runs")
    # Correlated: what hangs on a run is found by its index, and where the run itself tells, nobody looks for it.
    return or_(*(
        is_foreign(runs.c[codec]) if table is runs
        else exists().where(table.c[run_id] == runs.c.id, is_foreign(table.c[codec]))
        for _, table, run_id, codec in _readable(snapshot)
    ))  # fmt: skip


def _other_codecs(snapshot: Snapshot) -> Iterator[str]:
    """The first of the codecs other than Avro, place by place."""
    for what, table, _, codec in _readable(snapshot):
        if names := distinct_values(snapshot, table, table.c[codec], is_foreign(table.c[codec])):
            yield f"{', '.join(names)} of {what}"


def _readable(snapshot: Snapshot) -> Iterator[tuple[str, Any, str, str]]:
    """The places that can be read, with their tables. Raises where that of the runs themselves is not among them."""
    yield from (
        (what, snapshot.table(table), run_id, codec)
        for what, table, run_id, codec in _PLACES
        if what == "runs" or snapshot.has(table, run_id, codec)
    )
