"""Gathering the facts of a diagnosis without a server: the embedded side, bundles, and whoever is silent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dwctl.checklist.diagnosis.diagnosis import diagnose
from dwctl.checklist.diagnosis.facts import Facts, Place
from dwctl.checklist.diagnosis.gathering import Sources, gather
from dwctl.checklist.diagnosis.table import DIAGNOSES
from dwctl.embedded.positions import Position
from dwctl.errors import ExitCode, Interrupted, RequestNotPossible, ServerUnreachable
from dwctl.transfer.runtimes.positions import Look
from rehearsal_server import ready_run
from sample_bundles import sealed

RUN = ready_run(1)["workflow"]["run_id"]
STANDS = Position(RUN, "order-1", "pending", 1, "2026-11-22T22:11:34.036225Z", None)


class Php:
    """The application's PHP: it knows runs by their own id only, or does not answer."""

    name = "batch PHP process"

    def __init__(self, *known: Position, error: Exception | None = None) -> None:
        self.known, self.error = known, error

    @contextmanager
    def look(self) -> Iterator[Look]:
        if self.error is not None:
            raise self.error

        def positions(ids: Iterable[str]) -> Iterator[Position]:
            wanted = set(ids)
            return iter([one for one in self.known if one.run_id in wanted])

        yield Look("now", positions)


def gathered(wanted: str = "order-1", run_id: str | None = None, **given: Any) -> Facts:
    absent = dict.fromkeys(Place, "not configured")
    return gather(Facts(wanted, run_id=run_id), Sources(absent, **given))


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    path = tmp_path / "order-1.json"
    path.write_bytes(sealed(ready_run(1)))
    return str(path)


def test_php_is_asked_by_the_run_that_another_names(bundle: str) -> None:
    found = gathered(bundle=bundle, side=Php(STANDS))
    assert (found.instance_id, found.run_id) == ("order-1", RUN)
    assert found.embedded is not None
    assert found.embedded.side.dedupe_key == STANDS.dedupe_key
    assert found.differences == {}
    assert set(found.not_asked) == {Place.SERVER, Place.LEDGER}
    by_run = gathered(RUN, side=Php(STANDS))
    assert (by_run.instance_id, by_run.run_id) == ("order-1", RUN)


def test_whoever_does_not_answer_is_a_question_without_an_answer(bundle: str) -> None:
    found = gathered(bundle=bundle, side=Php(error=ServerUnreachable("gone")))
    assert found.embedded is None
    assert Place.EMBEDDED not in found.not_asked
    result = diagnose(found, DIAGNOSES)
    assert (result.decided.row.id, result.exit_code) == ("diagnose.not_known", ExitCode.NETWORK)
    with pytest.raises(Interrupted):
        gathered(side=Php(error=Interrupted("stop")))


def test_an_id_that_nobody_knows_leaves_nothing(bundle: str) -> None:
    found = gathered("order-9", side=Php(STANDS))
    assert (found.known, found.instance_id, found.run_id) == (False, None, None)
    with pytest.raises(RequestNotPossible, match="of another run: order-1"):
        gathered("order-9", bundle=bundle)
