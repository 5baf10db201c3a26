"""Changing single tokens of a JSON text and leaving every other byte as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

Step = str | int
"""One step of a JSON path: the key of an object or the index of a list."""

# Possessive, since the matcher would else remember every character of a long text.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{},:]|[^\s\[\]{},:"]++', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Member:
    """Where a value stands in a text: its path, its bytes, and for a member of an object its key's start."""

    path: tuple[Step, ...]
    start: int
    end: int
    key_start: int | None


def replace_values(text: bytes, values: Mapping[tuple[Step, ...], str]) -> bytes:
    """Replace the scalars at these paths by other JSON text, which is ASCII."""
    if not values:
        return text
    pieces, position = [], 0
    for member in _last_of_each(text, {path[0] for path in values}):
        replacement = values.get(member.path)
        if replacement is not None:
            pieces += [text[position : member.start], replacement.encode("ascii")]
            position = member.end
    return b"".join([*pieces, text[position:]])


def remove_key(text: bytes, key: str) -> bytes:
    """Remove every top-level member of this name, with the comma that joined it to its neighbours."""
    for member in reversed([member for member in _members(text, set()) if member.path == (key,)]):
        text = _without(text, member)
    return text


def remove_items(text: bytes, paths: Collection[tuple[Step, ...]]) -> bytes:
    """Remove the objects and lists at these paths, with their keys and the commas that joined them to others."""
    if not paths:
        return text
    wanted = set(paths)
    found = {member.path: member for member in _members(text, {path[0] for path in wanted}, containers=True)}
    chosen = [member for path, member in found.items() if path in wanted]
    for member in sorted(chosen, key=lambda member: member.start, reverse=True):
        text = _without(text, member)
    return text


def _without(text: bytes, member: Member) -> bytes:
    start = member.start if member.key_start is None else member.key_start
    before, after = text[:start], text[member.end :]
    following = after.lstrip()
    if following.startswith(b","):
        return before + following[1:].lstrip()
    preceding = before.rstrip()
    return preceding.removesuffix(b",") + after


def _last_of_each(text: bytes, top_level: set[Step]) -> list[Member]:
    """The members in the order of the text; of duplicate keys only the last, which is the one that counts."""
    last = {member.path: member for member in _members(text, top_level)}
    return sorted(last.values(), key=lambda member: member.start)


@dataclass(slots=True)
class _Container:
    """An object or list that is open while the text is read."""

    is_object: bool
    start: int
    key_start: int | None
    key: str | None = None
    inner_key_start: int | None = None
    index: int = 0

    def step(self) -> Step:
        return self.index if self.key is None else self.key


def _members(text: bytes, descend: set[Step], *, containers: bool = False) -> Iterator[Member]:
    """Yield every scalar below the named top-level keys, and every top-level member as a whole.

    With `containers`, also every object and list below those keys.
    """
    stack: list[_Container] = []
    for token in _TOKEN.finditer(text):
        word = token[0]
        holder = stack[-1] if stack else None
        if word in (b"{", b"["):
            stack.append(_Container(word == b"{", token.start(), holder.inner_key_start if holder else None))
        elif word in (b"}", b"]"):
            closed = stack.pop()
            if len(stack) == 1 or (containers and stack and stack[0].step() in descend):
                path = tuple(container.step() for container in stack)
                yield Member(path, closed.start, token.end(), closed.key_start)
        elif holder is None or word == b":":
            continue
        elif word == b",":
            holder.index += 1
            holder.key, holder.inner_key_start = None, None
        elif holder.is_object and holder.key is None:
            holder.key, holder.inner_key_start = json.loads(word), token.start()
        else:
            path = tuple(container.step() for container in stack)
            if len(path) == 1 or path[0] in descend:
                yield Member(path, token.start(), token.end(), holder.inner_key_start)
