"""What came out of the application for one run, and who gets it out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from dwctl.errors import DwctlError


class Target(NamedTuple):
    """What to export: the current run of an instance, or with `run` the run of this id."""

    id: str
    run: bool


@dataclass(frozen=True, slots=True)
class Captured:
    """One bundle as the application gave it.

    `content` is the bundle byte for byte. `noise` is what stood around it on stdout and `errors` what came on
    stderr, both bounded (the ends are kept); `noise_bytes` is all of the noise, counted. `seconds` is what the
    export took: the whole call one by one, the application's own work in the batch process.
    `run_id` and `instance_id` are those that the bundle names.
    """

    content: bytes
    noise: bytes
    errors: bytes
    seconds: float
    noise_bytes: int
    run_id: str
    instance_id: str


Outcome = tuple[Target, Captured | DwctlError]
"""A target, and its bundle or why there is none."""


class Exporter(Protocol):
    """Gets bundles out of the application: one by one (`ArtisanExporter`) or in one process (`BatchExporter`).

    An exporter is used by one thread at a time; only `stop` may be called from another one.
    """

    def export(self, target: str, *, run: bool) -> Captured:
        """The bundle of the current run of an instance, or with `run` of the run of this id."""
        ...

    def export_each(self, targets: Iterable[Target]) -> Iterator[Outcome]:
        """Every target with its bundle or its error, in order; targets are taken a little ahead."""
        ...

    def stop(self) -> None:
        """End what is in flight at once: it raises Interrupted, and so does every later call."""
        ...

    def close(self) -> None:
        """End the processes in order; nothing of them is left."""
        ...
