"""What later worker protocols ask of a server beyond the measured one (contract/server.md §1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dwctl.rehearsal.quirks import Q

if TYPE_CHECKING:
    from dwctl.rehearsal.state import Rehearsal

Json = dict[str, Any]

MEMO_PAYLOADS_SINCE = (1, 19)
"""From here on the official SDK upserts memos, and reads recorded ones as payloads."""

_LATER_COMMANDS = (
    "complete_workflow fail_workflow continue_as_new schedule_activity start_timer start_child_workflow"
    " complete_update fail_update record_side_effect record_version_marker upsert_search_attributes upsert_memo"
    " open_condition_wait open_signal_wait"
).split()


def has_memo_payloads(protocol: str) -> bool:
    """Whether workers of this protocol read and write memos as payloads."""
    major, _, minor = protocol.partition(".")
    return (int(major), int(minor)) >= MEMO_PAYLOADS_SINCE


def wraps_memos(state: Rehearsal) -> bool:
    """Whether this server gives its workers a memo as a payload that the history has as plain JSON."""
    return has_memo_payloads(state.settings.protocol) and state.profile.has(Q.RECORDED_MEMOS_WRAPPED)


def later_capabilities(protocol: str) -> Json:
    """What a server of this protocol advertises in place of the measured values; empty for the measured protocol.

    It names what a rehearsal has: no service operations, and no queries.
    """
    if not has_memo_payloads(protocol):
        return {}
    return {
        "supported_workflow_task_commands": _LATER_COMMANDS,
        "workflow_memo_updates": {"supported": True},
        "query_tasks": False,
    }


AUTH_MATERIAL: Json = {
    "auth_material": {
        "token": {
            "status": "supported",
            "transport": "bearer_authorization_header",
            "effective_config_value": "redacted",
        },
        "mtls": {"status": "reserved", "effective_config_value": "references_only"},
        "signed_headers": {"status": "reserved", "effective_config_value": "references_only"},
    },
    "effective_config": {"required_fields": ["server_url", "namespace", "profile", "auth", "tls", "identity"]},
    "redaction": {
        "never_echo": [
            "bearer_tokens",
            "private_keys",
            "shared_signature_keys",
            "client_certificate_private_key_material",
            "raw_authorization_headers",
        ]
    },
}
"""The part of the `auth_composition_contract` without which the official SDK does not register a worker."""
