"""Which runs an export takes: ids as a person writes them, files of ids, and the list of a server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dwctl.errors import RequestNotPossible
from dwctl.server.transport import Server
from dwctl.server.walk import walk_runs
from dwctl.server.workflows import list_page


@dataclass(frozen=True, slots=True)
class Target:
    """A run that is to be exported: one run, or the newest of an instance where `run_id` is None.

    `instance_id` is None where only the run is known, which the embedded application can find and the server
    cannot.
    """

    instance_id: str | None
    run_id: str | None = None

    def __str__(self) -> str:
        return "/".join(part for part in (self.instance_id or "", self.run_id) if part is not None)


@dataclass(frozen=True, slots=True)
class Selection:
    """The runs that were asked for, each once. `complete` is false where a list changed faster than it was read."""

    targets: tuple[Target, ...]
    complete: bool = True


def target_of(text: str, where: str) -> Target:
    """What `INSTANCE`, `INSTANCE/RUN` or `/RUN` stands for.

    The last slash divides, so an instance id that holds one is written with one more at its end. Raises
    RequestNotPossible for what names nothing.
    """
    instance, slash, run = text.rpartition("/")
    if not slash:
        instance, run = run, ""
    if not (instance or run) or not text.isprintable():
        raise RequestNotPossible(
            "this names no run" if text.isprintable() else "an id holds a character that cannot be printed",
            where=where, next_step="Write an id as INSTANCE, or as INSTANCE/RUN for one of its runs.",
            reason="no_such_id",
        )  # fmt: skip
    return Target(instance or None, run or None)


def ids_in(content: bytes, name: str) -> Iterator[Target]:
    """The targets of a file with one id a line; empty lines and those that begin with `#` are passed over.

    Raises RequestNotPossible with the line at fault, and for a file that is not UTF-8.
    """
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise RequestNotPossible(
            "the file of ids is not UTF-8 text", where=f"{name}, byte {error.start}",
            next_step="Write one id a line.", reason="no_such_id",
        ) from None  # fmt: skip
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text and not text.startswith("#"):
            yield target_of(text, f"{name}, line {number}")


def selected(targets: Iterable[Target]) -> Selection:
    """These targets, each once, in their order. Raises RequestNotPossible where there is none."""
    once = tuple(dict.fromkeys(targets))
    if not once:
        raise RequestNotPossible(
            "no run was named", next_step="Name ids, or give --ids-file, or with --source server --all.",
            reason="nothing_selected",
        )  # fmt: skip
    return Selection(once)


def listed_on(server: Server, *, workflow_type: str | None, status: str | None, query: str | None) -> Selection:
    """Every run that the server's list shows for this filter, to the end of the list, whatever shifts meanwhile.

    Raises RequestNotPossible where the list is empty: nothing to export is no success.
    """
    walk = walk_runs(
        lambda token: list_page(server, workflow_type=workflow_type, status=status, query=query, token=token)
    )
    if not walk.rows:
        raise RequestNotPossible(
            f"no run of the namespace {server.target.namespace} fits, so there is nothing to export",
            next_step="See `dwctl workflow list` with the same filter; the namespace may be another one.",
            reason="nothing_selected",
        )  # fmt: skip
    return Selection(tuple(Target(row.workflow_id, row.run_id) for row in walk.rows), walk.complete)
