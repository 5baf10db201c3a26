"""Keeping Python's cyclic collector away while a page of rows is made, and from the page itself."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """No collection of cycles in this block; for work that makes many plain values and holds no more than a page.

    Rows are tuples of texts and numbers, so there is nothing to find among them, and looking through them again and
    again took a third of the time of a listing. What is alive at the end is set aside until the next such block: it
    ends with its last reference, as nearly everything does.
    """
    was_on = gc.isenabled()
    gc.disable()
    gc.unfreeze()
    try:
        yield
    finally:
        if was_on:
            gc.freeze()
            gc.enable()
