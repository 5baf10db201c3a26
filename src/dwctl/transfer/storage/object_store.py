"""Exports in an object store (extra `objects`): what of a folder's guarantees hold there, and how.

- A file is there whole or not at all: a put of an object store is atomic and durable once it is acknowledged.
  Protocols without this (sftp, ftp, webdav) are refused rather than half supported.
- Objects cannot be appended to. Each append, of as many lines as have gathered, is an object of its own beside the
  manifest (`manifest.jsonl.parts/000000001`); now and then, and at the end, they are folded into `manifest.jsonl`
  and removed. Rewriting the whole manifest for every line would send gigabytes for ten thousand runs; a part for
  each line, never folded, would make reading them as slow as reading the bundles.
- The lock is an object with the holder's name, made only if there is none. The store does not know when a process
  has died: a killed one on the same host is noticed, one on another host has to be confirmed by a person, who
  removes the object.
- Who may read is the bucket's policy: objects have no mode.

Credentials come from where the store's own library looks for them (environment, profile, instance role); a URL that
carries one is refused.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

from dwctl.errors import (
    DwctlError,
    NotAuthorized,
    RequestNotPossible,
    ServerFailed,
    ServerTimedOut,
    ServerUnreachable,
    UnreadableInput,
)
from dwctl.transfer.storage.group_commit import GroupCommit
from dwctl.transfer.storage.store import LOCK, Digest, Hold, Stored, checked_name, held, name_taken

_EXTRA: Final = {"s3": "objects", "s3a": "objects", "memory": "objects"}
WHOLE_PUTS: Final = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"})
"""The protocols whose puts are atomic."""
_CREATES: Final = frozenset({"s3", "s3a", "gs", "gcs", "memory"})
"""Those that can put an object only where there is none."""

_FOLDED_FROM = 256
"""So many parts are read and folded at once; a manifest of ten thousand lines is rewritten forty times."""
_UNFINISHED = b"nobody; the last writer ended in the middle"
"""What the lock's object holds after a writer that ended, but not in order."""


