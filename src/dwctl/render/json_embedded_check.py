"""The answers of `embedded check` as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from dwctl.embedded.check_results import Answer, CheckResult

SCHEMA = "dwctl.embedded-check"


def check_item(result: CheckResult) -> dict[str, Any]:
    """One answer. `ids` are the first of `count`."""
    row = result.row
    return {
        "id": row.id,
        "item": row.item,
        "meaning": row.meaning,
        "needs": row.needs,
        "required": row.required,
        "answer": result.answer.value,
        "said": result.said,
        "ids_are": result.ids_are if result.ids else None,
        "ids": list(result.ids),
        "count": result.count,
        "evidence": [one._asdict() for one in result.evidence],
        "next_step": result.next_step,
    }


def check_summary(results: Sequence[CheckResult], *, good: bool) -> dict[str, Any]:
    """How many answers of each kind, which stand in the way, and whether the cutover may go on."""
    counts = Counter(result.answer for result in results)
    return {
        "answers": {answer.value: counts[answer] for answer in Answer},
        "in_the_way": [result.row.id for result in results if result.stops],
        "may_go_on": good,
    }
