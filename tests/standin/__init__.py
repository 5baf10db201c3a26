"""A small stand-in for the standalone server: a plain ASGI application on a real socket, with faults on demand.

It answers what contract/server.md says for the routes that dwctl uses, and keeps everything in memory. It shares
dwctl's own verdict on bundles: what it tests is the wire and what stands around it, not the verdict.
"""

from standin.app import Behaviour, Fault, FaultKind, Received, StandIn
from standin.running import RunningStandIn, certificates, serve
from standin.store import ImportedRun, Store

__all__ = [
    "Behaviour",
    "Fault",
    "FaultKind",
    "ImportedRun",
    "Received",
    "RunningStandIn",
    "StandIn",
    "Store",
    "certificates",
    "serve",
]
