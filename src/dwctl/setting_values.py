"""Values of settings, checked where they enter: each refusal names the flag, variable or key at fault."""

from __future__ import annotations

import re
from typing import Final

from dwctl.errors import RequestNotPossible
from dwctl.secret import Secret

_BOOLEANS: Final = {
    "true": True, "yes": True, "on": True, "1": True,
    "false": False, "no": False, "off": False, "0": False,
}  # fmt: skip
_SECONDS: Final = {None: 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def token_text(token: Secret, origin: str) -> Secret:
    """A token that fits into a header (a stray line break is usual). Raises RequestNotPossible."""
    if not re.fullmatch(r"[!-~]+", token.reveal()):
        raise wrong_value(origin, "is empty, or holds white space or a character that no token has")
    return token


def boolean(text: str, origin: str) -> bool:
    """The words of `dw` for yes and no. Raises RequestNotPossible."""
    value = _BOOLEANS.get(text.strip().lower())
    if value is None:
        raise wrong_value(origin, "must be one of: " + ", ".join(_BOOLEANS))
    return value


def server_url(text: str, origin: str) -> str:
    """The base URL without a trailing slash. Raises RequestNotPossible for what is not one."""
    from urllib.parse import urlsplit

    wanted = "must be a base URL like https://workflows.example.com, without /api"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise wrong_value(origin, wanted) from None
    if parts.username is not None or parts.password is not None:
        raise wrong_value(origin, "holds a user or password; dwctl authenticates with a token")
    printable = text.isascii() and not re.search(r"[\s\x00-\x20\x7f\\]", text)
    right = parts.scheme in ("http", "https") and parts.hostname and port != 0 and printable
    if not right or parts.query or parts.fragment or re.search(r"/api/?$", parts.path):
        raise wrong_value(origin, wanted)
    return text.rstrip("/")


def namespace_name(text: str, origin: str) -> str:
    """A namespace as the server keeps it: lower case. Raises RequestNotPossible for a name it cannot have."""
    if not re.fullmatch(r"[a-zA-Z0-9._-]{1,128}", text):
        raise wrong_value(origin, "must be 1 to 128 letters, digits, dots, dashes or underscores")
    return text.lower()


def duration(text: str, origin: str) -> float:
    """Seconds of "90", "1.5", "500ms", "30s", "2m" or "1h". Raises RequestNotPossible."""
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h)?", text.strip())
    seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if seconds <= 0:
        raise wrong_value(origin, "must be a duration above zero, such as 500ms, 30s, 2m or 1h")
    return seconds


def wrong_value(origin: str, what: str) -> RequestNotPossible:
    """The refusal of a value, which is not repeated: it may be a secret in the wrong place."""
    return RequestNotPossible(f"{origin} {what}", next_step=f"Set {origin} right.", reason="wrong_setting")
