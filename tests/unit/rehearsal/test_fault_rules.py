"""The rules of faults on demand: what is read, and what is refused with a sentence."""

from __future__ import annotations

import pytest

from dwctl.errors import RequestNotPossible
from dwctl.rehearsal.faults import KINDS, parse_fault


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_alone_and_with_options(kind: str) -> None:
    assert parse_fault(kind).kind == kind
    fault = parse_fault(f"{kind},on=POST,times=2,after=3")
    assert (fault.on, fault.times, fault.after) == ("POST", 2, 3)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("", "there is no fault ''"),
        ("sleep", "there is no fault 'sleep'"),
        ("latency=x", "latency takes a number"),
        ("truncate=3", "truncate takes no value"),
        ("reset-after=1", "reset-after takes no value"),
        ("500,times=0", "a fault that strikes no times is none"),
        ("500,times=-1", "'times=-1' is no option of a fault"),
        ("500,on=", "'on=' is no option of a fault"),
        ("500,until=4", "'until=4' is no option of a fault"),
    ],
)
def test_a_rule_that_would_do_nothing_is_refused(rule: str, said: str) -> None:
    with pytest.raises(RequestNotPossible) as caught:
        parse_fault(rule)
    assert said in caught.value.message
    assert caught.value.next_step


def test_times_and_after_are_counted() -> None:
    fault = parse_fault("500,times=2,after=1,on=POST")
    requests = ["POST /a", "GET /a", "POST /a", "POST /b", "POST /c"]
    assert [fault.strikes(request, lambda: 0.0) for request in requests] == [False, False, True, True, False]
