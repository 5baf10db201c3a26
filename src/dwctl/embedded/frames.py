"""The answers of the batch process among whatever else the application prints on the same stdout.

A frame is one line, `TOKEN KIND NUMBER MILLISECONDS LEAVING LENGTH SHA256`, then LENGTH bytes and a newline. The
token is drawn for each process and travels over stdin, so that nothing the application prints can hold it.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final, NamedTuple

from dwctl.embedded.child import EndsKept

_HEADER: Final = re.compile(rb" ([a-z]{1,16}) (\d{1,9}) (\d{1,9}) ([01]) (\d{1,10}) ([0-9a-f]{64})\r?\n")
_LONGEST_HEADER: Final = 160
LONGEST_PAYLOAD: Final = 1 << 30
"""No answer is longer, in bytes."""


class Frame(NamedTuple):
    """One answer. `number` is that of the request (0: of none), `milliseconds` what the application took for it.

    `leaving`: the process ends after this answer, because its memory has filled up.
    """

    kind: str
    number: int
    milliseconds: int
    leaving: bool
    payload: bytes


class DamagedFrame(Exception):
    """An answer that did not arrive as it was sent."""


class FrameReader:
    """Takes frames out of a growing stdout; what stands between them is noise, counted and its ends kept."""

    def __init__(self, token: str, stdout: bytearray) -> None:
        self.noise = EndsKept()
        self._token = token.encode("ascii")
        self._stdout = stdout
        self._header: tuple[re.Match[bytes], int] | None = None

    def next(self) -> Frame | None:
        """The next frame that has arrived whole, taken out of the stdout; None where there is none yet.

        Raises DamagedFrame where its bytes are not those that were sent.
        """
        self._header = self._header or self._find_header()
        if self._header is None:
            return None
        header, length = self._header
        if len(self._stdout) <= length:
            return None
        payload = bytes(memoryview(self._stdout)[:length])
        self._header = None
        del self._stdout[: length + (self._stdout[length : length + 1] == b"\n")]
        kind, number, milliseconds, leaving, _, digest = header.groups()
        if hashlib.sha256(payload).hexdigest().encode() != digest:
            raise DamagedFrame
        return Frame(kind.decode(), int(number), int(milliseconds), leaving == b"1", payload)

    def give_up(self) -> None:
        """No more comes: what is left is noise, and the beginning of a frame too."""
        self._pass_over(len(self._stdout))

    def _find_header(self) -> tuple[re.Match[bytes], int] | None:
        """Cut away what stands before the next frame, and its header."""
        while (at := self._stdout.find(self._token)) >= 0:
            self._pass_over(at)
            start = bytes(self._stdout[: len(self._token) + _LONGEST_HEADER])
            header = _HEADER.match(start, len(self._token))
            if header is not None and int(header.group(5)) <= LONGEST_PAYLOAD:
                del self._stdout[: header.end()]
                return header, int(header.group(5))
            if header is None and len(start) < len(self._token) + _LONGEST_HEADER and b"\n" not in start:
                return None
            self._pass_over(len(self._token))
        self._pass_over(max(0, len(self._stdout) - len(self._token) + 1))
        return None

    def _pass_over(self, count: int) -> None:
        self.noise.add(self._stdout[:count])
        del self._stdout[:count]
