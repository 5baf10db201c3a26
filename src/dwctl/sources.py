"""The layers that may set a value, looked through in the order of the design, and who set what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar

from dwctl.cutover.cutover import FILE_NAME, Cutover
from dwctl.profiles import Profile
from dwctl.secret import Secret
from dwctl.setting_values import token_text

T = TypeVar("T")


class Source(StrEnum):
    """Who set a value."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    CUTOVER = "cutover.toml"
    PROFILE = "profile"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """A value and who set it; `origin` is the exact place: `--server`, a variable's name, a file's key."""

    value: T
    source: Source
    origin: str

    @property
    def given(self) -> bool:
        """Whether somebody set it, as opposed to the default."""
        return self.source is not Source.DEFAULT


def default_of(value: T) -> Setting[T]:
    """A value that nobody set."""
    return Setting(value, Source.DEFAULT, "default")


class Names(NamedTuple):
    """What one setting is called in each layer."""

    option: str
    variable: str
    key: str
    attribute: str


class Layers:
    """Looks a setting up: environment, cutover.toml, profile."""

    def __init__(self, environ: Mapping[str, str], cutover: Cutover | None, profile: Profile | None) -> None:
        self._environ, self._cutover, self._profile = environ, cutover, profile

    def text(self, flag: str | None, names: Names) -> Setting[str] | None:
        """A string that every layer may set; a flag given as "" is taken at its word and refused later."""
        if flag is not None:
            return Setting(flag, Source.FLAG, names.option)
        return self.variable(names.variable) or self.file(names.key) or self.profile(names.attribute)

    def variable(self, name: str) -> Setting[str] | None:
        """What the environment says; an empty variable says nothing."""
        value = self._environ.get(name)
        return Setting(value, Source.ENVIRONMENT, name) if value else None

    def file(self, key: str, table: str = "server") -> Setting[Any] | None:
        """What a table of cutover.toml says."""
        value = self._cutover.get(table, key) if self._cutover else None
        return None if value is None else Setting(value, Source.CUTOVER, f"{FILE_NAME} [{table}] {key}")

    def profile(self, attribute: str) -> Setting[Any] | None:
        """What the chosen profile says."""
        value = getattr(self._profile, attribute) if self._profile else None
        if value is None or self._profile is None:
            return None
        return Setting(value, Source.PROFILE, f"profile {self._profile.name}")

    def role_token(self, role: str) -> Setting[Secret | None] | None:
        """The role's own token, from its variable or from the variable that cutover.toml names."""
        name = f"DW_{role.upper()}_TOKEN"
        if found := self.variable(name):
            return Setting(token_text(Secret(found.value), name), Source.ENVIRONMENT, name)
        return self._named_in_file(f"{role}_token_env")

    def general_token(self) -> Setting[Secret | None]:
        """The token for every role: variable, cutover.toml, profile."""
        name = "DURABLE_WORKFLOW_AUTH_TOKEN"
        if found := self.variable(name):
            return Setting(token_text(Secret(found.value), name), Source.ENVIRONMENT, name)
        if named := self._named_in_file("token_env"):
            return named
        source = self._profile.token_source if self._profile else None
        if source is None or self._profile is None:
            return default_of(None)
        origin = f"profile {self._profile.name}"
        if source.kind == "literal":
            return Setting(token_text(Secret(source.value), origin), Source.PROFILE, f"{origin} (literal)")
        return self._from_variable(source.value, Source.PROFILE, origin)

    def _named_in_file(self, key: str) -> Setting[Secret | None] | None:
        named = self.file(key)
        return self._from_variable(named.value, Source.CUTOVER, named.origin) if named else None

    def _from_variable(self, name: str, source: Source, origin: str) -> Setting[Secret | None]:
        value = self._environ.get(name)
        if value:
            return Setting(token_text(Secret(value), name), source, f"{origin}: {name}")
        return Setting(None, source, f"{origin}: {name} (not set)")
