"""Where the run is: with whom, in which namespace, in both runtimes, or with nobody."""

from __future__ import annotations

from typing import Final

from dwctl.checklist.diagnosis.diagnosis import NOBODY_KNOWS, Diagnosis, Says, Seen, Symptom
from dwctl.checklist.diagnosis.facts import Facts, Place

_HERE: Final = "dwctl diagnose{options} --namespace {other} {id}"


def _both(facts: Facts) -> Seen | None:
    embedded = facts.embedded
    if embedded is None or embedded.moved is None:
        return None
    if facts.here is None and (facts.ledger is None or not facts.ledger.row.there):
        return None
    return Seen(f"the server has it, and the embedded copy has gone on since: {embedded.moved}")


def _other_namespace(facts: Facts) -> Seen | None:
    if facts.here is not None:
        return None
    if facts.elsewhere:
        first = facts.elsewhere[0]
        names = ", ".join(one.namespace for one in facts.elsewhere)
        asked = facts.namespace if facts.namespace_named else f"{facts.namespace} (since none was named)"
        told = f"it is in namespace {names} of this server, and was looked for in {asked}"
        return Seen(told, {"other": first.namespace})
    ledger = facts.ledger
    if ledger is not None and ledger.row.there and not ledger.same_target and facts.absent_here:
        told = f"the ledger says that it was imported into namespace {ledger.namespace} of {ledger.server}"
        return Seen(f"{told}, and it was looked for in {facts.namespace} of {facts.server}",
                    {"other": ledger.namespace})  # fmt: skip
    return None


def _split(facts: Facts) -> Seen | None:
    row = facts.listed_here
    if row is None or facts.here is not None:
        return None
    return Seen(f"the list of namespace {facts.namespace} has run {row.run_id}, and asking for it finds nothing",
                {"run": row.run_id})  # fmt: skip


def _namespace(facts: Facts) -> Seen | None:
    if facts.namespace_is_there is not False:
        return None
    there = ", ".join(sorted(one.name for one in facts.namespaces or ())[:5])
    also = f"; there are {there}" if there else ""
    return Seen(f"there is no namespace {facts.namespace} on this server{also}")


def _gone(facts: Facts) -> Seen | None:
    ledger = facts.own_ledger
    if ledger is None or not ledger.row.there or not facts.absent_here:
        return None
    return Seen(f"the ledger says {ledger.row.state.value} at {ledger.row.when}, and the server does not have it")


def _embedded_only(facts: Facts) -> Seen | None:
    embedded = facts.embedded
    if embedded is None or not facts.absent_here or (facts.ledger is not None and facts.ledger.row.there):
        return None
    stands = f"{embedded.side.status}" if embedded.is_open else f"closed ({embedded.side.status})"
    return Seen(f"it is in the embedded application only, {stands}: what is sent to the server does not reach it")


def _not_imported(facts: Facts) -> Seen | None:
    bundle = facts.bundle
    if bundle is None or bundle.refused or not facts.absent_here or facts.ledger is not None:
        return None
    return Seen(f"{bundle.file} holds it, and it was not imported into namespace {facts.namespace}")


def _nobody(facts: Facts) -> Seen | None:
    if facts.known or facts.namespace_is_there is False or facts.failure is not None:
        return None
    missing = [place.value for place in facts.not_asked]
    asked = [place.value for place in Place if place.value not in missing]
    others = f"; not asked: {', '.join(missing)}" if missing else ""
    if facts.failures:
        return Seen(f"nobody who answered knows {facts.wanted}, and not everybody did{others}")
    return Seen(f"nobody who was asked ({', '.join(asked) or 'nobody'}) knows {facts.wanted}{others}")


FIRST_PLACE_ROWS: Final = (
    Diagnosis("diagnose.both_runtimes", Says.CAUSE, Symptom.NO_ANSWER,
              "Both runtimes run it: it was imported, and its embedded copy has gone on since.",
              "Importing leaves the embedded copy as it is; embedded workers that resume take it up again "
              "(contract/embedded.md).",
              "Stop the embedded workers now, decide which copy goes on, and terminate the other.",
              _both, "dwctl route{options} --namespace {namespace} {id}"),
    Diagnosis("diagnose.split_instance", Says.CAUSE, Symptom.NO_ANSWER,
              "The namespace lists a run of this instance, and does not answer for it.",
              "Instance ids are global: another run of the instance was imported into another namespace, which the "
              "instance now belongs to (contract/server.md §6, trap 6).",
              "Ask in the other namespaces; import runs of one instance into one namespace only.",
              _split, "dwctl workflow list{options} --namespace {namespace} --query {id}"),
    Diagnosis("diagnose.other_namespace", Says.CAUSE, Symptom.NOT_CLAIMED,
              "It is in another namespace than the one that is asked.",
              "A call without a namespace means `default`, silently; names are folded to lower case; an import goes "
              "into the namespace of its call, whatever the bundle says.",
              "Ask in that namespace, and let its workers register there too. A run cannot be moved.",
              _other_namespace, _HERE),
    Diagnosis("diagnose.namespace_absent", Says.CAUSE, Symptom.NAMESPACE,
              "The namespace does not exist on this server.",
              "It was never created there, or the name or the server is another one than meant.",
              "Create it, or name the right one.",
              _namespace, "dwctl namespace ensure{options} {namespace}"),
)  # fmt: skip

LAST_PLACE_ROWS: Final = (
    Diagnosis("diagnose.gone_from_server", Says.CAUSE, Symptom.NOT_IMPORTED,
              "The ledger says that it was imported, and the server does not have it.",
              "The server's database was set back or replaced, somebody deleted the namespace, or an artisan import "
              "without --namespace put it into none. What retention prunes can still be asked for.",
              "Look at the ledger's row; then import the bundle again into the server that is to have it.",
              _gone, "dwctl ledger show{ledger_option} {run}"),
    Diagnosis("diagnose.embedded_only", Says.CAUSE, Symptom.NO_ANSWER,
              "The run is in the embedded application only.",
              "A run stays where it was started until it is imported: signals, queries, updates, repair, cancel, "
              "terminate and archive go to the runtime that owns it (guide, Cutover Invariants).",
              "Send commands through the embedded application until the run ends, or export and import it.",
              _embedded_only, "dwctl route{options} --namespace {namespace} {id}"),
    Diagnosis("diagnose.not_imported", Says.CAUSE, Symptom.NOT_IMPORTED,
              "There is a bundle of it, and it was not imported into this namespace.",
              "An export changes nothing: the server has a run only after an import.",
              "Import it, a dry run first.",
              _not_imported, "dwctl history-import{options} --namespace {namespace} --dry-run {file}"),
    Diagnosis(NOBODY_KNOWS, Says.CAUSE, Symptom.NOT_IMPORTED,
              "Nobody who was asked knows the id.",
              "It is of another application or server, it was never imported and its embedded application was not "
              "asked, or it is misspelled: ids are compared exactly, upper and lower case too. An import by artisan "
              "without --namespace is in no namespace, and invisible over HTTP.",
              "Check the id; name the embedded application's database, a ledger or a bundle, so that they are asked.",
              _nobody, "dwctl workflow list{options} --namespace {namespace} --query {id}"),
)  # fmt: skip
