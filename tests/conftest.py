"""Fixtures for every test: where the recorded reference data is, and a clean environment."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# A deadline is a limit of the wall clock: a busy machine would break it, and tell nothing about the code.
settings.register_profile("dwctl", deadline=None)
settings.load_profile("dwctl")

# Under nohup one is ignored, in the background of a script the other, here and in every process that a test starts:
# and dwctl keeps to that.
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["embedded_databases"]

SHARED = Path(os.environ.get("DWCTL_REFERENCE_DATA", Path(__file__).parents[2] / "shared"))
"""The recorded reference data, beside the checkout; tests that need it skip where it is absent."""


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recorded reference data; skips the test where it does not exist."""
    if not (SHARED / "corpus").is_dir():
        pytest.skip("the recorded reference data (../shared) is not on this machine")
    return SHARED


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the developer's shell reaches a test."""
    for name in [name for name in os.environ if name.startswith(("DW_", "DWCTL_", "DURABLE_WORKFLOW_"))]:
        if name != "DWCTL_REFERENCE_DATA":
            monkeypatch.delenv(name)
