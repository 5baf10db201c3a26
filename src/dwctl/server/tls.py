"""TLS: whom we trust, and what the other side presented."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dwctl.errors import RequestNotPossible
from dwctl.server.target import Target


@dataclass(frozen=True, slots=True)
class Peer:
    """What the server presented. The certificate's fields are None where it was not verified."""

    protocol: str | None
    subject: str | None
    issuer: str | None
    not_after: datetime | None


def trust(target: Target) -> ssl.SSLContext:
    """The TLS context for a target: its CA file alone, else the system's store, else the packaged one.

    Raises RequestNotPossible for a CA file that cannot be used.
    """
    if not target.encrypted:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if target.ca_file is None:
        context = _system_trust()
    else:
        try:
            context = ssl.create_default_context(cafile=target.ca_file)
        except (OSError, ValueError) as error:
            raise RequestNotPossible(
                "the CA file is missing, unreadable, or holds no PEM certificate",
                where=target.ca_file,
                next_step="Give --ca-file the PEM file of the authority that signed the certificate.",
                reason="unusable_ca_file",
            ) from error
    if not target.tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _system_trust() -> ssl.SSLContext:
    """The system's authorities; in an image without any, those that come with httpx."""
    context = ssl.create_default_context()
    folder = ssl.get_default_verify_paths().capath
    if context.cert_store_stats()["x509_ca"] or (folder and any(Path(folder).iterdir())):
        return context
    import httpx

    return httpx.create_ssl_context(trust_env=False)


def peer_of(connection: Any) -> Peer | None:
    """What the other side of an `ssl.SSLObject` or `SSLSocket` presented; None without TLS."""
    if connection is None:
        return None
    certificate = connection.getpeercert() or {}
    not_after = certificate.get("notAfter")
    return Peer(
        protocol=connection.version(),
        subject=_common_name(certificate.get("subject")),
        issuer=_common_name(certificate.get("issuer")),
        not_after=datetime.fromtimestamp(ssl.cert_time_to_seconds(not_after), UTC) if not_after else None,
    )


def _common_name(name: Any) -> str | None:
    fields = {key: value for part in name or () for key, value in part}
    return fields.get("commonName") or fields.get("organizationName")
