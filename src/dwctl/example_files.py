"""The examples that come with dwctl: `examples/` of a checkout, `dwctl/examples/` of an installed package."""

from __future__ import annotations

from pathlib import Path


def orders() -> Path:
    """The folder of the orders example."""
    return _folder() / "orders"


def _folder() -> Path:
    packaged = Path(__file__).parent / "examples"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "examples"
