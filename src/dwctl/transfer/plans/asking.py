"""Asking the server about a bundle of a plan that is being made: one dry run, of the bytes that would be sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dwctl.bundle.verify import Verdict
from dwctl.errors import DwctlError, ServerFailed
from dwctl.transfer.files.verification import FileVerdict
from dwctl.transfer.imports.carrier import Carrier
from dwctl.transfer.imports.importing import ImportOptions
from dwctl.transfer.imports.outcomes import ImportState
from dwctl.transfer.imports.reports import refused_by
from dwctl.transfer.imports.sending import Sender
from dwctl.transfer.imports.way import Way
from dwctl.transfer.plans.content import content_to_send
from dwctl.transfer.plans.plan import PlannedBundle
from dwctl.transfer.plans.planning import Asked


@dataclass(frozen=True, slots=True)
class Asker:
    """Sends a dry run about one bundle; `carriers` has one for each way that the target takes."""

    carriers: Mapping[Way, Carrier]
    options: ImportOptions

    def __call__(self, bundle: PlannedBundle, verdict: Verdict) -> Asked:
        """What the server says, or why it says nothing. A file that is gone or changed is its own trouble alone.

        Raises ServerFailed where the dry run was carried out as an import: nobody may go on asking.
        """
        try:
            content = content_to_send(
                bundle, signing_key=self.options.verify.signing_key, limit=self.options.limit, stdin=self.options.stdin
            )
        except DwctlError as error:
            return Asked(ImportState.NOT_TRIED, error=error)
        carrier = self.carriers[bundle.way or Way.BYTE_EXACT]
        try:
            sent = Sender(carrier, self.options, FileVerdict(bundle.file, verdict), content).ask()
        except DwctlError as error:
            return Asked(ImportState.UNKNOWN, error=error)
        if sent.state is ImportState.IMPORTED:
            raise _imported(bundle)
        return Asked(sent.state, refused_by(sent.report or {}), sent.error)


def _imported(bundle: PlannedBundle) -> ServerFailed:
    run = "" if bundle.run is None else f" run {bundle.run.run_id} of"
    return ServerFailed(
        f"the dry run about{run} this bundle was carried out as an import, so nothing more was asked",
        where=bundle.file,
        next_step="Something on the way drops the query of some requests: find it before you go on. The run is on the "
        "server now and no ledger knows it; an import of the bundle finds it there.",
        reason="dry_run_imported",
    )
