"""A Secret does not show itself."""

from __future__ import annotations

import json
import logging
import pickle
from dataclasses import dataclass

import pytest

from dwctl.secret import Secret

TOKEN = "tok-planted-7f3a"


@dataclass(frozen=True)
class Holder:
    """Something that carries a secret."""

    token: Secret


def test_no_way_of_printing_it_shows_the_text(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(TOKEN)
    logging.getLogger("x").warning("%s %r", secret, Holder(secret))
    shown = [str(secret), repr(secret), f"{secret}", f"{secret!r}", repr(Holder(secret)), repr([secret]), caplog.text]
    assert not any(TOKEN in text for text in shown)


def test_it_is_neither_pickled_nor_written_as_json() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(TOKEN))
    with pytest.raises(TypeError):
        json.dumps({"token": Secret(TOKEN)})


def test_reveal_is_the_one_way_to_the_text_and_equality_compares_it() -> None:
    assert Secret(TOKEN).reveal() == TOKEN
    assert Secret(TOKEN) == Secret(TOKEN) != Secret("other")
    assert Secret(TOKEN) != TOKEN
    assert len({Secret(TOKEN), Secret(TOKEN)}) == 1
