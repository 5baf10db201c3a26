"""What the commands of the gate share: the phases, and the cutover that this folder describes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from dwctl.errors import RequestNotPossible

if TYPE_CHECKING:
    from dwctl.checklist.description.described import Described


class PhaseName(StrEnum):
    """The phases, in their order; those of `checklist.gate.items.Phase`."""

    PREPARE = "prepare"
    DEPLOY = "deploy"
    WORKERS = "workers"
    STARTS = "starts"
    IMPORT = "import"
    CLOSE = "close"


def complete_check(incomplete: str) -> list[str]:
    """The ids of the checks that begin like this, for the shell."""
    from dwctl.checklist.gate.table import CHECKS

    return [check.id for check in CHECKS if check.id.startswith(incomplete)]


def complete_selection(incomplete: str) -> list[str]:
    """The words of `--only` and `--skip` that begin like this: ids of checks, categories, numbers of items."""
    from dwctl.checklist.gate.items import ITEMS
    from dwctl.checklist.gate.table import CHECKS

    categories = dict.fromkeys(check.category for check in CHECKS)
    words = (*(str(item.number) for item in ITEMS), *categories, *(check.id for check in CHECKS))
    return [word for word in words if word.startswith(incomplete)]


def described_here() -> Described:
    """The cutover that `cutover.toml` of this folder describes; one with nothing but defaults where there is none.

    Raises RequestNotPossible for what is wrong in the file.
    """
    from dwctl.checklist.description.described import described_of
    from dwctl.cutover.cutover import FILE_NAME, read_cutover

    folder = Path.cwd()
    return described_of(read_cutover(folder / FILE_NAME), folder=folder)


def require_described(described: Described) -> Described:
    """The same, for a command that writes beside the file. Raises RequestNotPossible where there is none."""
    if described.path is None:
        raise RequestNotPossible(
            "there is no cutover.toml in this folder, and the record would belong to no cutover",
            next_step="Go to the folder of the cutover, or describe it with `dwctl checklist init`.",
            reason="no_cutover_file",
        )
    return described


def without_subcommand(function: Callable[..., int]) -> Callable[..., int]:
    """Make a command the callback of its group: it runs where no command of the group was named.

    Options before such a command's name would be meant for nobody: they are refused.
    """

    @functools.wraps(function)
    def callback(context: typer.Context, **given: Any) -> int:
        if context.invoked_subcommand is None:
            return function(context, **given)
        for name in given:
            if str(getattr(context.get_parameter_source(name), "name", "")) == "COMMANDLINE":
                raise RequestNotPossible(
                    f"--{name.replace('_', '-')} stands before '{context.invoked_subcommand}', where it does nothing",
                    next_step=f"Write the options of `{context.command_path} {context.invoked_subcommand}` after it.",
                    reason="usage",
                )
        return 0

    return callback
