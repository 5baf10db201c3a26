"""Reading an HTML report as a browser would, and holding what it claims against the JSON of the same report."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from html.parser import HTMLParser
from typing import Any

from dwctl.render.text import one_line

VOID = {"meta", "link", "br", "rect", "line", "polyline", "polygon", "use", "circle", "path"}


class Page(HTMLParser):
    """What a browser would find: elements, attributes, and text by the element and class that it stands in."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[tuple[str, dict[str, str]]] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, str, str]] = []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        found = {name: value or "" for name, value in attrs}
        self.tags.append((tag, found))
        if tag not in VOID:
            self.stack.append((tag, found))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element that closes itself."""
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost element, which must be this one."""
        if tag not in VOID:
            assert self.stack.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        """Text."""
        if data.strip() and self.stack:
            tag, attributes = self.stack[-1]
            self.texts.append((tag, attributes.get("class", ""), data))

    def words(self) -> str:
        """All text that is shown."""
        return " ".join(text for tag, _, text in self.texts if tag not in {"style", "title"})


def missing_claims(page: Page, document: Mapping[str, Any], also: Collection[str]) -> list[str]:
    """Numbers, moments, code and sentences of the page that the JSON does not have; `also` are texts of its own."""
    found = json.loads(json.dumps(document))
    strings = {one_line(text) for text in _strings(found)} | set(also)
    whole = "\n".join(strings)
    numbers = set(_numbers(found)) | {
        number for text in strings for number in re.findall(r"\d+(?:\.\d+)?", text.replace(",", ""))
    }
    missing: list[str] = []
    for tag, kind, text in page.texts:
        if tag in {"style", "title", "kbd"} or kind == "shown":
            continue
        if (tag == "code" or kind == "said") and text.rstrip("…") not in whole:
            missing.append(text)
        bare = re.sub(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d:\d\d(?: UTC|\.\d+Z))?", _as_in_json(strings, missing), text)
        bare = re.sub(r"\b\d+:\d\d:\d\d\b", "", bare)
        claimed = re.findall(r"(?<![\w.-])\d[\d,]*(?:\.\d+)?(?![\w-])", bare) if tag != "code" else []
        missing += [number for number in claimed if number.replace(",", "") not in numbers]
    return missing


def _as_in_json(strings: set[str], missing: list[str]) -> Callable[[re.Match[str]], str]:
    def look(found: re.Match[str]) -> str:
        moment = found[0].removesuffix(" UTC").replace(" ", "T")
        if not any(moment in text for text in strings):
            missing.append(found[0])
        return ""

    return look


def _strings(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (str(key), *_strings(item))]
    if isinstance(value, list):
        return [text for item in value for text in _strings(item)]
    return [value] if isinstance(value, str) else []


def _numbers(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _numbers(item)]
    if isinstance(value, list):
        return [text for item in value for text in _numbers(item)] + [str(len(value))]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [str(value), f"{value:.2f}", f"{value:.3g}"]
    return []
