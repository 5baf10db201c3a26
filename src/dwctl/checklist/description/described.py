"""A cutover as `cutover.toml` describes it: what the gate holds the world against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from dwctl.cutover.cutover import Cutover
from dwctl.embedded.check_results import Strategy


class Runs(StrEnum):
    """What becomes of open embedded runs: they are imported, or drain where they are (guide, "Current Boundary")."""

    IMPORT = "import"
    DRAIN = "drain"


@dataclass(frozen=True, slots=True)
class Family:
    """Types that move together: their queue, type keys, the activities that run there, the build they ask for.

    A family of a queue for activities alone has no workflow types; one of the two is never empty.
    """

    name: str
    task_queue: str
    workflow_types: tuple[str, ...]
    activity_types: tuple[str, ...] = ()
    compatibility: str | None = None


@dataclass(frozen=True, slots=True)
class ShadowWorkflow:
    """A shadow run that the gate starts. `output` holds one JSON value, or is empty where any will do; seconds."""

    workflow_type: str
    task_queue: str
    arguments: Sequence[Any] = ()
    expect_status: str = "completed"
    output: tuple[Any, ...] = ()
    timeout: float = 60.0
    cleanup: bool = False


@dataclass(frozen=True, slots=True)
class Described:
    """One cutover. Paths are absolute; moments are as dwctl writes them (UTC); what was not said is None or empty.

    `bundles` are folders or files of bundles to import, `archives` folders or URLs of exports to keep. `retention_days`
    is how long the namespace has to keep closed runs at least. `closed_runs` is false where a person wrote that
    none need keeping.
    """

    path: Path | None
    name: str
    import_id: str | None = None
    runs: Runs = Runs.IMPORT
    v1: Strategy = Strategy.DRAIN
    avro_since: str | None = None
    starters_paused_since: str | None = None
    queues: tuple[str, ...] = ()
    families: tuple[Family, ...] = ()
    shadows: tuple[ShadowWorkflow, ...] = ()
    bundles: tuple[str, ...] = ()
    archives: tuple[str, ...] = ()
    closed_runs: bool = True
    ledger: Path = Path(".dwctl/ledger.db")
    retention_days: int | None = None
    certificate_days: int = 14
    evidence: Path = Path("evidence")
    attestations: Path = Path("cutover.attestations.toml")
    waivers: Path = Path("cutover.waivers.toml")

    @property
    def types(self) -> frozenset[str]:
        """The workflow types of all families; none where no family is described, and then all types move."""
        return frozenset(name for family in self.families for name in family.workflow_types)


_PATHS: Final = {
    "ledger": ("cutover", "ledger"),
    "evidence": ("evidence", "folder"),
    "attestations": ("evidence", "attestations"),
    "waivers": ("evidence", "waivers"),
}
"""Field → table and key; the defaults of the fields are relative, as what stands in the file is."""


def described_of(cutover: Cutover | None, *, folder: Path) -> Described:
    """The description as the gate uses it; where there is no file, one that says nothing.

    `folder` is where `cutover.toml` stands or would stand: relative paths begin there. Raises RequestNotPossible, with
    all mistakes at once, for what cannot be right although each value is of its type: see `described_rows`. Reads the
    files that `input_file` of `[[shadow]]` names.
    """
    from dwctl.checklist.description.described_rows import archives, families, moment_of, shadows
    from dwctl.cutover.mistakes import Mistake, refusal

    folder = folder.absolute()
    nothing = Described(path=None, name=folder.name or "cutover")
    path = None if cutover is None else cutover.path.absolute()
    cutover = Cutover(folder, {}) if cutover is None else cutover
    get = cutover.get
    mistakes: list[Mistake] = []
    family = families(cutover.rows("family"), mistakes)
    found = Described(
        path=path,
        name=get("cutover", "name") or nothing.name,
        import_id=get("cutover", "import_id"),
        runs=Runs(get("cutover", "runs") or nothing.runs),
        v1=Strategy(get("cutover", "v1") or nothing.v1),
        avro_since=moment_of(get("cutover", "avro_since"), "avro_since", mistakes),
        starters_paused_since=moment_of(get("cutover", "starters_paused_since"), "starters_paused_since", mistakes),
        queues=tuple(get("cutover", "queues") or ()),
        families=family,
        shadows=shadows(cutover.rows("shadow"), family, folder, mistakes),
        bundles=tuple(str(folder / one) for one in get("bundles", "paths") or ()),
        archives=archives(get("retention", "archives") or (), folder, mistakes),
        closed_runs=get("retention", "closed_runs") != "none",
        retention_days=get("retention", "days"),
        certificate_days=get("limits", "certificate_days") or nothing.certificate_days,
        **{field: folder / (get(*at) or getattr(nothing, field)) for field, at in _PATHS.items()},
    )
    if mistakes:
        raise refusal(cutover.path, mistakes)
    return found
