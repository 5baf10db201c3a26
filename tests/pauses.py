"""Something that happens while a command of this process waits: in its first pause, whenever that comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest


def in_the_first_pause(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do `act` when the main thread first sleeps: a timer would now and then come before the first look."""
    sleep, acted = time.sleep, list[bool]()

    def slept(seconds: float) -> None:
        if threading.current_thread() is threading.main_thread() and not acted:
            acted.append(True)
            act()
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", slept)
