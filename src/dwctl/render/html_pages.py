"""What the HTML reports share: templates in which everything is data, and the filters for it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from dwctl.render import gate_wording
from dwctl.render import transfer_wording as wording
from dwctl.render.markdown import clipped
from dwctl.render.text import one_line
from dwctl.transfer.report.transfer_report import Session

if TYPE_CHECKING:
    from jinja2 import Environment, Template
    from markupsafe import Markup


def page_template(name: str) -> Template:
    """A template of this package. Text is escaped, and shown without what could hide or reorder other text."""
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("dwctl.render", "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=_shown,
    )  # fmt: skip
    environment.filters |= {
        "moment": wording.moment, "span": wording.span, "clipped": clipped, "thousands": _thousands,
        "rate": _rate, "ticks": _ticks, "day": gate_wording.day, "end": gate_wording.end, "rounded": _rounded,
    }  # fmt: skip
    return environment


def _shown(value: Any) -> Any:
    """Text without what hides or reorders other text; what is safe markup already stays."""
    if value is None:
        return "-"
    return one_line(value) if type(value) is str else value


def _ticks(text: str) -> Markup:
    """A sentence in which what stands between backticks is code."""
    from markupsafe import Markup, escape

    parts = [escape(part) for part in one_line(text).split("`")]
    if len(parts) % 2 == 0:
        return Markup("`").join(parts)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else part for place, part in enumerate(parts)
    )


def _thousands(count: int) -> str:
    return f"{count:,}"


def _rounded(seconds: float) -> float:
    return round(seconds, 3)


def _rate(session: Session) -> str:
    return "-" if session.rate is None else f"{session.rate:.2f}"
