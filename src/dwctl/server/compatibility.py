"""Whether this server and this dwctl fit together: decided once, before anything changes (server.md §2).

Each requirement is a row. One that is not met refuses the server; what a server does not say is not met,
except where the row says that its absence is only a warning.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dwctl import __version__
from dwctl.errors import IncompatibleServer
from dwctl.server.calls import WORKER_PROTOCOL_VERSION
from dwctl.server.results import ClusterInfo
from dwctl.server.transport import CONTROL_PLANE_VERSION

REQUEST_CONTRACT: Final = "durable-workflow.v2.control-plane-request.contract"
REQUEST_CONTRACT_VERSION: Final = "1"
DEFAULT_MAX_PAYLOAD_BYTES: Final = 2_097_152
"""The server's own default (server.md §1), assumed where cluster info does not say."""


class Fit(StrEnum):
    """How a requirement stands."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One row, answered: what dwctl needs, what the server says, and what to do where they differ."""

    id: str
    fit: Fit
    needed: str
    found: str
    next_step: str | None = None


@dataclass(frozen=True, slots=True)
class Compatibility:
    """Every requirement with its answer, and what follows from cluster info for later calls.

    `worker_protocol` is the version to send on worker calls, None where none fits.
    """

    info: ClusterInfo
    requirements: tuple[Requirement, ...]
    worker_protocol: str | None
    max_payload_bytes: int

    @property
    def fits(self) -> bool:
        """Whether every requirement is met."""
        return all(requirement.fit is not Fit.FAILED for requirement in self.requirements)


class Need(StrEnum):
    """What a command is going to use, beyond the control plane itself."""

    IMPORT = "import"
    WORKER = "worker"


def assess(info: ClusterInfo, *needs: Need) -> Compatibility:
    """Compare cluster info with what dwctl speaks; what is not in `needs` is at most a warning."""
    protocol = negotiate(info.worker_protocol_version)
    return Compatibility(
        info=info,
        requirements=tuple(row(info, needs) for row in _ROWS),
        worker_protocol=protocol,
        max_payload_bytes=info.max_payload_bytes or DEFAULT_MAX_PAYLOAD_BYTES,
    )


def require(info: ClusterInfo, *needs: Need) -> Compatibility:
    """The same, before the first change. Raises IncompatibleServer with both versions and the next step."""
    result = assess(info, *needs)
    for first in (row for row in result.requirements if row.fit is Fit.FAILED):
        raise IncompatibleServer(
            f"dwctl {__version__} and server {info.version or 'of unknown version'} do not fit: {first.id}: "
            f"needed is {first.needed}, the server has {first.found}",
            where=info.server_id,
            next_step=first.next_step,
            reason=_REASONS.get(first.id, "incompatible_server"),
        )
    return result


def negotiate(server_version: str | None) -> str | None:
    """The worker protocol version to send: 1.0 of the guide where the server takes it, else None.

    The same major, and a minor not above the server's (server.md §1).
    """
    ours, theirs = _version(WORKER_PROTOCOL_VERSION), _version(server_version)
    if ours is None or theirs is None or ours[0] != theirs[0] or ours[1] > theirs[1]:
        return None
    return WORKER_PROTOCOL_VERSION


def _version(text: str | None) -> tuple[int, int] | None:
    parts = (text or "").split(".")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
        return None
    return int(parts[0]), int(parts[1])


_REASONS = {"embedded_v2_import": "embedded_v2_import_unavailable"}
_UPGRADE = "Upgrade the older side: a server with this contract, or a dwctl that speaks the server's."


def _control_plane(info: ClusterInfo, needs: tuple[Need, ...]) -> Requirement:
    found = info.control_plane_version
    fit = Fit.OK if found == CONTROL_PLANE_VERSION else Fit.FAILED
    return Requirement("control_plane.version", fit, CONTROL_PLANE_VERSION, found or "none", _UPGRADE)


def _request_contract(info: ClusterInfo, needs: tuple[Need, ...]) -> Requirement:
    found = (info.request_contract, info.request_contract_version)
    fit = Fit.OK if found == (REQUEST_CONTRACT, REQUEST_CONTRACT_VERSION) else Fit.FAILED
    shown = " version ".join(part or "none" for part in found)
    needed = f"{REQUEST_CONTRACT} version {REQUEST_CONTRACT_VERSION}"
    return Requirement("control_plane.request_contract", fit, needed, shown, _UPGRADE)


def _import(info: ClusterInfo, needs: tuple[Need, ...]) -> Requirement:
    missing = Fit.FAILED if Need.IMPORT in needs else Fit.WARNING
    return Requirement(
        "embedded_v2_import",
        Fit.OK if info.imports_embedded_v2 else missing,
        "an importer for embedded bundles",
        "one" if info.imports_embedded_v2 else "none",
        "Upgrade the server to one whose workflow library imports embedded bundles (May 2026 or later).",
    )


def _codec(info: ClusterInfo, needs: tuple[Need, ...]) -> Requirement:
    missing = Fit.FAILED if Need.IMPORT in needs and info.payload_codecs else Fit.WARNING
    return Requirement(
        "payload_codecs",
        Fit.OK if "avro" in info.payload_codecs else missing,
        "avro",
        ", ".join(info.payload_codecs) or "none named",
        "Upgrade the server to one that reads avro payloads.",
    )


def _limit(info: ClusterInfo, needs: tuple[Need, ...]) -> Requirement:
    found = info.max_payload_bytes
    return Requirement(
        "limits.max_payload_bytes",
        Fit.OK if found else Fit.WARNING,
        "named",
        f"{found} bytes" if found else f"not named; {DEFAULT_MAX_PAYLOAD_BYTES} bytes are assumed",
        "Larger bundles go with `--via artisan`.",
    )


def _worker_protocol(info: ClusterInfo, needs: tuple[Need, ...]) -> Requirement:
    missing = Fit.FAILED if Need.WORKER in needs else Fit.WARNING
    return Requirement(
        "worker_protocol.version",
        Fit.OK if negotiate(info.worker_protocol_version) else missing,
        f"{WORKER_PROTOCOL_VERSION}, or a later one of the same major version",
        info.worker_protocol_version or "none",
        _UPGRADE,
    )


_ROWS: Final[tuple[Callable[[ClusterInfo, tuple[Need, ...]], Requirement], ...]] = (
    _control_plane,
    _request_contract,
    _import,
    _codec,
    _limit,
    _worker_protocol,
)
