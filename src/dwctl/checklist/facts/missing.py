"""Which sources a cutover lacks: why, what to do about it, and whether it does without on purpose."""

from __future__ import annotations

from collections.abc import Mapping

from dwctl.checklist.description.described import Described, Runs
from dwctl.checklist.facts.world import Missing
from dwctl.checklist.gate.check import Need
from dwctl.errors import DwctlError
from dwctl.settings import Role, Settings
from dwctl.typed_commands import command_line

_DRAINED = "open runs drain in the embedded application, so nothing is imported"


def missing_sources(
    settings: Settings,
    described: Described,
    *,
    server: bool,
    operator: bool,
    database: bool,
    artisan: bool,
    side: bool,
    no_database: DwctlError | None = None,
) -> Mapping[Need, Missing]:
    """Each need that cannot be met; the flags say who was opened, `no_database` why a database that is named is not."""
    named = None if no_database is None else Missing(no_database.message, no_database.next_step, "dwctl doctor")
    no_server = None if server else _no_server(settings)
    no_bundles, no_ledger = _no_bundles(described), no_server or _no_ledger(settings, described)
    found = {
        Need.SERVER: no_server,
        Need.OPERATOR: no_server or (None if operator else _no_operator(settings)),
        Need.EMBEDDED: None if database or artisan else named or _NO_EMBEDDED,
        Need.BUNDLES: no_bundles,
        Need.ARCHIVES: _no_archives(described),
        Need.LEDGER: _no_import(described) or no_ledger if no_ledger else None,
        Need.DRIFT: _no_drift(described, no_bundles, no_ledger, named, side=side),
        Need.SHADOWS: None if described.shadows else _NO_SHADOWS,
    }
    return {need: why for need, why in found.items() if why is not None}


def may_name_operator(settings: Settings) -> bool:
    """Whether it is known with which token operators come: their own, or the one that is everybody's.

    A general token beside role tokens is the administrators' (contract/server.md §1).
    """
    own = settings.role_tokens.get(Role.OPERATOR)
    if own is not None:
        return own.value is not None
    everybodys = settings.flag_token or settings.general_token
    return everybodys.value is not None and not settings.role_tokens


def _no_server(settings: Settings) -> Missing:
    if not settings.server.given:
        return Missing(
            "no server is named, and none is taken for granted",
            "Set url under [server] of cutover.toml, or give --server.", "dwctl doctor",
        )  # fmt: skip
    return Missing(
        "no namespace is named, and none is taken for granted",
        "Set namespace under [server] of cutover.toml, or give --namespace.", "dwctl doctor",
    )  # fmt: skip


def _no_operator(settings: Settings) -> Missing:
    own = settings.role_tokens.get(Role.OPERATOR)
    where = "DW_OPERATOR_TOKEN" if own is None else own.origin
    return Missing(
        f"there is no operators' token ({where} is not set), so nobody can look with the operators' role",
        "Set DW_OPERATOR_TOKEN, or name its variable as operator_token_env under [server] of cutover.toml.",
        "dwctl doctor",
    )


_NO_EMBEDDED = Missing(
    "neither a database nor an artisan of the embedded application is configured",
    "Set database_url_env, or artisan, under [embedded] of cutover.toml; or give --laravel-env FILE.",
    "dwctl embedded check --help",
)
_NO_SHADOWS = Missing(
    "no shadow workflow is described",
    "Describe one in cutover.toml: [[shadow]] with workflow_type and task_queue.",
    "dwctl shadow --help",
)


def _no_import(described: Described) -> Missing | None:
    return Missing(_DRAINED, applies=False) if described.runs is Runs.DRAIN else None


def _no_bundles(described: Described) -> Missing | None:
    if described.bundles:
        return None
    return _no_import(described) or Missing(
        "no bundles are described",
        "Export the runs, and name the folder as paths under [bundles] of cutover.toml.",
        "dwctl history-export --help",
    )


def _no_archives(described: Described) -> Missing | None:
    if not described.closed_runs:
        return Missing("no closed run has to be kept, as cutover.toml says", applies=False)
    if described.archives:
        return None
    return Missing(
        "no archive of closed runs is described",
        'Export them, and name the folder as archives under [retention] of cutover.toml; or write closed_runs = "none" '
        "there.",
        "dwctl history-export --help",
    )


def _no_ledger(settings: Settings, described: Described) -> Missing | None:
    if described.ledger.is_file():
        return None
    return Missing(
        f"there is no ledger at {described.ledger}: nothing was imported from here",
        "Import the bundles, or name the ledger of the import as ledger under [cutover] of cutover.toml.",
        _import(settings, described) if described.bundles else "dwctl history-import --help",
    )


def _import(settings: Settings, described: Described) -> str:
    """The import of the cutover, with its own values: the gate may have its server from flags."""
    marked = () if described.import_id is None else ("--import-id", described.import_id)
    return command_line(
        "dwctl", "history-import", *described.bundles, *marked, "--ledger", str(described.ledger),
        "--server", settings.server.value, "--namespace", settings.namespace.value,
    )  # fmt: skip


def _no_drift(
    described: Described, no_bundles: Missing | None, no_ledger: Missing | None, named: Missing | None, *, side: bool
) -> Missing | None:
    if no_bundles is not None and no_ledger is not None:
        return _no_import(described) or no_bundles
    if side:
        return None
    return named or Missing(
        "neither a database nor a batch PHP process of the embedded application is configured",
        "Set database_url_env, or php and path, under [embedded] of cutover.toml; or give --laravel-env FILE.",
        "dwctl embedded drift --help",
    )
