"""`dwctl embedded inventory`: every run of the embedded application, with what decides its fate."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from dwctl.cli.database_options import require_database, with_database
from dwctl.cli.embedded_options import (
    CompatibilityOption,
    CsvOption,
    DeepOption,
    EligibleOption,
    HeldOption,
    IdleOption,
    InstancesOption,
    LedgerOption,
    LimitOption,
    ManifestOption,
    NewerOption,
    OlderOption,
    QueuesOption,
    RunsOption,
    SelectOption,
    StatusesOption,
    SummaryOption,
    TypesOption,
    run_filter,
)
from dwctl.cli.output import Format, print_json_line, print_json_stream, say
from dwctl.cli.progress import with_progress
from dwctl.cli.server_options import Connection, server_command
from dwctl.errors import ExitCode, RequestNotPossible

if TYPE_CHECKING:
    from dwctl.embedded.database import EmbeddedDatabase
    from dwctl.embedded.filters import RunFilter
    from dwctl.embedded.inventory_runs import OldWorkflow, Summary
    from dwctl.embedded.inventory_summary import GroupCount
    from dwctl.transfer.runtimes.inventory import InventoryTally, LedgerLookup, Standing
    from dwctl.transfer.storage.manifest import ManifestEntry


@server_command
@with_database
def inventory(
    connection: Connection,
    database: Any,
    status: StatusesOption = None,
    type_: TypesOption = None,
    queue: QueuesOption = None,
    instance: InstancesOption = None,
    run: RunsOption = None,
    compatibility: CompatibilityOption = None,
    older_than: OlderOption = None,
    newer_than: NewerOption = None,
    idle_for: IdleOption = None,
    eligible: EligibleOption = None,
    held: HeldOption = None,
    manifest: ManifestOption = None,
    ledger: LedgerOption = None,
    summary: SummaryOption = False,
    select: SelectOption = False,
    csv: CsvOption = False,
    deep: DeepOption = False,
    limit: LimitOption = None,
) -> int:
    """List every v2 run and open v1 workflow of the embedded application, with what decides its fate.

    Read from the application's database, in one snapshot, read-only. The
    first word of a line says whether the run may move: `moves`; `held` by a
    worker, so quiesce it; `link`: it is the later member of a chain or of a
    parent and child, and needs --resolve-links; `stays`: another rule refuses
    it; `there`: the ledger imported it; `twice`: it has moved here since;
    `unknown`: a table or column that decides it cannot be read. A filter by
    what cannot be known (--eligible, --held) is refused then.
    What is foreseen comes from rows alone: the verdict on the export is the
    last word. Links are foreseen among the runs that status, type, queue and
    age let through.

    In CSV a cell that a spreadsheet would run as a formula begins with an
    apostrophe.

    Exit code 0: the list is whole, whatever it says. 2: no database is given,
    or it cannot answer the filter.
    3, 4, 5, 6, 7: the database was not reached, did not let us in, has no
    such tables, failed, or did not answer in time.

    \b
    Examples:
      $ dwctl embedded inventory --database-url sqlite:///app.sqlite --summary
      $ dwctl embedded inventory --laravel-env .env --status open --not-eligible
      $ dwctl embedded inventory --older-than 30d --output jsonl | jq -r .run_id
      $ dwctl embedded inventory --eligible --select > ids.txt
      $ dwctl history-export --source embedded --ids-file ids.txt --output-dir out
    """
    wanted = run_filter(
        status=status, type_=type_, queue=queue, instance=instance, run=run, compatibility=compatibility,
        older_than=older_than, newer_than=newer_than, idle_for=idle_for, eligible=eligible, held=held,
    )  # fmt: skip
    _one_of({"--summary": summary, "--select": select, "--limit": limit is not None})
    _one_of({"--csv": csv, "--select": select, "--json or --output": connection.format is not Format.TABLE})
    with ExitStack() as stack:
        shown = _Listing(connection, wanted, deep, limit)
        shown.open(stack, require_database(database), manifest, ledger)
        if summary:
            shown.summary(csv=csv)
        elif select:
            shown.select()
        elif csv:
            shown.csv()
        elif connection.format is Format.TABLE:
            shown.table()
        else:
            shown.json()
    return ExitCode.DONE


class _Listing:
    """The inventory of one snapshot, printed in one of its forms."""

    def __init__(self, connection: Connection, wanted: RunFilter, deep: bool, limit: int | None) -> None:
        self._connection, self._wanted, self._deep, self._limit = connection, wanted, deep, limit
        self._manifest: Mapping[str, ManifestEntry] | None = None
        self._ledger: LedgerLookup | None = None

    def open(self, stack: ExitStack, database: EmbeddedDatabase, manifest: str | None, ledger: str | None) -> None:
        """Open the database, and what the runs are to be joined with. Each may refuse."""
        from dwctl.cli.embedded_joins import ledger_lookup, manifest_entries
        from dwctl.embedded.inventory import require_list

        self._manifest = manifest_entries(manifest)
        self._ledger = ledger_lookup(stack, ledger)
        self._snapshot = stack.enter_context(database.snapshot())
        require_list(self._snapshot, self._wanted, deep=self._deep)

    def summary(self, *, csv: bool) -> None:
        """The groups alone."""
        from dwctl.render.json_inventory import SCHEMA, group_items, inventory_rest

        found = self._groups()
        if csv:
            from dwctl.render.csv_inventory import write_groups

            self._say_gaps()
            write_groups(found, sys.stdout)
        elif self._connection.format is Format.TABLE:
            from dwctl.render.console_inventory import show_summary

            show_summary(found, None, sys.stdout)
        else:
            if self._connection.format is Format.JSONL:
                self._say_gaps()
            head = {"schema": SCHEMA, "schema_version": 1, **self._head(), "runs": None}
            self._connection.put(head | inventory_rest(found, None, None), group_items(found))

    def _groups(self) -> Summary:
        """Counted by the database, or run by run where it cannot judge them."""
        from dwctl.embedded.inventory_summary import GroupCount, summarised, summary_of

        if not self._wanted.looks_at_foresight:
            return summarised(self._snapshot, self._wanted)
        count = GroupCount()
        for standing in self._runs():
            count.add(standing.run)
        return summary_of(self._snapshot, self._wanted, count.groups())

    def select(self) -> None:
        """Ids as `history-export --ids-file` takes them."""
        from dwctl.transfer.runtimes.inventory import id_line

        self._say_gaps()
        for standing in self._runs():
            sys.stdout.write(id_line(standing.run) + "\n")

    def csv(self) -> None:
        """A line a run, and the open workflows of v1."""
        from dwctl.render.csv_inventory import write_inventory

        self._say_gaps()
        write_inventory(self._runs(), self._v1(), sys.stdout)

    def table(self) -> None:
        """The runs, the open workflows of v1, and what they add up to."""
        from dwctl.embedded.inventory_summary import GroupCount, summary_of
        from dwctl.render.console_inventory import show_old, show_runs, show_summary
        from dwctl.transfer.runtimes.inventory import InventoryTally

        tally, count = InventoryTally(), GroupCount()
        show_runs(self._counted(tally, count), sys.stdout)
        show_old(self._v1(), sys.stdout)
        show_summary(summary_of(self._snapshot, self._wanted, count.groups()), tally, sys.stdout)

    def json(self) -> None:
        """One document, or a line a run; either as the runs come."""
        from dwctl.embedded.inventory import sees_v1
        from dwctl.embedded.inventory_summary import GroupCount, summary_of
        from dwctl.render.json_inventory import SCHEMA, inventory_rest, old_item, run_item
        from dwctl.transfer.runtimes.inventory import InventoryTally

        if self._connection.format is Format.JSONL:
            self._say_gaps()
            for standing in self._runs():
                print_json_line(run_item(standing))
            for old in self._v1():
                print_json_line(old_item(old))
            return
        tally, count = InventoryTally(), GroupCount()
        items = (run_item(standing) for standing in self._counted(tally, count))
        # Read before the document begins: a filter that this database cannot answer is an error, and no half document.
        first = list(islice(items, 1))
        v1 = self._v1() if self._wanted.takes_v1 and sees_v1(self._snapshot) else None
        print_json_stream(
            SCHEMA, "runs", chain(first, items),
            lambda: inventory_rest(summary_of(self._snapshot, self._wanted, count.groups()), v1, tally), **self._head(),
        )  # fmt: skip

    def _say_gaps(self) -> None:
        """What could not be read, on stderr: an output of runs or groups alone has no place for it."""
        for gap in self._snapshot.gaps:
            say(f"dwctl: {gap.sentence}")

    def _counted(self, tally: InventoryTally, count: GroupCount) -> Iterator[Standing]:
        for standing in self._runs():
            tally.add(standing)
            count.add(standing.run)
            yield standing

    def _v1(self) -> Iterator[OldWorkflow]:
        from dwctl.embedded.inventory import open_v1

        return open_v1(self._snapshot) if self._wanted.takes_v1 else iter(())

    def _runs(self) -> Iterator[Standing]:
        from dwctl.embedded.inventory import inventory as read
        from dwctl.transfer.runtimes.inventory import standings

        is_imported = self._ledger.is_there if self._ledger is not None else None
        found = read(self._snapshot, self._wanted, deep=self._deep, is_imported=is_imported)
        joined = standings(found, manifest=self._manifest, ledger=self._ledger)
        yield from with_progress(islice(joined, self._limit), self._total(), "reading runs")

    def _total(self) -> int:
        """How many runs there will be, where a bar shows it: the list itself does not on its way to a file."""
        from dwctl.embedded.inventory_summary import summarised

        if sys.stdout.isatty() or not sys.stderr.isatty() or self._limit is not None:
            return 0
        if self._wanted.looks_at_foresight:
            return 0
        return sum(group.runs for group in summarised(self._snapshot, self._wanted).groups)

    def _head(self) -> dict[str, Any]:
        return {"database": self._snapshot.location, "as_of": self._snapshot.as_of, "deep": self._deep}


def _one_of(given: Mapping[str, bool]) -> None:
    """Refuse options that ask for different outputs."""
    both = [name for name, wanted in given.items() if wanted]
    if len(both) > 1:
        raise RequestNotPossible(
            f"{' and '.join(both)} do not go together", where=both[0],
            next_step=f"Leave {' or '.join(both)} out.", reason="usage",
        )  # fmt: skip
