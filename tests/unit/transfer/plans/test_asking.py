"""The dry runs of a plan: what they answer, files that are gone, and one that was carried out as an import."""

from __future__ import annotations

from pathlib import Path

import pytest

from dwctl.bundle.verify import VerifyOptions
from dwctl.errors import DwctlError, ServerFailed
from dwctl.transfer.imports.importing import ImportOptions
from dwctl.transfer.imports.outcomes import ImportState
from dwctl.transfer.imports.way import Way
from dwctl.transfer.plans.asking import Asker
from dwctl.transfer.plans.plan import PlannedBundle, PlanOptions
from dwctl.transfer.plans.planning import Asked, Sources, plan_bundles
from dwctl.transfer.plans.verdicts import JudgeOptions, judge_file
from import_doubles import CONFLICT, DONE, THERE, WOULD, Step, failure
from import_worlds import Answering
from sample_bundles import ORDER


def judged(folder: Path) -> PlannedBundle:
    """A bundle of a plan, in a file of its own."""
    file = folder / "a.json"
    file.write_bytes(ORDER.read_bytes())
    (planned,) = plan_bundles([judge_file(str(file), JudgeOptions(VerifyOptions()))], PlanOptions(), Sources())
    return planned


def ask(bundle: PlannedBundle, carrier: Answering) -> Asked:
    """What the server says of it."""
    assert bundle.verdict is not None
    return Asker({Way.BYTE_EXACT: carrier}, ImportOptions("orders", "id"))(bundle, bundle.verdict)


@pytest.mark.parametrize(
    ("answer", "state", "rules"),
    [
        (WOULD, ImportState.WOULD_IMPORT, ()),
        (THERE | {"dry_run": True}, ImportState.ALREADY_IMPORTED, ()),
        (CONFLICT | {"dry_run": True}, ImportState.REFUSED, ("target.run_id_conflict",)),
    ],
)
def test_an_answer_is_handed_on(tmp_path: Path, answer: Step, state: ImportState, rules: tuple[str, ...]) -> None:
    carrier = Answering(otherwise=answer)
    assert ask(judged(tmp_path), carrier) == Asked(state, rules)
    assert [kind for kind, _ in carrier.log] == ["ask"]


def test_no_answer_is_unknown_and_says_why(tmp_path: Path) -> None:
    found = ask(judged(tmp_path), Answering(otherwise=failure(500)))
    assert found.state is ImportState.UNKNOWN
    assert isinstance(found.error, DwctlError)


@pytest.mark.parametrize("change", ["gone", "changed"])
def test_a_file_that_is_not_as_it_was_judged_is_its_own_trouble_and_nobody_is_asked(
    tmp_path: Path, change: str
) -> None:
    bundle, carrier = judged(tmp_path), Answering()
    file = Path(bundle.file)
    if change == "gone":
        file.unlink()
    else:
        file.write_bytes(b"{}")
    found = ask(bundle, carrier)
    assert (found.state, carrier.log) == (ImportState.NOT_TRIED, [])
    assert found.error is not None
    assert found.error.reason == ("unreadable" if change == "gone" else "file_changed")


def test_a_dry_run_that_was_carried_out_ends_the_plan_and_names_the_run(tmp_path: Path) -> None:
    """Something dropped its query: nobody may go on asking, and the person must know what is on the server now."""
    bundle = judged(tmp_path)
    with pytest.raises(ServerFailed) as caught:
        ask(bundle, Answering(otherwise=DONE))
    assert (caught.value.reason, caught.value.where) == ("dry_run_imported", bundle.file)
    assert bundle.run is not None
    assert str(bundle.run.run_id) in caught.value.message
