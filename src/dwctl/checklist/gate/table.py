"""All checks, in the order of the guide's items; `dwctl checklist list` prints them."""

from __future__ import annotations

from typing import Final

from dwctl.checklist.checks.application import rows as application_checks
from dwctl.checklist.checks.exports import rows as export_checks
from dwctl.checklist.checks.imports import rows as import_checks
from dwctl.checklist.checks.server import rows as server_checks
from dwctl.checklist.checks.workers import rows as worker_checks
from dwctl.checklist.gate.check import Check

_MODULES = (application_checks, server_checks, worker_checks, export_checks, import_checks)

CHECKS: Final[tuple[Check, ...]] = tuple(
    sorted((check for module in _MODULES for check in module.CHECKS), key=lambda check: check.item)
)
"""By item, and within an item in the order of its module."""

CHECK: Final = {check.id: check for check in CHECKS}
