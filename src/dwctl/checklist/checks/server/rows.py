"""Items 4, 5 and 8 as rows: the server, the namespace, and what operators can see."""

from __future__ import annotations

from functools import partial
from typing import Final

from dwctl.checklist.checks.server import health, namespace, operators
from dwctl.checklist.gate.check import Check, Need

_server = partial(Check, item=4, category="server", needs=(Need.SERVER,))
_namespace = partial(Check, item=5, category="server", needs=(Need.SERVER,))
_operators = partial(Check, item=8, category="server", needs=(Need.OPERATOR,), after=("namespace.exists",))
_OPERATOR_FIX: Final = "Give the operators a token of the role operator: DW_OPERATOR_TOKEN here and on the server."

CHECKS: Final[tuple[Check, ...]] = (
    _server(
        id="server.health", ask=health.health,
        meaning="The server answers from this network, and reaches its database.",
        why="Starters, workers and operators all need it; from another network it may look otherwise.",
        fix="Start the server, open the way to it, and name the right address; `dwctl doctor` tells where it ends.",
        evidence="GET /api/health, once, without a token: 200 and the word serving. Run the gate where the "
                 "application will run.",
    ),
    _server(
        id="server.ready", ask=health.ready, after=("server.health",),
        meaning="The server is ready: tables, default namespace, cache and auth.",
        why="A server without tables is healthy all the same; only ready tells.",
        fix="Do what the check that is named asks for: run the migrations, or the server's bootstrap.",
        evidence="GET /api/ready: 200 and the word ready; a check of its own that is not ok is told.",
    ),
    _server(
        id="server.cluster_info", ask=health.cluster_info, after=("server.health",),
        meaning="The server says who it is, to the token that is configured.",
        why="What is negotiated comes from there, and a token that is refused there is refused everywhere.",
        fix="Set the token of a role that the server knows; `dwctl doctor` tries each one.",
        evidence="GET /api/cluster/info with the token of any role.",
    ),
    _server(
        id="server.fits", ask=health.fits, after=("server.cluster_info",),
        meaning="Versions, importer, codecs and limits are those that this cutover needs.",
        why="A server of another contract, or without an importer for embedded bundles, refuses in the middle.",
        fix="Upgrade the older side. Without imports (runs = drain) no importer is needed.",
        evidence="Cluster info against the requirements of `dwctl cluster check`.",
    ),
    _server(
        id="server.certificate", ask=health.certificate,
        meaning="The server's certificate is trusted here, and good for long enough.",
        why="When it ends, workers and starters stop at the same moment, days after a cutover that looked fine.",
        fix="Renew it, or name the authority that signed it with ca_file.",
        evidence="What the server presents in the TLS handshake, against certificate_days of [limits]. Expired and "
                 "untrusted ones fail, fewer days warn, and an unverified one is unknown. http:// to this machine is "
                 "left out; to another one it warns, and fails where a token would travel.",
    ),
    _server(
        id="server.clock", ask=health.clock, after=("server.health",),
        meaning="The server's clock and this machine's agree.",
        why="Leases, timers (fire_at) and retention go by the server's clock, and what was exported by the other.",
        fix="Let NTP set both clocks.",
        evidence=f"The timestamp of /api/health, else its Date header, against the middle of the exchange: more than "
                 f"{health.CLOCK_WARNING:.0f} s warn, more than {health.CLOCK_FAILURE:.0f} s fail.",
    ),
    _namespace(
        id="namespace.exists", ask=namespace.exists, after=("server.cluster_info",),
        meaning="The target namespace is on the server.",
        why="Nothing can be started, imported or polled in one that is not there; names are folded to lower case.",
        fix="Create it with `dwctl namespace ensure`.",
        evidence="GET /api/namespaces/NAME with the operator's or the admin's token.",
    ),
    _namespace(
        id="namespace.retention", ask=namespace.retention, after=("namespace.exists",),
        meaning="The namespace keeps closed runs for long enough, also those that are imported.",
        why="An imported run keeps the time when it closed: one that closed before the retention is pruned at the "
            "next heartbeat of a worker, history and all.",
        fix="Raise retention_days first; or import with --archive-terminal, or keep these runs as exports only.",
        evidence="retention_days of the namespace against days of [retention] in cutover.toml, and against the closing "
                 "times in the bundles; runs that the ledger knows as archived on the server are exempt.",
    ),
    _operators(
        id="operators.list_runs", ask=operators.list_runs,
        meaning="Operators can list runs.",
        why="Who cannot see runs at the cutover finds out too late what does not move.",
        fix=_OPERATOR_FIX,
        evidence="GET /api/workflows with nothing but the operators' token; 401 and 403 fail.",
    ),
    _operators(
        id="operators.task_queues", ask=operators.task_queues,
        meaning="Operators can look into task queues.",
        why="A run that is not claimed is explained by its queue.",
        fix=_OPERATOR_FIX,
        evidence="GET /api/task-queues, and one of them, with nothing but the operators' token.",
    ),
    _operators(
        id="operators.workers", ask=operators.workers,
        meaning="Operators can see which workers are registered, and whether they are alive.",
        why="Stale workers and wrong types are seen only there.",
        fix=_OPERATOR_FIX,
        evidence="GET /api/workers with nothing but the operators' token.",
    ),
    _operators(
        id="operators.role", ask=operators.role,
        meaning="The operators' token is an operator's, and no administrator's.",
        why="An administrator's token sees everything: the gate would be green, and the operators locked out.",
        fix=_OPERATOR_FIX,
        evidence="An administrators' read, GET /api/system/repair, with the operators' token: 403 passes. Left out "
                 "where all roles come with the same token, or with none.",
    ),
)  # fmt: skip
"""In the order in which a server is met."""
