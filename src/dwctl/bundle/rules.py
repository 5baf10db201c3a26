"""Every rule of the verdict by id; `dwctl explain ID` prints the row.

Rules of origin `reference` carry the reference importer's own ids and decide as it does; the others are
dwctl's and say who asks for them: the migration guide, the target's database, or the schema.
"""

from __future__ import annotations

from dwctl.bundle.findings import Finding, Rule, Severity
from dwctl.bundle.own_rules import OWN_RULES
from dwctl.bundle.reference_rules import REFERENCE_RULES

RULES: dict[str, Rule] = {row.id: row for row in (*REFERENCE_RULES, *OWN_RULES)}
"""The rules by id."""


def found(rule: str, path: str | None = None, *, severity: Severity | None = None, **facts: object) -> Finding:
    """A finding of a rule of the table, with the row's severity unless another is given."""
    return Finding(rule, severity or RULES[rule].severity, path, facts)
