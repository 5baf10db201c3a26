"""The end of an import for people: what all bundles have in common, the counts, what the run used, and a verdict."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from dwctl.bundle.rules import RULES
from dwctl.counted import counted
from dwctl.render.text import one_line
from dwctl.render.wording import message
from dwctl.transfer.imports.outcomes import ImportState, ImportTally, RunUsed
from dwctl.transfer.imports.pace import Trouble

_MOST_REASONS = 12
_CUTS = {Trouble.BUSY: "the server was busy, or not there", Trouble.SLOW: "it became slow"}


def common_lines(tally: ImportTally) -> Iterator[Text]:
    """What would be told again and again where there are many bundles: warnings, proofs, what does not travel."""
    for rule, warned in sorted(tally.warned.items()):
        yield Text.assemble((one_line(rule), "yellow"), f"  {counted(warned.count, 'time')}")
        for finding in warned.findings.values():
            yield Text(f"    {one_line(message(finding))}")
        if rule in RULES:
            yield Text(f"    fix: {RULES[rule].fix}", style="cyan")
    if tally.proven:
        yield Text(_proven(tally))
    if tally.left_behind:
        yield Text(f"does not travel: {', '.join(tally.left_behind)} (--json says of which runs)")


def _proven(tally: ImportTally) -> str:
    """What proves the runs; what only some of them show has their number, and is not called unseen beside that."""
    held = [
        name if not tally.unseen[name] else f"{name} ({count:,} of {count + tally.unseen[name]:,})"
        for name, count in tally.held.items()
    ]
    unseen = [name for name in tally.unseen if name not in tally.held]
    words = f"{counted(tally.proven, 'run')} proven by {', '.join(held)}"
    return f"{words}; not shown by this server: {', '.join(unseen)}" if unseen else words


def reason_lines(tally: ImportTally) -> Iterator[Text]:
    """Why bundles are not good, counted."""
    for reason, count in tally.reasons.most_common(_MOST_REASONS):
        yield Text.assemble((f"{count:>8,}  ", "red"), one_line(reason))
    if len(tally.reasons) > _MOST_REASONS:
        yield Text(f"          … and {len(tally.reasons) - _MOST_REASONS} more reasons", style="dim")


def used_line(used: RunUsed, tally: ImportTally) -> Text:
    """Seconds, rate, concurrency and the slowest import in one line."""
    parts = [f"{used.seconds:.1f} s"]
    if used.rate is not None:
        parts.append(f"{used.rate:.1f} imports/s")
    pace = used.pace
    parts.append(f"at most {pace.most} at once" + (f", down to {pace.lowest}" if pace.lowest < pace.most else ""))
    if pace.cuts:
        cuts = [f"slowed down {counted(count, 'time')}: {_CUTS[cause]}" for cause, count in pace.cuts.items()]
        parts.append(" and ".join(cuts))
    if tally.slowest:
        seconds, file = max(tally.slowest)
        parts.append(f"slowest {seconds:.2f} s ({one_line(file)})")
    return Text(f"run: {'; '.join(parts)}", style="dim")


def summary_line(tally: ImportTally) -> Text:
    """The counts and the verdict."""
    parts = [f"{count:,} {_word(state, tally)}" for state, count in tally.states.items() if count and state in _TOLD]
    parts += [f"{count:,} {_SKIPPED.get(why, why)}" for why, count in tally.skipped.items()]
    more = {"not proven": tally.unproven, "resealed by dwctl": tally.resealed, "archived": tally.archived}
    parts += [f"{count:,} {what}" for what, count in more.items() if count]
    code = int(tally.exit_code)
    verdict = ("YES", "bold green") if code == 0 else ("NO", "bold red")
    text = _all(tally) if code == 0 else f"not all {_wanted(tally)} (exit code {code}: dwctl explain {code})"
    return Text.assemble(f"{counted(tally.total, 'bundle')}: {', '.join(parts)}. ", verdict, f": {text}.")


def _all(tally: ImportTally) -> str:
    """What is true of every bundle, where the answer is yes."""
    if tally.dry_run and not tally.states[ImportState.WOULD_IMPORT]:
        return "nothing is left to import"
    if tally.dry_run and tally.states[ImportState.ALREADY_IMPORTED]:
        return "all the others would be imported"
    chosen = " that was chosen is" if tally.skipped.keys() - {"duplicate"} else ""
    return f"all{chosen} {_wanted(tally)}"


def _wanted(tally: ImportTally) -> str:
    return "would be imported" if tally.dry_run else "imported and proven"


def _word(state: ImportState, tally: ImportTally) -> str:
    if state is not ImportState.DONE:
        return state.value.replace("_", " ")
    again, done = tally.compared_again, tally.states[ImportState.DONE]
    if not again:
        return "done before"
    return "done before (compared again)" if again == done else f"done before ({again:,} of them compared again)"


_TOLD = frozenset(ImportState) - {ImportState.SKIPPED}
_SKIPPED = {"duplicate": "duplicate", "not_chosen": "not in --only", "limit": "beyond --limit"}
