"""A real browser over its debugging pipe: opens a page, hears every request and complaint, takes pictures."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from select import select
from time import monotonic
from types import TracebackType
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATH = next((found for name in NAMES if (found := shutil.which(name))), None)
"""Where a Chromium is; None where there is none."""

LEFT_OUT = PATH is None and not os.environ.get("DWCTL_REQUIRE_BROWSER")
"""Whether tests that need one are skipped; where it is required, they fail without it."""

_COMPLAINTS = {"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded", "Audits.issueAdded"}


class Browser:
    """One browser with one page. `requests` and `complaints` are of everything since its start."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back = to, back
        self._number, self._buffer = 0, b""
        self._waiting: list[dict[str, Any]] = []
        self._session: str | None = None
        self.requests: list[str] = []
        self.complaints: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing: `browser` ends the process."""

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask the browser for something and wait for its answer; what it says meanwhile is noted."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            said = self._next()
            if said.get("id") == self._number:
                assert "error" not in said, said
                answer: dict[str, Any] = said["result"]
                return answer

    def open(self, path: Path) -> None:
        """Open a file, and wait until it is loaded."""
        self._waiting.clear()
        self.call("Page.navigate", url=path.as_uri())
        while not any(one.get("method") == "Page.loadEventFired" for one in self._waiting):
            self._next()

    def shows(self, width: int, *, dark: bool = False, media: str = "screen") -> None:
        """How wide the window is, and what the reader prefers."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1,
                  mobile=width < 600)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def value(self, expression: str) -> Any:
        """What an expression of JavaScript is in the page, as if the reader had asked for it."""
        asked = self.call("Runtime.evaluate", expression=expression, returnByValue=True, userGesture=True)
        return asked["result"].get("value")

    def picture(self) -> bytes:
        """The whole page, as PNG."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    def printed(self) -> bytes:
        """The page on paper, as PDF."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    def _next(self) -> dict[str, Any]:
        end = monotonic() + 30
        while b"\0" not in self._buffer:
            ready, _, _ = select([self._back], [], [], max(0.0, end - monotonic()))
            chunk = os.read(self._back, 65_536) if ready else b""
            if not chunk:
                raise AssertionError("the browser says nothing")
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\0")
        said: dict[str, Any] = json.loads(line)
        self._waiting.append(said)
        if said.get("method") in _COMPLAINTS:
            self.complaints.append(said["params"])
        if said.get("method") == "Network.requestWillBeSent":
            self.requests.append(said["params"]["request"]["url"])
        return said


@contextmanager
def browser(folder: Path, options: Sequence[str] = ()) -> Iterator[Browser]:
    """A browser whose profile lies in `folder`; it and all its processes are gone at the end."""
    assert PATH is not None
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    # The protocol's descriptors are 3 and 4, which a shell puts there without touching those of this process.
    command = f'exec "$@" 3<&{to_read} 4>&{from_write}'
    arguments = [
        PATH, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
        "--disable-background-networking", "--disable-dev-shm-usage", f"--user-data-dir={folder}",
        "--remote-debugging-pipe", *options,
    ]  # fmt: skip
    process = subprocess.Popen(
        ["bash", "-c", command, "browser", *arguments], pass_fds=(to_read, from_write), start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for descriptor in (to_read, from_write):
            os.close(descriptor)
        with Browser(to_write, from_read) as opened:
            yield opened
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for descriptor in (to_write, from_read):
            os.close(descriptor)
