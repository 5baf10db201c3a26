"""`dwctl history-import`: bring export bundles to the server, or see what would become of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from dwctl.cli.bundle_options import (
    JobsOption,
    MaxSizeOption,
    PathsArgument,
    RequireSignatureOption,
    SigningKeyFileOption,
    SigningKeyOption,
    StrictOption,
    size_limit,
    verify_options,
)
from dwctl.cli.output import Format, print_json_line, print_json_stream, say
from dwctl.cli.server_options import Connection, server_command
from dwctl.errors import ExitCode, RequestNotPossible

if TYPE_CHECKING:
    from dwctl.bundle.verify import VerifyOptions
    from dwctl.server.transport import Server
    from dwctl.transfer.artisan_import import ArtisanServer
    from dwctl.transfer.carrier import Carrier
    from dwctl.transfer.importing import ImportOptions
    from dwctl.transfer.outcomes import ImportResult, ImportTally


class Via(StrEnum):
    """How bundles reach the importer."""

    HTTP = "http"
    ARTISAN = "artisan"


@server_command
def history_import(
    connection: Connection,
    paths: PathsArgument,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would happen.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="With --dry-run: ask no server.")] = False,
    import_id: Annotated[
        str | None,
        typer.Option("--import-id", help="The id that marks the imported runs. [default: a new one]", metavar="ID"),
    ] = None,
    via: Annotated[
        Via, typer.Option("--via", help="The way in; artisan has no size limit and needs server.php and server.path.")
    ] = Via.HTTP,
    no_repair: Annotated[
        bool, typer.Option("--no-repair", help="Do not restore what the checksum proves; refuse instead.")
    ] = False,
    signing_key_file: SigningKeyFileOption = None,
    signing_key: SigningKeyOption = None,
    require_signature: RequireSignatureOption = False,
    send_signing_key: Annotated[
        bool, typer.Option("--send-signing-key", help="Also send the key to the server, in the body of the request.")
    ] = False,
    strict: StrictOption = False,
    max_bundle_size: MaxSizeOption = None,
    jobs: JobsOption = None,
) -> int:
    """Import export bundles of embedded runs into the server (guide, Phase E).

    Each bundle is verified here, asked about with a dry run on the server, imported, and compared with the run
    that the server then shows. A bundle that fails its checksum is restored where the checksum proves how
    (both digests are reported). Safe to repeat: what is there already is compared again, not imported twice.

    With --dry-run nothing is changed; where no server is configured, or with --offline, none is asked, and what
    the set foretells is said: members of a chain or pair that share a link row, the same run twice, one
    instance in two namespaces.

    Exit code 0: all imported and proven (or all would be). 1: refused. 9: some were imported and some not.
    3, 6, 7: the server was not reached, failed, or did not answer in time. 4: the token may not import.
    8: the server does not fit. 130: interrupted; what was done is shown, and a repetition is safe.

    \b
    Examples:
      $ dwctl history-import exports/ --dry-run --offline --namespace production
      $ dwctl history-import exports/ --dry-run --server https://dw.example.com --namespace production
      $ dwctl history-import order-123.json --namespace production --import-id orders-cutover-1
      $ dwctl history-import large.json --via artisan --namespace production --json
    """
    from dwctl.transfer.sources import find_bundles

    if offline and not dry_run:
        raise RequestNotPossible("--offline imports nothing", next_step="Add --dry-run, or leave --offline out.")
    options = verify_options(signing_key, signing_key_file, require_signature, strict)
    if send_signing_key and (options.signing_key is None or via is Via.ARTISAN):
        raise RequestNotPossible(
            "--send-signing-key needs a key and goes over HTTP", where="--send-signing-key",
            next_step="Give --signing-key-file, and leave --via artisan out.",
        )  # fmt: skip
    import_id = _checked_import_id(import_id)
    files = find_bundles(paths)
    limit = size_limit(max_bundle_size)
    if dry_run and (offline or not connection.settings.server.given):
        if not offline:
            say("dwctl: note: no server is configured, so none is asked (--server, DURABLE_WORKFLOW_SERVER_URL).")
        return _offline(connection, files, options, import_id, jobs, limit)

    from dwctl.transfer.importing import ImportOptions

    if not dry_run:
        connection.require_target()
    wanted = ImportOptions(
        namespace=connection.settings.namespace.value.lower(),
        import_id=import_id or _new_import_id(),
        verify=options,
        dry_run=dry_run,
        repair=not no_repair,
        limit=limit,
        stdin=sys.stdin.buffer,
    )
    with connection.open() as server:
        carrier = _carrier(connection, server, wanted, via, send_key=send_signing_key)
        return _import(connection, files, carrier, wanted)


def _checked_import_id(given: str | None) -> str | None:
    """The id as it was given. Refuses what cannot arrive or be kept: the server's column takes 64 characters."""
    if given is None:
        return None
    utf_8 = not any("\ud800" <= character <= "\udfff" for character in given)
    if not utf_8 or not given.strip() or len(given) > _LONGEST_IMPORT_ID:
        raise RequestNotPossible(
            f"an import id is UTF-8 text of 1 to {_LONGEST_IMPORT_ID} characters", where="--import-id",
            next_step="Choose another one, or leave --import-id out to get a new one.",
        )  # fmt: skip
    return given


