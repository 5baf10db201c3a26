"""Keyset paging: the condition that begins a page after the last key of the page before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement


def after(keys: Sequence[ColumnElement[Any]], last: Sequence[Any]) -> ColumnElement[bool]:
    """Whether a row's key comes after `last`, in the order of the keys.

    Written out instead of as a row comparison, which MySQL and MariaDB answer without their index; the first key's
    own bound in front lets every planner use it.
    """
    from sqlalchemy import and_, or_

    beyond: ColumnElement[bool]
    if len(keys) == 1:
        beyond = keys[0] > last[0]
        return beyond
    alternatives = [
        and_(*(key == value for key, value in zip(keys[:place], last, strict=False)), keys[place] > last[place])
        for place in range(len(keys))
    ]
    return and_(keys[0] >= last[0], or_(*alternatives))
