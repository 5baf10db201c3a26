"""Exporting from the standalone server: `GET …/history/export`, the body kept as it came (contract/server.md §5)."""

from __future__ import annotations

import time
from collections.abc import Callable

from dwctl import __version__
from dwctl.errors import NotFound, RequestNotPossible
from dwctl.server.transport import Server
from dwctl.server.workflows import describe, export_history, list_runs
from dwctl.transfer.exports.outcomes import Purpose
from dwctl.transfer.exports.selection import Target
from dwctl.transfer.exports.sources import Fetched
from dwctl.transfer.storage.manifest import ManifestEntry


class ServerSource:
    """The runs of one namespace of a server. All sessions share its connections."""

    name = "server"
    way = "http"
    purpose = Purpose.ARCHIVE

    def __init__(self, server: Server, clock: Callable[[], float] = time.monotonic) -> None:
        self._server, self._clock = server, clock
        self.exporter = f"dwctl {__version__}, {server.target.url}, namespace {server.target.namespace}"

    def session(self) -> ServerSession:
        """A conversation over the shared connections."""
        return ServerSession(self._server, self._clock)


class ServerSession:
    """One thread's use of the server."""

    def __init__(self, server: Server, clock: Callable[[], float]) -> None:
        self._server, self._clock = server, clock

    def located(self, target: Target) -> Target:
        """The newest run of the instance where none is named. Raises RequestNotPossible for a run without instance."""
        if target.instance_id is None:
            raise RequestNotPossible(
                "the server finds a run only by its instance", where=str(target),
                next_step="Write INSTANCE/RUN.", reason="instance_not_named",
            )  # fmt: skip
        if target.run_id is not None:
            return target
        # The list of runs answers also where the server cannot render a payload of the run itself.
        rows = list_runs(self._server, target.instance_id)
        if not rows:
            return Target(target.instance_id, describe(self._server, target.instance_id).row.run_id)
        newest = max(rows, key=lambda row: row.run_number or 0)
        return Target(target.instance_id, newest.run_id)

    def unmoved(self, entry: ManifestEntry) -> bool:
        """Never known without an export: what the server shows of a run holds no history sequence."""
        return False

    def fetch(self, target: Target) -> Fetched:
        """The body of the export, byte for byte. Raises a ServerFailure."""
        if target.instance_id is None or target.run_id is None:
            raise NotFound("the run is not known", where=str(target), reason="run_not_found")
        begun = self._clock()
        content = export_history(self._server, target.instance_id, target.run_id)
        return Fetched(content, self._clock() - begun)

    def stop(self) -> None:
        """Nothing to end: a request in flight ends with this process."""

    def close(self) -> None:
        """Nothing to close: the connections are the source's."""
