"""Does this server fit: every requirement, met and not met."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dwctl import __version__
from dwctl.errors import ExitCode, IncompatibleServer
from dwctl.server.compatibility import Fit, Need, assess, negotiate, require
from dwctl.server.results import ClusterInfo

FITS = ClusterInfo(
    server_id="s",
    version="0.2.9",
    default_namespace="default",
    control_plane_version="2",
    request_contract="durable-workflow.v2.control-plane-request.contract",
    request_contract_version="1",
    worker_protocol_version="1.15",
    imports_embedded_v2=True,
    exports_history=True,
    payload_codecs=("avro",),
    max_payload_bytes=2_097_152,
    topology="standalone_server",
    document={},
)


def test_a_server_that_fits_meets_every_requirement() -> None:
    result = require(FITS, Need.IMPORT, Need.WORKER)
    assert result.fits
    assert {row.fit for row in result.requirements} == {Fit.OK}
    assert len(result.requirements) == 6
    assert (result.worker_protocol, result.max_payload_bytes) == ("1.0", 2_097_152)


@pytest.mark.parametrize(
    ("changes", "needs", "failed"),
    [
        ({"control_plane_version": "3"}, (), "control_plane.version"),
        ({"control_plane_version": None}, (), "control_plane.version"),
        ({"control_plane_version": "2.0"}, (), "control_plane.version"),
        ({"request_contract": "other"}, (), "control_plane.request_contract"),
        ({"request_contract": None}, (), "control_plane.request_contract"),
        ({"request_contract_version": "2"}, (), "control_plane.request_contract"),
        ({"imports_embedded_v2": False}, (Need.IMPORT,), "embedded_v2_import"),
        ({"payload_codecs": ("json",)}, (Need.IMPORT,), "payload_codecs"),
        ({"worker_protocol_version": "2.0"}, (Need.WORKER,), "worker_protocol.version"),
        ({"worker_protocol_version": None}, (Need.WORKER,), "worker_protocol.version"),
    ],
)
def test_a_requirement_that_is_not_met_is_exit_8_with_both_versions(
    changes: dict[str, Any], needs: tuple[Need, ...], failed: str
) -> None:
    info = replace(FITS, **changes)
    assert not assess(info, *needs).fits
    with pytest.raises(IncompatibleServer) as caught:
        require(info, *needs)
    error = caught.value
    assert error.exit_code is ExitCode.INCOMPATIBLE
    assert failed in error.message
    assert __version__ in error.message
    assert "0.2.9" in error.message
    assert error.next_step


@pytest.mark.parametrize(
    "changes",
    [
        {"imports_embedded_v2": False},
        {"payload_codecs": ()},
        {"payload_codecs": ("json",)},
        {"worker_protocol_version": "2.0"},
        {"max_payload_bytes": None},
    ],
)
def test_what_is_not_needed_is_a_warning_and_never_ok(changes: dict[str, Any]) -> None:
    result = require(replace(FITS, **changes))
    assert [row.fit for row in result.requirements].count(Fit.WARNING) == 1
    assert result.fits


def test_a_server_without_an_importer_has_a_reason_of_its_own() -> None:
    with pytest.raises(IncompatibleServer) as caught:
        require(replace(FITS, imports_embedded_v2=False), Need.IMPORT)
    assert caught.value.reason == "embedded_v2_import_unavailable"


def test_codecs_that_the_server_does_not_name_are_unknown_and_stop_nothing() -> None:
    assert require(replace(FITS, payload_codecs=()), Need.IMPORT).fits


def test_a_limit_that_is_not_named_is_the_servers_default() -> None:
    assert assess(replace(FITS, max_payload_bytes=None)).max_payload_bytes == 2_097_152


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("1.0", "1.0"),
        ("1.15", "1.0"),
        ("1.20", "1.0"),
        ("2.0", None),
        ("0.9", None),
        ("1", None),
        ("1.x", None),
        ("", None),
        (None, None),
        ("1.0.0", None),
        ("1.-1", None),
    ],
)
def test_the_worker_protocol_needs_the_same_major_and_a_minor_not_above(theirs: str | None, ours: str | None) -> None:
    assert negotiate(theirs) == ours
