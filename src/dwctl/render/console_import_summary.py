"""The end of an import for people: what all bundles have in common, the counts, what the run used, and a verdict."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from dwctl.bundle.rules import RULES
from dwctl.counted import counted
from dwctl.render.text import one_line
from dwctl.render.wording import message
from dwctl.transfer.imports.outcomes import ImportState, ImportTally, RunUsed

_MOST_REASONS = 12


def common_lines(tally: ImportTally) -> Iterator[Text]:
    """What would be told again and again where there are many bundles: warnings, proofs, what does not travel."""
    for rule, warned in sorted(tally.warned.items()):
        yield Text.assemble((one_line(rule), "yellow"), f"  {counted(warned.count, 'time')}")
        for finding in warned.findings.values():
            yield Text(f"    {one_line(message(finding))}")
        if rule in RULES:
            yield Text(f"    fix: {RULES[rule].fix}", style="cyan")
    if tally.proven:
        words = f"{counted(tally.proven, 'run')} proven by {', '.join(tally.held)}"
        yield Text(f"{words}; not shown by this server: {', '.join(tally.unseen)}" if tally.unseen else words)
    if tally.left_behind:
        yield Text(f"does not travel: {', '.join(tally.left_behind)} (which of which run: --json)")


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
        parts.append(" and ".join(f"slowed down {counted(n, 'time')}: {cause.value}" for cause, n in pace.cuts.items()))
    if tally.slowest:
        seconds, file = max(tally.slowest)
        parts.append(f"slowest {seconds:.2f} s ({one_line(file)})")
    return Text(f"run: {'; '.join(parts)}", style="dim")


def summary_line(tally: ImportTally) -> Text:
    """The counts and the verdict."""
    parts = [f"{count:,} {_word(state)}" for state, count in tally.states.items() if count and state not in _TOLD]
    parts += [f"{count:,} {_SKIPPED.get(why, why)}" for why, count in tally.skipped.items()]
    more = {"not proven": tally.unproven, "resealed by dwctl": tally.resealed, "archived": tally.archived}
    parts += [f"{count:,} {what}" for what, count in more.items() if count]
    code = int(tally.exit_code)
    verdict = ("YES", "bold green") if code == 0 else ("NO", "bold red")
    what = "would be imported" if tally.dry_run else "imported and proven"
    chosen = " that was chosen is" if tally.skipped.keys() - {"done", "duplicate"} else ""
    text = f"all{chosen} {what}" if code == 0 else f"not all {what} (exit code {code}: dwctl explain {code})"
    return Text.assemble(f"{counted(tally.total, 'bundle')}: {', '.join(parts)}. ", verdict, f": {text}.")


def _word(state: ImportState) -> str:
    return state.value.replace("_", " ")


_TOLD = frozenset({ImportState.SKIPPED})
_SKIPPED = {
    "done": "done before", "duplicate": "duplicate", "not_chosen": "not in --only", "limit": "beyond --limit",
}  # fmt: skip
