"""The examples that come with dwctl: `examples/` of a checkout, `dwctl/examples/` of an installed package."""

from __future__ import annotations

from pathlib import Path


def orders() -> Path:
    """The folder of the orders example."""
    return _folder() / "orders"


def orders_worker() -> Path:
    """The worker of the orders example, a Python program."""
    return _folder() / "workers" / "orders_worker.py"


def _folder() -> Path:
    packaged = Path(__file__).parent / "examples"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "examples"
