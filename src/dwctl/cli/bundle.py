"""`dwctl bundle`: looking at bundles offline."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dwctl.cli import bundle_decode, bundle_diff, bundle_show
from dwctl.cli.bundle_files import naming
from dwctl.cli.bundle_options import (
    JobsOption,
    MaxSizeOption,
    PathsArgument,
    RequireSignatureOption,
    SigningKeyFileOption,
    SigningKeyOption,
    StrictOption,
    read_document,
    size_limit,
    verify_options,
)
from dwctl.cli.output import Format, JsonOption, OutputOption, chosen_format, print_json_line, print_json_stream, say
from dwctl.errors import DwctlError, ExitCode

app = typer.Typer(help="Look at export bundles offline: verify, show, decode, compare, repair.", no_args_is_help=True)


@app.command()
def verify(
    paths: PathsArgument,
    output: OutputOption = Format.TABLE,
    as_json: JsonOption = False,
    signing_key_file: SigningKeyFileOption = None,
    signing_key: SigningKeyOption = None,
    require_signature: RequireSignatureOption = False,
    strict: StrictOption = False,
    payloads: Annotated[
        bool, typer.Option("--payloads", help="Also decode every payload, and report what only PHP could read.")
    ] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Also hold each document against the published schema (warnings).")
    ] = False,
    max_bundle_size: MaxSizeOption = None,
    jobs: JobsOption = None,
) -> int:
    """Judge bundles as the server's importer would, without a server.

    Recomputes the checksum, checks signature and structure, applies the
    importer's eligibility rules, and adds what the guide asks and what the
    target's database would refuse. PATHS are files, folders (every *.json
    below, also compressed: *.json.gz, *.json.zst), patterns, or - for one
    bundle on standard input.

    Exit code 0: every bundle can be imported, as far as can be known offline.
    1: at least one is refused or is not a bundle. 2: a file could not be read,
    or there was nothing to check.

    \b
    Examples:
      $ dwctl bundle verify exports/
      $ dwctl bundle verify order-123.json --payloads --schema
      $ dwctl bundle verify 'exports/2026-11-*/*.json' --output jsonl > verdicts.jsonl
      $ dwctl bundle verify - < order-123.json
    """
    from dwctl.cli.progress import with_progress
    from dwctl.transfer.files.sources import find_bundles
    from dwctl.transfer.files.verification import Tally, verify_files

    wanted = chosen_format(output, as_json)
    options = verify_options(signing_key, signing_key_file, require_signature, strict, payloads, schema)
    files = find_bundles(paths)
    judged = with_progress(
        verify_files(files, options, jobs=jobs, limit=size_limit(max_bundle_size), stdin=sys.stdin.buffer),
        len(files),
        "verifying",
    )
    if wanted is Format.TABLE:
        from dwctl.render.console_verdicts import VerdictTable

        table = VerdictTable(len(files))
        for one in judged:
            table.add(one)
        table.show(sys.stdout)
        return table.tally.exit_code

    from dwctl.render.json_verdicts import SCHEMA, verdict_item, verdict_summary

    tally = Tally()
    items = (verdict_item(one) for one in tally.counting(judged))
    if wanted is Format.JSONL:
        for item in items:
            print_json_line(item)
    else:
        print_json_stream(SCHEMA, "bundles", items, lambda: {"summary": verdict_summary(tally)})
    return tally.exit_code


@app.command()
def canonical(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A JSON document; - is standard input.")],
    sealed: Annotated[
        bool, typer.Option("--sealed", help="Leave out `integrity`: the text that the checksum covers.")
    ] = False,
    max_bundle_size: MaxSizeOption = None,
) -> int:
    """Print the canonical text of a document, byte for byte as PHP writes it.

    The text is json-recursive-ksort-v1 without a newline at the end. With
    --sealed its sha256 is the bundle's checksum.

    \b
    Examples:
      $ dwctl bundle canonical order-123.json | sha256sum
      $ dwctl bundle canonical --sealed order-123.json | sha256sum
    """
    document = read_document(file, max_bundle_size)
    with naming(file):
        if sealed:
            for chunk in document.sealed_chunks():
                sys.stdout.buffer.write(chunk)
        else:
            sys.stdout.buffer.write(document.canonical_text_of(document.value))
    sys.stdout.buffer.flush()
    return ExitCode.DONE


@app.command()
def repair(
    source: Annotated[str, typer.Argument(metavar="IN", help="The bundle that fails its checksum; - is stdin.")],
    target: Annotated[str, typer.Argument(metavar="OUT", help="Where the restored bundle is written (mode 0600).")],
    force: Annotated[bool, typer.Option("--force", help="Replace OUT if it is there.")] = False,
    output: OutputOption = Format.TABLE,
    as_json: JsonOption = False,
    max_bundle_size: MaxSizeOption = None,
) -> int:
    """Restore a bundle whose recorded checksum proves what was lost.

    Two commands change what they hashed: the export writes 12.0 as 12, and `dw
    workflow:history-export` adds a top-level key. Where undoing that gives the
    recorded checksum, the result is what was exported, and is written to OUT;
    all other bytes stay as they are. What cannot be proven is left alone: exit
    code 1.

    \b
    Examples:
      $ dwctl bundle repair order-123.json order-123.repaired.json
      $ dwctl bundle verify order-123.repaired.json
    """
    from dwctl.bundle.restoration import repair as restore
    from dwctl.render.json_verdicts import repair_item
    from dwctl.transfer.files.private import write_private

    wanted = chosen_format(output, as_json)
    document = read_document(source, max_bundle_size)
    try:
        restored, proof = restore(document)
    except DwctlError as error:
        error.where = source if error.where is None else f"{source}, {error.where}"
        raise
    write_private(target, restored, replace=force)
    if wanted is not Format.TABLE:
        print_json_line({
            "schema": "dwctl.bundle-repair", "schema_version": 1, "file": source, "written": target,
            "repair": repair_item(proof),
        })  # fmt: skip
        return ExitCode.DONE
    say(f"{target}: restored, and proven by the recorded checksum {proof.checksum}.")
    for key in proof.removed_keys:
        say(f"  removed the top-level key {key}")
    for path in proof.restored_paths:
        say(f"  restored the fraction at {path}")
    return ExitCode.DONE


app.command("show")(bundle_show.show)
app.command("decode")(bundle_decode.decode)
app.command("diff")(bundle_diff.diff)
