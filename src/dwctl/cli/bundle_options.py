"""The options that commands on bundles share, and what they mean."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dwctl.cli.output import say
from dwctl.errors import RequestNotPossible

if TYPE_CHECKING:
    from dwctl.bundle.canonical import Document
    from dwctl.bundle.verify import VerifyOptions

PathsArgument = Annotated[
    list[str], typer.Argument(metavar="PATHS...", help="Bundle files, folders, patterns, or - for standard input.")
]
SigningKeyFileOption = Annotated[
    Path | None,
    typer.Option("--signing-key-file", help="File with the key that signed bundles are verified with.", metavar="FILE"),
]
SigningKeyOption = Annotated[
    str | None,
    typer.Option("--signing-key", help="The key itself; visible to others in the process list.", metavar="KEY"),
]
RequireSignatureOption = Annotated[
    bool, typer.Option("--require-signature", help="Refuse bundles without a verified signature.")
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Refuse PHP class names as type keys (otherwise a warning).")
]
MaxSizeOption = Annotated[
    str | None,
    typer.Option(
        "--max-bundle-size", help="Refuse larger files before decoding: 64M, 1G.", show_default="64M", metavar="SIZE"
    ),
]
JobsOption = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, help="Processes to verify with.", show_default="as many as pay")
]

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def size_limit(text: str | None) -> int:
    """The size in bytes that a text like `64M` stands for; 64 MiB without one."""
    from dwctl.transfer.files.sources import MAX_BUNDLE_SIZE

    if text is None:
        return MAX_BUNDLE_SIZE
    number, unit = text.strip().lower().removesuffix("b").removesuffix("i"), ""
    if number and number[-1] in "kmg":
        number, unit = number[:-1], number[-1]
    if not number.isdecimal() or int(number) == 0:
        raise RequestNotPossible(
            f"'{text}' is not a size", where="--max-bundle-size", next_step="Write it like 500k, 64M or 1G."
        )
    return int(number) * _UNITS[unit]


def read_document(name: str, max_bundle_size: str | None) -> Document:
    """Read and decode the one bundle of a command; `-` is standard input."""
    from dwctl.transfer.files.sources import load_document

    return load_document(name, size_limit(max_bundle_size), sys.stdin.buffer)


def verify_options(
    signing_key: str | None,
    signing_key_file: Path | None,
    require_signature: bool,
    strict: bool,
    payloads: bool = False,
    schema: bool = False,
) -> VerifyOptions:
    """The options of a verification; reads the key, and the schema if it is wanted."""
    from dwctl.bundle.verify import VerifyOptions

    document_schema = None
    if schema:
        from dwctl.schema_files import load

        document_schema = load("history-export")
    return VerifyOptions(
        signing_key=_signing_key(signing_key, signing_key_file),
        require_signature=require_signature,
        strict=strict,
        payloads=payloads,
        schema=document_schema,
    )


def _signing_key(given: str | None, file: Path | None) -> bytes | None:
    """The key: the option, else the file, else DWCTL_SIGNING_KEY. The newline at a file's end is not part of it."""
    if given is not None and file is not None:
        raise RequestNotPossible(
            "--signing-key and --signing-key-file cannot both be given", next_step="Prefer --signing-key-file."
        )
    if given is not None:
        say("dwctl: warning: --signing-key is visible to others in the process list; prefer --signing-key-file.")
        return _not_empty(os.fsencode(given), "--signing-key")
    if file is not None:
        try:
            return _not_empty(file.read_bytes().rstrip(b"\r\n"), str(file))
        except OSError as error:
            raise RequestNotPossible(
                f"the signing key cannot be read: {error.strerror}", where=str(file), next_step="Check the file."
            ) from None
    from_environment = os.environ.get("DWCTL_SIGNING_KEY")
    return os.fsencode(from_environment) if from_environment else None


def _not_empty(key: bytes, where: str) -> bytes:
    if not key:
        raise RequestNotPossible("the signing key is empty", where=where, next_step="Give the key, or leave it out.")
    return key