class ObjectStore:
    """A bucket, or a prefix in one, as a Store. See the module on what the guarantees are worth there."""

    def __init__(self, filesystem: Any, root: str, location: str, *, creates: bool) -> None:
        self._fs, self._root, self._location, self._creates = filesystem, root.rstrip("/"), location, creates
        self._commits: dict[str, GroupCommit] = {}
        self._parts: dict[str, list[str]] = {}

    @classmethod
    def open(cls, url: str) -> ObjectStore:
        """The store at a URL. Raises RequestNotPossible for one that cannot be used, and for a missing library."""
        scheme = urlsplit(url).scheme.lower()
        shown = _without_credentials(url)
        if scheme not in WHOLE_PUTS or "::" in url:
            raise RequestNotPossible(
                f"dwctl cannot promise whole files at {scheme}://", where=shown,
                next_step=f"Name a folder, or one of {', '.join(sorted(WHOLE_PUTS - {'memory'}))}.",
                reason="store_not_supported",
            )  # fmt: skip
        try:
            from fsspec.core import url_to_fs

            # Listings are not cached: another process writes too. Nor are instances: they would share the cache.
            filesystem, root = url_to_fs(url, use_listings_cache=False, skip_instance_cache=True)
        except ImportError as error:
            library = "dwctl[objects]" if scheme in _EXTRA or error.name == "fsspec" else _library(str(error))
            raise RequestNotPossible(
                f"{scheme}:// needs a library that is not installed", where=shown,
                next_step=f"Install it with: pip install '{library}'", reason="extra_missing",
            ) from None  # fmt: skip
        except Exception as error:
            raise _failed(error, shown) from None
        return cls(filesystem, root, shown, creates=scheme in _CREATES)

    @property
    def location(self) -> str:
        """The URL, without what could be a credential."""
        return self._location

    def put(self, name: str, content: bytes, *, replace: bool) -> None:
        """Put an object: it is there whole when this returns."""
        if not replace and self.exists(name):
            raise name_taken(self._shown(name))
        with self._told(name):
            self._fs.pipe_file(self._path(name), content)

    def read(self, name: str, limit: int | None = None) -> bytes:
        """The whole content; of a file that is appended to, its parts too."""
        if not _is_appended_to(name):
            size = self.size(name)
            if limit is not None and size is not None and size > limit:
                raise UnreadableInput(
                    f"it is larger than the limit of {limit:,} bytes", where=self._shown(name),
                    next_step="Allow more with --max-bundle-size, if this is a bundle.", reason="too_large",
                )  # fmt: skip
            content = self._content(name)
            if content is None:
                raise UnreadableInput(
                    "there is no such object", where=self._shown(name), next_step="Check the name.", reason="no_file"
                )
            return content
        # The parts first: when they are folded meanwhile, their lines are in what is read after them.
        parts = [content for part in self._listed_parts(name) if (content := self._content(part)) is not None]
        whole = self._content(name) or b""
        return whole + b"".join(part for part in parts if part not in whole)

    def pieces(self, name: str) -> Iterator[bytes]:
        """The whole content in one piece: what is appended to is put together of its parts."""
        yield self.read(name)

    def _content(self, name: str) -> bytes | None:
        with self._told(name):
            try:
                content: bytes = self._fs.cat_file(self._path(name))
            except FileNotFoundError:
                return None
            return content

    def digest(self, name: str) -> Digest:
        """Size and sha256 of an object, read whole: the digest of a store is not always one of the content."""
        content = self.read(name)
        return Digest(len(content), hashlib.sha256(content).hexdigest())

    def size(self, name: str) -> int | None:
        """Bytes of an object; None where there is none."""
        with self._told(name):
            try:
                found = self._fs.info(self._path(name))
            except FileNotFoundError:
                return None
            return int(found["size"]) if found.get("type") == "file" else None

    def exists(self, name: str) -> bool:
        """Whether there is such an object, or a part of it."""
        return self.size(name) is not None or (_is_appended_to(name) and bool(self._listed_parts(name)))

    def files(self) -> Iterator[Stored]:
        """Every object below, sorted by name; what is appended to counts as one."""
        found: dict[str, int] = {}
        for name, size in self._listed(""):
            part = _PART.fullmatch(name)
            whole = part[1] if part else name
            if name and not name.endswith("/") and name != LOCK:
                found[whole] = found.get(whole, 0) + size
        return (Stored(name, size) for name, size in sorted(found.items()))

    def names(self) -> Iterator[str]:
        """The names of `files`."""
        return (stored.name for stored in self.files())

    def leftovers(self) -> Iterator[str]:
        """Nothing: what was not put whole is not there. Uploads that were cut off are the bucket's to expire."""
        return iter(())

    def remove(self, name: str) -> None:
        """Remove an object."""
        with self._told(name), suppress(FileNotFoundError):
            self._fs.rm_file(self._path(name))

    def sweep(self) -> int:
        """Nothing to do, see `leftovers`."""
        return 0

    # --- appending --------------------------------------------------------------------------------------------

    def append(self, name: str, line: bytes) -> None:
        """Add a line, as an object of its own together with those of other threads."""
        if not _is_appended_to(name):
            raise ValueError(f"{name} is not appended to")
        self._commits.setdefault(name, GroupCommit(lambda lines: self._append(name, lines))).append(line + b"\n")

    def _append(self, name: str, lines: bytes) -> None:
        parts = self._parts.setdefault(name, self._listed_parts(name))
        last = int(parts[-1].rpartition("/")[2]) if parts else 0
        part = f"{name}{_PARTS}{last + 1:09d}"
        self.put(part, lines, replace=True)
        parts.append(part)
        if len(parts) >= _FOLDED_FROM:
            self._fold(name)

    def _fold(self, name: str) -> None:
        """Make one object of the parts. Cut off anywhere, every line is still there, and read once."""
        parts = self._listed_parts(name)
        if parts:
            self.put(name, self.read(name), replace=True)
        for part in parts:
            self.remove(part)
        self._parts[name] = []

    def _listed_parts(self, name: str) -> list[str]:
        return sorted(part for part, _ in self._listed(name + _PARTS) if _PART.fullmatch(part))

    def _listed(self, below: str) -> list[tuple[str, int]]:
        with self._told(below):
            try:
                found = self._fs.find(f"{self._root}/{below}".rstrip("/"), detail=True)
            except FileNotFoundError:
                return []
        start = len(self._root.lstrip("/")) + 1
        return [(path.lstrip("/")[start:], int(entry["size"] or 0)) for path, entry in found.items()]

    # --- the lock ---------------------------------------------------------------------------------------------

    def writer(self) -> str | None:
        """Who is writing, or was killed while writing."""
        holder = self._content(LOCK)
        return None if holder is None else holder[:200].decode("utf-8", "replace")

    @contextmanager
    def lock(self) -> Iterator[Hold]:
        """Be the only writer, as far as an object store can tell. Raises LocalStateError with the holder's name."""
        me = f"process {os.getpid()} on {socket.gethostname()}".encode()
        hold = Hold(clean=self._take(me))
        hold_ended_in_order = False
        try:
            yield hold
            for name in self._parts:
                self._fold(name)
            hold_ended_in_order = hold.in_order
        finally:
            if hold_ended_in_order:
                self.remove(LOCK)
            else:
                with suppress(DwctlError):
                    self.put(LOCK, _UNFINISHED, replace=True)

    def _take(self, me: bytes) -> bool:
        """Take the lock; whether the one before let go of it in order."""
        if self._create(LOCK, me):
            return True
        holder = self._content(LOCK) or _UNFINISHED
        if holder != _UNFINISHED and not _has_died(holder.decode("utf-8", "replace")):
            raise held(
                holder.decode("utf-8", "replace")[:200], self._location,
                f"Wait until it has ended. If it has been killed, remove the object {self._shown(LOCK)}.",
            )  # fmt: skip
        self.put(LOCK, me, replace=True)
        return False

    def _create(self, name: str, content: bytes) -> bool:
        """Put an object where there is none, in one step where the store can do that."""
        with self._told(name):
            try:
                if self._creates:
                    self._fs.pipe_file(self._path(name), content, mode="create")
                    return True
            except FileExistsError:
                return False
        if self.exists(name):
            return False
        self.put(name, content, replace=True)
        return True

    def _path(self, name: str) -> str:
        return f"{self._root}/{checked_name(name)}"

    def _shown(self, name: str) -> str:
        return f"{self._location.rstrip('/')}/{name}"

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """Translate what a library raises; its own words stay unsaid, since they may quote a request with its keys."""
        try:
            yield
        except DwctlError:
            raise
        except Exception as error:
            raise _failed(error, self._shown(name)) from None


