"""How the server, or something on the way to it, refuses to answer at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dwctl.checklist.diagnosis.diagnosis import Diagnosis, Says, Seen, Symptom
from dwctl.checklist.diagnosis.facts import Facts
from dwctl.errors import ExitCode

_DOCTOR: Final = "dwctl doctor{options} --namespace {namespace}"


def _header(facts: Facts) -> Seen | None:
    failure = facts.failure
    if failure is None or failure.reason != "missing_control_plane_version":
        return None
    return Seen(
        f"the header X-Durable-Workflow-Control-Plane-Version, which dwctl sends, does not reach {facts.server}"
    )


def _worker_header(facts: Facts) -> Seen | None:
    failure = facts.worker_plane
    if failure is None or failure.reason != "missing_protocol_version":
        return None
    told = f"the header X-Durable-Workflow-Protocol-Version does not reach {facts.server}"
    return Seen(f"{told}: every worker that takes this way is refused, and gets no task")


def _worker_version(facts: Facts) -> Seen | None:
    failure = facts.worker_plane
    if failure is None or failure.reason != "unsupported_protocol_version":
        return None
    return Seen(f"the server refuses workers of the protocol that it advertises itself: {failure.message}")


def _failed_with(*codes: ExitCode) -> Callable[[Facts], Seen | None]:
    def find(facts: Facts) -> Seen | None:
        failure = facts.failure
        if failure is None or failure.exit_code not in codes or facts.here is not None:
            return None
        return Seen(f"the server could not be asked: {failure.message}")

    return find


CERTAIN_SERVER_ROWS: Final = (
    Diagnosis("diagnose.header_taken_out", Says.CAUSE, Symptom.HEADERS,
              "Something between here and the server takes out the control-plane version header.",
              "The server refuses control-plane calls without X-Durable-Workflow-Control-Plane-Version: 2, and every "
              "client that takes this way meets the same: missing_control_plane_version.",
              "Send the header from each client of your own; let proxies pass X-Durable-Workflow-* headers on.",
              _header, _DOCTOR),
    Diagnosis("diagnose.worker_header_taken_out", Says.CAUSE, Symptom.HEADERS,
              "Something between here and the server takes out the worker protocol header.",
              "The server refuses worker calls without X-Durable-Workflow-Protocol-Version: missing_protocol_version. "
              "A worker of its own that forgets the header meets the same, and only its own log shows that.",
              "Let proxies pass X-Durable-Workflow-* headers on; send X-Durable-Workflow-Protocol-Version: 1.0.",
              _worker_header, _DOCTOR),
    Diagnosis("diagnose.worker_version_refused", Says.CAUSE, Symptom.HEADERS,
              "The server refuses the worker protocol version.",
              "Today's server wants exactly its own version, later ones take any minor version up to theirs.",
              "Upgrade the older side: the workers' SDK or the server.",
              _worker_version, "dwctl cluster info{options}"),
)  # fmt: skip

SERVER_ROWS: Final = (
    Diagnosis("diagnose.not_authorized", Says.UNANSWERED, Symptom.UNREACHED,
              "The server does not take the token, or its role may not look at runs.",
              "Runs, queues and workers are read by the roles operator and admin; the worker's role may not.",
              "Set DW_OPERATOR_TOKEN, or give --token.",
              _failed_with(ExitCode.AUTH), _DOCTOR),
    Diagnosis("diagnose.not_reached", Says.UNANSWERED, Symptom.UNREACHED,
              "The server was not reached, or did not answer in time.",
              "Wrong address, DNS, TLS, a firewall, or the server is down.",
              "Check the address and the network; then ask again.",
              _failed_with(ExitCode.NETWORK, ExitCode.TIMEOUT), "dwctl health{options} --wait 60s"),
    Diagnosis("diagnose.server_failed", Says.UNANSWERED, Symptom.UNREACHED,
              "The server answers, and fails or says that it cannot serve now.",
              "Its database, bootstrap, topology or storage is not ready, or it limits requests.",
              "Read the reason and the server's log; ask again when it is ready.",
              _failed_with(ExitCode.SERVER, ExitCode.USAGE), "dwctl health{options}"),
    Diagnosis("diagnose.other_version", Says.UNANSWERED, Symptom.UNREACHED,
              "The server speaks another version of the control plane.",
              "This dwctl speaks version 2 only.",
              "Upgrade the older side.",
              _failed_with(ExitCode.INCOMPATIBLE), "dwctl cluster check{options}"),
)  # fmt: skip
