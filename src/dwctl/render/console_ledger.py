"""The ledger for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, TextIO

from rich.cells import cell_len
from rich.console import Group
from rich.live import Live
from rich.text import Text

from dwctl.counted import counted
from dwctl.render.console import console_for, folded
from dwctl.render.console_lines import Cell, columns, fields, heading
from dwctl.render.console_server import moment, or_dash, title
from dwctl.render.console_table import Table, print_table, write_lines
from dwctl.render.text import one_line
from dwctl.render.transfer_wording import link_words
from dwctl.render.wording import size, to_the_second
from dwctl.transfer.ledger.audit import AuditReport
from dwctl.transfer.ledger.log import LedgerEvent
from dwctl.transfer.ledger.rows import LedgerRow, LedgerState
from dwctl.transfer.ledger.view import LedgerStatus

_STYLES: Final = {
    LedgerState.IMPORTED: "green",
    LedgerState.ALREADY_IMPORTED: "green",
    LedgerState.REFUSED: "red",
    LedgerState.FAILED: "red",
    LedgerState.UNKNOWN: "yellow",
    LedgerState.SENDING: "yellow",
    LedgerState.BLOCKED: "yellow",
    LedgerState.MOVED: "yellow",
}
_TOGETHER: Final = 500
MOST_UNREAD: Final = 10
"""Files without a run that the status names one by one."""


def _state(state: LedgerState) -> Cell:
    return (state.value, _STYLES.get(state, ""))


# --- status ---


def show_status(path: str, status: LedgerStatus, age: float | None, stream: TextIO) -> None:
    """Whose ledger it is, who writes, and how far it is."""
    write_lines(_status_lines(path, status, age), stream)


def _status_lines(path: str, status: LedgerStatus, age: float | None) -> list[Text]:
    target = status.target
    lines = [title(path)]
    lines += fields(
        [
            ("server", target.server),
            ("namespace", target.namespace),
            ("import id", target.import_id),
            ("writer", (str(status.writer), "green") if status.writer else "nobody is writing"),
            ("last event", f"{moment(status.last_event_at)}{_age(age)}"),
            ("rate", _rate(status)),
            ("head", f"{status.head.seq} {status.head.hash}"),
        ]
    )
    rows: list[Sequence[Cell]] = [[_state(state), f"{count:>9,}"] for state, count in status.counts.items() if count]
    lines += [Text(""), *columns([[("state", "bold"), (f"{'bundles':>9}", "bold")], *rows])]
    lines += [Text(""), Text(_sentence(status))]
    if status.skipped_because:
        why = ", ".join(f"{count:,} {one_line(word)}" for word, count in status.skipped_because.items())
        lines.append(Text(f"Left out by choice: {why} (dwctl explain WORD)."))
    if status.unread:
        said = f"{counted(len(status.unread), 'file')} gave no run, so nothing of that was imported:"
        lines.append(Text(said, style="bold red"))
        lines += [Text(one_line(f"  {one.file}: {one.reason}")) for one in status.unread[:MOST_UNREAD]]
        if len(status.unread) > MOST_UNREAD:
            lines.append(Text(f"  … and {len(status.unread) - MOST_UNREAD:,} more (all: --json)"))
    if status.facts.not_shown:
        lines.append(Text(f"{counted(status.facts.not_shown, 'run')} imported, and not shown by the server in this "
                          "namespace: dwctl explain run_not_shown", style="bold red"))  # fmt: skip
    if differs := status.facts.differs - status.facts.not_shown:
        lines.append(Text(f"{counted(differs, 'run')} on the server not as in the bundle: "
                          "dwctl ledger list --differs", style="bold red"))  # fmt: skip
    if status.facts.moved_since_import:
        lines.append(Text(f"{counted(status.facts.moved_since_import, 'run')} moved since the import: both runtimes "
                          "have them", style="bold red"))  # fmt: skip
    return lines


def _rate(status: LedgerStatus) -> str:
    """How fast it goes, and what is left at that rate; empty where nobody writes."""
    if not status.rate or status.writer is None:
        return ""
    left = _span(status.open / status.rate)
    return f"{status.rate:.1f} bundles/s of late" + (f", about {left} left" if status.open else "")


def _age(age: float | None) -> str:
    if age is None:
        return ""
    if age < 0:
        return "  (after this machine's time: a clock was set)"
    return f"  ({_span(age)} ago)"


def _span(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _sentence(status: LedgerStatus) -> str:
    facts = status.facts
    return (
        f"{counted(status.total, 'bundle')}: {status.there:,} on the server, {facts.compared:,} compared, "
        f"{facts.archived:,} archived; {status.open:,} to be sent or asked after."
    )


def status_line(status: LedgerStatus) -> str:
    """One line for a log: what changes while an import runs."""
    counts = " ".join(f"{state.value}={count}" for state, count in status.counts.items() if count)
    facts = f"compared={status.facts.compared} differs={status.facts.differs} archived={status.facts.archived}"
    facts += f" unread={len(status.unread)}" if status.unread else ""
    rate = "-" if status.rate is None else f"{status.rate:.1f}/s"
    writer = f"writer={status.writer.pid}" if status.writer else "writer=none"
    return f"{or_dash(status.last_event_at)} {counts} {facts} rate={rate} {writer}"


class WatchedStatus:
    """The status on a terminal, drawn again in its place; a `with` block, so that the cursor comes back."""

    def __init__(self, path: str, stream: TextIO) -> None:
        self._path = path
        self._live = Live(console=console_for(stream), auto_refresh=False)

    def __enter__(self) -> WatchedStatus:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, status: LedgerStatus, age: float | None) -> None:
        """Draw the status."""
        lines = _status_lines(self._path, status, age)
        self._live.update(Group(*(part for line in lines for part in folded(self._live.console, line))), refresh=True)


# --- rows ---


def show_rows(rows: Iterable[LedgerRow], stream: TextIO) -> int:
    """Rows one a line, written as they come; returns how many there were."""
    console, remaining, total = console_for(stream), iter(rows), 0
    widths = [0] * len(_HEADINGS)
    while page := [_row_cells(row) for row in islice(remaining, _TOGETHER)]:
        if console.is_terminal:
            print_table(console, Table(_HEADINGS, page, _MAY_GO, indent=""))
        else:  # without rich, which is slow for ten thousand lines
            cells: list[list[Cell]] = page if total else [list(_HEADINGS), *page]
            stream.writelines("".join(line).rstrip() + "\n" for line in _aligned(cells, widths))
        total += len(page)
    console.print(Text(counted(total, "bundle")))
    return total


_HEADINGS: Final = ("state", "run", "instance", "type", "attempts", "compared", "archived", "why")
_MAY_GO: Final = ("archived", "type", "attempts", "run", "compared", "instance")


def _row_cells(row: LedgerRow) -> list[Cell]:
    compared = "differs" if row.differs_at else "same" if row.compared_at else "-"
    return [
        _state(row.state),
        row.run_id,
        row.instance_id or "-",
        or_dash(row.workflow_type),
        str(row.attempts),
        (compared, "red") if row.differs_at else compared,
        "yes" if row.archived_at else "-",
        row.error_reason or _what_differs(row) or ", ".join(row.rules) or row.drift or "",
    ]


def _what_differs(row: LedgerRow) -> str:
    """The reason for a difference, else the names of what differs."""
    return row.difference_reason or ", ".join(one.partition(":")[0] for one in row.differences)


def _aligned(rows: Sequence[Sequence[Cell]], widths: list[int]) -> Iterator[list[str]]:
    """Cells one below the other; the widths only grow, so that pages of rows stand together."""
    made = [[one_line(cell if isinstance(cell, str) else cell[0]) for cell in row] for row in rows]
    for column in range(len(_HEADINGS)):
        widest = max((cell_len(row[column]) for row in made), default=0)
        widths[column] = max(widths[column], widest + 2)
    for row in made:
        yield [content + " " * (width - cell_len(content)) for content, width in zip(row, widths, strict=True)]


def show_row(row: LedgerRow, events: Iterable[LedgerEvent], stream: TextIO) -> None:
    """One run: its row, and every event."""
    told = [[str(event.seq), to_the_second(event.at), event.kind, _facts(event)] for event in events]
    table = Table(("event", "time", "what", "facts"), told)
    write_lines([title(row.run_id), *fields(_row_fields(row)), heading("events"), table], stream)


def _row_fields(row: LedgerRow) -> list[tuple[str, Cell]]:
    who = f"{row.who or '-'}, dwctl {row.dwctl_version or '?'}, server {row.server_version or '?'}"
    return [
        ("state", _state(row.state)),
        ("instance", row.instance_id),
        ("run number", or_dash(row.run_number)),
        ("type", row.workflow_type or ""),
        ("queue", row.task_queue or ""),
        ("status", row.status or ""),
        ("dedupe key", row.dedupe_key or ""),
        ("file", row.file or ""),
        ("size", "" if row.bytes is None else size(row.bytes)),
        ("sha256 of the file", row.file_sha256 or ""),
        ("sha256 as sent", row.sent_sha256 or ""),
        ("checksum", row.checksum or ""),
        ("verdict", row.verdict or ""),
        ("rules", ", ".join(row.rules)),
        *((name.replace("_", " "), _words(value)) for name, value in (row.repair or {}).items()),
        ("left out", "; ".join(link_words(link) for link in row.removed_links)),
        ("reason", row.reason or ""),
        ("attempts", str(row.attempts)),
        (
            "left out by" if row.state is LedgerState.SKIPPED else "error",
            " ".join(part for part in (row.error_reason, row.error_text) if part),
        ),
        ("way", row.way or ""),
        ("import id", row.import_id or ""),
        ("compared", to_the_second(row.compared_at or "")),
        ("differs", ("; ".join(row.differences), "red") if row.differences else ""),
        ("archived", to_the_second(row.archived_at or "")),
        ("drift", " ".join(part for part in (row.drift, to_the_second(row.drift_at or "")) if part)),
        ("last change", f"{to_the_second(row.when or '-')} by {who}"),
    ]


def _words(value: object) -> str:
    """What was done to a bundle, as the ledger keeps it, in words instead of JSON."""
    if isinstance(value, Mapping):
        said = ((name.replace("_", " "), _words(one)) for name, one in value.items())
        return "; ".join(f"{name}: {one}" for name, one in said if one)
    if isinstance(value, (list, tuple)):
        return ", ".join(_words(one) for one in value)
    return "" if value is None else str(value)


def _json(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _facts(event: LedgerEvent) -> str:
    """The facts of an event; those of the plan are in the row."""
    facts = event.facts
    if event.kind == "planned":
        facts = {name: facts[name] for name in ("state", "file", "verdict") if name in facts}
    shown = (f"{name}={value if isinstance(value, str) else _json(value)}" for name, value in facts.items())
    return " ".join(one for one in shown if not one.endswith("=null"))


# --- retry and audit ---


def show_retry(run_ids: Sequence[str], files: Sequence[str], stream: TextIO) -> None:
    """The runs that were put back, one a line, and how many; and the files that were let go of."""
    lines = [Text(one_line(run_id)) for run_id in run_ids]
    what = "is planned again" if len(run_ids) == 1 else "are planned again"
    if run_ids or not files:
        lines.append(Text(f"{counted(len(run_ids), 'bundle')} {what}." if run_ids else "Nothing to put back."))
    lines += [Text(one_line(f"{file}: gave no run, and is trouble no longer")) for file in files]
    write_lines(lines, stream)


MOST_RESEALED = 20
"""Resealed bundles that an audit names one by one."""


def show_audit(path: str, report: AuditReport, stream: TextIO) -> None:
    """What is not as its writer left it, the head, and the verdict."""
    lines = [title(path)]
    lines += fields(
        [("events", f"{report.events:,}"), ("bundles", f"{report.rows:,}"),
         ("head", f"{report.head.seq} {report.head.hash}")]
    )  # fmt: skip
    for finding in report.findings:
        place = f"event {finding.seq}" if finding.seq is not None else "ledger" if finding.run_id is None else "row"
        run = f" (run {finding.run_id})" if finding.run_id is not None else ""
        lines.append(Text.assemble((place, "bold red"), one_line(f"{run}: {finding.what}")))
    if report.found > len(report.findings):
        lines.append(Text(f"… and {counted(report.found - len(report.findings), 'more finding')}"))
    for one in report.resealed[:MOST_RESEALED]:
        links = "; ".join(link_words(link) for link in one.removed_links)
        told = f" {one.run_id} without {links}" + (f": {one.reason}" if one.reason else "")
        lines.append(Text.assemble(("resealed by dwctl", "yellow"), one_line(told)))
    if len(report.resealed) > MOST_RESEALED:
        lines.append(
            Text(f"… and {counted(len(report.resealed) - MOST_RESEALED, 'more resealed bundle')} (all: --json)")
        )
    verdict = ("YES", "bold green") if report.ok else ("NO", "bold red")
    lines.append(Text.assemble(verdict, f": {_verdict(report)}"))
    write_lines(lines, stream)


def _verdict(report: AuditReport) -> str:
    if not report.sound:
        return f"the ledger is not as its writer left it ({counted(report.found, 'finding')})."
    if report.expected is None:
        return "the log is whole, and every row is what its events say. Keep the head elsewhere to compare with later."
    if report.expected.is_the_head:
        return "the log is whole, every row is what its events say, and its head is the expected one."
    if report.expected.seq is not None:
        more = counted(report.head.seq - report.expected.seq, "event")
        return (
            f"the expected head is event {report.expected.seq}, and the ledger has grown by {more} since; "
            "up to there it is the same."
        )
    return "the expected head is nowhere in the log: this is another ledger, or its log was written anew."
