"""The reasons of our own for an import or a rehearsal that has no verdict: what each means, and what to do.

A refusal is a rule, with a row in the tables of `bundle`; these are the cases where there is no answer.
"""

from __future__ import annotations

from typing import Final

from dwctl.errors import ExitCode
from dwctl.server.reasons import Reason

_NO, _N, _S, _T, _U = ExitCode.NO, ExitCode.NETWORK, ExitCode.SERVER, ExitCode.TIMEOUT, ExitCode.USAGE
_SAFE = "Run the same command again: it asks before it imports."

IMPORT_REASONS: Final[tuple[Reason, ...]] = (
    Reason("rewritten_in_transit", (), _N, "the bundle's checksum holds here and not on the server",
           "something on the way changes JSON bodies: a transport failure, and no verdict on the bundle",
           "Import it with --via artisan, or find the proxy that rewrites."),
    Reason("database_busy", (), _S, "the server's database was busy at every attempt, and nothing was imported",
           "a lock or a deadlock looks like a refusal, but the same import succeeds later", _SAFE, True),
    Reason("dry_run_imported", (), _S, "a dry run was carried out as an import",
           "something on the way drops the query of some requests", "Find what stands in between before you go on."),
    Reason("import_not_carried_out", (), _S, "an import was answered with a dry run",
           "something on the way answers in the server's place, or adds to the query", "Try --via artisan."),
    Reason("import_unsettled", (), _S, "an attempt to import had no answer, and asking after it told nothing",
           "whether the run is on the server is unknown until it is asked", _SAFE),
    Reason("key_not_sendable", (), _U, "the signing key would not arrive as it is",
           "the server trims strings of a JSON body, and JSON carries only UTF-8",
           "Leave --send-signing-key out: the signature is verified here, and by the server's own key."),
    Reason("php_not_started", (), _U, "the command that runs PHP on the server cannot be started here",
           "server.php names a command that is missing or may not be run", "Set server.php in cutover.toml."),
    Reason("php_not_reached", (), _N, "the server's PHP was not reached",
           "docker, kubectl or ssh failed before PHP ran", "Try the words of server.php followed by -v in a shell."),
    Reason("artisan_timeout", (), _T, "artisan did not end in time",
           "the import may have been carried out all the same", _SAFE),
    Reason("artisan_missing", (), _S, "there is no artisan at server.path",
           "the path is that inside the container or on the remote host", "Set server.path in cutover.toml."),
    Reason("artisan_without_report", (), _S, "artisan printed no import report",
           "it failed before the import, or the library has no such command",
           "Run workflow:v2:history-import by hand on the server; it may print business data."),
    Reason("file_changed", (), _NO, "a file is no longer the one that was planned",
           "what is sent is hashed, and only what the plan pins is sent",
           "Make a new plan, and look at what has changed with dwctl bundle diff."),
    Reason("other_export_sent", (), _NO, "the ledger has another export of this run as sent",
           "a run that moved on after its import runs in both runtimes, and a second import would be refused",
           "Look at it with dwctl ledger show RUN; decide which copy goes on, and terminate the other."),
    Reason("left_out_in_doubt", (), _NO, "a run that may be on the server was left out of the plan",
           "an earlier run sent it and had no answer; until the server is asked, nobody knows where it is",
           "Import it without --limit and --only: the server is asked first, and nothing is sent twice."),
    Reason("partner_not_compared", (), _NO, "the run at the other end of a link was not imported and compared",
           "the link that is left out must have been written by the partner, in this namespace",
           "See what became of the partner, then run the same command again."),
    Reason("run_not_shown", (), _NO, "the importer has the run, and the server does not show it in this namespace",
           "a run id is taken once for all namespaces, so it is in another one; or the server's database was replaced",
           "Look for it with `dwctl workflow list --namespace NAME`, and import into the namespace that it is in."),
    Reason("plan_of_another_ledger", (), _NO, "the plan leaves a bundle out as done, and this ledger does not know it",
           "a plan that was made with one ledger says nothing about another", "Name its ledger, or make a new plan."),
    Reason("plan_of_another_target", (), _U, "the plan was made for another server or namespace",
           "a plan is the answer to what one target looked like", "Name that target, or make a new plan."),
    Reason("plan_overtaken", (), _U, "the plan would take the link of a run that was not imported since",
           "the link is the earlier run's to write, and without it that run could not follow",
           "Make a new plan, with the bundle of that run."),
    Reason("plan_of_another_way", (), _U, "the plan sends a bundle a way that is not open now",
           "a plan is carried out as it is: byte for byte over HTTP, in an envelope, or through artisan, as it says",
           "Leave --via out or set [server] php and path, as for the plan; or make a new plan."),
    Reason("unusable_plan", (), _U, "the plan file is damaged, or of another version of dwctl",
           "a plan is carried out exactly, or not at all", "Make it again with --plan-out FILE."),
    Reason("nothing_chosen", (), _U, "none of the bundles was chosen by --only",
           "nothing to import is no pass", "Take the type keys from dwctl history-import … --plan."),
    Reason("reseal_needs_key", (), _U, "the bundle is signed, and without the key it cannot be signed again",
           "a bundle without a link has another checksum, so its signature is another one, too",
           "Give the key with --signing-key-file."),
    Reason("reseal_unsound", (), ExitCode.NO, "the seal of the bundle does not hold, so it is not sealed anew",
           "a broken seal is never covered by a new one",
           "Export the run again, or see what dwctl bundle repair can prove; check the key of a signed one."),
    Reason("reseal_link_absent", (), ExitCode.NO, "the bundle does not hold the link that is to be left out",
           "it is not the bundle that was planned", "Make a new plan."),
    Reason("resealed_not_kept", (), ExitCode.LOCAL_STATE, "a resealed bundle cannot be kept beside the ledger",
           "nobody else has its bytes, so it is not sent before it is kept",
           "Check the ledger's folder, its permissions and the space left; then run the same command again."),
    Reason("wrong_plan", (), _U, "the rehearsal.toml of a rehearsal makes no sense",
           "a table, key or value is unknown, or names a program that is not there",
           "Correct what the message names; `dwctl rehearse --help` shows how the file is written."),
    Reason("other_refusals", (), _NO, "a rehearsal refused other bundles than rehearsal.toml expects",
           "the bundles or the rules have changed since the expectation was written",
           "Look at the refused bundles with `dwctl bundle verify`, then correct rehearsal.toml or the set."),
)  # fmt: skip
"""In the order in which an import meets them."""