_PARTS = ".parts/"
_PART = re.compile(r"([^/]+\.jsonl)\.parts/[0-9]{9}")


def _is_appended_to(name: str) -> bool:
    return name.endswith(".jsonl") and "/" not in name


def _has_died(holder: str) -> bool:
    """Whether the holder was a process of this host that is no more. Of other hosts nothing is known."""
    words = holder.split()
    if len(words) != 4 or words[3] != socket.gethostname() or not words[1].isdecimal():
        return False
    try:
        os.kill(int(words[1]), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _without_credentials(url: str) -> str:
    """The URL for people. Raises RequestNotPossible for one with a password or a query, which may hold a token."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    shown = f"{parts.scheme}://{user.partition(':')[0] if ':' not in user else '***'}{at}{host}{parts.path}"
    if ":" in user or parts.query or parts.fragment:
        raise RequestNotPossible(
            "a credential does not belong into a URL: others see it in the list of processes", where=shown,
            next_step="Leave it out, and give it to the store's library (environment, profile, role).",
            reason="credential_in_url",
        )  # fmt: skip
    return shown


def _library(message: str) -> str:
    """The library that fsspec asks for, as in `Please install gcsfs to access GCS`."""
    words = message.replace('"', " ").replace("'", " ").lower().split()
    return words[words.index("install") + 1] if "install" in words[:-1] else "dwctl[objects]"


_DENIED = ("NoCredentials", "CredentialRetrieval", "PartialCredentials", "TokenRetrieval", "ClientAuthentication")
_LATE = ("Timeout",)
_AWAY = ("Connect", "Endpoint", "ClientOSError", "ServerDisconnected", "gaierror", "SSL")
_AGAIN = "run the same command again: what is there stays, and it goes on where it stopped."


def _failed(error: Exception, where: str) -> DwctlError:
    """A library's failure in our terms, by its class alone."""
    kind = type(error).__name__
    if isinstance(error, PermissionError) or kind.startswith(_DENIED):
        return NotAuthorized(
            "the object store does not allow this", where=where, reason="store_denied",
            next_step="Check the credentials that its library finds, and the bucket's policy.",
        )  # fmt: skip
    if isinstance(error, TimeoutError) or any(word in kind for word in _LATE):
        return ServerTimedOut(
            "the object store did not answer in time", where=where, next_step=f"Check the network, then {_AGAIN}",
            reason="store_timeout",
        )  # fmt: skip
    if isinstance(error, ConnectionError) or any(word in kind for word in _AWAY):
        return ServerUnreachable(
            f"the object store was not reached ({kind})", where=where,
            next_step=f"Check the network and the endpoint, then {_AGAIN}", reason="store_unreachable",
        )  # fmt: skip
    if isinstance(error, FileNotFoundError):
        return RequestNotPossible(
            "there is no such bucket", where=where, next_step="Make it, or check its name.", reason="no_folder"
        )
    return ServerFailed(
        f"the object store failed ({kind})", where=where, next_step=f"Look at its log, then {_AGAIN}",
        reason="store_failed",
    )  # fmt: skip
