"""`dwctl history-import`: bring export bundles to the server, or see what would become of them."""

from __future__ import annotations

import sys
from typing import Annotated

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
from dwctl.cli.output import Format, JsonOption, OutputOption, chosen_format, print_json_line, print_json_stream
from dwctl.errors import RequestNotPossible


def history_import(
    paths: PathsArgument,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would happen.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="With --dry-run: ask no server.")] = False,
    namespace: Annotated[
        str | None, typer.Option("--namespace", help="The namespace that the runs go into.", metavar="NAME")
    ] = None,
    import_id: Annotated[
        str | None, typer.Option("--import-id", help="The id that marks this import.", metavar="ID")
    ] = None,
    output: OutputOption = Format.TABLE,
    as_json: JsonOption = False,
    signing_key_file: SigningKeyFileOption = None,
    signing_key: SigningKeyOption = None,
    require_signature: RequireSignatureOption = False,
    strict: StrictOption = False,
    max_bundle_size: MaxSizeOption = None,
    jobs: JobsOption = None,
) -> int:
    """Import export bundles of embedded runs into the server.

    With --dry-run --offline, no server is asked: each bundle gets the report that the importer would give, and
    what the set foretells is said too: members of a chain or pair that share a link row, the same run twice,
    one instance in two namespaces.

    Exit code 0: all would be imported. 1: at least one would not. 2: nothing to do, or a file could not be read.

    \b
    Examples:
      $ dwctl history-import exports/ --dry-run --offline --namespace production
      $ dwctl history-import order-123.json --dry-run --offline --json
    """
    from dwctl.cli.progress import with_progress
    from dwctl.transfer.dry_run import dry_run_offline
    from dwctl.transfer.sources import find_bundles
    from dwctl.transfer.verification import Tally

    wanted = chosen_format(output, as_json)
    if not (dry_run and offline):
        raise RequestNotPossible(
            "this version imports nothing yet: it only foretells", next_step="Add --dry-run --offline."
        )
    options = verify_options(signing_key, signing_key_file, require_signature, strict)
    files = find_bundles(paths)
    folded = None if namespace is None else namespace.lower()
    judged = with_progress(
        dry_run_offline(files, options, namespace=folded, jobs=jobs, limit=size_limit(max_bundle_size)),
        len(files),
        "judging",
    )
    if wanted is Format.TABLE:
        from dwctl.render.console_verdicts import VerdictTable

        table = VerdictTable(len(files))
        for one in judged:
            table.add(one)
        table.show(sys.stdout)
        return table.tally.exit_code

    from dwctl.render.json_import import SCHEMA, dry_run_item
    from dwctl.render.json_verdicts import verdict_summary

    tally = Tally()
    items = (dry_run_item(one, folded) for one in tally.counting(judged))
    if wanted is Format.JSONL:
        for item in items:
            print_json_line(item)
    else:
        print_json_stream(
            SCHEMA,
            "bundles",
            items,
            lambda: {"summary": verdict_summary(tally)},
            dry_run=True,
            offline=True,
            namespace=folded,
            import_id=import_id,
        )
    return tally.exit_code
