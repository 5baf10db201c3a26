"""What a set of bundles foretells that no single bundle shows (contract/import.md §4.3, §4.7)."""

from __future__ import annotations

from dataclasses import dataclass, field

from dwctl.bundle.findings import Finding
from dwctl.bundle.links import LinkRow
from dwctl.bundle.rules import found
from dwctl.bundle.verify import Outcome, Verdict


@dataclass(slots=True)
class Foresight:
    """Remembers the bundles that would be imported before, in order; about 300 bytes a bundle.

    `namespace` is the one that all bundles go into, or None where each names its own.
    """

    namespace: str | None = None
    _runs: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    _links: dict[LinkRow, str] = field(default_factory=dict)
    _namespaces: dict[str, tuple[str, str | None]] = field(default_factory=dict)

    def foresee(self, name: str, verdict: Verdict) -> tuple[Finding, ...]:
        """What the bundles before foretell of this one; a bundle that is refused anyway changes nothing."""
        run = verdict.run
        if run is None or run.run_id is None or verdict.outcome in {Outcome.REFUSED, Outcome.UNREADABLE}:
            return ()
        findings = [*self._same_run(run.run_id, run.dedupe_key), *self._shared_links(verdict)]
        if self.namespace is None and run.instance_id is not None:
            findings += self._split_instance(name, run.instance_id, run.namespace)
        if not findings:
            self._runs[run.run_id] = (name, run.dedupe_key)
            self._links.update(dict.fromkeys(verdict.links, name))
        return tuple(findings)

    def _same_run(self, run_id: str, dedupe_key: str | None) -> list[Finding]:
        if run_id not in self._runs:
            return []
        other, other_key = self._runs[run_id]
        if dedupe_key == other_key:
            return [found("set.duplicate_file", "workflow.run_id", other=other)]
        return [found("set.same_run_twice", "dedupe_key", other=other, other_dedupe_key=other_key)]

    def _shared_links(self, verdict: Verdict) -> list[Finding]:
        return [
            found(
                "set.link_shared",
                "links",
                other=self._links[link],
                link_type=link.link_type,
                parent_run=link.parent_run_id,
                child_run=link.child_run_id,
            )
            for link in verdict.links
            if link in self._links and not self._is_duplicate(verdict)
        ]

    def _is_duplicate(self, verdict: Verdict) -> bool:
        return verdict.run is not None and verdict.run.run_id in self._runs

    def _split_instance(self, name: str, instance_id: str, namespace: str | None) -> list[Finding]:
        other, other_namespace = self._namespaces.setdefault(instance_id, (name, namespace))
        if other_namespace == namespace:
            return []
        return [
            found("set.instance_in_two_namespaces", "workflow.namespace", found=namespace, other=other,
                  other_namespace=other_namespace)
        ]  # fmt: skip
