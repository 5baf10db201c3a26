"""Every table and key of `cutover.toml`, as rows: what the file is checked by, its schema and its page made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from dwctl.cutover.kinds import (
    CHOICE,
    DAYS,
    FLAG,
    IMPORT_ID,
    JSON_LIST,
    JSON_VALUE,
    KEPT_AT,
    MOMENT,
    NAME,
    NAMES,
    PATH,
    PATHS,
    SECONDS,
    STRING,
    TYPE_KEY,
    TYPE_KEYS,
    VARIABLE,
    WORDS,
    Kind,
    expected,
)


@dataclass(frozen=True, slots=True)
class Key:
    """One key: what its value must be, what it is for, and an example as it stands in the file.

    `choices` are the words that it may be; `default` says in words what holds where it is left out.
    """

    kind: Kind
    meaning: str
    example: str
    choices: tuple[str, ...] = ()
    default: str = ""

    @property
    def expected(self) -> str:
        """What its value must be, in words."""
        return expected(self.kind, self.choices)


@dataclass(frozen=True, slots=True)
class Table:
    """One table. `repeats` where it is written `[[name]]`, once for each; `needs` are sets of keys, one of each."""

    meaning: str
    keys: Mapping[str, Key]
    repeats: bool = False
    needs: tuple[tuple[str, ...], ...] = field(default=())


_SERVER: Final = {
    "url": Key(STRING, "base URL of the server, without /api", '"https://workflows.example.com"'),
    "namespace": Key(STRING, "the namespace that the cutover moves runs into, in lower case", '"production"'),
    "tls_verify": Key(FLAG, "whether the server's certificate is verified", "true", default="true"),
    "ca_file": Key(STRING, "PEM file of the authority that signed the server's certificate", '"ca.pem"'),
    "timeout": Key(SECONDS, "how long one answer may take", '"30s"', default="30s"),
    "auth": Key(CHOICE, "how calls are authenticated", '"token"', ("token", "signature", "none"), "token"),
    "token_env": Key(VARIABLE, "name of the variable that holds the general token", '"DURABLE_WORKFLOW_AUTH_TOKEN"'),
    "admin_token_env": Key(VARIABLE, "name of the variable that holds the admin token", '"DW_ADMIN_TOKEN"'),
    "operator_token_env": Key(VARIABLE, "name of the variable that holds the operator token", '"DW_OPERATOR_TOKEN"'),
    "worker_token_env": Key(VARIABLE, "name of the variable that holds the worker token", '"DW_WORKER_TOKEN"'),
    "php": Key(WORDS, "the words that start PHP beside the server",
               '["docker", "compose", "exec", "-T", "server", "php"]'),
    "path": Key(STRING, "folder of the server's application, as that PHP sees it", '"/app"'),
}  # fmt: skip
_EMBEDDED: Final = {
    "artisan": Key(WORDS, "the words that start the embedded application's artisan",
                   '["docker", "compose", "exec", "-T", "app", "php", "artisan"]'),
    "php": Key(WORDS, "the words that start PHP beside the embedded application",
               '["docker", "compose", "exec", "-T", "app", "php"]'),
    "path": Key(STRING, "folder of the embedded application, as that PHP sees it", '"/var/www/html"'),
    "timeout": Key(SECONDS, "how long one call of it may take", '"60s"', default="60s"),
    "database_url": Key(STRING, "URL of the embedded application's database, where it holds no password",
                        '"sqlite:///database/database.sqlite"'),
    "database_url_env": Key(VARIABLE, "name of the variable that holds the database's URL", '"EMBEDDED_DATABASE_URL"'),
    "table_prefix": Key(STRING, "what stands before the name of every table", '"dw_"'),
    "statement_timeout": Key(SECONDS, "how long a query may take", '"30s"', default="30s"),
    "database_timezone": Key(STRING, "zone of the embedded application's clock, where it is not UTC",
                             '"Europe/Berlin"'),
    "pause": Key(WORDS, "the words that pause the embedded workers", '["docker", "compose", "stop", "worker"]'),
    "resume": Key(WORDS, "the words that let the embedded workers go on",
                  '["docker", "compose", "start", "worker"]'),
}  # fmt: skip
_CUTOVER: Final = {
    "name": Key(NAME, "what people call this cutover; reports carry it", '"orders"', default="the folder's name"),
    "import_id": Key(IMPORT_ID, "the import id that marks every run of this cutover on the server",
                     '"orders-cutover-2026-11-23"'),
    "runs": Key(CHOICE, "what becomes of open runs: they are imported, or drain in the embedded application",
                '"import"', ("import", "drain"), "import"),
    "v1": Key(CHOICE, "what becomes of open v1 workflows: they drain, or stay on the v1 engine on purpose",
              '"drain"', ("drain", "coexist"), "drain"),
    "avro_since": Key(MOMENT, "since when new runs use the codec avro: none started later may use another",
                      "2026-11-01T00:00:00Z"),
    "starters_paused_since": Key(MOMENT, "since when the embedded starters are paused: nothing may start there later",
                                 "2026-11-23T08:00:00Z"),
    "queues": Key(NAMES, "task queues that must have live workers, besides those of the families", '["reports"]'),
    "ledger": Key(PATH, "file of the ledger that `history-import` writes", '".dwctl/ledger.db"',
                  default=".dwctl/ledger.db"),
}  # fmt: skip
_FAMILY: Final = {
    "name": Key(NAME, "what people call the family; each has its own", '"orders"'),
    "task_queue": Key(NAME, "the queue of its tasks: the embedded application's name for it, which imported tasks keep",
                      '"orders"'),
    "workflow_types": Key(TYPE_KEYS, "type keys of its workflows, as workers register them", '["orders.process"]'),
    "activity_types": Key(TYPE_KEYS, "type keys of the activities that run on this queue",
                          '["orders.charge", "orders.ship"]'),
    "compatibility": Key(NAME, "the build that its runs ask for, where they carry a marker", '"build-2026-11"'),
}  # fmt: skip
_STATUSES: Final = ("completed", "failed", "cancelled", "terminated", "waiting")
_SHADOW: Final = {
    "workflow_type": Key(TYPE_KEY, "the type key to start", '"orders.process"'),
    "task_queue": Key(NAME, "the queue to start it on", '"orders"', default="that of the one family with this type"),
    "input": Key(JSON_LIST, "its arguments, in their order", '["shadow-1", 12.5]', default="none"),
    "input_file": Key(PATH, "a file with the arguments as a JSON array, instead of `input`; needed where one is null",
                      '"evidence/shadow-input.json"'),
    "expect_status": Key(CHOICE, "how it must end; `waiting` is at rest, for a signal or a timer", '"completed"',
                         _STATUSES, "completed"),
    "expect_output": Key(JSON_VALUE, "the output that it must have", '{ state = "shipped" }', default="any"),
    "timeout": Key(SECONDS, "how long it may take from its start to there", '"60s"', default="60s"),
    "cleanup": Key(FLAG, "whether a run that is still open at the end is terminated", "true", default="false"),
}  # fmt: skip
_BUNDLES: Final = {
    "paths": Key(PATHS, "files, folders or patterns of the bundles to import", '["exports"]'),
}
_RETENTION: Final = {
    "days": Key(DAYS, "how many days the namespace has to keep closed runs at least", "30"),
    "archives": Key(KEPT_AT, "folders or object stores with the exports of closed runs", '["s3://backup/workflows"]'),
    "closed_runs": Key(CHOICE, "whether closed embedded runs have to be kept", '"keep"', ("keep", "none"), "keep"),
}
_LIMITS: Final = {
    "certificate_days": Key(DAYS, "how many days the server's certificate has to be good for", "14", default="14"),
}
_EVIDENCE: Final = {
    "folder": Key(PATH, "folder of the files that attestations point to", '"evidence"', default="evidence"),
    "attestations": Key(PATH, "file of the attestations, which `checklist attest` writes",
                        '"cutover.attestations.toml"', default="cutover.attestations.toml"),
    "waivers": Key(PATH, "file of the waivers, which `checklist waive` writes", '"cutover.waivers.toml"',
                   default="cutover.waivers.toml"),
}  # fmt: skip

TABLES: Final[Mapping[str, Table]] = {
    "cutover": Table("The cutover itself.", _CUTOVER),
    "server": Table("The standalone server, and how it is reached.", _SERVER),
    "embedded": Table("The embedded application, and how it is reached.", _EMBEDDED),
    "family": Table("Workflow types that move together.", _FAMILY, repeats=True,
                    needs=(("name",), ("task_queue",), ("workflow_types", "activity_types"))),
    "shadow": Table("A workflow that nobody needs, started to see whether workers take it.", _SHADOW, repeats=True,
                    needs=(("workflow_type",),)),
    "bundles": Table("What was exported to be imported.", _BUNDLES),
    "retention": Table("What is kept of closed runs, where, and for how long.", _RETENTION),
    "limits": Table("Where the checklist draws a line.", _LIMITS),
    "evidence": Table("Where the word of people is kept, beside this file.", _EVIDENCE),
}  # fmt: skip
"""In the order in which `checklist init` writes them."""

KEYS: Final[Mapping[str, Mapping[str, Key]]] = {name: table.keys for name, table in TABLES.items()}
"""Every table and key that the file may hold."""

LITERAL_SECRETS: Final[Mapping[str, str]] = {
    "token": "token_env",
    "auth_token": "token_env",
    "admin_token": "admin_token_env",
    "operator_token": "operator_token_env",
    "worker_token": "worker_token_env",
    "password": "database_url_env",
    "database_password": "database_url_env",
}
"""Keys that would hold a secret, and the key that names its environment variable instead."""
