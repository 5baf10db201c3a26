"""The options of `dwctl history-export`, and which of them go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from dwctl.errors import RequestNotPossible


class From(StrEnum):
    """Where runs are exported from."""

    SERVER = "server"
    EMBEDDED = "embedded"


class Compress(StrEnum):
    """What `--compress` takes."""

    GZIP = "gzip"
    ZSTD = "zstd"


_WHICH, _WHERE, _EMBEDDED, _HELD = "Which runs", "Where to", "From the embedded application", "Runs that a worker holds"

IdsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ID]...", help="INSTANCE for its newest run, or INSTANCE/RUN.", show_default=False),
]
SourceOption = Annotated[From, typer.Option("--source", help="Where the runs are.", show_default=False)]
RunIdOption = Annotated[
    str | None, typer.Option("--run-id", "-r", metavar="RUN", help="This run of the one ID.", rich_help_panel=_WHICH)
]
IdsFileOption = Annotated[
    str | None,
    typer.Option("--ids-file", metavar="FILE", help="Also the ids in this file, one a line; - for standard input.",
                 rich_help_panel=_WHICH),
]  # fmt: skip
AllOption = Annotated[bool, typer.Option("--all", help="Every run of the server's namespace.", rich_help_panel=_WHICH)]
StatusOption = Annotated[
    str | None,
    typer.Option(
        "--status", metavar="STATUS", rich_help_panel=_WHICH,
        help="With --all: running, completed, or failed, which includes cancelled and terminated.",
    ),
]  # fmt: skip
TypeOption = Annotated[
    str | None,
    typer.Option("--type", metavar="KEY", help="With --all: only this type key.", rich_help_panel=_WHICH),
]  # fmt: skip
QueryOption = Annotated[
    str | None,
    typer.Option("--query", metavar="TEXT", help="With --all: part of the workflow id or the business key.",
                 rich_help_panel=_WHICH),
]  # fmt: skip
FileOption = Annotated[
    str | None,
    typer.Option("--output-file", "-o", metavar="FILE", help="One run into this file.", rich_help_panel=_WHERE),
]  # fmt: skip
FolderOption = Annotated[
    str | None,
    typer.Option("--output-dir", metavar="DIR", help="A file a run, and a manifest beside them.",
                 rich_help_panel=_WHERE),
]  # fmt: skip
ToOption = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="URL", help="The same in an object store: s3://bucket/prefix.", rich_help_panel=_WHERE
    ),
]
ForceOption = Annotated[
    bool, typer.Option("--force", "-f", help="Replace FILE if it is there.", rich_help_panel=_WHERE)
]
CompressOption = Annotated[
    Compress | None,
    typer.Option("--compress", help="Write .json.gz (alone: gzip) or .json.zst.", rich_help_panel=_WHERE),
]  # fmt: skip
RefreshOption = Annotated[
    bool,
    typer.Option("--refresh", help="Export again what has moved since, or was refused.", rich_help_panel=_WHERE),
]  # fmt: skip
BatchOption = Annotated[
    bool | None,
    typer.Option("--batch/--no-batch", help="One PHP process for many runs. Without either: where it works.",
                 rich_help_panel=_EMBEDDED),
]  # fmt: skip
ResumeOption = Annotated[
    bool,
    typer.Option("--resume-after-export", help="Call embedded.resume at the end, for archives: runs may then move.",
                 rich_help_panel=_EMBEDDED),
]  # fmt: skip
JobsOption = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=1, max=64, metavar="N", help="Exports at once (4; embedded: 1)."),
]
QuiesceOption = Annotated[
    bool,
    typer.Option("--quiesce", help="Do not keep a run with a lease or a running attempt; pause workers before "
                 "(embedded.pause).", rich_help_panel=_HELD),
]  # fmt: skip
AllowLeasedOption = Annotated[
    bool, typer.Option("--allow-leased", help="With --quiesce: keep such a run all the same.", rich_help_panel=_HELD)
]
WaitLeasesOption = Annotated[
    str | None,
    typer.Option("--wait-leases", metavar="DURATION", help="With --quiesce: export it again for so long: 90s, 5m.",
                 rich_help_panel=_HELD),
]  # fmt: skip


class CommandWithCompress(TyperCommand):
    """A command whose `--compress` may stand without a value, which means gzip."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the value in where there is none."""
        found: list[str] = super().parse_args(ctx, with_compress_value(args))
        return found


