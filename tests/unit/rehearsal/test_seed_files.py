"""Seeds: namespaces and bundles before the first request, and what is wrong with one said plainly."""

from __future__ import annotations

from pathlib import Path

import pytest

from dwctl.errors import AnswerIsNo, DwctlError, RequestNotPossible, UnreadableInput
from dwctl.rehearsal.app import create_app
from dwctl.rehearsal.seeds import Planted, plant
from sample_bundles import EXAMPLES, LEASED, ORDER


def planted(folder: Path, text: str) -> Planted:
    seed = folder / "seed.toml"
    seed.write_text(text, encoding="utf-8")
    return plant(create_app().state.rehearsal, seed)


def test_patterns_beside_the_seed_and_whole_paths_are_found(tmp_path: Path) -> None:
    (tmp_path / "order.json").write_bytes(ORDER.read_bytes())
    assert planted(tmp_path, '[[bundle]]\npath = "*.json"\n') == Planted(0, 1)
    assert planted(tmp_path, f'[[bundle]]\npath = "{EXAMPLES}/completed-*.json"\n') == Planted(0, 1)
    assert planted(tmp_path, f'[[bundle]]\npath = "{ORDER}"\n') == Planted(0, 1)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("no = toml = at all", RequestNotPossible),
        ("[[worker]]\n", RequestNotPossible),
        ("[[namespace]]\n", RequestNotPossible),
        ('[[namespace]]\nname = "a"\nretention_days = 0\n', RequestNotPossible),
        ('[[bundle]]\npath = "nothing-*.json"\n', RequestNotPossible),
        ('[[bundle]]\npath = "/nowhere/a.json"\n', RequestNotPossible),
        (f'[[bundle]]\npath = "{ORDER}"\nnamespace = "unknown"\n', RequestNotPossible),
        (f'[[bundle]]\npath = "{LEASED}"\n', AnswerIsNo),
    ],
)
def test_what_is_wrong_with_a_seed_is_said_with_the_next_step(
    tmp_path: Path, text: str, kind: type[DwctlError]
) -> None:
    with pytest.raises(kind) as caught:
        planted(tmp_path, text)
    assert caught.value.next_step
    assert "Errno" not in caught.value.message


def test_a_seed_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="the seed cannot be read"):
        plant(create_app().state.rehearsal, tmp_path / "missing.toml")
