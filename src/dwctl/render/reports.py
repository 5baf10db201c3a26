"""The formats of `--report`: one table, from which the command line takes its choices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from dwctl.checklist.gate.report import GateReport
from dwctl.transfer.report.transfer_report import TransferReport


class ReportFormat(NamedTuple):
    """One format: what it is for, how a transfer and the gate are rendered in it, and how its files are recognised.

    `marks` are texts near the start of every file that dwctl writes in this format: such a file may be replaced.
    """

    what_for: str
    transfer: Callable[[TransferReport], str]
    gate: Callable[[GateReport], str]
    marks: tuple[str, ...]


def _junit(report: TransferReport) -> str:
    from dwctl.render.junit import junit
    from dwctl.render.transfer_cases import cases_of

    return junit(cases_of(report))


def _gate_junit(report: GateReport) -> str:
    from dwctl.render.gate_cases import gate_cases
    from dwctl.render.junit import junit

    return junit(gate_cases(report))


def _github(report: TransferReport) -> str:
    from dwctl.render.github import annotated
    from dwctl.render.transfer_cases import cases_of

    return annotated(cases_of(report))


def _gate_github(report: GateReport) -> str:
    from dwctl.render.gate_annotations import gate_annotations

    return gate_annotations(report)


def _markdown(report: TransferReport) -> str:
    from dwctl.render.markdown_transfer import markdown

    return markdown(report)


def _gate_markdown(report: GateReport) -> str:
    from dwctl.render.markdown_gate import gate_markdown

    return gate_markdown(report)


def _html(report: TransferReport) -> str:
    from dwctl.render.html_transfer import html

    return html(report)


def _gate_html(report: GateReport) -> str:
    from dwctl.render.html_gate import gate_html

    return gate_html(report)


FORMATS: Final[Mapping[str, ReportFormat]] = {
    "junit": ReportFormat(
        "CI systems: a bundle, or a check of the gate, is a test case", _junit, _gate_junit, ('name="dwctl ',)
    ),
    "markdown": ReportFormat("a pull request, a wiki", _markdown, _gate_markdown, ("<!-- dwctl report -->",)),
    "html": ReportFormat(
        "people: one file, needs no network", _html, _gate_html, ('<meta name="generator" content="dwctl',)
    ),
    "github": ReportFormat(
        "annotations of GitHub Actions", _github, _gate_github,
        ("::error title=dwctl", "::notice title=dwctl"),
    ),
}  # fmt: skip
"""The formats by name."""