def with_compress_value(arguments: Sequence[str]) -> list[str]:
    """The arguments with `--compress=gzip` for a `--compress` that no kind of compression follows."""
    options = list(arguments)
    end = options.index("--") if "--" in options else len(options)
    kinds = {kind.value for kind in Compress}
    for at, word in enumerate(options[:end]):
        if word == "--compress" and (at + 1 >= end or options[at + 1] not in kinds):
            options[at] = f"--compress={Compress.GZIP.value}"
    return options


@dataclass(frozen=True, slots=True)
class Asked:
    """What stood on the command line, as far as it says what goes together."""

    source: From
    ids: tuple[str, ...]
    run_id: str | None
    ids_file: str | None
    every: bool
    status: str | None
    workflow_type: str | None
    query: str | None
    output_file: str | None
    output_dir: str | None
    to: str | None
    force: bool
    compress: Compress | None
    refresh: bool
    batch: bool | None
    jobs: int | None
    quiesce: bool
    allow_leased: bool
    wait_leases: str | None
    resume_after_export: bool

    @property
    def archive(self) -> str | None:
        """The folder or the URL that holds a file a run; None for one file and for standard output."""
        return self.output_dir if self.output_dir is not None else self.to


def check_together(asked: Asked, *, as_json: bool) -> None:
    """Raise RequestNotPossible for options that cannot go together, before anything is done."""
    for broken, message, step in _contradictions(asked, as_json=as_json):
        if broken:
            raise RequestNotPossible(message, next_step=step, reason="options_exclude_each_other")


def _contradictions(asked: Asked, *, as_json: bool) -> list[tuple[object, str, str]]:
    places = [place for place in (asked.output_file, asked.output_dir, asked.to) if place is not None]
    named = asked.ids or asked.ids_file or asked.run_id
    embedded = asked.source is From.EMBEDDED
    held = asked.quiesce or asked.wait_leases is not None
    return [
        (len(places) > 1, "an export goes to one place", "Give one of -o, --output-dir and --to."),
        (asked.every and named, "--all takes every run, and ids were named too", "Leave one of the two out."),
        (asked.every and embedded, "--all lists the runs of a server", "Name ids, or give --ids-file."),
        (not asked.every and (asked.status or asked.workflow_type or asked.query),
         "--status, --type and --query choose among all runs", "Add --all."),
        (asked.run_id and (len(asked.ids) > 1 or asked.ids_file), "--run-id is a run of one instance",
         "Name one ID, or write each as INSTANCE/RUN."),
        (asked.run_id and not asked.ids and not embedded, "the server finds a run only by its instance",
         "Name the instance too: INSTANCE --run-id RUN."),
        (not asked.archive and asked.refresh, "--refresh goes over exports that are there", "Add --output-dir."),
        (not places and as_json, "the bundle itself goes to standard output, and --json would too",
         "Give -o FILE or --output-dir."),
        (not places and asked.compress, "standard output takes the bundle as it is", "Give -o FILE or --output-dir."),
        (asked.force and asked.output_file is None, "--force replaces the file of -o",
         "Leave it out: --output-dir keeps an older file until the new one is whole."),
        (asked.batch is not None and not embedded, "--batch is a way into the embedded application",
         "Leave it out with --source server."),
        (asked.allow_leased and not held, "--allow-leased says what --quiesce does", "Add --quiesce."),
        (asked.resume_after_export and not (embedded and held),
         "--resume-after-export ends what --quiesce began with embedded.pause", "Add --quiesce, or leave it out."),
    ]  # fmt: skip