_LONGEST_IMPORT_ID = 64


def _new_import_id() -> str:
    from ulid import ULID

    return f"dwctl-{ULID()}".lower()


def _carrier(connection: Connection, server: Server, options: ImportOptions, via: Via, *, send_key: bool) -> Carrier:
    """The carrier for this target. Raises before anything is sent where the server does not fit."""
    from dwctl.server.compatibility import Need, require
    from dwctl.server.endpoints import cluster_info, show_namespace
    from dwctl.transfer.carrier import ArtisanCarrier, HttpCarrier, TargetFacts

    fit = require(cluster_info(server), Need.IMPORT)
    namespace = show_namespace(server, options.namespace)
    facts = TargetFacts(
        fit.max_payload_bytes, None if namespace.retention_mode == "forever" else namespace.retention_days
    )
    if via is Via.HTTP:
        return HttpCarrier(server, facts, signing_key=options.verify.signing_key if send_key else None)
    return ArtisanCarrier(_artisan(connection, options), server, facts)


def _artisan(connection: Connection, options: ImportOptions) -> ArtisanServer:
    """How to reach the server's PHP; of the environment it inherits all but our secrets."""
    from dwctl.transfer.artisan_import import ArtisanServer

    php, path = connection.settings.php.value, connection.settings.path.value
    if not php or not path:
        raise RequestNotPossible(
            "--via artisan needs to know how to run PHP on the server", where="cutover.toml, [server]",
            next_step='Set php = ["docker", "compose", "exec", "-T", "server", "php"] and path = "/app" there.',
        )  # fmt: skip
    return ArtisanServer(php, path, environment=_without_secrets(connection, options))


def _without_secrets(connection: Connection, options: ImportOptions) -> dict[str, str]:
    """This process's environment without tokens and keys, by their values and by their names."""
    settings = connection.settings
    tokens = [settings.general_token, *settings.role_tokens.values()]
    secrets = {token.value.reveal() for token in tokens if token.value is not None}
    if settings.flag_token is not None and settings.flag_token.value is not None:
        secrets.add(settings.flag_token.value.reveal())
    if options.verify.signing_key is not None:
        secrets.add(os.fsdecode(options.verify.signing_key))
    return {
        name: value
        for name, value in os.environ.items()
        if value not in secrets
        and not (name.startswith(("DW_", "DWCTL_", "DURABLE_")) and name.endswith(("_TOKEN", "_KEY")))
    }


def _import(connection: Connection, files: list[str], carrier: Carrier, options: ImportOptions) -> int:
    from dwctl.transfer.importing import import_files
    from dwctl.transfer.outcomes import ImportTally

    if not options.dry_run:
        say(f"dwctl: import id {options.import_id}, namespace {options.namespace}")
    tally = ImportTally(options.dry_run)
    _show(connection, tally.counting(import_files(files, carrier, options)), tally, options)
    if tally.exit_code is ExitCode.INTERRUPTED:
        say("dwctl: interrupted; running the same command again is safe: it asks before it imports.")
    return tally.exit_code


def _show(connection: Connection, results: Iterable[ImportResult], tally: ImportTally, options: ImportOptions) -> None:
    if connection.format is Format.TABLE:
        from dwctl.render.console_import import show_results

        list(results)  # each result is kept in the tally as it comes
        show_results(tally, sys.stdout)
        return
    from dwctl.render.json_dry_run import SCHEMA
    from dwctl.render.json_import import import_item, import_summary

    items = (import_item(result) for result in results)
    if connection.format is Format.JSONL:
        for item in items:
            print_json_line(item)
        return
    print_json_stream(
        SCHEMA, "bundles", items, lambda: {"summary": import_summary(tally)}, dry_run=options.dry_run,
        offline=False, server=connection.settings.server.value, namespace=options.namespace,
        import_id=options.import_id,
    )  # fmt: skip


def _offline(
    connection: Connection,
    files: list[str],
    options: VerifyOptions,
    import_id: str | None,
    jobs: int | None,
    limit: int,
) -> int:
    from dwctl.cli.progress import with_progress
    from dwctl.transfer.dry_run import dry_run_offline
    from dwctl.transfer.verification import Tally

    setting = connection.settings.namespace
    namespace = setting.value.lower() if setting.given else None
    judged = with_progress(
        dry_run_offline(files, options, namespace=namespace, jobs=jobs, limit=limit, stdin=sys.stdin.buffer),
        len(files),
        "judging",
    )
    if connection.format is Format.TABLE:
        from dwctl.render.console_verdicts import VerdictTable

        table = VerdictTable(len(files), as_a_set=True)
        for one in judged:
            table.add(one)
        table.show(sys.stdout)
        return table.tally.exit_code

    from dwctl.render.json_dry_run import SCHEMA, dry_run_item
    from dwctl.render.json_verdicts import verdict_summary

    tally = Tally()
    items = (dry_run_item(one, namespace) for one in tally.counting(judged))
    if connection.format is Format.JSONL:
        for item in items:
            print_json_line(item)
    else:
        print_json_stream(
            SCHEMA, "bundles", items, lambda: {"summary": verdict_summary(tally)}, dry_run=True, offline=True,
            server=None, namespace=namespace, import_id=import_id,
        )  # fmt: skip
    return tally.exit_code
