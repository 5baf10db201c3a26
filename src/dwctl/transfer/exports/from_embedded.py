"""Exporting from the embedded application: one call of artisan a run, or one PHP process for many."""

from __future__ import annotations

from dataclasses import dataclass, field

from dwctl import __version__
from dwctl.embedded.application import EmbeddedApplication
from dwctl.embedded.batch import BatchExporter
from dwctl.embedded.captured import Exporter
from dwctl.embedded.export_one import ArtisanExporter
from dwctl.errors import RequestNotPossible
from dwctl.transfer.exports.outcomes import Purpose
from dwctl.transfer.exports.selection import Target
from dwctl.transfer.exports.sources import Fetched
from dwctl.transfer.storage.manifest import ManifestEntry


@dataclass(frozen=True)
class EmbeddedSource:
    """The runs of one application, in the batch process or one by one (contract/embedded.md)."""

    application: EmbeddedApplication
    batch: bool
    name: str = "embedded"
    purpose: Purpose = Purpose.IMPORT
    exporter: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "exporter", f"dwctl {__version__}, embedded application, {self.way}")

    @property
    def way(self) -> str:
        """`batch`, or `artisan` where each run is a call of its own."""
        return "batch" if self.batch else "artisan"

    def session(self) -> EmbeddedSession:
        """A conversation with a process of its own; it starts with the first run."""
        return BatchSession(self.application) if self.batch else EmbeddedSession(ArtisanExporter(self.application))


class EmbeddedSession:
    """One exporter, for one thread."""

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter

    def located(self, target: Target) -> Target:
        """As it is: only the export tells which run of an instance is the newest."""
        return target

    def unmoved(self, entry: ManifestEntry) -> bool:
        """Not known without an export."""
        return False

    def fetch(self, target: Target) -> Fetched:
        """The bundle as the application gave it."""
        known = target.run_id or target.instance_id
        if known is None:
            raise RequestNotPossible("this names no run", reason="no_such_id")
        found = self._exporter.export(known, run=target.run_id is not None)
        return Fetched(found.content, found.seconds, found.noise, found.noise_bytes)

    def stop(self) -> None:
        """End the child at once."""
        self._exporter.stop()

    def close(self) -> None:
        """End the child in order."""
        self._exporter.close()


class BatchSession(EmbeddedSession):
    """The batch process, which can also be asked where a run stands."""

    def __init__(self, application: EmbeddedApplication) -> None:
        self._batch = BatchExporter(application)
        super().__init__(self._batch)

    def unmoved(self, entry: ManifestEntry) -> bool:
        """Whether the run has the dedupe key of its export, as the application tells it now."""
        if entry.dedupe_key is None:
            return False
        position = self._batch.positions([entry.run_id]).get(entry.run_id)
        return position is not None and position.dedupe_key == entry.dedupe_key
