"""Type keys and codecs where the embedded database does not say them: in the bundles, and in the workers' lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from dwctl.bundle import vocabulary
from dwctl.bundle.additions import is_class_name
from dwctl.checklist.checks.findings import seen
from dwctl.checklist.gate.check import Evidence, Finding, State
from dwctl.counted import counted
from dwctl.typed_commands import command_line

if TYPE_CHECKING:
    from dwctl.checklist.facts.facts import BundleFact, BundleSet
    from dwctl.checklist.facts.world import World
    from dwctl.server.results import Worker

_TYPE_RULES: Final = {
    "workflow.type_is_class_name": "a workflow type that is a class name",
    "activities.type_is_class_name": "an activity type that is a class name",
}
_CODEC_RULES: Final = {
    "payload_codec.unsupported": "a payload in another codec",
    "payloads.codec_not_portable": "a payload in a codec that only PHP reads",
}
_SHOWN = 5
"""Bundles, or workers, that the evidence names one by one."""


class _Property(NamedTuple):
    """What every bundle has to have: its name, what a bundle does that has it or not, and what helps.

    `faults` are the words of a bundle that speak against it, `option` what `bundle verify` takes to say them; `tells`
    is whether the bundle says anything of it.
    """

    what: str
    good: str
    bad: str
    step: str
    option: str
    tells: Callable[[BundleFact], bool]
    faults: Callable[[BundleFact], tuple[str, ...]]


def bundle_types(world: World) -> Finding:
    """Whether every bundle names its workflow and its activities by type keys."""
    return _of_bundles(world, _TYPES)


def bundle_codecs(world: World) -> Finding:
    """Whether every bundle uses the codec avro throughout."""
    return _of_bundles(world, _CODECS)


def worker_types(world: World) -> Finding:
    """Whether no worker that may be alive has registered a class name for a type key."""
    registered = world.workers()
    at = world.now()
    alive = [worker for worker in registered if worker.status != "stale"]
    came = f"{len(alive):,} alive of {len(registered):,} registered"
    evidence = Evidence(f"the types of the workers of the namespace {world.namespace}", came, at)
    wrong = {worker.worker_id: names for worker in alive if (names := _registered_classes(worker))}
    if wrong:
        return Finding.of(
            State.FAIL,
            f"{counted(len(wrong), 'worker registers', 'workers register')} PHP class names for type keys",
            tuple(wrong), "workers", evidence=(evidence, *_named(wrong, "worker", at)),
            next_step="Register them again with the type keys: a run is offered by its key, and these would never be "
            "given one.",
            command=command_line("dwctl", "worker", "show", next(iter(wrong)), "--namespace", world.namespace),
        )  # fmt: skip
    if not alive:
        return Finding(
            State.UNKNOWN,
            "no worker that is alive is registered, so none shows which types it takes",
            evidence=(evidence,),
            next_step="Start the workers of the server (guide, Phase C), and ask again.",
            command=command_line("dwctl", "worker", "list", "--namespace", world.namespace),
        )
    said = f"{counted(len(alive), 'worker that is alive registers', 'workers that are alive register')} no class name"
    return Finding(State.PASS, said, evidence=(evidence,))


def _registered_classes(worker: Worker) -> tuple[str, ...]:
    types = (*worker.workflow_types, *worker.activity_types)
    return tuple(dict.fromkeys(name for name in types if is_class_name(name, None)))


def _of_bundles(world: World, wanted: _Property) -> Finding:
    """The finding on a property of every bundle; one that cannot be read leaves it unknown."""
    found = world.bundles()
    many = counted(len(found.bundles), "bundle")
    evidence = seen(world, f"the {wanted.what} of {many}", _read(found))
    wrong = {bundle.file: names for bundle in found.bundles if (names := wanted.faults(bundle))}
    silent = tuple(bundle.file for bundle in found.bundles if bundle.problem is not None or not wanted.tells(bundle))
    unread = (*found.missing, *found.lost, *silent)
    if wrong:
        return Finding.of(
            State.FAIL, f"{len(wrong):,} of {many} {wanted.bad}", tuple(wrong), "files",
            evidence=(evidence, *_named(wrong, "bundle", evidence.at)), next_step=wanted.step,
            command=_verify(next(iter(wrong)), wanted.option),
        )  # fmt: skip
    if unread:
        return Finding.of(
            State.UNKNOWN, _unread(found, len(silent), wanted.what), unread, "files", evidence=(evidence,),
            next_step="Export these again, or correct the paths of the bundles in cutover.toml.",
            command=_verify(unread[0], wanted.option),
        )  # fmt: skip
    if not found.bundles:
        return Finding(
            State.UNKNOWN, "there is no bundle to look at", evidence=(evidence,),
            next_step="Export the runs that are to be imported, into the folders that cutover.toml names.",
            command="dwctl history-export --help",
        )  # fmt: skip
    return Finding(State.PASS, f"all of {many} {wanted.good}", evidence=(evidence,))


def _class_names(bundle: BundleFact) -> tuple[str, ...]:
    """The class names for type keys; what only the rules have seen (a class without a namespace) in their words."""
    types = (bundle.workflow_type, *bundle.activity_types)
    names = tuple(dict.fromkeys(name for name in types if name and is_class_name(name, bundle.workflow_class)))
    return names or _broken(bundle, _TYPE_RULES)


def _other_codecs(bundle: BundleFact) -> tuple[str, ...]:
    return tuple(name for name in bundle.codecs if name != vocabulary.CODEC) or _broken(bundle, _CODEC_RULES)


def _broken(bundle: BundleFact, rules: dict[str, str]) -> tuple[str, ...]:
    return tuple(words for rule, words in rules.items() if rule in bundle.rules)


def _read(found: BundleSet) -> str:
    if not found.bundles:
        return "none"
    oldest = min(bundle.read_at for bundle in found.bundles)
    return f"{found.read:,} read now, the others as verified before; the oldest at {oldest}"


def _unread(found: BundleSet, silent: int, what: str) -> str:
    """Why not every bundle could be looked at."""
    absent = len(found.missing) + len(found.lost)
    parts = [f"{counted(absent, 'path holds', 'paths hold')} no bundle"] if absent else []
    parts += [f"{counted(silent, 'file does', 'files do')} not tell the {what}"] if silent else []
    return ", and ".join(parts)


def _named(wrong: dict[str, tuple[str, ...]], what: str, at: str) -> Iterable[Evidence]:
    return (Evidence(f"{what} {one}", ", ".join(names[:_SHOWN]), at) for one, names in list(wrong.items())[:_SHOWN])


def _verify(file: str, option: str) -> str:
    return command_line("dwctl", "bundle", "verify", file, option)


_TYPES: Final = _Property(
    "types",
    "name types by keys",
    "name a PHP class for a type",
    "Give these types keys in config/workflows.php (guide, Phase A). A run keeps the name that it was started with: "
    "let it finish in the embedded application.",
    "--strict",
    lambda bundle: bundle.workflow_type is not None,
    _class_names,
)
_CODECS: Final = _Property(
    "codecs",
    "use avro",
    "use another codec than avro",
    "Let these runs finish in the embedded application: the importer refuses their bundles.",
    "--payloads",
    lambda bundle: bool(bundle.codecs),
    _other_codecs,
)
