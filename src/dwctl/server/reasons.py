"""Every `reason` of the server, and those of our own about reaching it: what it means, and what to do.

Rows come from contract/server.md §1 (table), §4 to §7 and the recordings. `exit_code` is that of the official
`dw` CLI by status, except where the reason says more than the status does: a version that the server does not
speak, and an importer that it does not have, are 8.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from dwctl.errors import ExitCode


class Reason(NamedTuple):
    """One reason. `retryable`: nothing was done, and the same call may succeed later."""

    id: str
    statuses: tuple[int, ...]
    exit_code: ExitCode
    meaning: str
    why: str
    fix: str
    retryable: bool = False


_U, _N, _A, _F = ExitCode.USAGE, ExitCode.NETWORK, ExitCode.AUTH, ExitCode.NOT_FOUND
_S, _T, _I = ExitCode.SERVER, ExitCode.TIMEOUT, ExitCode.INCOMPATIBLE

_PROXY_FIX = "Call the server without the proxy, or have the proxy pass X-Durable-Workflow headers on."
_WORKER_FIX = "This is an answer to a worker, not to dwctl: look at the worker's own log."

SERVER_REASONS: Final[tuple[Reason, ...]] = (
    Reason("missing_control_plane_version", (400,), _U, "the control-plane version header did not arrive",
           "dwctl always sends it, so something on the way took it out", _PROXY_FIX),
    Reason("unsupported_control_plane_version", (400,), _I,
           "the server speaks another control-plane version", "dwctl speaks version 2 only",
           "Run `dwctl cluster check`, and use a server or a dwctl of that version."),
    Reason("missing_protocol_version", (400,), _U, "the worker protocol header did not arrive",
           "dwctl always sends it on worker calls, so something on the way took it out", _PROXY_FIX),
    Reason("unsupported_protocol_version", (400,), _I, "the server speaks another worker protocol",
           "major versions must be equal, and the worker's minor version not above the server's",
           "Run `dwctl cluster info` for the server's version, and upgrade the older side."),
    Reason("malformed_json", (400,), _U, "the body that arrived is not JSON",
           "the body was cut or changed on the way",
           "Try again without the proxy; verify the file locally first."),
    Reason("unauthorized", (401,), _A, "the token or signature was not accepted",
           "none was sent, it is wrong, or the server uses another auth driver",
           "Run `dwctl doctor` to see which token was sent and where it came from."),
    Reason("forbidden", (403,), _A, "the token is right, but its role may not do this",
           "admin does not include worker, nor worker the control plane; import and namespaces need admin",
           "Set the token of the role that is needed: DW_ADMIN_TOKEN, DW_OPERATOR_TOKEN or DW_WORKER_TOKEN."),
    Reason("namespace_not_found", (404,), _F, "the namespace does not exist on this server",
           "it was never created there, or the name or the server is another one than meant",
           "Run `dwctl namespace list`, then `dwctl namespace ensure NAME`."),
    Reason("instance_not_found", (404,), _F, "no workflow of this id in this namespace",
           "it is in another namespace, was never imported, or its instance belongs to a namespace "
           "where another run of it was imported",
           "Run `dwctl workflow list --query ID` here and in the other namespaces."),
    Reason("run_not_found", (404,), _F, "the workflow has no run of this id",
           "the run was not imported, or the id belongs to another workflow",
           "Run `dwctl workflow show ID` for the runs that exist."),
    Reason("worker_not_found", (404,), _F, "no worker of this id in this namespace",
           "it never registered here, was removed, or registered in another namespace",
           "Run `dwctl worker list`, and start the worker for this namespace."),
    Reason("worker_not_registered", (404, 412), _F, "the worker has not registered",
           "a worker registers before it polls or sends heartbeats",
           "Restart the worker, so that it registers."),
    Reason("task_not_found", (404,), _F, "no task of this id",
           "it was completed, removed, or belongs to another namespace", _WORKER_FIX),
    Reason("not_found", (404,), _F, "the server has no such route",
           "the server is older than this dwctl expects, or the base URL is not that of the server",
           "Check --server (without /api), then run `dwctl cluster check`."),
    Reason("unknown_signal", (404,), _F, "the imported run has not declared this signal",
           "an imported run accepts only what its PHP class declared at export time",
           "Send a declared signal, or send it through the embedded application before the export."),
    Reason("method_not_allowed", (405,), _U, "the route does not take this method",
           "the server is older than this dwctl expects",
           "Run `dwctl cluster info` for the server's version."),
    Reason("namespace_already_exists", (409,), _U, "a namespace of this name exists already",
           "names are folded to lower case, so `Production` and `production` are one",
           "Use `dwctl namespace ensure`, which accepts one that is there."),
    Reason("workflow_id_reserved_in_namespace", (409,), _U, "another namespace holds this workflow id",
           "workflow ids are unique over the whole server", "Use an id of its own."),
    Reason("rejected_duplicate", (409,), _U, "a workflow of this id exists already",
           "an id is never used twice, not even after its run closed or when it was imported",
           "Use another id. Do not try again: each refused start is written into the run's history."),
    Reason("historical_run_command_rejected", (409,), _U, "commands reach only the current run",
           "this run was followed by another one (continue as new)",
           "Address the workflow without a run id, or leave the old run alone."),
    Reason("run_not_closed", (409,), _U, "the run is still open", "only closed runs can be archived",
           "Wait until it closes; `dwctl workflow show ID` tells."),
    Reason("run_closed", (409,), _U, "the run is closed already", "it ended before this call came",
           _WORKER_FIX),
    Reason("lease_owner_mismatch", (409,), _U, "another worker holds the task",
           "the lease ran out and the task was given to somebody else", _WORKER_FIX),
    Reason("workflow_task_attempt_mismatch", (409,), _U, "the task is at another attempt",
           "it was handed out again in the meantime", _WORKER_FIX),
    Reason("task_not_leased", (409,), _U, "nobody holds the task", "it was never claimed, or given back",
           _WORKER_FIX),
    Reason("lease_expired", (409,), _U, "the lease on the task has run out",
           "the worker took longer than the lease without a heartbeat", _WORKER_FIX),
    Reason("task_queue_mismatch", (409,), _U, "the worker registered for another task queue",
           "a worker registers one queue", "Register the worker for the queue that it polls."),
    Reason("build_id_mismatch", (409,), _U, "the worker polls with another build id than it registered",
           "registration and poll must agree", "Register the worker again with its build id."),
    Reason("workflow_definition_changed", (409,), _U,
           "the worker's workflow code differs from what it registered",
           "a worker with changed code must register again", "Restart the worker."),
    Reason("task_queue_draining", (409,), _U, "the task queue, or this build of it, is being drained",
           "somebody started a drain", "Resume it, or start workers of the new build."),
    Reason("v1_projection_read_only", (409,), _U, "this is a projected v1 run, and it is read-only",
           "v1 runs stay where they started", "Send the command through the v1 application."),
    Reason("worker_sessions_unavailable", (409,), _U, "the server cannot hold worker sessions now",
           "its topology or cache does not support them",
           "Check the server's topology with `dwctl cluster info`."),
    Reason("payload_too_large", (413,), _U, "the body is larger than the server takes",
           "limits.max_payload_bytes of cluster info (2 MiB by default) covers every request, imports too",
           "Import the bundle beside the server with `--via artisan`, or raise DW_MAX_PAYLOAD_BYTES there."),
    Reason("unsupported_media_type", (415,), _U, "the body's media type did not arrive as JSON",
           "a proxy changed the header, or this server takes the plain form only",
           "Try without the proxy; dwctl falls back to application/json by itself where that is safe."),
    Reason("validation_failed", (422,), _U, "a value in the request is not acceptable",
           "the server names the fields", "Change what is named, and run the command again."),
    Reason("structural_limit_exceeded", (422,), _U,
           "the request exceeds one of the server's structural limits", "structural_limits of cluster info",
           "Run `dwctl cluster info`; make it smaller, or raise the limit there."),
    Reason("invalid_import_bundle", (422,), _U, "no bundle arrived",
           "the body was empty, or its `bundle` was",
           "Check that the file is an export, and that no proxy empties it."),
    Reason("namespace_request_rate_exhausted", (429,), _U,
           "the namespace has used up its requests of this minute",
           "the server limits requests by namespace", "Wait for the next minute, or use fewer jobs.", True),
    Reason("namespace_request_concurrency_exhausted", (429,), _U,
           "the namespace has too many requests at once",
           "the server limits concurrent requests by namespace", "Use fewer jobs.", True),
    Reason("server_error", (500,), _S, "the server is not set up right",
           "usually authentication without a configured token",
           "Read the server's log; `dwctl health` names the check."),
    Reason("control_plane_internal_error", (500,), _S, "the server failed inside",
           "an unhandled error; the answer carries an error_id", "Look the error_id up in the server's log."),
    Reason("workflow_output_codec_unavailable", (500,), _S,
           "the run's output is in a codec that the server lacks", "it was written by a legacy serializer",
           "Read the run's history or export it instead."),
    Reason("embedded_v2_import_unavailable", (503,), _I, "this server cannot import embedded bundles",
           "its workflow library has no importer", "Upgrade the server, then run `dwctl cluster check`."),
    Reason("query_task_queue_unavailable", (503,), _S, "no worker answers queries on this task queue",
           "queries are answered by live workers", "Start a worker for the queue.", True),
    Reason("topology_role_unavailable", (503,), _S, "this server process does not serve this kind of call",
           "the cluster is split into roles, and the call went to the wrong one",
           "Send calls to the process or load balancer that has the missing role."),
    Reason("workflow_v2_blocked", (503,), _S, "the server refuses workflow calls until it is set up",
           "its bootstrap has not finished; blocked_by says what is missing",
           "Follow the remediation in the answer, usually running the server's bootstrap."),
    Reason("backend_lock_pressure", (503,), _S, "the server's database is busy with locks",
           "too many writers at once", "Use fewer jobs.", True),
    Reason("namespace_request_admission_unavailable", (503,), _S, "the server cannot count requests now",
           "its cache does not answer", "Check the server's cache; `dwctl health` names it.", True),
    Reason("external_payload_storage_driver_unavailable", (503,), _S,
           "the server lacks the payload storage driver",
           "payloads of this run are in storage that the server is not configured for",
           "Configure the storage driver on the server."),
)  # fmt: skip
"""The server's own words, in the order of their statuses."""

