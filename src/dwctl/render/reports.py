"""The formats of `--report`: one table, from which the command line takes its choices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from dwctl.transfer.report.transfer_report import TransferReport


class ReportFormat(NamedTuple):
    """One format: what it is for, how a transfer is rendered in it, and by what a file of it is recognised.

    `marks` are texts near the start of every file that dwctl writes in this format: such a file may be replaced.
    """

    what_for: str
    transfer: Callable[[TransferReport], str]
    marks: tuple[str, ...]


def _junit(report: TransferReport) -> str:
    from dwctl.render.junit import junit
    from dwctl.render.transfer_cases import cases_of

    return junit(cases_of(report))


def _github(report: TransferReport) -> str:
    from dwctl.render.github import annotated
    from dwctl.render.transfer_cases import cases_of

    return annotated(cases_of(report))


def _markdown(report: TransferReport) -> str:
    from dwctl.render.markdown_transfer import markdown

    return markdown(report)


def _html(report: TransferReport) -> str:
    from dwctl.render.html_transfer import html

    return html(report)


FORMATS: Final[Mapping[str, ReportFormat]] = {
    "junit": ReportFormat("CI systems: a bundle is a test case", _junit, ('name="dwctl ',)),
    "markdown": ReportFormat("a pull request, a wiki", _markdown, ("<!-- dwctl report -->",)),
    "html": ReportFormat("people: one file, needs no network", _html, ('<meta name="generator" content="dwctl',)),
    "github": ReportFormat("annotations of GitHub Actions", _github, ("::error title=dwctl", "::notice title=dwctl")),
}
"""The formats by name."""
