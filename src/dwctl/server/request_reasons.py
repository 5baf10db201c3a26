"""The reasons of our own for a request that is never made: a setting, a name or a command line that cannot be used."""

from __future__ import annotations

from typing import Final

from dwctl.errors import ExitCode
from dwctl.server.reasons import Reason

_U, _F, _NO = ExitCode.USAGE, ExitCode.NOT_FOUND, ExitCode.NO
_NOT_INFERRED = "what changes a server has no default: it is never inferred from the application's settings"

REQUEST_REASONS: Final[tuple[Reason, ...]] = (
    Reason("usage", (), _U, "the command line cannot be carried out as it stands",
           "an option or argument is missing, unknown, or does not go with another one",
           "Read the message, and the command's --help."),
    Reason("wrong_setting", (), _U, "a setting has a value that it cannot have",
           "what is not read as it was meant would be used as if nobody had set it",
           "Mend the option, variable or key that is named; `dwctl doctor` shows who set what."),
    Reason("server_not_set", (), _U, "nobody said which server is to be changed", _NOT_INFERRED,
           "Give --server, or set DURABLE_WORKFLOW_SERVER_URL."),
    Reason("namespace_not_set", (), _U, "nobody said in which namespace something is to be changed", _NOT_INFERRED,
           "Give --namespace, or set DURABLE_WORKFLOW_NAMESPACE."),
    Reason("contradicting_settings", (), _U, "two settings name different servers or namespaces",
           "to choose between them would be to guess what is about to be changed",
           "Say which one is meant with --server and --namespace; `dwctl doctor` shows both."),
    Reason("unknown_profile", (), _U, "the dw CLI has no profile of this name",
           "what --env, DW_ENV or the current profile names is not there",
           "Name one that exists, or make it with `dw env:set`."),
    Reason("unusable_profile", (), _U, "the configuration of the dw CLI cannot be used",
           "it is no JSON, or not laid out as dw writes it", "Mend it, or point DW_CONFIG_HOME at another folder."),
    Reason("unusable_ca_file", (), _U, "the file of --ca-file holds no certificate that can be used",
           "without it nobody can tell whether the server is the one that is meant",
           "Give the PEM file of the authority that signed the server's certificate."),
    Reason("no_token", (), _U, "the rehearsal server is to ask for tokens, and has none",
           "with `--auth token` it takes them from the environment", "Set DW_AUTH_TOKEN, or a token for each role."),
    Reason("unaddressable_id", (), _U, "the id or name cannot be part of an address",
           "empty, '.' or '..' would ask for something else", "Give the full id or name."),
    Reason("namespace_differs", (), _NO, "the namespace exists, with another retention than was asked for",
           "dwctl makes namespaces and does not change them", "Change it on the server, or ask for what it has."),
    Reason("unknown_id", (), _F, "nothing can be explained under this id", "it is mistyped, or of another version",
           "Run `dwctl explain` for all ids."),
    Reason("unknown_schema", (), _U, "there is no JSON Schema of this name", "it is mistyped, or of another version",
           "Run `dwctl schema list` for all names."),
    Reason("output_lost", (), ExitCode.LOCAL_STATE, "standard output cannot be written to",
           "the disk behind it is full or fails, so the answer is not whole; what else was to be done may be done",
           "Make room, or send the output elsewhere, and run the same command again."),
    Reason("internal_error", (), _NO, "dwctl itself is at fault",
           "something happened that its code does not foresee, so its answer is no",
           "Run the same command again with DWCTL_TRACEBACK=1, and report what it prints."),
)  # fmt: skip
"""In the order in which a command meets them."""