OWN_REASONS: Final[tuple[Reason, ...]] = (
    Reason("server_unreachable", (), _N, "no connection to the server could be made",
           "wrong address or port, DNS, a firewall, or the server is down",
           "Check --server, and that the server runs: `dwctl health --wait 60s`.", True),
    Reason("tls_not_trusted", (), _N, "the server's certificate was not accepted",
           "it is signed by an unknown authority, is for another name, or has expired",
           "Give --ca-file the authority's PEM file; `dwctl doctor` shows more."),
    Reason("connection_lost", (), _N, "the connection broke before the whole answer was there",
           "the server or something on the way closed it; whether the call was carried out is not known",
           "Run the same command again: dwctl asks the server before it assumes anything.", True),
    Reason("timed_out", (), _T, "the server did not answer in time",
           "it is overloaded or stuck; whether the call was carried out is not known",
           "Run it again, with a longer --timeout if the server is known to be slow.", True),
    Reason("redirected", (), _U, "the address answers with a redirect, and dwctl follows none",
           "a redirect could carry the token to another server",
           "Give --server the address that it points to."),
    Reason("unreadable_answer", (), _S, "the answer is not the JSON that it should be",
           "a proxy or another program answers at this address, or the answer was damaged",
           "Check that --server is the workflow server itself, without /api."),
    Reason("unexpected_answer", (), _S, "the answer lacks what the contract promises",
           "the server is of another version, or it is not the workflow server",
           "Run `dwctl cluster check`."),
    Reason("insecure_connection", (), _U, "a token would travel unencrypted to another machine",
           "the address is http:// and not this machine", "Use https://, or insist with --allow-insecure."),
    Reason("incompatible_server", (), _I, "this server and this dwctl do not fit together",
           "a version or contract in cluster info is not one that dwctl speaks",
           "Run `dwctl cluster check` for both versions, and upgrade the older side."),
)  # fmt: skip
"""What dwctl says about reaching the server."""


def _table(*groups: Iterable[Reason]) -> Mapping[str, Reason]:
    return MappingProxyType({reason.id: reason for group in groups for reason in group})


REASONS: Final[Mapping[str, Reason]] = _table(SERVER_REASONS, OWN_REASONS)
"""Both tables by id, for `explain` and for the translation of answers."""

_RETRYABLE_STATUSES: Final = frozenset({408, 429, 502, 503, 504})


def exit_code_of(status: int) -> ExitCode:
    """The exit code of a status, as in `dw` (contract/dw-cli.md, "Exit codes")."""
    if status in (401, 403):
        return ExitCode.AUTH
    if status == 404:
        return ExitCode.NOT_FOUND
    if status == 408:
        return ExitCode.TIMEOUT
    return ExitCode.USAGE if 300 <= status < 500 else ExitCode.SERVER


def retryable(status: int, reason: str | None) -> bool:
    """Whether the same call may succeed later: the table decides; the status where the reason is unknown."""
    known = REASONS.get(reason or "")
    return known.retryable if known is not None else status in _RETRYABLE_STATUSES
