"""`dwctl archive`: proving folders of exports, offline."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dwctl.cli.bundle_options import MaxSizeOption, size_limit
from dwctl.cli.output import Format, JsonOption, OutputOption, chosen_format, print_json, print_json_line, say

app = typer.Typer(help="Prove a folder of exports against its manifest.", no_args_is_help=True)


@app.command()
def check(
    where: Annotated[
        str, typer.Argument(metavar="DIR|URL", help="The folder of an export, or a place such as s3://bucket/exports.")
    ],
    deep: Annotated[
        bool, typer.Option("--deep", help="Also open every bundle, and hold it against its own checksum.")
    ] = False,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=64, help="Files to read at once.")] = 4,
    output: OutputOption = Format.TABLE,
    as_json: JsonOption = False,
    max_bundle_size: MaxSizeOption = None,
) -> int:
    """Prove a folder of exports against its manifest.jsonl.

    Reads every byte and compares it with the sha256 that the export recorded.
    Finds what is missing, what has changed, files that the manifest does not
    tell of, and damaged lines of the manifest. Nothing is written, and no server
    is asked.

    With --deep each bundle is also expanded and decoded: its ids, type, status,
    dedupe key and checksum must be those of its line, and its own checksum must
    prove its content. Signatures, and whether a bundle can be imported, are for
    `dwctl bundle verify`.

    Exit code 0: proven. 1: not. 2: there is no manifest, so there is nothing to
    prove.

    \b
    Examples:
      $ dwctl archive check exports/
      $ dwctl archive check exports/ --deep --json | jq '.files[] | select(.state != "ok")'
      $ dwctl archive check s3://backups/cutover-1 --jobs 16
    """
    from dwctl.cli.progress import with_progress
    from dwctl.transfer.storage.archive_check import check_archive
    from dwctl.transfer.storage.store import open_store

    wanted = chosen_format(output, as_json)
    report = check_archive(
        open_store(where),
        deep=deep,
        jobs=jobs,
        limit=size_limit(max_bundle_size),
        watch=lambda results, total: with_progress(results, total, "checking"),
    )
    if wanted is Format.TABLE:
        from dwctl.render.console_archive import show_archive

        show_archive(report, sys.stdout)
        return report.exit_code

    from dwctl.render.json_archive import archive_document, file_item

    if wanted is Format.JSON:
        print_json(archive_document(report))
        return report.exit_code
    for file in report.files:
        print_json_line(file_item(file))
    for line in report.damaged:
        say(f"dwctl: manifest.jsonl, line {line.number}: {line.problem}")
    return report.exit_code
