"""Printing what became of the bundles of an import, in the format that is wanted."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from dwctl.cli.output import Format, print_json_line, print_json_stream
from dwctl.cli.server_options import Connection

if TYPE_CHECKING:
    from dwctl.transfer.imports.outcomes import ImportResult, ImportTally, RunUsed


def show_results(
    connection: Connection,
    results: Iterable[ImportResult],
    tally: ImportTally,
    import_id: str,
    used: Callable[[], RunUsed] | None = None,
    *,
    ended: Callable[[], None] = lambda: None,
    drift: Mapping[str, object] | None = None,
) -> None:
    """Print the results as they come, or a table when the last has come; `used` is asked at the end.

    `ended` is called after the last result and before what is printed then. `drift` says who was asked what moved.
    """
    if connection.format is Format.TABLE:
        from dwctl.render.console_import import show_results as show

        deque(results, maxlen=0)  # the tally keeps what the table needs
        ended()
        show(tally, sys.stdout, None if used is None else used())
        return
    from dwctl.render.json_dry_run import SCHEMA
    from dwctl.render.json_import import import_item, import_summary

    items: Iterator[dict[str, object]] = (import_item(result) for result in results)
    if connection.format is Format.JSONL:
        for item in items:
            print_json_line(item)
        return
    print_json_stream(
        SCHEMA, "bundles", items, lambda: {"summary": import_summary(tally, None if used is None else used())},
        dry_run=tally.dry_run, offline=False, server=connection.settings.server.value,
        namespace=connection.settings.namespace.value.lower(), import_id=import_id,
        **({} if drift is None else {"drift": drift}),
    )  # fmt: skip
