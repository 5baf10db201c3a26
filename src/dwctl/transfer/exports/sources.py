"""What an export needs of the place that it exports from; `server_export` and `embedded_export` have it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dwctl.transfer.exports.outcomes import Purpose
from dwctl.transfer.exports.selection import Target
from dwctl.transfer.storage.manifest import ManifestEntry


@dataclass(frozen=True, slots=True)
class Fetched:
    """One export, byte for byte. `noise` is what stood around it (bounded), `noise_bytes` all of that, counted.

    `seconds` is how long the source took.
    """

    content: bytes
    seconds: float
    noise: bytes = b""
    noise_bytes: int = 0


class Session(Protocol):
    """One conversation with a source, used by one thread; only `stop` is for any thread."""

    def located(self, target: Target) -> Target:
        """The target with its run, where the source can tell that without exporting; else the target as it is."""
        ...

    def unmoved(self, entry: ManifestEntry) -> bool:
        """Whether the source can tell that the run has not moved since this export, without exporting it."""
        ...

    def fetch(self, target: Target) -> Fetched:
        """Export one run. Raises a DwctlError that says why there is none."""
        ...

    def stop(self) -> None:
        """End what is in flight at once."""
        ...

    def close(self) -> None:
        """End the conversation in order."""
        ...


class Source(Protocol):
    """Where runs are exported from."""

    @property
    def name(self) -> str:
        """`server` or `embedded`."""
        ...

    @property
    def way(self) -> str:
        """How: `http`, `batch`, `artisan`."""
        ...

    @property
    def exporter(self) -> str:
        """What the manifest says of how an export was got: versions and places, no secret."""
        ...

    @property
    def purpose(self) -> Purpose:
        """What its exports are for."""
        ...

    def session(self) -> Session:
        """A new conversation; opened by the thread that uses it."""
        ...
